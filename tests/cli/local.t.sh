# shellcheck shell=bash disable=SC2154,SC2034,SC2016 # sourced by run.sh
# orbiter run: agents and swarms without Redis. There is one, but nobody tells: the URL is of a port that nobody listens on.

here=$work/local
mkdir -p "$here/tools" "$here/empty"
nowhere=redis://127.0.0.1:1
run() (cd "$here" && exec env ORBITER_REDIS_URL="$nowhere" orbiter run "$@")
agent() { printf '{"name": "%s", "model": "%s"%s}' "$1" "$2" "${3-}"; }
agent echo sim: >"$here/echo.json"
agent slow sim:tokens=100000,rate=50 >"$here/slow.json"
printf '{"agents": [%s, %s], "flow": "researcher >> writer"}' "$(agent researcher sim:)" "$(agent writer sim:)" >"$here/swarm.json"

# ---- what is printed ----
check 'an agent' run echo.json 'hello there' <<'END'
out: hello there
exit 0
END
check 'a swarm: who speaks is told' run swarm.json hello <<'END'
out: hellohello
err: orbiter: agent: writer
exit 0
END
check 'and is not, with -q' run -q swarm.json hello <<'END'
out: hellohello
exit 0
END
on_terminal() { script -qefc "$*" /dev/null | tr -d '\r'; }
check 'on a terminal each agent has its lines' on_terminal "ORBITER_REDIS_URL=$nowhere orbiter run '$here/swarm.json' hello" <<'END'
out: hello
out: orbiter: agent: writer
out: hello
exit 0
END
check 'only the output' run --wait swarm.json hello <<'END'
out: hello
exit 0
END
check 'events' run -o jsonl swarm.json hello <<'END'
out: {"type": "text", "text": "hello", "agent_name": "researcher", "seq": 1, "attempt": 1}
out: {"type": "text", "text": "hello", "agent_name": "writer", "seq": 2, "attempt": 1}
out: {"type": "status", "status": "completed", "agent_name": "researcher", "message": "Agent 'researcher' completed execution", "seq": 3, "attempt": 1}
exit 0
END
holds 'json is one array of them' cmp <(run -o jsonl swarm.json hello) <(run -o json swarm.json hello | sed -nE 's/^ (\{.*\}),?$/\1/p')
check 'the ended task' run --wait -o jsonl swarm.json hello <<'END'
out: {"id": null, "status": "completed", "queue": null, "agent": "researcher", "worker_id": null, "created_at": T, "started_at": T, "completed_at": T, "attempt": 1, "retries": 0, "recoveries": 0, "priority": 5, "due_at": null, "deadline": null, "resubmit_of": null, "output": "hello", "result": {"output": "hello", "text": "hellohello"}, "error": null, "error_type": null, "partial": null, "usage": {"input_tokens": 2, "output_tokens": 2, "total_tokens": 4}}
exit 0
END
ORBITER_REDIS_URL=$nowhere orbiter run "$here/slow.json" x >"$work/slow.out" 2>"$work/slow.err" &
slow=$!
holds 'it comes as it is said' until_ok 20 grep -q 'w3 ' "$work/slow.out"
kill -INT "$slow"
wait "$slow"
check 'Ctrl-C' bash -c "cat '$work/slow.err' >&2; exit $?" <<'END'
err: orbiter: interrupted: the run was cancelled
exit 130
END
# The same as a worker writes, but for times and how text was joined.
start_worker same
unstuck() { sed -E 's/"[a-z]+_at": [0-9.]+/"at": T/g; s/"duration_ms": [0-9.]+/"duration_ms": MS/; s/call_[0-9a-f]{24}/CALL/; s/[0-9-]+T[0-9:]+Z/NOW/; /"type": "text"/d; s/"seq": [0-9]+/"seq": N/'; }
agent tooled 'sim:error=server@0 | sim:tool=now' ', "tools": ["now"]' >"$here/tooled.json"
orbiter submit -q --redis-url "$url" --agent "$here/tooled.json" --id same --detailed --wait x >/dev/null
holds 'its events are those of a worker' diff <(orbiter task stream same --raw --redis-url "$url" | unstuck) <(run -q -o jsonl --detailed tooled.json x | unstuck)
check 'a chain of models' run tooled.json x <<'END'
out: x
err: orbiter: error, the task goes on: [sim:error=server@0] sim: the error that the model string asks for, after 0 tokens
err: orbiter: tool call: now
exit 0
END

