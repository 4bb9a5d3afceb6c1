# shellcheck shell=bash disable=SC2154 # sourced by run.sh
# Tools by hand, with the examples of docs/tools.md.

# doc_file NAME: the block of docs/tools.md behind the line that ends with `NAME`: .
doc_file() {
    awk -v want="\`$1\`:" 'index($0, want) && index($0, want) == length($0) - length(want) + 1 { seen = 1 } seen && /^```$/ { exit } inside { print } seen && /^```/ { inside = 1 }' docs/tools.md
}
tools=$work/tools
mkdir "$tools"
doc_file word_count.json >"$tools/word_count.json"
doc_file word_count.sh >"$tools/word_count.sh"
doc_file weather.json >"$tools/weather.json"

check 'tool list' orbiter tool list --tools "$tools" <<'EOF'
out: NAME        KIND     PATH                DESCRIPTION
out: now         builtin  now                 The date, the time (UTC) and the day o~
out: weather     http     mytools.weather     The weather in a city.
out: word_count  exec     mytools.word_count  Counts the words of a text.
exit 0
EOF
check 'tool list without a folder, jsonl' orbiter tool list -o jsonl <<'EOF'
out: {"name": "now", "path": "now", "kind": "builtin", "description": "The date, the time (UTC) and the day of the week.", "parameters": {"type": "object", "properties": {}}, "file": null, "timeout_seconds": 60.0}
exit 0
EOF
check 'tool call' env ORBITER_TOOLS="$tools" orbiter tool call word_count '{"text": "how many words are these"}' <<'EOF'
out: 5
exit 0
EOF
check 'tool call by path' orbiter tool call mytools.word_count '{"text": "two words"}' --tools "$tools" <<'EOF'
out: 2
exit 0
EOF
doc_file mytools.json >"$tools/mytools.json"
doc_file mytools.py >"$tools/mytools.py"
check 'tool call, Python' orbiter tool call mytools.shout '{"text": "hello", "times": 2}' --tools "$tools" <<'EOF'
out: HELLO! HELLO!
exit 0
EOF
doc_file ask_translator.json | sed 's/openai:gpt-4o/sim:say=bon+jour/' >"$tools/ask_translator.json"
check 'tool call, a delegate' orbiter tool call mytools.ask_translator '{"task": "good day"}' --tools "$tools" <<'EOF'
out: bon jour
exit 0
EOF
check 'tool call, a delegate that fails' bash -c "sed -i 's/sim:say=bon+jour/sim:error=server@0/' '$tools/ask_translator.json'; orbiter tool call ask_translator '{\"task\": \"good day\"}' --tools '$tools'" <<'EOF'
err: orbiter: Tool 'ask_translator' failed: [sim:error=server@0] sim: the error that the model string asks for, after 0 tokens
exit 1
EOF
mkdir "$work/wrong"
printf '{"name": "ask", "description": "d", "kind": "delegate", "agent": {"name": "x", "max_steps": 0}}' >"$work/wrong/ask.json"
check 'a delegate whose agent is wrong' orbiter tool list --tools "$work/wrong" <<'EOF'
err: orbiter: WORK/wrong/ask.json: /agent: max_steps must be >= 1, got 0
exit 2
EOF
printf '{"name": "ask", "description": "d", "kind": "delegate", "agent": {"name": "x", "max_cost": 1}}' >"$work/wrong/ask.json"
check 'a delegate with a limit of its own' orbiter tool list --tools "$work/wrong" <<'EOF'
err: orbiter: WORK/wrong/ask.json: /agent/max_cost: the limit of the task that calls it holds; leave it out
exit 2
EOF
mkdir "$work/python"
cp "$tools/mytools.py" "$work/python"
sed 's/"modules": ..mytools../"functions": ["mytools.shout"]/' "$tools/mytools.json" >"$work/python/mytools.json"
check 'tool list, a function of Python' orbiter tool list -o jsonl --tools "$work/python" <<'EOF'
out: {"name": "now", "path": "now", "kind": "builtin", "description": "The date, the time (UTC) and the day of the week.", "parameters": {"type": "object", "properties": {}}, "file": null, "timeout_seconds": 60.0}
out: {"name": "shout", "path": "mytools.shout", "kind": "python", "description": "Says it loud.", "parameters": {"type": "object", "properties": {"text": {"type": "string", "description": "what to say"}, "times": {"type": "integer", "description": "how often"}}, "required": ["text"]}, "file": "WORK/python/mytools.json", "timeout_seconds": 10.0}
exit 0
EOF
check 'tool call, wrong arguments' orbiter tool call word_count --tools "$tools" <<'EOF'
err: orbiter: Wrong arguments for tool 'word_count': at the top: 'text' is missing
exit 1
EOF
check 'tool call, no JSON' orbiter tool call word_count '{text}' --tools "$tools" <<'EOF'
err: orbiter: the arguments: JSON, line 1, column 2 (byte 1): a member's name in quotes was expected here
exit 2
EOF
check 'tool call, no such tool' orbiter tool call nothing --tools "$tools" <<'EOF'
err: orbiter: tool 'nothing': no tool file of this worker binds it; put a file with "path": "nothing" into WORK/tools and start the worker again
exit 1
EOF
check 'tool call, refused' orbiter tool call weather '{"city": "Oslo"}' -o jsonl --tools "$(sed -i 's/"allow_private.*//' "$tools/weather.json" && echo "$tools")" <<'EOF'
out: {"content": null, "error": "Tool 'weather' failed: localhost must not be asked: ADDRESS is a loopback address; its tool file's \"allow_private\" says which are allowed", "duration_ms": MS}
exit 1
EOF
printf '{"name": "hang", "description": "hangs", "kind": "exec", "argv": ["sh", "-c", "sleep 1000 & echo $! $$ > %s; wait"]}' "'$work/hung'" >"$tools/hang.json"
orbiter tool call hang --tools "$tools" >"$work/hang.out" 2>&1 &
hanging=$!
until_ok 20 test -s "$work/hung"
kill -TERM "$hanging"
wait "$hanging"
holds 'SIGTERM ends a call' test $? = 130
is_hung() { for pid in $(<"$work/hung"); do kill -0 "$pid" 2>/dev/null && return; done; return 1; }
nothing_hangs() { ! is_hung; }
holds 'with all that the tool has started' until_ok 5 nothing_hangs
rm "$tools/hang.json"
printf '{"name": "bad", "kind": "exec", "argv": [1]}' >"$tools/bad.json"
check 'a wrong file' orbiter tool list --tools "$tools" <<'EOF'
err: orbiter: WORK/tools/bad.json: /argv/0: must be a string
exit 2
EOF
check 'a wrong file stops a worker' orbiter-worker --redis-url "$url" --tools "$tools" <<'EOF'
err: orbiter-worker: WORK/tools/bad.json: /argv/0: must be a string
exit 2
EOF
check 'no folder' env ORBITER_TOOLS=/nowhere orbiter-worker --redis-url "$url" <<'EOF'
err: orbiter-worker: the folder of tool files '/nowhere' cannot be opened: No such file or directory; name another one with --tools
exit 2
EOF
rm "$tools/bad.json"
start_worker with-tools --tools "$tools"
holds 'a worker with tools' orbiter submit -q --redis-url "$url" --wait -m sim: hello
holds 'kinds fit 80 columns' bash -c '! orbiter tool kinds | grep -E ".{81}"'
check 'kinds' bash -c 'orbiter tool kinds | grep -v "^ " | sort' <<'EOF'
out: builtin
out: delegate
out: exec
out: http
out: mcp
out: python
exit 0
EOF
