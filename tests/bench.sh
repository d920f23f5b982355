#!/usr/bin/env bash
# Measures Fonds and prints the figures: bench.sh WORK [RUNS], in the folder WORK, on RUNS lineage runs (1,000,000 unless
# said: 1 GB of events, about 20 minutes). Needs ../shared/bench for the generated graph; PostgreSQL's figures beside them
# come from ../shared/bench/lineage.sh WORK, on the same graph.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
work=$(cd "$1" && pwd)
runs=${2:-1000000}
bench=$root/../shared/bench
[ -f "$bench/gen_lineage.py" ] || { echo "../shared/bench is absent: it makes the graph" >&2; exit 1; }

cd "$root"
bash plugins/toolchain.sh
cargo build --release --bins --examples
bin=${CARGO_TARGET_DIR:-$root/target}/release
fonds() { "$bin/fonds" --quiet "$@"; }
say() { printf '\n== %s\n' "$*"; }
# Wall seconds and peak memory of a command, as the system accounts for it.
timed() { /usr/bin/time -f '   %e s wall, %U s user, %M KiB peak' "$@"; }

say "machine: $(nproc) cores, $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2), load $(cut -d' ' -f1-3 /proc/loadavg)"
for policy in retention; do fonds plugin build "plugins/$policy" --to "$work/$policy.wasm"; done
graph=$work/g$runs
[ -f "$graph/hub.txt" ] || python3 "$bench/gen_lineage.py" "$graph" --runs "$runs" --events "$runs"

say "durable ingest of $runs OpenLineage events, then the store catches up"
store=$work/store$runs
rm -rf "$store"
fonds --store "$store" init --origin bench.example/log >/dev/null
timed "$bin/fonds" -v --store "$store" ingest "$graph/events.jsonl"
echo "   payload $(stat -c %s "$graph/events.jsonl") bytes, disk $(du -sb "$store" | cut -f1) bytes"

say "a store of $runs events opens (a command that reads one row), three times"
for _ in 1 2 3; do timed "$bin/fonds" --store "$store" agency list >/dev/null; done

say "verify: everything hashed again"
timed "$bin/fonds" --store "$store" verify

say "closures in a warm process"
"$bin/examples/bench" graph "$store" "$graph"

say "closure of the hub from a cold command: in time, then --ever"
hub=$(sed -n "$(($(cat "$graph/hub.txt") + 1))p" "$graph/datasets.csv" | cut -d, -f2,3 | sed 's|,|/|')
for order in "" --ever; do
    # shellcheck disable=SC2086 # an empty order is no argument
    timed "$bin/fonds" --store "$store" lineage "$hub" --down --depth 4294967295 $order --view json | grep -c '"type": "entity"'
done

say "the engine alone, and a compiled plugin from the cache"
"$bin/examples/bench" engine "$work/retention.wasm"

say "evaluate: 200,000 closed records, from view to log"
store=$work/records
rm -rf "$store"
python3 - "$work/records.ndjson" <<'PY'
import json, sys
with open(sys.argv[1], "w") as out:
    for n in range(200_000):
        for kind, day in (("created", 1), ("closed", 2)):
            out.write(json.dumps({"specversion": "1.0", "type": f"record.{kind}", "source": "https://bench.example", "id": f"{n}-{kind}",
                "subject": f"permit/{n:06}", "time": f"20{n % 20:02}-{1 + n % 12:02}-{day + n % 26:02}",
                "data": {"agency": "a", "series": "xx/1/A"} if kind == "created" else {}}) + "\n")
PY
cat >"$work/schedule.ndjson" <<'JSON'
{"schedule_metadata":{"state":"xx","schedule_id":"1"},"series_metadata":{"series_id":"A","series_title":"Cases","legal_citation":""},"retention_rules":{"trigger_event":"Closed","duration_years":3,"duration_months":null,"disposition_method":""},"tracking_data":{"comments":""},"state_specific_attributes":{},"retention_code":"AC","retention_days":""}
JSON
fonds --store "$store" init --origin bench.example/log >/dev/null
fonds --store "$store" schedule import "$work/schedule.ndjson" --schedule xx --version 1 >/dev/null
timed "$bin/fonds" -v --store "$store" ingest "$work/records.ndjson"
fonds --store "$store" plugin install "$work/retention.wasm" >/dev/null
fonds --store "$store" policy bind keep --plugin retention >/dev/null
timed "$bin/fonds" -v --store "$store" evaluate
