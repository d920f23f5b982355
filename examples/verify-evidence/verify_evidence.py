#!/usr/bin/env python3
"""Checks evidence that `fonds evidence` wrote, with nothing of Fonds: README.md beside this file tells the format.
Exits with 0 when all of it holds, else with 1 and the first thing that does not."""
import argparse, base64, hashlib, html, json, re, sys
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

OPEN, CLOSE = '\n<template id="fonds-evidence-1">\n', "\n</template>\n</body>\n</html>\n"
HEAD = "62c686dca036a65bea1eb3261a34688e8b4af59245cf67f9b3eedbf4cec15345"  # SHA-256 of the page up to </header>: the same in every file
HEADER = re.compile(r'\{"v":1,"seq":(0|[1-9][0-9]*),"at":"([0-9T:.-]{26}Z)","kind":"([a-z.-]+)","items":\["([0-9a-f",]+)"\]\}')
SECTIONS = (("History", ("record.", "entry.")), ("Lineage", ("lineage.",)), ("What decisions rest on", (
    "access.", "agency.", "backup.", "hold.", "log.", "plugin.", "policy.b", "policy.u", "schedule.", "setting.", "sweep.", "term.")))

def sha256(data): return hashlib.sha256(data).digest()
def need(holds, why):
    if not holds: raise ValueError(why)
def unbase64(text, length=None):
    data = base64.b64decode(text, validate=True)
    need(base64.b64encode(data).decode() == text and length in (None, len(data)), "base64 is not written as it should be")
    return data

def vkey(text):
    """C2SP signed-note: name+hash+key; type 1 is a log's key, type 4 a witness's."""
    name, key_hash, key = text.split("+", 2)
    key = unbase64(key, 33)
    need(key[0] in (1, 4) and sha256(name.encode() + b"\n" + key)[:4].hex() == key_hash, f"`{text}` is not a key")
    return name, bytes.fromhex(key_hash), key[0], Ed25519PublicKey.from_public_bytes(key[1:])

