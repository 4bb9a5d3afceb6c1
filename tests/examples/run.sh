#!/usr/bin/env bash
# run.sh BUILD - runs every example against a private redis-server; the worker
# under the command $RUN_UNDER, when there is one.
set -u
build=$(cd "${1:?run.sh BUILD}" && pwd) || exit 1
dir=$(mktemp -d) || exit 1
failed=0
redis='' worker=''
# shellcheck disable=SC2317  # the trap calls it
cleanup() {
    [ -z "$worker" ] || kill -9 "$worker" 2>/dev/null
    [ -z "$redis" ] || { kill "$redis" && wait "$redis"; } 2>/dev/null
    rm -rf "$dir"
}
trap cleanup EXIT

# until SECONDS COMMAND... - asks again and again until it succeeds
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -le $end ] || return 1
        read -rt 0.02 <> <(:) || :
    done
}

# expect NAME STATUS PATTERN COMMAND...
expect() {
    local name=$1 want=$2 pattern=$3 status=0 output
    shift 3
    output=$(timeout 30 "$@" 2>&1) || status=$?
    if [ "$status" = "$want" ] && grep -qE -- "$pattern" <<<"$output"; then
        echo "ok $name"
    else
        printf '%s\n(status %s, expected %s; and a line like: %s)\nnot ok %s\n' "$output" "$status" "$want" "$pattern" "$name"
        failed=1
    fi
}

# check NAME COMMAND... - of this shell
check() {
    local name=$1
    shift
    if "$@"; then
        echo "ok $name"
    else
        tail -n 20 "$dir/worker.log" "$dir/long.log"
        echo "not ok $name"
        failed=1
    fi
}

redis-server --port 0 --unixsocket "$dir/r.sock" --dir "$dir" --save '' >"$dir/redis.log" 2>&1 &
redis=$!
export ORBITER_REDIS_URL=unix://$dir/r.sock
cli() { redis-cli -s "$dir/r.sock" "$@"; }
until_true 10 cli ping || { cat "$dir/redis.log"; exit 1; }
: >"$dir/long.log"
# shellcheck disable=SC2086  # words on purpose
${RUN_UNDER-} "$build/examples/billing_worker" >"$dir/worker.log" 2>&1 &
worker=$!

expect 'submit prints the result' 0 '^completed: Say this$' "$build/examples/submit" sim: 'Say this'
id=$(cli smembers orbiter:task:index | head -n 1)
# It ends without freeing what it made.
expect 'the program of the README' 0 '^Paris$' env ASAN_OPTIONS=detect_leaks=0 "$build/examples/readme"
expect 'submit says why a task failed' 1 '^failed: .*sim' "$build/examples/submit" sim:error=auth@0 'Say this'
expect 'follow prints the text' 0 'Say this' "$build/examples/follow" "$id"
expect 'follow prints the end' 0 '^status: completed' "$build/examples/follow" "$id"
expect 'follow of an unknown task' 5 '^follow: ' "$build/examples/follow" no-such-task
expect 'loop waits on a base of its own' 0 '^completed after [0-9]+ ticks$' "$build/examples/loop" "$id"
expect 'loop of an unknown task' 5 '^loop: ' "$build/examples/loop" no-such-task
expect 'fleet lists the worker' 0 '^worker id=.* status=running host=.* busy=[0-9]+/10$' "$build/examples/fleet"
expect 'fleet lists the tasks of one status' 0 "^task id=$id status=completed agent=assistant\$" "$build/examples/fleet" completed
expect 'fleet of a status that is none' 2 '^usage: ' "$build/examples/fleet" 'done'
expect 'local runs an agent' 0 '^\[now\] Say this$' env -u ORBITER_REDIS_URL "$build/examples/local" sim:tool=now 'Say this'
expect 'local says why it failed' 1 '^failed: .*sim' "$build/examples/local" sim:error=auth@0 'Say this'
expect 'base says what is no id' 2 '^base: .*InvalidInput, no use to try again' "$build/examples/base" 'a b'
expect 'base shows text safely' 2 '^\\x1b\[31mred: 11 columns$' "$build/examples/base" $'\e[31mred'
check 'the worker bills what completed' until_true 10 grep -qx "bill $id: 8 bytes" "$dir/worker.log"

"$build/examples/submit" sim:tokens=100000,rate=1 'for ever' >"$dir/long.log" 2>&1 &
long=$!
# shellcheck disable=SC2317  # until_true calls it
is_running() { id=$(sed -n 's/^task //p' "$dir/long.log") && [ "$(cli hget "orbiter:task:$id" status)" = running ]; }
check 'a long task runs' until_true 10 is_running
expect 'cancel ends a running task' 0 '^now: cancelled' "$build/examples/cancel" "$id"
wait $long
check 'submit says that it was cancelled' grep -q '^cancelled: ' "$dir/long.log"
expect 'cancel of a finished task' 6 '^cancel: ' "$build/examples/cancel" "$id"

kill -TERM "$worker"
status=0
wait "$worker" || status=$?
worker=''
check 'the worker drains and ends with 0' test $status = 0
exit $failed
