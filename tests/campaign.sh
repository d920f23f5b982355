#!/usr/bin/env bash
# The long forms of the tests of faults: campaign.sh NAME [N].
#
#   power-loss [2100]   N states after a power loss, and a quarter as many of a program that never syncs
#   inject [2000]       N calls on files that fail, or at which the process is killed, before and after they took effect
#   kill [1000]         N times kill -9 during ingest, evaluate, log erase and store rebuild
#   flips [1000]        N times one flipped bit anywhere in the data folder
#   full-disk [200]     N disks that fill up
#   fuzz [60]           each target N seconds under cargo-fuzz, where that and a nightly Rust are installed; and without
#                       them N * 1,000 mutations of each
#   all                 each of these, as long as it says
#
# Their short forms are among the tests of `bash tests/run.sh`.
set -euo pipefail
cd "$(dirname "$0")/.."

# What is lost here is lost on purpose: memory is as good a disk as any, and does not wear.
if [ -z "${TMPDIR:-}" ] && [ -d /dev/shm ] && [ -w /dev/shm ]; then
    TMPDIR=$(mktemp -d /dev/shm/fonds-campaign.XXXXXX)
    export TMPDIR
    trap 'rm -rf "$TMPDIR"' EXIT
fi

# campaign VARIABLE N FILTER: the tests whose names hold the filter, told how long.
campaign() {
    cargo build --quiet
    env "$1=$2" cargo test --quiet --test fonds -- --nocapture --test-threads=1 "$3"
}

fuzz() {
    local seconds=$1 seeds
    if cargo fuzz --version >/dev/null 2>&1 && rustup run nightly rustc --version >/dev/null 2>&1; then
        seeds=$(mktemp -d)
        FONDS_FUZZ=0 FONDS_FUZZ_SEEDS=$seeds cargo test --quiet --test fonds -- fuzzing
        # What a policy answers needs the engine, and that takes long to build anew for this: it is left to the mutations.
        export CARGO_TARGET_DIR=$PWD/target/fuzz
        for name in header journal note checkpoint proof evidence openlineage cloudevents xes schedule; do
            printf '\n== %s\n' "$name"
            FONDS_FUZZ_TARGET=$name cargo +nightly fuzz run --fuzz-dir tests/fuzz --no-default-features \
                --features libfuzzer target "$seeds/$name" -- -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048
        done
        rm -rf "$seeds"
    else
        echo "no cargo-fuzz, or no nightly Rust: mutations instead"
    fi
    campaign FONDS_FUZZ $((seconds * 1000)) fuzzing
}

case "${1:-}" in
    power-loss) campaign FONDS_POWER_LOSSES "${2:-2100}" power_loss ;;
    inject) campaign FONDS_INJECTIONS "${2:-2000}" injected ;;
    kill) campaign FONDS_KILLS "${2:-1000}" kills ;;
    flips) campaign FONDS_FLIPS "${2:-1000}" flips ;;
    full-disk) campaign FONDS_FULL_DISKS "${2:-200}" full_disk ;;
    fuzz) fuzz "${2:-60}" ;;
    all) for name in power-loss inject kill flips full-disk fuzz; do bash "$0" "$name"; done ;;
    *)
        sed -n '2,14s/^# \{0,1\}//p' "$0"
        exit 2
        ;;
esac