def check_checkpoint(note, keys):
    """C2SP tlog-checkpoint and tlog-cosignature; gives size and root. A signature by a key that we know must be right."""
    text, lines = note[:note.rindex("\n\n") + 1], note[note.rindex("\n\n") + 2:]
    need(lines.endswith("\n") and not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", note), "the checkpoint is not whole")
    origin, size, root = re.fullmatch("([^\n]+)\n(0|[1-9][0-9]*)\n([^\n]+)\n", text).groups()
    known, signed = {key[:2]: key for key in keys}, set()
    for line in lines[:-1].split("\n"):
        name, signature = re.fullmatch("\u2014 ([^\\s+]+) ([^ ]+)", line).groups()
        signature, message = unbase64(signature), text.encode()
        if (name, signature[:4]) not in known: continue
        _, key_hash, kind, key = known[name, signature[:4]]
        if kind == 4: message = b"cosignature/v1\ntime %d\n" % int.from_bytes(signature[4:12], "big") + message
        key.verify(signature[12 if kind == 4 else 4:], message)
        signed.add((name, key_hash, kind))
    for name, key_hash, kind, _ in keys:
        need(kind == 1 or (name, key_hash, kind) in signed, f"the witness `{name}` has not cosigned the checkpoint")
    need(any(name == origin and kind == 1 for name, _, kind in signed), "no key that you trust has signed the checkpoint")
    return int(size), unbase64(root, 32)

def root_of(leaf, index, size, proof):
    """The root that an inclusion proof leads to (RFC 9162, section 2.1.3)."""
    need(index < size and (size > 1 or not proof), "its proof is of another length")
    if size == 1: return leaf
    left = 1 << (size - 1).bit_length() - 1
    if index < left: return sha256(b"\x01" + root_of(leaf, index, left, proof[:-1]) + proof[-1])
    return sha256(b"\x01" + proof[-1] + root_of(leaf, index - left, size - left, proof[:-1]))

def check_entries(document, size, root):
    """Gives (seq, at, kind, digests, items): an item is its payload, "erased", or None where it concerns other records."""
    entries, before = [], -1
    for entry in document["entries"]:
        seq, at, kind, digests = HEADER.fullmatch(entry["header"]).groups()
        seq, digests, items = int(seq), digests.split('","'), []
        need(before < seq < size and len(entry["proof"]) <= 64, f"entry {seq} is out of order, or beyond the log")
        proof, before = [unbase64(part, 32) for part in entry["proof"]], seq
        need(root_of(sha256(b"\x00" + entry["header"].encode()), seq, size, proof) == root, f"entry {seq} is not in the log")
        need([*entry] == ["header", "proof", "items"] and len(entry["items"]) == len(digests), f"entry {seq} has other members or items")
        for item, digest in zip(entry["items"], digests):
            if item is not None and item != "erased":
                need([*item] == ["salt", "payload"] and re.fullmatch("[0-9a-f]{32}", item["salt"]), f"entry {seq}: an item is not written as it should be")
                salt, item = bytes.fromhex(item["salt"]), unbase64(item["payload"])
                need(sha256(salt + item).hex() == digest, f"entry {seq}: an item is not what its digest says")
            items.append(item)
        entries.append((seq, at, kind, digests, items))
    gone = {(i["seq"], i["item"], i["digest"]) for e in entries if e[2] == "log.erased" for p in e[4] if isinstance(p, bytes)
            for i in told(p)[1]["items"]}
    for seq, _, kind, digests, items in entries:
        for i, item in enumerate(items):
            need(item != "erased" or (seq, i, digests[i]) in gone, f"item {seq}/{i} is said to be erased, and no entry here erased it")
            if kind == "policy.decided" and isinstance(item, bytes) and i:
                need(told(item)[1]["record"] in document["record"].split("\n"), f"entry {seq} tells of another record")
        need(kind != "policy.decided" or isinstance(items[0], bytes), f"entry {seq}: a decision without what its sweep shares")
    return entries

def told(payload):
    line, _, body = (b'{"subject":"erased","format":""}\n{}' if payload == "erased" else payload).partition(b"\n")
    return json.loads(line), json.loads(body)
# The page, made from proved entries alone.
def own(payload): return told(payload)[1] if told(payload)[0]["format"] == "fonds" else {}
def text(value): return value if isinstance(value, str) else "" if value is None else json.dumps(value)
def about(kind, payload):
    line, body = told(payload)
    if line.get("subject"): return line["subject"]
    if kind.startswith("lineage."): return "{namespace}/{name}".format(**body.get("job") or body["dataset"])
    return next((text(body[n]) for n in ("path", "name", "id", "schedule", "key", "seq") if n in own(payload)), "")
def flat(value, name=""):
    if isinstance(value, dict):
        return [row for m in sorted(value) if m not in ("dispositions", "reasons") for row in flat(value[m], f"{name}.{m}" if name else m)]
    if isinstance(value, list): return [row for v in value for row in flat(v, name)]
    return [] if value is None else [(name, text(value))]
def table(title, head, rows):
    line = lambda tag, cells: "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>\n"
    return f"{title}\n<table>\n" + line("th", head) + "".join(line("td", r) for r in rows) + "</table>\n"
def block(title, rows): return table(f"<h3>{html.escape(title)}</h3>", ("what", "says"), rows)
def reason(plugin, said):
    known = next((r for r in plugin.get("reasons", ()) if r["code"] == said["code"]), {"text": said["code"] + " {detail}"})
    words = known["text"].replace("{detail}", said.get("detail") or "")
    return f'{words} ({known["authority"]})' if known.get("authority") else words

def page(document, entries):
    of = lambda *kinds: [(e, i, p) for e in entries if e[2].startswith(kinds) for i, p in enumerate(e[4]) if p is not None]
    out = f'<h1>{html.escape(document["record"])}</h1>\n<h2>Decisions</h2>\n'
    for e, i, p in ((e, i, own(p)) for e, i, p in of("policy.decided") if i and p != "erased"):
        shared, said = own(e[4][0]), next(iter(p["verdict"].values()))
        plugin = next((own(q) for _, _, q in of("plugin.installed") if own(q)["digest"] == shared["plugin"]), {})
        rows = flat(p) + [("because", reason(plugin, r)) for r in said.get("reasons", ())] + flat(shared)
        rows += [("plugin.name", plugin.get("name", "")), ("plugin.version", plugin.get("version", ""))]
        out += block(f'{e[0]}/{i} {shared["policy"]}: {shared["world"]}, as of {shared["as_of"]}', rows)
    out += "<h2>Disposition</h2>\n" + "".join(block(f"{e[0]}/{i} {e[2]}", flat(own(p)) + [("logged", e[1])]) for e, i, p in of("disposition.", "record.destroyed", "record.transferred") if p != "erased")
    for title, kinds in SECTIONS:
        rows = [(f"{e[0]}/{i}", e[2], about(e[2], p), told(p)[0].get("on") or "", e[1], told(p)[0].get("by") or "") for e, i, p in of(*kinds)]
        out += table(f"<h2>{title}</h2>", ("entry", "what", "about", "on", "logged", "by"), rows)
    if document["truncated"]: out += "<p>Its lineage goes on: it was cut at the bound on its size.</p>\n"
    out += "".join(block(f'{e[0]}/{i} {own(p)["id"]}', flat(own(p))) for e, i, p in of("schedule.imported") if i and own(p))
    out += "<h2>Word for word</h2>\n"
    for e, i, words in ((e, i, p if p == "erased" else p.decode(errors="replace")) for e, i, p in of("")):
        out += f"<h3>{e[0]}/{i} {e[2]}</h3>\n<pre>{html.escape(words[:2000])}{chr(0x2026) if len(words) > 2000 else ''}</pre>\n"
    return out + f'<h2>Checkpoint</h2>\n<pre>{html.escape(document["checkpoint"])}</pre>'

def check(data, keys):
    need(len(data) <= 64 << 20, "the file is longer than evidence may be")
    need(data.endswith(CLOSE.encode()), "the file does not end as evidence does")
    shown, source = data.decode()[:-len(CLOSE)].rsplit(OPEN, 1)
    document = json.loads(source)
    again = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    again = again.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    need(again == source and [*document] == ["format", "record", "truncated", "checkpoint", "entries"] and document["format"] == "fonds-evidence/1"
         and type(document["truncated"]) is bool and 0 < len(document["entries"]) <= 10_000, "the document is not of this format")
    entries = check_entries(document, *check_checkpoint(document["checkpoint"], keys))
    head, body = shown[:shown.index("</header>\n")], shown[shown.index("</header>\n") + 10:]
    need(sha256(head.encode()).hex() == HEAD and body == page(document, entries), "the page is not the one that the entries give")
    return f'{document["record"]}: {len(entries)} entries stand in the signed log, and the page is the one that they give'

if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    for name, options in ("file", {}), ("--key", {"action": "append", "required": True}), ("--witness", {"action": "append", "default": []}):
        arguments.add_argument(name, **options)
    asked = arguments.parse_args()
    try: print("verified:", check(open(asked.file, "rb").read(), [vkey(key) for key in asked.key + asked.witness]))
    except (AttributeError, InvalidSignature, LookupError, RecursionError, TypeError, ValueError) as why:
        sys.exit(f"NOT verified: {why or type(why).__name__}")
