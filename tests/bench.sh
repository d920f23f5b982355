#!/usr/bin/env bash
# Measures Fonds, and PostgreSQL 15 beside it on the same files, and prints the figures.
#
#   bench.sh WORK [RUNS]
#
# in the folder WORK, on RUNS lineage runs and as many decisions (1,000,000 unless said: 3 GB of disk, about 40 minutes; a
# trial of the script itself is `bench.sh WORK 20000`). Needs ../shared/bench, which makes the graph and has PostgreSQL's
# side; without PostgreSQL it says how to get it and goes on. Leave the machine alone meanwhile.
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
work=$(cd "$1" && pwd)
runs=${2:-1000000}
bench=$root/../shared/bench
[ -f "$bench/gen_lineage.py" ] || { echo "../shared/bench is absent: it makes the graph" >&2; exit 1; }
[ -x /usr/bin/time ] || { echo "/usr/bin/time is absent: run \`apt-get install time\`" >&2; exit 1; }

cd "$root"
bash plugins/toolchain.sh
cargo build --release --bins --examples
bin=${CARGO_TARGET_DIR:-$root/target}/release
fonds() { "$bin/fonds" --quiet "$@"; }
say() { printf '\n== %s\n' "$*"; }
# Wall seconds and peak memory of a command, as the system accounts for it.
timed() { /usr/bin/time -f '   %e s wall, %U s user, %M KiB peak' "$@"; }
# Waits for a quiet machine, and says whether it got one.
quiet() { sh "$bench/quiet.sh" "${QUIET_SECONDS:-60}"; }

# PostgreSQL's side: a cluster of its own on a socket in WORK, the client, and psycopg for the queries.
pg_bin=${PG_BIN:-/usr/lib/postgresql/15/bin}
pg=
if [ ! -x "$pg_bin/initdb" ]; then
    echo "PostgreSQL 15 is not in $pg_bin: run \`apt-get install postgresql-15\`, or set PG_BIN; going on without it" >&2
elif ! { [ -x "$work/venv/bin/python" ] || python3 -m venv "$work/venv"; } ||
    ! "$work/venv/bin/pip" install -q 'psycopg[binary]==3.3.9'; then
    echo "psycopg cannot be had: \`apt-get install python3-venv\`, and a way to PyPI; going on without PostgreSQL" >&2
else
    # Outside any workspace, with a target folder of its own.
    rm -rf "$work/lineage-rs" && cp -r --no-preserve=mode "$bench/lineage-rs" "$work/"
    if (cd "$work/lineage-rs" && CARGO_TARGET_DIR="$work/target" cargo build -q --release --bin pg_ingest); then
        pg=$(sh "$bench/pg_start.sh" "$work/pg") && trap 'sh "$bench/pg_start.sh" "$work/pg" stop >/dev/null' EXIT ||
            echo "PostgreSQL did not start, see $work/pg/log (its user must be able to reach $work); going on without" >&2
    else
        echo "PostgreSQL's client does not build; going on without PostgreSQL" >&2
    fi
fi

say "machine: $(nproc) cores, $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2), load $(cut -d' ' -f1-3 /proc/loadavg)"
fonds plugin build plugins/retention --to "$work/retention.wasm" >/dev/null
graph=$work/g$runs
[ -f "$graph/hub.txt" ] || python3 "$bench/gen_lineage.py" "$graph" --runs "$runs" --events "$runs"

say "Fonds: durable ingest of $runs OpenLineage events, then the store catches up"
quiet
store=$work/store$runs
rm -rf "$store"
fonds --store "$store" init --origin bench.example/log >/dev/null
timed "$bin/fonds" -v --store "$store" ingest "$graph/events.jsonl"
echo "   payload $(stat -c %s "$graph/events.jsonl") bytes, disk $(du -sb "$store" | cut -f1) bytes"

if [ -n "$pg" ]; then
    say "PostgreSQL: the same events, with datasets and edges: batches of 1,000, then COPY"
    quiet
    "$work/target/release/pg_ingest" "$pg" "$graph/events.jsonl" 1000 "$runs" 1 1
    "$work/target/release/pg_ingest" "$pg" "$graph/events.jsonl" 1000 "$runs" 1 1 copy
