# shellcheck shell=bash disable=SC2154 # sourced by run.sh
# Redis goes away while a command waits, and comes back.

start_redis flaky 'appendonly yes'
flaky_pid=${pids[-1]}
flaky=unix://$work/flaky.sock

# waits NAME COMMAND...: a command in the background that waits for a task.
declare -A waiting
waits() {
    local name=$1
    shift
    "$@" --redis-url "$flaky" >"$work/$name.out" 2>"$work/$name.err" &
    waiting[$name]=$!
    pids+=($!)
}
is_there() { redis-cli -s "$work/flaky.sock" exists "orbiter:task:$1" | grep -qx 1; }
is_followed() { redis-cli -s "$work/flaky.sock" pubsub numsub "orbiter:events:$1" | sed -n 2p | grep -qxE "[$2-9]"; }

waits wait orbiter submit -m sim: --id a --wait x
waits stream orbiter submit -m sim: --id b --stream x
until_ok 20 is_there a && until_ok 20 is_there b
waits result orbiter task result a --wait
waits follow orbiter task stream b
waits quiet orbiter -q task result a --wait
until_ok 20 is_followed a 3 && until_ok 20 is_followed b 2
stop "$flaky_pid"
for name in wait stream result follow; do
    holds "$name: it is said that Redis is gone" until_ok 20 grep -qE \
        '^orbiter: Redis cannot be reached \(.+\); waiting for it, Ctrl-C stops waiting$' "$work/$name.err"
done
start_redis flaky 'appendonly yes'
for name in wait stream result follow; do
    holds "$name: it is said that Redis is back" until_ok 20 grep -qx 'orbiter: Redis is back' "$work/$name.err"
done
orbiter task cancel a b -q --redis-url "$flaky" >/dev/null
for name in wait stream result follow quiet; do
    wait "${waiting[$name]}"
    holds "$name: the end is seen all the same" test $? = 4
done
for name in wait stream result follow; do
    holds "$name: both are said once" test "$(grep -c 'orbiter: Redis' "$work/$name.err")" = 2
done
check 'with -q only the error is said' cat "$work/quiet.err" <<'END'
out: orbiter: task a was cancelled
exit 0
END

# ---- it goes away between a submit and its answer ----
start_redis mute
mute_pid=${pids[-1]}
kill -STOP "$mute_pid" # the kernel still takes connections for it
flaky=unix://$work/mute.sock
waits mute orbiter submit -m sim: x
# It sleeps when it has sent what it has to say.
is_asking() { [ "$(grep -c mute.sock /proc/net/unix)" -gt 1 ] && [[ $(<"/proc/${waiting[mute]}/stat") == *') S '* ]]; }
until_ok 20 is_asking
kill -KILL "$mute_pid"
wait "${waiting[mute]}"
holds 'a submit without an answer: the status' test $? = 7
holds 'a submit without an answer' grep -qE "^orbiter: the connection to Redis broke: .+: the task may have been submitted or not; 'orbiter task list' tells\$" "$work/mute.err"
