#!/usr/bin/env bash
# The main job on a small municipality: events go in, policies decide, lineage is answered, the log is verified.
# `run.sh DIR` keeps the store in DIR; without it the store is thrown away. FONDS_PROFILE=release builds for speed; the
# dev build is quicker to have, and the tests use it too.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

command -v cargo >/dev/null || { echo "no cargo: install Rust 1.95 or newer, from https://rustup.rs" >&2; exit 1; }

if [ $# -gt 0 ]; then
    store=$1
else
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    store=$scratch/store
fi

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n== %s\n' "$*"; }

say "Build Fonds (the first time takes some ten minutes: a WebAssembly engine is among it)"
cd "$root"
case ${FONDS_PROFILE:-dev} in
dev) cargo build && bin=debug ;;
release) cargo build --release -p fonds && bin=release ;;
*) echo "FONDS_PROFILE is dev or release, not \`$FONDS_PROFILE\`" >&2 && exit 2 ;;
esac
fonds() { "${CARGO_TARGET_DIR:-$root/target}/$bin/fonds" --store "$store" "$@"; }

say "Build the three policies: Rust crates become WebAssembly components that can do nothing but answer"
bash plugins/toolchain.sh
for policy in retention classification archival; do
    fonds --quiet plugin build "plugins/$policy" --to "target/plugins/$policy.wasm"
done

say "A new store, five agencies, a schedule of fourteen series"
fonds init --origin merwestad.example/log
fonds agency define nl/merwestad --name 'Gemeente Merwestad' --time-zone Europe/Amsterdam --fiscal-year-end 12-31
fonds agency define nl/merwestad/vergunningen --name 'Permits and Enforcement'
fonds agency define nl/merwestad/archief --name 'Municipal Archive'
fonds agency define nl/merwestad/belastingen --name 'Local Taxes'
fonds agency define nl/merwestad/haven --name 'Port of Merwestad' --fiscal-year-end 03-31
fonds schedule import "$here/schedule.ndjson" --schedule merwestad --version 2020 --default-action destroy

say "What the case system and the data pipelines sent"
fonds ingest "$here/cases.ndjson"
fonds ingest "$here/registers.ndjson"

say "Three policies decide for the municipality and all below it"
for policy in retention classification archival; do
    fonds plugin install "target/plugins/$policy.wasm"
    fonds policy bind "$policy" --plugin "$policy" --scope nl/merwestad --config "$here/$policy.json"
done
fonds evaluate --as-of 2026-01-01

say "What is due in 2026 or before"
fonds record list --agency nl/merwestad --due-by 2026-12-31

say "Why: a permit of 2011"
fonds explain zaak/2011-0042

say "Why: an enforcement case, confidential and five years closed"
fonds explain zaak/2016-0107

say "Where the published figures came from"
fonds lineage s3://opendata.merwestad.nl/statistiek/vergunningen-2017.csv --up

say "The signed checkpoint, and everything hashed again against it"
fonds log checkpoint
fonds verify