# ---- files and input ----
printf -- '---\nmodel: "sim:"\n---\nBe brief.\n' >"$here/helper.md"
printf 'agents:\n  a: {model: "sim:"}\n  b: {model: "sim:"}\n  c: {model: "sim:"}\nswarm: {flow: (a | b) >> c}\n' >"$here/team.yaml"
check 'Markdown' run helper.md hello <<'END'
out: hello
exit 0
END
check 'YAML: stages run in parallel' run --wait team.yaml hello <<'END'
out: hello
out: 
out: hello
exit 0
END
check 'unless the file says otherwise' run --wait <(sed 's/swarm: {/swarm: {parallel: false, /' "$here/team.yaml") hello <<'END'
out: hello
exit 0
END
check 'one agent of it, another model' run team.yaml#b -m sim:say=other hello <<'END'
out: other
exit 0
END
printf 'from stdin' >"$work/input"
stdin=$work/input
check 'stdin' run echo.json <<'END'
out: from stdin
exit 0
END
check 'stdin, named' run echo.json - <<'END'
out: from stdin
exit 0
END
printf 'a\xff' >"$work/input"
check 'stdin that is not UTF-8' run echo.json - <<'END'
err: orbiter: stdin is not UTF-8 at byte offset 1: convert it first
exit 2
END
head -c 1048577 /dev/zero | tr '\0' a >"$work/input"
check 'stdin that is too large' run echo.json - <<'END'
err: orbiter: stdin is larger than 1048576 bytes: make it shorter
exit 2
END
head -c 1048576 /dev/zero | tr '\0' a >"$work/input"
check 'a task that is too large' run echo.json - <<'END'
err: orbiter: the task is larger than 1048576 bytes as JSON; pass large inputs by reference
exit 2
END
head -c 1000000 /dev/zero | tr '\0' a >"$work/input"
holds 'a large input' cmp "$work/input" <(run -q echo.json - <"$work/input")
stdin=/dev/null
check 'an input of nothing' run echo.json '' <<'END'
exit 0
END
check 'no input, on a terminal' on_terminal "orbiter run '$here/echo.json'" <<'END'
out: orbiter: no input: give it as an operand, or '-' to read stdin
exit 0
END
check 'a closed stdin' run echo.json - <&- <<'END'
exit 0
END
printf '[{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}]' >"$here/messages.json"
check 'messages' run echo.json -m 'sim:say=1;2;3' --messages messages.json hello <<'END'
out: 2
exit 0
END

