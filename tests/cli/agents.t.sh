# shellcheck shell=bash disable=SC2154 # sourced by run.sh
# Every example of docs/agents.md, as it stands there but for the models, which answer by themselves here.

export ORBITER_REDIS_URL=$url
printf 'sim:say 1000000 1000000 0 0\n' >"$work/prices.txt"
start_worker w1 --prices "$work/prices.txt" --concurrency 4

# example N: the n-th JSON block, every model in it a simulated one.
example() {
    awk -v n="$1" '/^```json$/ { i++; on = i == n; next } /^```$/ { on = 0 } on' docs/agents.md |
        sed -E "s/\"model\": \"[^\"]*\"/\"model\": \"${2:-sim:}\"/"
}

example 1 >"$work/agent.json"
check 'an agent' orbiter submit -q --stream --agent "$work/agent.json" 'What is it?' <<'END'
out: What is it?
exit 0
END

example 2 >"$work/swarm.json"
check 'researcher and writer' orbiter submit -q --id swarm --stream --agent "$work/swarm.json" 'Quantum computing' <<'END'
out: Quantum computingQuantum computing
exit 0
END
holds 'the output is the writer'\''s' test "$(redis hget orbiter:task:swarm result)" = \
    '{"output": "Quantum computing", "text": "Quantum computingQuantum computing"}'

awk '/^\{"agents"/ { on = 1 } on { print } /"flow"/ { on = 0 }' README.md | sed -E 's/"model": "[^"]*"/"model": "sim:"/g' >"$work/readme.json"
check 'the swarm of the README' orbiter submit -q --stream --agent "$work/readme.json" 'Two words' <<'END'
out: Two wordsTwo words
exit 0
END

example 3 'sim:say=%7B%22city%22:+%22Bern%22%7D' >"$work/schema.json"
orbiter submit -q --id schema --wait --agent "$work/schema.json" 'Where?' >/dev/null 2>&1
until_ok 20 is_state schema completed
holds 'an answer with a schema' grep -qF '"parsed": {"city": "Bern"}' <(redis hget orbiter:task:schema result)

orbiter submit -q --id costly -m 'sim:error=server | sim:say=Hello+you' Hi >/dev/null
until_ok 20 is_state costly completed
holds 'what it cost' grep -qxE '  Used:        3 tokens, .3\.000000' <(orbiter task status costly)
holds 'what it cost, as JSON' grep -qF '"cost": 3.0' <(orbiter task status costly -o json)
holds 'what it cost, in the list' grep -q '"id": "costly".*"usage": {.*"cost": 3.0}' <(orbiter task list -o jsonl)
queue_cost() { [[ $(orbiter queue list | awk '$1 == "orbiter:tasks" { print $NF }') == "$(orbiter task list -o json |
    python3 -c 'import json, sys; print("$%.4f" % sum((t["usage"] or {}).get("cost", 0) for t in json.load(sys.stdin)))')" ]]; }
holds 'what all cost' queue_cost
holds 'a chain is an attempt more' test "$(redis hmget orbiter:task:costly attempt retries | tr '\n' ' ')" = '2  '
holds 'a chain with a wrong member is noticed' grep -q "Provider 'nobody' not registered" <(orbiter submit -m 'sim: | nobody:x' Hi 2>&1)
holds 'one without is not' test -z "$(orbiter submit -q -m 'sim: | sim:' Hi 2>&1 >/dev/null)"
orbiter start worker -q --queue priced --prices "$work/prices.txt" >"$work/priced.out" 2>&1 &
pids+=($!)
until_ok 20 grep -q Press "$work/priced.out"
orbiter submit -q --queue priced --id priced -m sim:say=Hello+you --wait Hi >/dev/null
holds 'start worker hands the table on' grep -qF '"cost": 3.0' <(orbiter task status priced -o json)
check 'a table that is none' orbiter-worker --redis-url "$url" --prices docs/agents.md <<'END'
err: orbiter-worker: docs/agents.md line 3: 'What' needs four prices: dollars for a million tokens of input, output, cached input, written cache
exit 2
END
unset ORBITER_REDIS_URL # the next file may be one that wants none
