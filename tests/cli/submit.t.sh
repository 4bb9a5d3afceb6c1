# shellcheck shell=bash disable=SC2154,SC2034 # sourced by run.sh
# What submit may ask for: on a queue that nobody serves, and then with a worker.

export ORBITER_REDIS_URL=$url
send() { orbiter submit -m sim: --queue asked "$@"; }
hash() { redis hmget "orbiter:task:$1" "${@:2}"; }

# ---- what is refused ----
# refused WHAT REASON OPTION...: said with the option, the value and the reason.
refused() {
    local name=$1 reason=$2
    shift 2
    check "$name" send "$@" x <<<"err: orbiter: $reason"$'\nexit 2'
}
see='(see orbiter submit --help)'
refused 'a priority too high' "--priority needs a number from 0 to 9, not '10' $see" --priority 10
refused 'a priority below none' "--priority needs a number from 0 to 9, not '-1' $see" --priority=-1
refused 'a priority that is no number' "--priority needs a number from 0 to 9, not 'high' $see" --priority high
refused 'too many retries' "--max-retries needs a number from 0 to 100, not '101' $see" --max-retries 101
refused 'a depth of none' "--max-depth needs a number from 1 to 1000000000, not '0' $see" --max-depth 0
for seconds in -1 nan inf 1e400 0x10 1e9 '' ' 1' 1s; do
    for option in delay deadline first-token-timeout idle-timeout; do
        refused "--$option '$seconds'" "--$option needs a number from 0 to 31536000, not '$seconds' $see" "--$option=$seconds"
    done
done
refused 'a key of no bytes' '--idempotency-key needs 1 to 1024 bytes, not 0' --idempotency-key ''
refused 'a key of 1,025 bytes' '--idempotency-key needs 1 to 1024 bytes, not 1025' --idempotency-key "$(printf '%01025d' 0)"
refused 'a binary key' 'the --idempotency-key is not UTF-8 at byte offset 1: convert it first' --idempotency-key $'a\xff'
refused 'a durability that is none' "--durability needs local or replica, not 'disk'" --durability disk
refused 'delay and at' 'give --delay or --at, not both' --delay 5 --at @1
for time in '' now tomorrow @ @-1 @1e9 @1. @1.x @9999999999999999 2026 2026-01-31 2026-1-31T15:00:00Z 2026-02-29T15:00:00Z 2026-13-01T00:00Z 2026-00-01T00:00Z \
    2026-01-00T00:00Z 2026-01-31T24:00:00Z 2026-01-31T15:60Z 2026-01-31T15:00:61Z 2026-01-31T15:00:00ZZ 2026-01-31T15:00:00+1 2026-01-31T15:00:00+24:00 \
    2026-01-31T15:00:00. '2026-01-31  15:00' '2026-01-31 15' 2026-01-31Q15:00Z 12026-01-31T15:00Z; do
    refused "--at '$time'" "--at needs a time such as 2026-01-31T15:00:00Z, '2026-01-31 15:00' or @1769868000, not '$time'" --at "$time"
done
refused 'a time that is far' "--at needs a time within a year from now, not '9999-12-31T23:59:59Z'" --at 9999-12-31T23:59:59Z
holds 'nothing was submitted' test "$(redis exists asked asked:delayed)" = 0

# ---- times ----
# at ID TIME SECONDS: that time is so many seconds since 1970.
at() {
    send --id "$1" --at "$2" x >/dev/null
    holds "--at $2" test "$(hash "$1" due_at)" = "$3"
}
soon=$(($(date +%s) + 86400))
at t1 "@$soon" "$soon.000"
at t2 "@$soon.25" "$soon.250"
at t3 "$(date -u -d "@$soon" +%Y-%m-%dT%H:%M:%SZ)" "$soon.000"
at t4 "$(date -u -d "@$soon" '+%Y-%m-%d %H:%M:%S')z" "$soon.000"
at t5 "$(date -u -d "@$((soon + 19800))" +%Y-%m-%dt%H:%M:%S).5+05:30" "$soon.500"
at t6 "$(date -u -d "@$((soon - 3600))" +%Y-%m-%dT%H:%M:%S)-01:00" "$soon.000"
TZ=XXX-3 at t7 "$(TZ=XXX-3 date -d "@$soon" '+%Y-%m-%d %H:%M:%S')" "$soon.000"
minute=$((soon / 60 * 60))
TZ=UTC at t8 "$(date -u -d "@$minute" '+%Y-%m-%d %H:%M')" "$minute.000"
send --id past --at 1999-12-31T23:59:60Z x >/dev/null
holds 'a time that has passed is now' test "$(hash past due_at)" = ''
holds 'they wait' test "$(redis zcard asked:delayed)" = 8

