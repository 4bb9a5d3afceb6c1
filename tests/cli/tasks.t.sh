# shellcheck shell=bash disable=SC2154,SC2034 # sourced by run.sh
# Submitting, following, listing and cancelling, with one worker.

export ORBITER_REDIS_URL=$url
start_worker w1 --concurrency 8

check 'banner of the worker' sed "s/Worker ID: .*/Worker ID:   W/" "$work/w1.out" <<'END'
out: Orbiter Worker Starting
out:   Worker ID:   W
out:   Redis URL:   unix://***
out:   Queue:       orbiter:tasks
out:   Concurrency: 8
out: 
out: Press Ctrl+C to stop.
exit 0
END
check 'no tasks' orbiter task list <<'END'
err: orbiter: No tasks found.
exit 0
END
check 'no tasks, quiet' orbiter task list -q <<'END'
exit 0
END
check 'no tasks, json' orbiter task list -o json <<'END'
out: []
exit 0
END
check 'no tasks, jsonl' orbiter task list -o jsonl <<'END'
exit 0
END

# ---- submit ----
check 'submit prints the id' orbiter submit -m sim: hello <<'END'
out: ID
exit 0
END
check 'submit with an id' orbiter submit -m sim: --id one 'hello world' <<'END'
out: one
exit 0
END
check 'submit, json' orbiter submit -m sim: --id two -o jsonl 'hello' <<'END'
out: {"id": "two", "queue": "orbiter:tasks", "replicated": null}
exit 0
END
check 'the id is there already' orbiter submit -m sim: --id one again <<'END'
err: orbiter: task one is already there; choose another id, or see it with: orbiter task status one
exit 6
END
check 'submit and wait' orbiter submit -q -m sim: --wait 'hello world' <<'END'
out: hello world
exit 0
END
check 'submit and stream' orbiter submit -m sim: --id three --stream 'hello world' <<'END'
out: hello world
err: orbiter: submitted task three
exit 0
END
printf 'from a pipe' >"$work/input"
stdin=$work/input
check 'input from stdin' orbiter submit -q -m sim: --wait <<'END'
out: from a pipe
exit 0
END
check 'input from stdin, dash' orbiter submit -q -m sim: --wait - <<'END'
out: from a pipe
exit 0
END
printf 'abc\377def' >"$work/input"
check 'input that is not UTF-8' orbiter submit -m sim: - <<'END'
err: orbiter: stdin is not UTF-8 at byte offset 3: convert it first
exit 2
END
head -c 1048577 /dev/zero | tr '\0' a >"$work/input"
check 'input that is too large' orbiter submit -m sim: - <<'END'
err: orbiter: stdin is larger than 1048576 bytes: make it shorter
exit 2
END
head -c 1048576 /dev/zero | tr '\0' a >"$work/input"
holds 'a payload that is too large' bash -c "orbiter submit -m sim: - <'$work/input'; test \$? = 2"
stdin=/dev/null
check 'wait and stream' orbiter submit -m sim: --wait --stream x <<'END'
err: orbiter: give --wait or --stream, not both
exit 2
END
check 'metadata without a key' orbiter submit -m sim: --metadata =x y <<'END'
err: orbiter: --metadata needs KEY=TEXT or KEY:=JSON, not '=x'
exit 2
END
check 'metadata that is not JSON' orbiter submit -m sim: --metadata 'k:={' y <<'END'
err: orbiter: --metadata k:={: column 1: string or '}' expected near end of file
exit 2
END
check 'a task id that is none' orbiter submit -m sim: --id 'a b' y <<'END'
err: orbiter: task id "a b": use 1 to 128 of the characters A-Z a-z 0-9 . _ -, and not "index"
exit 2
END

# ---- agents ----
printf '{"name": "critic",\n "instructions": oops}' >"$work/bad.json"
check 'agent file with an error' orbiter submit --agent "$work/bad.json" x <<'END'
err: orbiter: WORK/bad.json: line 2, column 18: a value was expected here
exit 2
END
printf '{"model": "sim:"}' >"$work/nameless.json"
check 'agent without a name' orbiter submit --agent "$work/nameless.json" x <<'END'
err: orbiter: WORK/nameless.json: line 1, column 1: the agent has no 'name': add one, for example "name": "assistant"
exit 2
END
printf '["sim:"]' >"$work/array.json"
check 'agent that is no object' orbiter submit --agent "$work/array.json" x <<'END'
err: orbiter: WORK/array.json: line 1, column 1: it must hold a JSON object
exit 2
END
check 'agent file that is not there' orbiter submit --agent "$work/none.json" x <<'END'
err: orbiter: cannot open WORK/none.json: No such file or directory
exit 2
END
check 'agent file that is a folder' orbiter submit --agent "$work" x <<'END'
err: orbiter: cannot read WORK: Is a directory
exit 2
END
check 'messages that are a folder' orbiter submit --messages "$work" x <<'END'
err: orbiter: cannot read WORK: Is a directory
exit 2
END
check 'stdin that is closed' bash -c 'orbiter submit -m sim: - <&-' <<'END'
err: orbiter: cannot read stdin: Bad file descriptor
exit 2
END
check 'stdout that is closed' bash -c 'orbiter submit -m sim: --queue unserved x >&-' <<'END'
err: orbiter: cannot write to stdout: Bad file descriptor
exit 1
END
printf ' \n' >"$work/empty.json"
check 'agent file that is empty' orbiter submit --agent "$work/empty.json" x <<'END'
err: orbiter: WORK/empty.json: it is empty: it must hold an agent or a swarm
exit 2
END
# wrong_agent JSON REASON, wrong_messages JSON REASON: the file is refused.
wrong_agent() {
    printf '%b' "$1" >"$work/wrong.json"
    check "agent $1" orbiter submit --agent "$work/wrong.json" x <<<"err: orbiter: WORK/wrong.json: $2"$'\nexit 2'
}
wrong_messages() {
    printf '%b' "$1" >"$work/wrong.json"
    check "messages $1" orbiter submit --messages "$work/wrong.json" x <<<"err: orbiter: WORK/wrong.json: $2"$'\nexit 2'
}
wrong_agent '{"name":1}' "line 1, column 2: 'name' must be a string"
wrong_agent '{"name": "a",\n "model": null}' "line 2, column 2: 'model' must be a string"
wrong_agent '{"handoffs": [], "tools": ["\\"instructions"], "name": "ä", "instructions": []}' "line 1, column 60: 'instructions' must be a string"
wrong_agent '{"name": "a", "max_steps": 0}' 'line 1, column 15: max_steps must be >= 1, got 0'
wrong_agent '{"name": "a", "max_steps": 1001}' 'line 1, column 15: max_steps must be <= 1000, got 1001'
for steps in 2.0 '"1"'; do
    wrong_agent "{\"name\": \"a\", \"max_steps\": $steps}" "line 1, column 15: 'max_steps' must be a whole number"
done
wrong_agent '{"name": "a", "temperature": "hot"}' "line 1, column 15: 'temperature' must be a number"
wrong_agent '{"name": "a", "max_tokens": 0}' "line 1, column 15: 'max_tokens' must be null or a whole number above 0"
wrong_agent '{"name": "a", "tools": {}}' "line 1, column 15: 'tools' must be an array of at most 128 tools"
wrong_agent '{"name": "a", "handoffs": "b"}' "line 1, column 15: 'handoffs' must be an array of agents"
wrong_agent '{"name": "a", "handoffs": [{"name": "b", "handoffs": [{"name": "c", "model": 1}]}]}' "line 1, column 69: 'model' must be a string"
wrong_agent '{"agents": []}' "line 1, column 2: Swarm requires at least one agent"
wrong_agent '{"agents": [{"name": "a"}, {}]}' "line 1, column 28: the agent has no 'name': add one, for example \"name\": \"assistant\""
wrong_agent '{"agents": ["a"]}' "line 1, column 13: an agent is an object with at least a 'name'"
wrong_messages '["hello"]' 'message 1 must be a JSON object'
wrong_messages '[{"role": "user", "content": ""}, {"content": "x"}]' "message 2: 'role' must be user, system, assistant or tool"
wrong_messages '[{"role": "robot"}]' "message 1: 'role' must be user, system, assistant or tool"
wrong_messages '[{"role": "tool", "tool_name": "n"}]' "message 1: role tool needs a string 'tool_call_id'"
wrong_messages '[{"role": "tool", "tool_call_id": "c"}]' "message 1: role tool needs a string 'tool_name'"
printf '[{"role": "system", "content": "s"}, {"role": "tool", "tool_call_id": "c", "tool_name": "n"}]' >"$work/right.json"
check 'messages that are right' orbiter submit --messages "$work/right.json" --id fine --queue unserved x <<'END'
out: fine
exit 0
END
orbiter task cancel fine >/dev/null
printf '\357\273\277{"name": "marked", "model": "sim:", "max_steps": 1000, "max_tokens": 1}' >"$work/agent.json"
check 'agent file with a byte order mark' orbiter submit -q --agent "$work/agent.json" --wait x <<'END'
out: x
exit 0
END
printf '{"name": "critic", "model": "openai:gpt-4o"}' >"$work/agent.json"
check 'agent file and -m' orbiter submit --agent "$work/agent.json" -m sim: --id critic --wait -o jsonl -q hi <<'END'
out: {"id": "critic", "status": "completed", "queue": "orbiter:tasks", "agent": "critic", "worker_id": "w1", "created_at": T, "started_at": T, "completed_at": T, "attempt": 1, "retries": 0, "recoveries": 0, "priority": 5, "due_at": null, "deadline": null, "resubmit_of": null, "output": "hi", "result": {"output": "hi"}, "error": null, "error_type": null, "partial": null, "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}}
exit 0
END
printf '[{"role": "user", "content": "before"}]' >"$work/messages.json"
orbiter submit -q -m sim: --instructions 'Be brief.' --metadata k=v --metadata n:=3 --messages "$work/messages.json" --timeout 7 \
    --detailed --id payload --wait x >/dev/null
check 'the payload' redis get orbiter:payload:payload <<'END'
out: {"task_id": "payload", "agent_config": {"name": "assistant", "model": "sim:", "instructions": "Be brief.", "max_steps": 10, "temperature": 1.0, "max_tokens": null}, "input": "x", "messages": [{"role": "user", "content": "before"}], "model": null, "detailed": true, "metadata": {"k": "v", "n": 3}, "created_at": T, "timeout_seconds": 7.0}
exit 0
END

# ---- outcomes ----
check 'a failed task' orbiter submit -q -m sim:error=auth@0 --id bad --wait x <<'END'
err: orbiter: task bad failed: [sim:error=auth@0] sim: the error that the model string asks for, after 0 tokens
exit 3
END
check 'result of a failed task' orbiter task result bad <<'END'
err: orbiter: task bad failed: [sim:error=auth@0] sim: the error that the model string asks for, after 0 tokens
exit 3
END
check 'stream of a failed task' orbiter task stream bad <<'END'
err: orbiter: task bad failed: [sim:error=auth@0] sim: the error that the model string asks for, after 0 tokens
exit 3
END
redis hset orbiter:task:late task_id late status failed error_type TimeoutError error 'no answer for 5 s' completed_at 1.0 >/dev/null
check 'result of a task that timed out' orbiter task result late <<'END'
err: orbiter: task late timed out: no answer for 5 s
exit 124
END
orbiter submit -m sim:tokens=100000,rate=20 --id slow x >/dev/null
until_ok 20 is_state slow running
check 'result of a running task' orbiter task result slow <<'END'
err: orbiter: task slow has no result yet (it is running): wait for it with --wait
exit 1
END
check 'cancel' orbiter task cancel slow <<'END'
out: slow running
exit 0
END
check 'result of a cancelled task' orbiter task result slow --wait <<'END'
err: orbiter: task slow was cancelled
exit 4
END
check 'cancel again' orbiter task cancel slow <<'END'
out: slow cancelled
err: orbiter: task slow has already finished: it is cancelled
exit 6
END
check 'cancel, json' orbiter task cancel slow -o jsonl -q <<'END'
out: {"id": "slow", "state": "cancelled", "cancelled": false}
err: orbiter: task slow has already finished: it is cancelled
exit 6
END
check 'cancel of no task' orbiter task cancel nobody <<'END'
err: orbiter: Task not found: nobody
exit 5
END
orbiter submit --queue parked --id parked x >/dev/null
check 'cancel of some' orbiter task cancel parked nobody <<'END'
out: parked pending
err: orbiter: Task not found: nobody
exit 8
END

# ---- reading ----
check 'result' orbiter task result one <<'END'
out: hello world
exit 0
END
check 'result of no task' orbiter task result nobody <<'END'
err: orbiter: Task not found: nobody (it may have expired, or a Python client queued it and no worker has taken it yet)
exit 5
END
check 'stream of no task' orbiter task stream nobody <<'END'
err: orbiter: Task not found: nobody (it may have expired, or a Python client queued it and no worker has taken it yet)
exit 5
END
check 'events' orbiter task stream one --raw <<'END'
out: {"type": "text", "text": "hello ", "agent_name": "assistant", "seq": 1, "attempt": 1}
out: {"type": "text", "text": "world", "agent_name": "assistant", "seq": 2, "attempt": 1}
out: {"type": "status", "status": "completed", "agent_name": "assistant", "message": "Agent 'assistant' completed execution", "seq": 3, "attempt": 1}
exit 0
END
holds 'jsonl is the same' cmp <(orbiter task stream one --raw) <(orbiter task stream one -o jsonl)
holds 'json is one array of them' cmp <(orbiter task stream one --raw) <(orbiter task stream one -o json | sed -nE 's/^ (\{.*\}),?$/\1/p')
second=$(redis --raw xrange orbiter:stream:one - + COUNT 1 | head -n 1)
check 'events after an entry' orbiter task stream one --from-id "$second" <<'END'
out: world
exit 0
END
check 'stream' orbiter task stream one <<'END'
out: hello world
exit 0
END
check 'no events after an entry' orbiter task stream one --from-id 99999999999999 <<'END'
err: orbiter: no events after 99999999999999
exit 0
END
check 'no events of a task that never ran' orbiter task stream parked <<'END'
err: orbiter: task parked was cancelled
exit 4
END
check 'status' orbiter task status one <<'END'
out: Task one
out:   Status:      completed
out:   Worker:      w1
out:   Started:     TIME
out:   Completed:   TIME
out:   Duration:    DURATION
out:   Retries:     0
out:   Result:      {"output": "hello world"}
out:   Agent:       assistant
out:   Queue:       orbiter:tasks
out:   Attempt:     1
out:   Used:        4 tokens
exit 0
END
for state in pending retrying; do
    redis hset "orbiter:task:$state" task_id "$state" status "$state" started_at 1795461238.5 attempt 1 >/dev/null
    holds "a $state task does not run" grep -qx '  Duration:    -' <(orbiter task status "$state")
done
redis hset orbiter:task:absurd task_id absurd status completed created_at -1e300 started_at 1e20 completed_at 1e300 >/dev/null
check 'times that are none' orbiter task status absurd <<'END'
out: Task absurd
out:   Status:      completed
out:   Worker:      -
out:   Started:     -
out:   Completed:   -
out:   Duration:    -
out:   Retries:     0
out:   Agent:       -
out:   Queue:       -
out:   Attempt:     0
exit 0
END
holds 'times that are none, json' grep -q '"created_at": null, "started_at": null, "completed_at": null' <(orbiter task status absurd -o jsonl)
redis set orbiter:task:text 'no hash' >/dev/null
half_good() { orbiter task status absurd text | head -n 1; return "${PIPESTATUS[0]}"; }
check 'a key that is no hash spoils its own task only' half_good <<'END'
out: Task absurd
err: orbiter: task text: Redis refused: WRONGTYPE Operation against a key holding the wrong kind of value; see with TYPE what is there, and rename or delete it
exit 8
END
holds 'status in colour' grep -q $'^  Status:      \e\\[32mcompleted\e\\[0m$' <(CLICOLOR_FORCE=1 orbiter task status one)
holds 'no colour when asked for none' grep -q '^  Status:      completed$' <(CLICOLOR_FORCE=1 orbiter --no-color task status one)
check 'no colour' env CLICOLOR_FORCE=1 NO_COLOR=1 orbiter task list --status Failed --limit 1 <<'END'
out: ID   STATUS  QUEUE          AGENT      TOOK  AGE
out: bad  failed  orbiter:tasks  assistant TOOK AGE
exit 0
END
check 'status of none' orbiter task status nobody nothing <<'END'
err: orbiter: Task not found: nobody
err: orbiter: Task not found: nothing
exit 5
END
check 'list, newest first' orbiter task list --status COMPLETED --limit 2 <<'END'
out: ID       STATUS     QUEUE          AGENT      TOOK  AGE
out: payload  completed  orbiter:tasks  assistant TOOK AGE
out: critic   completed  orbiter:tasks  critic TOOK AGE
exit 0
END
wide_list() { orbiter task list --limit 1000 | awk 'length($0) > 80 || length($1) > 128 { print; bad = 1 } END { exit bad || NR < 10 }'; }
orbiter submit -m sim: -q --wait x >/dev/null
holds 'a list fits 80 columns' wide_list
holds 'an id, the queue and the agent fit with it' grep -qE '^[0-9a-f]{32}  completed  orbiter:tasks  assistant  [0-9.]+s  ' <(orbiter task list)
printf '{"name": "an agent whose name is far too long for a table", "model": "sim:"}' >"$work/agent.json"
orbiter submit --agent "$work/agent.json" -q --wait x >/dev/null
holds 'a cell that is too long is cut' grep -qE '  an agen.*~  ' <(orbiter task list)
holds 'with that a list fits too' wide_list
orbiter submit -q -m sim: --id vast --wait x >/dev/null
redis hset orbiter:task:vast created_at 1e300 started_at 946684800 completed_at 253402300000 >/dev/null
holds 'absurd numbers do not widen a list' grep -qE '^vast +completed +orbiter:ta~ +assistant +- +-$' <(orbiter task list)
holds 'with them a list fits too' wide_list
orbiter submit -q -m sim: --id forgotten --wait x >/dev/null
redis del orbiter:stream:forgotten >/dev/null
check 'events that are gone' orbiter task stream forgotten <<'END'
err: orbiter: the events of task forgotten are not kept any more: see 'orbiter task result forgotten'
exit 0
END
check 'nothing of that with -q' orbiter task stream forgotten -q <<'END'
exit 0
END
check 'list of a reserved queue' orbiter task list --queue orbiter:feed <<'END'
err: orbiter: queue "orbiter:feed": names that begin with orbiter: are reserved, except orbiter:tasks
exit 2
END
check 'list of a queue without a name' orbiter task list --queue '' <<'END'
err: orbiter: queue "": use 1 to 128 visible ASCII characters without blanks
exit 2
END
check 'start worker on a queue without a name' orbiter start worker --queue '' <<'END'
err: orbiter-worker: queue "": use 1 to 128 visible ASCII characters without blanks
exit 2
END
check 'list of another queue' orbiter task list --queue parked -o jsonl <<'END'
out: {"id": "parked", "status": "cancelled", "queue": "parked", "agent": "assistant", "worker_id": null, "created_at": T, "started_at": null, "completed_at": T, "attempt": 0, "retries": 0, "recoveries": 0, "priority": 5, "due_at": null, "deadline": null, "resubmit_of": null, "output": null, "result": null, "error": null, "error_type": null, "partial": null, "usage": null}
exit 0
END

worker_row() { orbiter worker list --no-color | sed -E 's,[0-9]+/8,N/8,' | awk '{ print $1, $2, $4 }'; }
check 'workers' worker_row <<'END'
out: ID STATUS SLOTS
out: w1 running N/8
exit 0
END
# What goes up and down in a heartbeat is left out.
worker_json() { orbiter worker list -o jsonl | sed -E 's/(hostname|version)": "[^"]+"/\1": "H"/g; s/(tasks_[a-z]+|rss_kb|slots_busy)": [0-9]+/\1": N/g; s/second": [0-9.e-]+/second": R/; s/task_id": [^,]*/task_id": T/'; }
check 'workers, jsonl' worker_json <<'END'
out: {"id": "w1", "status": "running", "alive": true, "hostname": "H", "concurrency": 8, "slots_busy": N, "tasks_processed": N, "tasks_failed": N, "current_task_id": T, "started_at": T, "last_heartbeat": T, "version": "H", "rss_kb": N, "tokens_per_second": R}
exit 0
END

# ---- a hostile answer ----
orbiter submit -q -m sim: --id evil --wait $'\e]0;owned\a\e[2Jx\u202ey' >"$work/evil"
holds 'a pipe gets the answer as it is' grep -q $'^\e]0;owned\a\e\\[2Jx\u202ey$' "$work/evil"
on_terminal() { script -qefc "$*" /dev/null | tr -d '\r'; }
check 'a terminal gets marks' on_terminal orbiter task result evil <<'END'
out: \x1b]0;owned\x07\x1b[2Jx\u202ey
exit 0
END
check 'a stream on a terminal gets marks' on_terminal orbiter task stream evil <<'END'
out: \x1b]0;owned\x07\x1b[2Jx\u202ey
exit 0
END

# ---- the ways in ----
check 'no server there' orbiter --redis-url "unix://$work/nowhere.sock" task list <<'END'
err: orbiter: cannot connect to Redis at WORK/nowhere.sock: No such file or directory; is it running there, and is the URL right?
exit 7
END
check 'no server there for the worker' orbiter-worker --redis-url "unix://$work/nowhere.sock" --worker-id lost <<'END'
out: Orbiter Worker Starting
out:   Worker ID:   lost
out:   Redis URL:   unix://***
out:   Queue:       orbiter:tasks
out:   Concurrency: 1
out: 
out: Press Ctrl+C to stop.
err: orbiter-worker: cannot connect to Redis at WORK/nowhere.sock: No such file or directory; is it running there, and is the URL right?
exit 7
END
check 'no server there to wait for' orbiter task result one --wait --redis-url "unix://$work/nowhere.sock" <<'END'
err: orbiter: cannot connect to Redis at WORK/nowhere.sock: No such file or directory; is it running there, and is the URL right?
exit 7
END
check 'a reserved queue' orbiter submit -m sim: --queue orbiter:feed x <<'END'
err: orbiter: queue "orbiter:feed": names that begin with orbiter: are reserved, except orbiter:tasks
exit 2
END
check 'authorities that are not there' env ORBITER_TLS_CA="$work/ca.pem" orbiter task list --redis-url rediss://127.0.0.1:1 <<'END'
err: orbiter: TLS: cannot use the CA certificates WORK/ca.pem: REASON
exit 2
END
check 'a certificate that is not there' orbiter task list --redis-url rediss://127.0.0.1:1 --tls-cert "$work/me.pem" <<'END'
err: orbiter: TLS: cannot use the client certificate WORK/me.pem: REASON
exit 2
END
start_redis locked 'requirepass sesame'
check 'wrong password' orbiter task list --redis-url "unix://:open@$work/locked.sock" <<'END'
err: orbiter: Redis refused: WRONGPASS invalid username-password pair or user is disabled.; check the user and password in the Redis URL, and the user's ACL
exit 6
END
check 'a URL that is none' orbiter task list --redis-url http://x <<'END'
err: orbiter: Redis URL: it must begin with redis://, rediss://, unix:// or redis+sentinel://
exit 2
END

# ---- the password on the command line ----
locked=unix://:sesame@$work/locked.sock
orbiter submit --redis-url "$locked" -m sim: --id waits --wait x 2>"$work/waits.err" &
waiting=$!
until_ok 20 grep -q submitted "$work/waits.err"
holds 'argv does not show the password' bash -c "! grep -q sesame /proc/$waiting/cmdline"

orbiter start worker --redis-url "$locked" --worker-id w2 --queue nobody >"$work/w2.out" 2>"$work/w2.err" &
starter=$!
pids+=("$starter")
until_ok 20 grep -q Press "$work/w2.out"
holds 'start worker becomes the worker' grep -q '^orbiter-worker$' <(basename "$(readlink "/proc/$starter/exe")")
holds 'nor does the argv of start worker' bash -c "! grep -q sesame /proc/$starter/cmdline"
holds 'nor what it prints' bash -c "! grep -q sesame '$work/w2.out' '$work/w2.err'"
kill -INT "$starter"
wait "$starter"
holds 'Ctrl-C drains the worker' test $? = 0

orbiter start worker -q --redis-url "$locked" --worker-id w3 --queue nobody >"$work/w3.out" 2>"$work/w3.err" &
starter=$!
pids+=("$starter")
until_ok 20 grep -q Press "$work/w3.out"
kill -INT "$starter"
wait "$starter"
holds 'a quiet worker logs no notices' test ! -s "$work/w3.err"

# ---- namespaces ----
check 'another namespace has its own tasks' orbiter task status one --namespace blue <<'END'
err: orbiter: Task not found: one
exit 5
END

# ---- Ctrl-C ----
kill -INT "$waiting"
wait "$waiting"
check 'interrupted' bash -c "cat '$work/waits.err' >&2; exit $?" <<'END'
err: orbiter: submitted task waits
err: orbiter: interrupted; the task goes on: follow it with 'orbiter task stream waits', cancel it with 'orbiter task cancel waits'
exit 130
END
orbiter submit -m sim:tokens=100000,rate=20 --id watched x >/dev/null
orbiter task stream watched >"$work/watched.out" 2>"$work/watched.err" &
waiting=$!
until_ok 20 test -s "$work/watched.out"
kill -INT "$waiting"
wait "$waiting"
holds 'a stream that is interrupted' test $? = 130
holds 'it says where to go on' grep -qE -- '--from-id [0-9]+-[0-9]+' "$work/watched.err"
orbiter task cancel watched >/dev/null

# ---- the worker's end ----
orbiter submit -m sim:tokens=40,rate=20 --id last x >/dev/null
until_ok 20 is_state last running
kill -TERM "$worker_pid"
wait "$worker_pid"
holds 'SIGTERM drains the worker' test $? = 0
holds 'a drained worker has ended its task' is_state last completed
unset ORBITER_REDIS_URL
