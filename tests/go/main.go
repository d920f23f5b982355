// Checks an exported log with golang.org/x/mod/sumdb/{note,tlog}: main EXPORT VKEY PROOFS.
//
// PROOFS holds a JSON object a line: {"checkpoint":NOTE} an older checkpoint, {"index","size","hashes"} an inclusion proof,
// {"old","new","hashes"} a consistency proof. Prints one line of JSON that counts what was checked.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/ioutil"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func need(holds bool, why string, args ...interface{}) {
	if !holds {
		must(fmt.Errorf(why, args...))
	}
}

// tiles reads the layout of C2SP tlog-tiles: paths as x/mod has them, without the height, which is 8.
type tiles struct {
	dir   string
	reads int
}

func (t *tiles) Height() int { return 8 }

func (t *tiles) ReadTiles(want []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range want {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := ioutil.ReadFile(filepath.Join(t.dir, path))
		if err != nil {
			return nil, err
		}
		t.reads++
		all = append(all, data)
	}
	return all, nil
}

func (t *tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func checkpoint(text string, verifiers note.Verifiers) tlog.Tree {
	opened, err := note.Open([]byte(text), verifiers)
	must(err)
	lines := strings.Split(opened.Text, "\n")
	need(len(lines) == 4, "a checkpoint has three lines")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	return tlog.Tree{N: size, Hash: hash(lines[2])}
}

func hash(text string) (h tlog.Hash) {
	data, err := base64.StdEncoding.DecodeString(text)
	must(err)
	need(len(data) == len(h), "a hash has 32 bytes")
	copy(h[:], data)
	return h
}

// leaves reads the entry bundles: two bytes of length, then the leaf, 256 to a bundle.
func leaves(dir string, size int64) [][]byte {
	var all [][]byte
	for n := int64(0); int64(len(all)) < size; n++ {
		name := fmt.Sprintf("%03d", n%1000)
		for rest := n / 1000; rest > 0; rest /= 1000 {
			name = fmt.Sprintf("x%03d/%s", rest%1000, name)
		}
		if left := size - n*256; left < 256 {
			name = fmt.Sprintf("%s.p/%d", name, left)
		}
		data, err := ioutil.ReadFile(filepath.Join(dir, "tile/entries", name))
		must(err)
		for len(data) >= 2 {
			length := int(data[0])<<8 | int(data[1])
			need(len(data) >= 2+length, "bundle %s is cut short", name)
			all = append(all, data[2:2+length])
			data = data[2+length:]
		}
		need(len(data) == 0, "bundle %s is cut short", name)
	}
	need(int64(len(all)) == size, "the bundles hold %d leaves, and the checkpoint says %d", len(all), size)
	return all
}

type proof struct {
	Checkpoint          string
	Index, Size         *int64
	Old, New            *int64
	Hashes              []string
}

func main() {
	dir, proofs := os.Args[1], os.Args[3]
	verifier, err := note.NewVerifier(os.Args[2])
	must(err)
	verifiers := note.VerifierList(verifier)
	text, err := ioutil.ReadFile(filepath.Join(dir, "checkpoint"))
	must(err)
	tree := checkpoint(string(text), verifiers)

	// The tree of all leaves, grown here, has the signed root.
	all := leaves(dir, tree.N)
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(want []int64) ([]tlog.Hash, error) {
		var found []tlog.Hash
		for _, index := range want {
			found = append(found, stored[index])
		}
		return found, nil
	})
	for n, leaf := range all {
		more, err := tlog.StoredHashes(int64(n), leaf, reader)
		must(err)
		stored = append(stored, more...)
	}
	root, err := tlog.TreeHash(tree.N, reader)
	must(err)
	need(root == tree.Hash, "the leaves have another root than the one that was signed")

	// Every leaf is reached through the exported tiles, each checked against the signed root.
	files := &tiles{dir: dir}
	hashes := tlog.TileHashReader(tree, files)
	for from := 0; from < len(all); from += 1000 {
		var want []int64
		for n := from; n < from+1000 && n < len(all); n++ {
			want = append(want, tlog.StoredHashIndex(0, int64(n)))
		}
		found, err := hashes.ReadHashes(want)
		must(err)
		for n, hash := range found {
			need(hash == tlog.RecordHash(all[from+n]), "the tiles have another leaf %d", from+n)
		}
	}

	roots := map[int64]tlog.Hash{tree.N: tree.Hash}
	older, inclusion, consistency, refused := 0, 0, 0, 0
	lines, err := os.Open(proofs)
	must(err)
	scanner := bufio.NewScanner(lines)
	for scanner.Scan() {
		var p proof
		must(json.Unmarshal(scanner.Bytes(), &p))
		var list []tlog.Hash
		for _, text := range p.Hashes {
			list = append(list, hash(text))
		}
		switch {
		case p.Checkpoint != "":
			old := checkpoint(p.Checkpoint, verifiers)
			roots[old.N] = old.Hash
			older++
		case p.Index != nil:
			leaf := tlog.RecordHash(all[*p.Index])
			must(tlog.CheckRecord(list, *p.Size, roots[*p.Size], *p.Index, leaf))
			inclusion++
			leaf[0] ^= 1
			need(tlog.CheckRecord(list, *p.Size, roots[*p.Size], *p.Index, leaf) != nil, "another leaf was accepted")
			refused++
		default:
			must(tlog.CheckTree(list, *p.New, roots[*p.New], *p.Old, roots[*p.Old]))
			consistency++
			other := roots[*p.Old]
			other[0] ^= 1
			need(tlog.CheckTree(list, *p.New, roots[*p.New], *p.Old, other) != nil, "another root was accepted")
			refused++
		}
	}
	must(scanner.Err())
	fmt.Printf(`{"size":%d,"tiles":%d,"older":%d,"inclusion":%d,"consistency":%d,"refused":%d}`+"\n",
		tree.N, files.reads, older, inclusion, consistency, refused)
}
