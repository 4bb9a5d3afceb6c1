#!/usr/bin/env bash
# run.sh [CASES...] - the programs orbiter and orbiter-worker of the build folder
# $B (default build) against a redis-server and workers of its own. CASES are
# files of this folder without .t.sh (default: all).
set -u
cd "$(dirname "$0")/../.." || exit 1
build=$(cd "${B:-build}" && pwd) || exit 1
export PATH="$build:$PATH" LC_ALL=C.UTF-8 TERM=dumb
unset ORBITER_REDIS_URL ORBITER_LOG_LEVEL ORBITER_TOOLS ORBITER_PROVIDERS ORBITER_PRICES ORBITER_TLS_CA ORBITER_TLS_CERT ORBITER_TLS_KEY
unset NO_COLOR CLICOLOR_FORCE COLORTERM XDG_RUNTIME_DIR XDG_STATE_HOME XDG_CONFIG_HOME XDG_DATA_HOME XDG_DATA_DIRS

work=$(mktemp -d "${TMPDIR:-/tmp}/orbiter-cli.XXXXXX") || exit 1
export HOME=$work/home XDG_RUNTIME_DIR=$work/run XDG_STATE_HOME=$work/state
mkdir -m 700 "$HOME" "$XDG_RUNTIME_DIR"
pids=()
passed=0 failed=0

# stop PID: ends a process that we started and waits for it.
stop() {
    kill "$1" 2>/dev/null
    wait "$1" 2>/dev/null
}
stop_all() {
    local i
    for ((i = ${#pids[@]} - 1; i >= 0; i--)); do stop "${pids[i]}"; done # workers before their server
    pids=()
}
# shellcheck disable=SC2317 # called by the trap
finish() {
    stop_all
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

# until_ok SECONDS COMMAND...: repeats the command until it succeeds.
until_ok() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.05
    done
}

ok() { passed=$((passed + 1)); printf 'ok %s\n' "$1"; }
not_ok() { failed=$((failed + 1)); printf 'not ok %s\n' "$1"; }

# What differs from run to run becomes a word.
normal() {
    sed -E -e "s#$work#WORK#g" -e 's/\b[0-9a-f]{32}\b/ID/g' \
        -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} UTC/TIME/' \
        -e 's/(Duration: +)[0-9.]+m?s$/\1DURATION/' -e 's/ +[0-9.]+[smh] +[0-9]+[smhd]$/ TOOK AGE/' \
        -e 's/ +[0-9]+[smhd]$/ AGE/' -e 's/pid [0-9]+/pid PID/g' -e "s/'kill [0-9]+'/'kill PID'/" \
        -e 's/"([a-z]+_at|last_heartbeat)": [0-9.]+/"\1": T/g' -e 's/"rss_kb": [0-9]+/"rss_kb": N/' -e 's/"duration_ms": [0-9.]+/"duration_ms": MS/' \
        -e 's/(::1|127\.0\.0\.1) is a loopback/ADDRESS is a loopback/' -e 's#(WORK/[a-z]+\.pem): .*#\1: REASON#'
}

# check NAME COMMAND...: runs the command with the file $stdin as stdin and compares
# what it does with the text on our stdin: lines "out: ...", "err: ..." and
# last "exit N".
stdin=/dev/null
check() {
    local name=$1 status
    shift
    cat >"$work/expected"
    "$@" <"$stdin" >"$work/out" 2>"$work/err"
    status=$?
    {
        awk '{ print "out: " $0 }' "$work/out"
        awk '{ print "err: " $0 }' "$work/err"
        echo "exit $status"
    } | normal >"$work/actual"
    if diff -u --label expected --label actual "$work/expected" "$work/actual" >"$work/diff"; then
        ok "$name"
    else
        not_ok "$name"
        sed 's/^/    /' "$work/diff"
        printf '    command: %s\n    rerun: B=%s bash tests/cli/run.sh %s\n' "$*" "${B:-build}" "$current"
    fi
}

# holds NAME COMMAND...: the command succeeds.
holds() {
    local name=$1
    shift
    if "$@" >"$work/out" 2>&1; then
        ok "$name"
    else
        not_ok "$name"
        sed 's/^/    /' "$work/out"
        printf '    command: %s\n    rerun: B=%s bash tests/cli/run.sh %s\n' "$*" "${B:-build}" "$current"
    fi
}

# start_redis NAME [LINE...]: a server on $work/NAME.sock with these settings.
start_redis() {
    local name=$1
    shift
    printf '%s\n' 'port 0' "unixsocket $work/$name.sock" 'save ""' "dir $work" "$@" |
        redis-server - >"$work/$name.log" 2>&1 &
    pids+=($!)
    until_ok 20 redis-cli -s "$work/$name.sock" ping || { cat "$work/$name.log"; exit 1; }
}

has_worker() { orbiter worker list -o jsonl --redis-url "$url" | grep -q "\"id\": \"$1\""; }

# start_worker ID [OPTION...]
start_worker() {
    local id=$1
    shift
    orbiter-worker --redis-url "$url" --worker-id "$id" "$@" >"$work/$id.out" 2>"$work/$id.err" &
    pids+=($!)
    export worker_pid=$!
    until_ok 20 has_worker "$id" || { cat "$work/$id.out" "$work/$id.err"; exit 1; }
}

redis() { redis-cli -s "$work/redis.sock" "$@"; }
# In the state, for until_ok.
is_state() { [ "$(redis hget "orbiter:task:$1" status)" = "$2" ]; }

url=unix://$work/redis.sock
if [ $# -eq 0 ]; then
    set -- tests/cli/*.t.sh
    set -- "${@##*/}"
fi
for current in "${@%.t.sh}"; do
    # A new server for each file, with nothing in it, and nothing of the file before.
    unset ORBITER_REDIS_URL
    export XDG_STATE_HOME=$work/state
    rm -rf "$work/state"
    stdin=/dev/null
    start_redis redis
    # shellcheck source=/dev/null
    . "tests/cli/$current.t.sh"
    stop_all
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
