#!/usr/bin/env bash
# Evidence about one record: made from a small store whose log another Fonds witnesses, then checked by `fonds
# verify-evidence` and by a Python program that shares nothing with Fonds. `run.sh DIR` keeps stores and evidence in DIR.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

command -v cargo >/dev/null || { echo "no cargo: install Rust 1.95 or newer, from https://rustup.rs" >&2; exit 1; }
command -v python3 >/dev/null || { echo "no python3: the independent verifier is written in it" >&2; exit 1; }

if [ $# -gt 0 ]; then
    mkdir -p "$1"
    dir=$(cd "$1" && pwd)
else
    dir=$(mktemp -d)
    trap 'rm -rf "$dir"' EXIT
fi

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n== %s\n' "$*"; }

say "A log of permits and enforcement, made by the other example"
bash "$root/examples/permits/run.sh" "$dir/store" >"$dir/permits.txt" || { cat "$dir/permits.txt" && exit 1; }
program=${CARGO_TARGET_DIR:-$root/target}/debug/fonds
[ "${FONDS_PROFILE:-dev}" = dev ] || program=${CARGO_TARGET_DIR:-$root/target}/release/fonds
fonds() { "$program" --store "$dir/store" "$@"; }
witness() { "$program" --store "$dir/witness" "$@"; }
fonds verify

say "Python gets its one library, in an environment of its own"
venv=$root/target/evidence-python
if ! "$venv/bin/python" -c 'import cryptography' 2>/dev/null; then
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet 'cryptography>=42,<50'
fi

say "A second Fonds, in the archive's cellar, sees the log grow and cosigns its checkpoint"
witness init --origin archief.example/log
fonds log witness add "$(witness log witness key)" --by c.archivist
witness log cosign "$dir/store" --key "$(fonds log key show)" >"$dir/cosigned.txt"
fonds log witness receive "$dir/cosigned.txt"
fonds log checkpoint

say "The key that signs is replaced: the checkpoint over the rotation has both signatures"
fonds log key show >"$dir/log.vkey"
fonds log key rotate --by c.archivist --reason 'yearly rotation'
fonds log checkpoint

say "Evidence about one permit: a file that opens in a browser"
fonds evidence zaak/2011-0042 --to "$dir/evidence.html"
keys=(--key "$(cat "$dir/log.vkey")" --witness "$(witness log witness key)")

say "Fonds checks it, without a store"
"$program" verify-evidence "$dir/evidence.html" "${keys[@]}"

say "So does the Python program"
"$venv/bin/python" "$here/verify_evidence.py" "$dir/evidence.html" "${keys[@]}"

say "One changed word, and neither accepts it"
sed '0,/nl\/merwestad/s//nl\/elsewhere/' "$dir/evidence.html" >"$dir/forged.html"
if "$program" verify-evidence "$dir/forged.html" "${keys[@]}"; then exit 1; fi
if "$venv/bin/python" "$here/verify_evidence.py" "$dir/forged.html" "${keys[@]}"; then exit 1; fi
