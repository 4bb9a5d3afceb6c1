#!/usr/bin/env bash
# run.sh [-j JOBS] [-t SECONDS] COMMAND... - runs test commands side by side, each
# with a time limit, no input and a folder of its own as TMPDIR; then prints one
# line `N passed, N failed`, alone, that counts test cases. Fails when any failed.
#
# Cases are counted from what a command prints: cmocka's report, or lines that
# begin with `ok ` and `not ok `; one that prints neither counts as one case. A
# skipped case counts as failed: everything a test needs is installed.
# COMMAND may begin with `SECONDS:` for a limit of its own.
set -u
jobs=$((2 * $(nproc))) # most tests wait most of their time
limit=120
while getopts j:t: option; do
    case $option in
    j) jobs=$OPTARG ;;
    t) limit=$OPTARG ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || { echo 'run.sh: no tests given' >&2; exit 1; }

# One path for all: unix sockets live there, and their names are short.
work=$(mktemp -d /tmp/orbiter-check.XXXXXX) || exit 1
cleanup() { rm -rf "$work"; }
stop() { trap - INT TERM; kill 0; cleanup; exit 130; }
trap cleanup EXIT
trap stop INT TERM

# Reads a command's output, prints "passed failed".
count() {
    awk -v status="$2" '
        /^\[==========\].* test\(s\) run\./ { match($0, /[0-9]+ test/); total += substr($0, RSTART, RLENGTH); seen = 1 }
        /^\[  PASSED  \] [0-9]+ test/ { passed += $4 }
        /^ok / { passed++; total++; seen = 1 }
        /^not ok / { total++; seen = 1 }
        END {
            if (!seen) { total = 1; passed = status == 0 }
            failed = total - passed
            if (status != 0 && failed < 1) failed = 1
            print passed + 0, failed + 0
        }' "$1"
}

run_one() {
    local id=$1 seconds=$2 command=$3 status=0 start=$EPOCHREALTIME
    mkdir "$work/$id.tmp"
    TMPDIR=$work/$id.tmp timeout --kill-after=5 "$seconds" bash -c "$command" >"$work/$id.log" 2>&1 </dev/null || status=$?
    rm -rf "$work/$id.tmp"
    [ "$status" != 124 ] || echo "over the time limit of $seconds s" >>"$work/$id.log"
    count "$work/$id.log" "$status" >"$work/$id.count"
    echo "$(( (${EPOCHREALTIME/./} - ${start/./}) / 1000 ))" >"$work/$id.ms"
}

passed=0 failed=0
report() {
    local id=$1 command=$2 good bad ms
    read -r good bad <"$work/$id.count"
    ms=$(<"$work/$id.ms")
    passed=$((passed + good)) failed=$((failed + bad))
    if [ "$bad" = 0 ]; then
        printf 'ok      %-52s %4d in %d.%01d s\n' "$command" "$good" $((ms / 1000)) $((ms % 1000 / 100))
        return
    fi
    printf 'FAILED  %-52s %4d of %d failed\n' "$command" "$bad" $((good + bad))
    # What failed is told also when much was said behind it.
    sed 's/^/    | /' "$work/$id.log" | { [ "$(wc -l <"$work/$id.log")" -le 200 ] || grep -A 15 '^    | not ok' | head -n 100; }
    sed 's/^/    | /' "$work/$id.log" | tail -n 200
    printf '    rerun: %s\n' "$command"
}

declare -A running=()
reap() {
    local pid=
    wait -n -p pid || true
    [ -n "$pid" ] || return 0
    report "${running[$pid]%% *}" "${running[$pid]#* }"
    unset "running[$pid]"
}

id=0
for command in "$@"; do
    seconds=$limit
    case $command in
    [0-9]*:*) seconds=${command%%:*} command=${command#*:} ;;
    esac
    [ ${#running[@]} -lt "$jobs" ] || reap
    run_one "$id" "$seconds" "$command" &
    running[$!]="$id $command"
    id=$((id + 1))
done
while [ ${#running[@]} -gt 0 ]; do reap; done

printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