# ---- what is wrong with files ----
check 'no file' run <<'END'
err: orbiter: orbiter run needs more operands: FILE [INPUT | -] [OPTION]... (see orbiter run --help)
exit 2
END
check 'a file that is not there' run none.json x <<'END'
err: orbiter: cannot open none.json: No such file or directory
exit 2
END
check 'a folder' run empty x <<'END'
err: orbiter: cannot read empty: Is a directory
exit 2
END
: >"$here/nothing.json"
check 'an empty file' run nothing.json x <<'END'
err: orbiter: nothing.json: it is empty: it must hold an agent or a swarm
exit 2
END
head -c 2000000 /dev/zero | tr '\0' ' ' >"$here/huge.json"
check 'a huge file' run huge.json x <<'END'
err: orbiter: huge.json is larger than 1048576 bytes: make it shorter
exit 2
END
check 'a file without an end' run /dev/zero x <<'END'
err: orbiter: /dev/zero is larger than 1048576 bytes: make it shorter
exit 2
END
printf '\177ELF\1\0\0\xfe' >"$here/binary"
check 'a binary file' run binary x <<'END'
err: orbiter: binary is not UTF-8 at byte offset 7: convert it first
exit 2
END
printf '{"name": "a",\n "max_steps": 0, "tempr": 1}' >"$here/wrong.json"
check 'mistakes, with their places' run wrong.json x <<'END'
err: orbiter: wrong.json: line 2, column 2: max_steps must be >= 1, got 0
err: orbiter: warning: wrong.json: line 2, column 18: nothing reads 'tempr' here
exit 2
END
agent a nobody:x >"$here/nobody.json"
run nobody.json x >"$work/out" 2>"$work/err"
holds 'a provider that is not there: its status' test $? = 3
holds 'a provider that is not there' grep -q "^orbiter: the task failed: \[nobody:x\] Provider 'nobody' not registered" "$work/err"

# ---- tools ----
cat >"$here/tools/hang.json" <<END
{"name": "hang", "path": "m.hang", "description": "hangs", "kind": "exec", "argv": ["sh", "-c", "sleep 1000 & echo \$! \$\$ > '$here/pids'; wait"]}
END
printf '{"name": "long", "path": "m.long", "description": "says much", "kind": "exec", "argv": ["sh", "-c", "head -c 50000 /dev/zero | tr \\"\\\\0\\" a"]}' >"$here/tools/long.json"
agent a sim:tool=long ', "tools": ["m.long"]' >"$here/long.json"
agent a sim:tool=nothing ', "tools": ["m.nothing"]' >"$here/unbound.json"
check 'a tool' run long.json x --tools tools <<'END'
out: x
err: orbiter: tool call: long
exit 0
END
holds 'a long result is an artifact' grep -qE '"result": "\[Result stored as artifact .tool_result_long_' <(run long.json x --tools tools --detailed -o jsonl 2>/dev/null)
holds 'or is not, as the threshold is' grep -qF "\"result\": \"$(head -c 50000 /dev/zero | tr '\0' a)\"" <(ORBITER_LARGE_OUTPUT_THRESHOLD=60000 run long.json x --tools tools --detailed -o jsonl 2>/dev/null)
check 'a tool without a folder' run unbound.json x <<'END'
err: orbiter: the task failed: tool 'm.nothing': this worker has no tool files; start it with --tools DIR, with a file there that has "path": "m.nothing"
exit 3
END
check 'a tool without a binding' env ORBITER_TOOLS=tools bash -c 'cd "$1" && orbiter run unbound.json x' - "$here" <<'END'
err: orbiter: the task failed: tool 'm.nothing': no tool file of this worker binds it; put a file with "path": "m.nothing" into WORK/local/tools and start the worker again
exit 3
END
check 'no folder of tools' run echo.json x --tools nowhere <<'END'
err: orbiter: the folder of tool files 'nowhere' cannot be opened: No such file or directory; name another one with --tools
exit 2
END
check 'no folder of providers' run echo.json x --providers nowhere <<'END'
err: orbiter: cannot read the folder of provider files nowhere: No such file or directory; check --providers or ORBITER_PROVIDERS
exit 2
END

# ---- its end, and that of what it has started ----
# One talks as soon as the tool of the other hangs.
cat >"$here/tools/ready.json" <<END
{"name": "ready", "path": "m.ready", "description": "waits for the other tool", "kind": "exec",
 "argv": ["sh", "-c", "until test -s '$here/pids'; do sleep 0.02; done"]}
