#!/usr/bin/env bash
# dispose.sh WORK [N]: how long N dispositions (100,000) take to be proposed, approved in one signed batch and carried out.
# The records are of the script's own making and have no content outside the log. Needs a release build and the retention plugin
# (`cargo build --release --bins`, `bash examples/permits/run.sh`).
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
work=$1 count=${2:-100000}
root=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
store=$work/dispose
rm -rf "$store" && mkdir -p "$work"
fonds() { "${FONDS_BIN:-$target/release/fonds}" --quiet --store "$store" --output json "$@"; }
timed() {
    local began=$EPOCHREALTIME
    "${@:2}" >"$work/answer.json"
    awk -v what="$1" -v began="$began" -v ended="$EPOCHREALTIME" 'BEGIN { printf "%-10s %.1f s\n", what, ended - began }'
}

python3 - "$count" >"$work/events.ndjson" <<'PY'
import json, sys
for number in range(int(sys.argv[1])):
    created = {"agency": "a", "series": "xx/1/A", "title": f"title {number}"}
    for kind, day, data in ("record.created", "2010-01-02", created), ("record.closed", "2011-02-03", {}):
        print(json.dumps({"specversion": "1.0", "id": f"{kind}{number}", "source": "/bench", "type": kind,
                          "subject": f"case/{number:06}", "time": day + "T08:00:00Z", "data": data}))
PY
cat >"$work/schedule.ndjson" <<'JSON'
{"schedule_metadata":{"state":"xx","schedule_id":"1"},"series_metadata":{"series_id":"A","series_title":"Cases","legal_citation":"Archives Act 5"},"retention_rules":{"trigger_event":"Closed","duration_years":3,"duration_months":null,"disposition_method":""},"tracking_data":{"comments":""},"state_specific_attributes":{},"retention_code":"AC","retention_days":""}
JSON
fonds init --origin bench.example/log >/dev/null
fonds schedule import "$work/schedule.ndjson" --schedule xx --version 1 --default-action destroy >/dev/null
fonds agency define a >/dev/null
fonds plugin install "$target/plugins/retention.wasm" >/dev/null
fonds policy bind keep --plugin retention >/dev/null
timed ingest fonds ingest "$work/events.ndjson"
timed evaluate fonds evaluate
rm -f "$work/anna.key"
key=$(fonds access key new anna --to "$work/anna.key" | python3 -c 'import json, sys; print(json.load(sys.stdin)["key"])')
fonds access key add anna --key "$key" --by admin >/dev/null
"${FONDS_BIN:-$target/release/fonds}" --store "$store" --output ndjson disposition list >"$work/due.ndjson"
timed approve fonds disposition approve --list "$work/due.ndjson" --key "$work/anna.key"
timed execute fonds disposition execute --approved --by bench
grep -E '"done"|"left_count"' "$work/answer.json"
timed verify fonds verify
rm -rf "$store"