# ---- what stands in Redis ----
check 'all of it' send --id full --queue asked2 --idempotency-key 'order 17' --delay 3600 --priority 9 --deadline 60 --max-depth 5 --max-retries 0 \
    --first-token-timeout 20 --idle-timeout 5.5 --durability local x <<'END'
out: full
exit 0
END
holds 'the payload' grep -qE '"timeout_seconds": 300.0, "max_retries": 0, "priority": 9, "deadline": [0-9.]+, "first_token_timeout": 20.0, "idle_timeout": 5.5, "idempotency_key": "order 17"}$' \
    <(redis get orbiter:payload:full)
check 'status' orbiter task status full <<'END'
out: Task full
out:   Status:      pending
out:   Worker:      -
out:   Started:     -
out:   Completed:   -
out:   Duration:    -
out:   Retries:     0
out:   Agent:       assistant
out:   Queue:       asked2
out:   Attempt:     0
out:   Priority:    9
out:   Due:         TIME
out:   Deadline:    TIME
exit 0
END
redis hset orbiter:task:full recoveries 2 resubmit_of 'an
other' >/dev/null
holds 'status, recovered' grep -qx '  Recoveries:  2' <(orbiter task status full)
holds 'status, resubmitted' grep -qx '  Resubmit of: an\\nother' <(orbiter task status full)
holds 'status, json' grep -qE '"recoveries": 2, "priority": 9, "due_at": [0-9.]+, "deadline": [0-9.]+, "resubmit_of": "an\\nother",' \
    <(orbiter task status full -o jsonl)
check 'the key again' send --idempotency-key 'order 17' --id another x <<'END'
out: full
exit 0
END
check 'the key again, in another queue' send --queue elsewhere --idempotency-key 'order 17' x <<'END'
out: full
exit 0
END
check 'cancel of a delayed task' orbiter task cancel full <<'END'
out: full pending
exit 0
END
holds 'it waits no more' test "$(redis zcard asked2:delayed)" = 0
send --id distant --queue asked3 --delay 30000000 x >/dev/null
orbiter task cancel -q distant >/dev/null
holds 'what is cancelled expires in a day' test "$(redis ttl orbiter:task:distant)" -le 86400
holds 'so does its payload' test "$(redis ttl orbiter:payload:distant)" -le 86400
check 'a full queue' send --max-depth 3 --id more x <<'END'
err: orbiter: the queue asked is full: 9 tasks wait, and the limit of this submit is 3; try again later, start more workers, or raise the limit
exit 6
END
check 'no replica' send --durability replica --id lonely x <<'END'
out: lonely
err: orbiter: task lonely was submitted, but no replica has it yet
exit 9
END
check 'no replica, json' send --durability replica --id lonely2 -o jsonl -q x <<'END'
out: {"id": "lonely2", "queue": "asked", "replicated": false}
err: orbiter: task lonely2 was submitted, but no replica has it yet
exit 9
END

# ---- with a worker ----
start_worker s1 --queue served
run() { orbiter submit -q --queue served "$@"; }
check 'a delayed task, waited for' run -m sim: --delay 0.3 --priority 8 --wait 'hello again' <<'END'
out: hello again
exit 0
END
check 'no replica, and waited for' run -m sim: --durability replica --id late --wait 'hello again' <<'END'
out: hello again
err: orbiter: task late was submitted, but no replica has it yet
exit 0
END
run -m sim:delay=60000 --id dead --deadline 0.5 --wait x >"$work/out" 2>&1
holds 'a deadline: its status' test $? = 3
holds 'a deadline' grep -q '"error_type": "DeadlineError"' <(orbiter task status dead -o jsonl)
orbiter queue pause -q served >/dev/null
for priority in 5 9; do
    check "a deadline of a task that waits in a paused queue, priority $priority" timeout 20 orbiter submit -q --queue served -m sim: --id "waits$priority" \
        --priority "$priority" --deadline 0.3 --wait x <<END
err: orbiter: task waits$priority failed: the deadline passed before an attempt could begin
exit 3
END
done
holds 'their entries are gone' test "$(orbiter queue list -o jsonl | grep -c '"queue": "served", "depth": 0, "running": 0, "delayed": 0, "dead": 3')" = 1
orbiter queue resume -q served >/dev/null
check 'a model that says nothing' run -m sim:delay=60000 --id mute --first-token-timeout 0.2 --max-retries 0 --wait x <<'END'
err: orbiter: task mute failed: [sim:delay=60000] the model said nothing for 0.2 s (first_token_timeout)
exit 3
END