END
printf '{"agents": [%s, %s], "flow": "(talker | worker)"}' "$(agent talker sim:tool=ready,tokens=100000,rate=50 ', "tools": ["m.ready"]')" "$(agent worker sim:tool=hang ', "tools": ["m.hang"]')" >"$here/hang.json"
# hangs HOW COMMAND...: the command runs an agent whose tool hangs; when it does, HOW is called with the pid. Its status and what it has left.
all_gone() { for pid in $(<"$here/pids"); do ! kill -0 "$pid" 2>/dev/null || return 1; done; }
hangs() {
    local how=$1 status
    shift
    rm -f "$here/pids"
    (cd "$here" && ORBITER_TOOLS=tools exec "$@") >"$work/hang.out" 2>"$work/hang.err" &
    until_ok 20 test -s "$here/pids" || return 1
    $how $!
    wait $!
    status=$?
    until_ok 5 all_gone && echo "status $status, nothing is left"
}
for signal in INT TERM HUP; do
    check "SIG$signal while a tool runs" hangs "kill -$signal" orbiter run -q hang.json x <<'END'
out: status 130, nothing is left
exit 0
END
done
check 'SIGINT, json is whole' bash -c "tail -n 2 '$work/hang.err'" <<'END'
out: orbiter: interrupted: the run was cancelled
exit 0
END
hangs 'kill -INT' orbiter run -q hang.json x -o json >/dev/null
holds 'and an array has its end' test "$(tail -n 1 "$work/hang.out")" = ']'
check 'its time is over' hangs : orbiter run -q hang.json x --timeout 1 <<'END'
out: status 124, nothing is left
exit 0
END
holds 'which is said' grep -qx 'orbiter: the task timed out: Task timed out: the attempt ran longer than 1 s (timeout_seconds)' "$work/hang.err"
check 'a reader that goes away' hangs : bash -c 'orbiter run -q hang.json x | head -c 1 >/dev/null; exit "${PIPESTATUS[0]}"' <<'END'
out: status 0, nothing is left
exit 0
END
check 'a full disk' hangs : bash -c 'orbiter run -q hang.json x >/dev/full' <<'END'
out: status 1, nothing is left
exit 0
END
check 'a closed stdout' hangs : bash -c 'orbiter run -q hang.json x >&-' <<'END'
out: status 1, nothing is left
exit 0
END

# ---- costs, schemas, limits ----
printf 'sim:say 1000000 1000000 0 0\n' >"$here/prices.txt"
agent a sim:say=Hello ', "max_cost": 1, "max_steps": 2' >"$here/costly.json"
holds 'what it cost' grep -qF '"cost": 2.0' <(run costly.json x --wait -o jsonl --prices prices.txt)
check 'without a price' run costly.json x <<'END'
err: orbiter: the task failed: max_cost is set, and there is no price for the model 'sim:say=Hello' of agent 'a': add a row to the worker's table of prices (--prices FILE), or leave max_cost out
exit 3
END
check 'a table that is none' run echo.json x --prices echo.json <<'END'
err: orbiter: echo.json line 1: '{"name":' needs four prices: dollars for a million tokens of input, output, cached input, written cache
exit 2
END
agent a 'sim:say=%7B%22city%22:+%22Bern%22%7D' ', "output_schema": {"type": "object", "required": ["city"]}' >"$here/schema.json"
holds 'an answer with a schema' grep -qF '"parsed": {"city": "Bern"}' <(run schema.json x --wait -o jsonl)
check 'a failure, jsonl' run echo.json x -m sim:error=auth@0 -o jsonl <<'END'
out: {"type": "error", "error": "[sim:error=auth@0] sim: the error that the model string asks for, after 0 tokens", "error_type": "ModelError", "agent_name": "echo", "step_number": 1, "recoverable": false, "seq": 1, "attempt": 1}
out: {"type": "status", "status": "error", "agent_name": "echo", "message": "[sim:error=auth@0] sim: the error that the model string asks for, after 0 tokens", "seq": 2, "attempt": 1}
err: orbiter: the task failed: [sim:error=auth@0] sim: the error that the model string asks for, after 0 tokens
exit 3
END
