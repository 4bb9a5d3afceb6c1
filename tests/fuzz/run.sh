#!/usr/bin/env bash
# run.sh BUILD SECONDS [TARGET...] - fuzzes each target for so long, two side by side
# (JOBS), from the inputs in tests/fuzz/corpus and from what earlier runs found,
# which is kept in BUILD/corpus. Says what each did; an input that breaks
# something is written to BUILD/findings, and the exit status is 1.
#
# What runs have found goes into tests/fuzz/corpus now and then, the least that
# reaches the same code, smallest first:
#   BUILD/tests/fuzz/fuzz_NAME -merge=1 NEW tests/fuzz/corpus/NAME BUILD/corpus/NAME
set -u
cd "$(dirname "$0")/../.." || exit 1
[ $# -ge 2 ] || { echo 'run.sh BUILD SECONDS [TARGET...]' >&2; exit 2; }
build=$1 seconds=$2
shift 2
jobs=${JOBS:-2}
findings=$build/findings
mkdir -p "$findings" "$build/log"
targets=("$@")
if [ $# = 0 ]; then
    for source in tests/fuzz/fuzz_*.c; do
        name=${source##*/fuzz_}
        targets+=("${name%.c}")
    done
fi

# "12345 runs, 567 places reached, no finding"
report() {
    local name=$1 status=$2 log=$build/log/$1
    local runs places found
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    places=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    found=$(sed -n "s/.*Test unit written to //p" "$log" | tail -n 1)
    printf '%-8s %12s runs in %s s, %s places reached, ' "$name" "${runs:-?}" "$seconds" "${places:-?}"
    if [ "$status" = 0 ]; then
        echo 'no finding'
        return 0
    fi
    echo "FINDING: $build/tests/fuzz/fuzz_$name ${found:-"(see $log)"}"
    grep -E 'ERROR|orbiter: bug|runtime error' "$log" | head -n 3 | sed 's/^/    | /'
    return 1
}

fuzz() {
    local name=$1 status=0
    mkdir -p "$build/corpus/$name"
    "$build/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$findings/$name-" "$build/corpus/$name" "tests/fuzz/corpus/$name" >"$build/log/$name" 2>&1 </dev/null || status=$?
    report "$name" "$status"
}

for name in "${targets[@]}"; do
    [ -x "$build/tests/fuzz/fuzz_$name" ] || { echo "run.sh: there is no target '$name'" >&2; exit 2; }
done
failed=0 running=0
for name in "${targets[@]}"; do
    if [ "$running" -ge "$jobs" ]; then
        wait -n || failed=1
        running=$((running - 1))
    fi
    fuzz "$name" &
    running=$((running + 1))
done
while [ "$running" -gt 0 ]; do
    wait -n || failed=1
    running=$((running - 1))
done
exit "$failed"