fi

say "Fonds: a store of $runs events opens (a command that reads one row), three times"
quiet
for _ in 1 2 3; do timed "$bin/fonds" --store "$store" agency list >/dev/null; done

say "Fonds: verify, everything hashed again"
timed "$bin/fonds" --store "$store" verify

say "Fonds: closures in a warm process"
quiet
"$bin/examples/bench" graph "$store" "$graph"

say "Fonds: closure of the hub from a cold command: in time, then --ever"
hub=$(sed -n "$(($(cat "$graph/hub.txt") + 1))p" "$graph/datasets.csv" | cut -d, -f2,3 | sed 's|,|/|')
for order in "" --ever; do
    # shellcheck disable=SC2086 # an empty order is no argument
    timed "$bin/fonds" --store "$store" lineage "$hub" --down --depth 4294967295 $order --view json | grep -c '"type": "entity"'
done

if [ -n "$pg" ]; then
    say "PostgreSQL: the same closures by recursive CTE, warm (the plain union: what --ever asks)"
    quiet
    PYTHONDONTWRITEBYTECODE=1 "$work/venv/bin/python" "$bench/pg_queries.py" "$pg" "$graph"
fi

say "Fonds: the engine alone, and a compiled plugin from the cache"
quiet
"$bin/examples/bench" engine "$work/retention.wasm"

say "Fonds: $runs decisions made, from view to log, and made again from the log"
store=$work/records$runs
rm -rf "$store"
[ -f "$work/records$runs.ndjson" ] || python3 - "$work/records$runs.ndjson" "$runs" <<'PY'
import json, sys
with open(sys.argv[1], "w") as out:
    for n in range(int(sys.argv[2])):
        for kind, day in (("created", 1), ("closed", 2)):
            out.write(json.dumps({"specversion": "1.0", "type": f"record.{kind}", "source": "https://bench.example", "id": f"{n}-{kind}",
                "subject": f"permit/{n:07}", "time": f"20{n % 20:02}-{1 + n % 12:02}-{day + n % 26:02}",
                "data": {"agency": "a", "series": "xx/1/A"} if kind == "created" else {}}) + "\n")
PY
cat >"$work/schedule.ndjson" <<'JSON'
{"schedule_metadata":{"state":"xx","schedule_id":"1"},"series_metadata":{"series_id":"A","series_title":"Cases","legal_citation":""},"retention_rules":{"trigger_event":"Closed","duration_years":3,"duration_months":null,"disposition_method":""},"tracking_data":{"comments":""},"state_specific_attributes":{},"retention_code":"AC","retention_days":""}
JSON
fonds --store "$store" init --origin bench.example/log >/dev/null
fonds --store "$store" schedule import "$work/schedule.ndjson" --schedule xx --version 1 >/dev/null
timed "$bin/fonds" -v --store "$store" ingest "$work/records$runs.ndjson"
fonds --store "$store" plugin install "$work/retention.wasm" >/dev/null
fonds --store "$store" policy bind keep --plugin retention >/dev/null
quiet
timed "$bin/fonds" -v --store "$store" evaluate 2>&1 | tee "$work/made.txt"
quiet
timed "$bin/fonds" -v --store "$store" verify --replay 2>&1 | tee "$work/replayed.txt"
# `N in S s, R/s` of each: decisions in the log, and decisions made again.
rate() { sed -n "s|^$1: .* s, \([0-9]*\)/s\$|\1|p" "$2" | tail -n 1; }
made=$(rate 'decisions acknowledged' "$work/made.txt")
again=$(rate 'decisions replayed' "$work/replayed.txt")
awk -v made="${made:-0}" -v again="${again:-0}" 'BEGIN {
    if (made == 0 || again == 0) { print "   the rates could not be read"; exit 1 }
    printf "   made at %d/s, made again at %d/s: %.2f of it (half is asked for)\n", made, again, again / made }'
