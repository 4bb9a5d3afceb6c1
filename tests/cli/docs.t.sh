# shellcheck shell=bash disable=SC2154 # sourced by run.sh
# Every example of README.md, docs/agents.md, docs/tools.md and docs/mcp.md, as it stands there: the providers are the fake one, and the
# servers that the examples expect are here.

here=$work/docs
mkdir -p "$here/tools"
documents='README.md docs/agents.md docs/tools.md docs/mcp.md'
: >"$here.used"

# block DOCUMENT N: its n-th block between lines of ```.
block() {
    echo "$1 $2" >>"$here.used"
    awk -v n="$2" '/^```/ { if (open) open = 0; else { open = 1; i++ } next } open && i == n' "$1"
}
# commands DOCUMENT N: the lines of a shell block that are commands, without remarks.
commands() { block "$@" | sed -E 's/ +# .*//; /^$/d'; }
# example COMMAND: it does what it should, in the folder of the examples' files.
example() { holds "${1%%$'\n'*}" bash -euc "cd '$here' && $1"; }
# background PATTERN COMMAND: it goes on, and has said the pattern.
background() {
    bash -c "cd '$here' && exec env $2" >"$work/background" 2>&1 &
    pids+=($!)
    holds "$2" until_ok 30 grep -q "$1" "$work/background"
}
# console DOCUMENT N: the commands of a console block print on a terminal what stands there, but for ids and what differs from run to run.
console() {
    local line command='' shown='' recorded=none real=none
    while IFS= read -r line <&3; do
        if [[ $line != '$ '* ]]; then
            shown+=$line$'\n'
            continue
        fi
        [ -z "$command" ] || console_command
        command=${line#'$ '} shown=''
    done 3< <(block "$@")
    console_command
}
console_command() {
    local said
    said=$(cd "$here" && script -qefc "${command//$recorded/$real}" /dev/null | tr -d '\r')
    holds "$command" diff <(printf '%s' "$shown" | alike) <(printf '%s\n' "$said" | alike)
    [[ ! $shown =~ ^[0-9a-f]{32}$'\n'$ ]] || { recorded=${shown%$'\n'} real=$said; }
}
# on_a_screen TEXT COMMAND: a program of a whole terminal, which is left when it shows the text.
on_a_screen() {
    : >"$work/screen"
    # shellcheck disable=SC2016,SC2094 # of the inner shell; what is read is what is written
    (until_ok 30 grep -q "$1" "$work/screen"; printf q) |
        (cd "$here" && TERM=xterm-256color SHOWN=$2 script -qefc 'stty rows 24 cols 80; eval "$SHOWN"' /dev/null) >"$work/screen"
    holds "$2" test $? = 0
    holds "it shows $1" grep -q "$1" "$work/screen"
}
alike() { normal | sed -E 's/^[^ ]+-[0-9]+-[0-9a-f]{8} +running .*/WORKER/; s/  +/ /g'; }

[ -x "$build/fake-provider" ] || { echo "build the tests' programs first: make B=${B:-build} test-programs"; exit 1; }
"$build/fake-provider" --listen 127.0.0.1:0 --ledger "$work/ledger" >"$work/fake.out" &
pids+=($!)
until_ok 20 grep -q listening "$work/fake.out"
fake=http://$(sed 's/listening //' "$work/fake.out")
# Of workers, and of `orbiter run`.
export OPENAI_API_KEY=key OPENAI_BASE_URL=$fake/v1 ANTHROPIC_API_KEY=key ANTHROPIC_BASE_URL=$fake
answer='w1 w2 w3 w4 w5 w6 w7 w8 w9 w10'
# asked: the model, and the last message to it, of every request to the fake provider since the last time.
asked() {
    tail -n "+$((${heard:-0} + 1))" "$work/ledger" | python3 -c '
import json, sys
for line in map(json.loads, sys.stdin):
    if line["event"] == "request":
        content = line["body"]["messages"][-1]["content"]
        print(line["model"] + ": " + (content if isinstance(content, str) else content[0]["text"]))'
    heard=$(wc -l <"$work/ledger")
}
says() { holds "$1" diff <(printf '%s\n' "${@:2}") "$work/said"; }

# ---- README.md ----
export XDG_STATE_HOME=$here/state
mapfile -t lines < <(commands README.md 1)
background 'dev is running' "${lines[0]}"
console README.md 2
for line in "${lines[@]:1}"; do example "$line"; done
mapfile -t lines < <(commands README.md 3)
for line in "${lines[@]:0:2}"; do on_a_screen LIVE "$line"; done
example "${lines[2]}"
stop "${pids[-1]}"
unset 'pids[-1]'
export XDG_STATE_HOME=$work/state

mapfile -t lines < <(commands README.md 4)
holds 'a Redis of your own' test "${lines[0]}" = 'export ORBITER_REDIS_URL=redis://localhost:6379'
export ORBITER_REDIS_URL=$url
background 'Press Ctrl' "${lines[1]}"
example "${lines[2]}"
asked >"$work/said"
says 'it was asked' 'gpt-4o: What is the capital of France?'
example "$(block README.md 5)"
asked >"$work/said"
says 'both ways, the writer gets what the researcher found' 'gpt-4o: Quantum computing' "gpt-4o-mini: $answer" 'gpt-4o: Quantum computing' "gpt-4o-mini: $answer"

# ---- docs/tools.md and docs/mcp.md ----
python3 -c '
import http.server, socketserver
class Weather(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"{\"now\": \"rain in " + self.path.split("=")[1].encode() + b"\"}"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments):
        pass
server = socketserver.TCPServer(("127.0.0.1", 0), Weather)  # HTTPServer asks DNS for its name
print(server.server_address[1], flush=True)
server.serve_forever()' >"$work/port" &
pids+=($!)
until_ok 20 test -s "$work/port"
block docs/tools.md 1 >"$here/helper.json"
block docs/tools.md 3 >"$here/tools/word_count.json"
block docs/tools.md 4 >"$here/tools/word_count.sh"
block docs/tools.md 5 | sed "s/8080/$(<"$work/port")/" >"$here/tools/weather.json"
block docs/tools.md 6 >"$here/tools/mytools.json"
block docs/tools.md 7 >"$here/tools/mytools.py"
block docs/tools.md 8 >"$here/tools/ask_translator.json"
block docs/mcp.md 1 >"$here/tools/calc.json"
block docs/mcp.md 2 >"$here/tools/calc_server.py"
example "$(block docs/tools.md 2)"
example "$(block docs/mcp.md 3)"
# calls NAME ARGUMENTS RESULT: the agent of the page, with a model that calls this tool.
calls() {
    (cd "$here" && orbiter run helper.json x --tools ./tools -m "openai:fake?tool=$1&args=$2" --detailed -o jsonl 2>/dev/null) |
        python3 -c 'import json, sys; [print(e["result"].strip(), e["error"]) for e in map(json.loads, sys.stdin) if e["type"] == "tool_result"]' >"$work/said"
    holds "an agent calls $1" grep -qxE "$3 None" "$work/said"
}
calls word_count '{"text":"one%20two%20three"}' 3
calls weather '{"city":"Oslo"}' 'rain in Oslo'
calls shout '{"text":"hey","times":2}' 'HEY! HEY!'
calls mcp__calc__add '{"x":1,"y":2}' 3
calls ask_translator '{"task":"good%20day"}' "$answer"
calls now '{}' '[0-9-]{10}T[0-9:]{8}Z, [A-Z][a-z]+day'
example "$(block README.md 6 | sed '$d')"
background 'Press Ctrl' "$(commands README.md 6 | tail -n 1)"

# ---- docs/agents.md ----
block docs/agents.md 1 >"$here/agent.json"
block docs/agents.md 3 >"$here/swarm.json"
block docs/agents.md 5 >"$here/schema.json"
block docs/agents.md 6 >"$here/prices.txt"
block docs/agents.md 7 >"$here/team.json"
asked >"$work/said"
example "$(block docs/agents.md 2)"
asked >"$work/said"
says 'an agent' 'gpt-4o: What is the capital of France?' 'gpt-4o: What is the capital of France?'
example "$(block docs/agents.md 4)"
asked >"$work/said"
says 'a swarm' 'gpt-4o: Quantum computing in 2026' "claude-sonnet-4-5: $answer" 'gpt-4o: Quantum computing in 2026' "claude-sonnet-4-5: $answer"
console docs/agents.md 8
cost() { (cd "$here" && orbiter run --wait -o jsonl "$@" x | grep -oE '"cost": [0-9.e-]+'); }
holds 'the table of prices' test "$(cost agent.json --prices prices.txt)" = "$(cost agent.json)"
mkdir "$here/providers"
printf '{"name": "mine", "protocol": "openai", "base_url": "%s/v1"}' "$fake" >"$here/providers/mine.json"
holds 'a model of it that costs nothing' test "$(cost agent.json -m mine:large --prices prices.txt --providers providers)" = '"cost": 0.0'
city='-m openai:fake?text=%7B%22city%22:%22Bern%22%7D'
# shellcheck disable=SC2086 # two words
holds 'an answer with a schema' grep -qF '"parsed": {"city": "Bern"}' <(cd "$here" && orbiter run --wait -o jsonl schema.json $city Where)

# ---- all of them ----
block README.md 7 >/dev/null # tests/examples/run.sh runs the program
for document in $documents; do
    count=$(($(grep -c '^```' "$document") / 2))
    holds "$document has examples" test "$count" -gt 0
    holds "every block of $document was used" diff <(seq -f "$document %.0f" "$count") <(grep "^$document " "$here.used" | sort -uV)
    holds "every command of $document is in one" test "$(grep -cE '^    (orbiter|make [a-z-]+ [^ ])' "$document")" = 0
done
unset ORBITER_REDIS_URL OPENAI_API_KEY OPENAI_BASE_URL ANTHROPIC_API_KEY ANTHROPIC_BASE_URL
