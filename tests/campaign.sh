#!/usr/bin/env bash
# The long forms of the tests of faults: campaign.sh NAME [N].
#
#   power-loss [2100]   N states after a power loss, and a quarter as many of a program that never syncs
#   inject [1]          every call on files of every job fails, or the process is killed there, before and after it took
#                       effect; N: every Nth call of the jobs that make many (some 20,000 trials with 1, and 1,500 with 20)
#   kill [1000]         N times kill -9 during ingest, evaluate, log erase and store rebuild
#   flips [1000]        N times one flipped bit anywhere in the data folder
#   full-disk [200]     N disks that fill up
#   fuzz [60]           each target N seconds under cargo-fuzz (0.13.2, with a nightly Rust), where that is installed, and
#                       N * 1,000 mutations of each; what policies answer has the mutations only, since the engine takes
#                       long to build for libFuzzer. $FONDS_FUZZ_BUILD is where that is built (target/fuzz)
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
    local seconds=$1 work name
    if cargo fuzz --version >/dev/null 2>&1 && rustup run nightly rustc --version >/dev/null 2>&1; then
        work=$(mktemp -d)
        # Each target writes its seeds into a folder of its name: these are all that there are.
        FONDS_FUZZ=0 FONDS_FUZZ_SEEDS=$work/seeds cargo test --quiet --test fonds -- fuzzing
        rm -rf "$work/seeds/answers"
        for name in $(ls "$work/seeds"); do
            printf '\n== %s\n' "$name"
            mkdir -p "$work/found/$name"
            if ! FONDS_FUZZ_TARGET=$name CARGO_PROFILE_RELEASE_LTO=off CARGO_TARGET_DIR=${FONDS_FUZZ_BUILD:-$PWD/target/fuzz} \
                cargo +nightly fuzz run --fuzz-dir tests/fuzz --no-default-features --features libfuzzer target \
                "$work/seeds/$name" -- -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
                -artifact_prefix="$work/found/$name/"; then
                echo "what $name broke with is kept in $work/found/$name: make a seed or a test of it" >&2
                return 1
            fi
        done
        rm -rf "$work"
    else
        echo "no cargo-fuzz, or no nightly Rust: mutations alone"
    fi
    campaign FONDS_FUZZ $((seconds * 1000)) fuzzing
}

case "${1:-}" in
    power-loss) campaign FONDS_POWER_LOSSES "${2:-2100}" power_loss ;;
    inject) campaign FONDS_INJECTIONS "${2:-1}" injected ;;
    kill) campaign FONDS_KILLS "${2:-1000}" kills ;;
    flips) campaign FONDS_FLIPS "${2:-1000}" flips ;;
    full-disk) campaign FONDS_FULL_DISKS "${2:-200}" full_disk ;;
    fuzz) fuzz "${2:-60}" ;;
    all) for name in power-loss inject kill flips full-disk fuzz; do bash "$0" "$name"; done ;;
    *)
        sed -n '2,18s/^# \{0,1\}//p' "$0"
        exit 2
        ;;
esac
