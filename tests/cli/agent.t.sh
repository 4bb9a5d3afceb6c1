# shellcheck shell=bash disable=SC2154,SC2034,SC2016 # sourced by run.sh; ${} is the files' own
# Agent files: what is told about them, and what is submitted. No worker is needed.

export ORBITER_REDIS_URL=$url
files=$work/agents
mkdir "$files"
# The blocks of the document that follow a line which names a file.
awk -v dir="$files/" '/^(for )?`[a-z]+\.[a-z]+`:$/ { name = $NF; gsub(/[`:]/, "", name) } /^```/ { if (open) { open = 0; name = "" } else open = 1; next }
    open && name { print > (dir name) }' docs/agent-files.md
cd_check() (cd "$files" && orbiter agent check "$@")
# config FILE OPTION...: the agent_config that is submitted.
config() {
    local id
    id=$(cd "$files" && orbiter submit -q --queue unserved "$@" x) || return
    redis get "orbiter:payload:$id" | sed -E 's/.*"agent_config": (.*), "input": "x".*/\1/'
    orbiter task cancel -q "$id" >/dev/null
}

# ---- the examples of the document ----
holds 'the document has its files' test "$(cd "$files" && echo *)" = 'critic.json draft.yaml helper.md panel.yaml team.yaml'
check 'they are right' cd_check critic.json helper.md panel.yaml team.yaml team.yaml#writer <<'END'
out: critic.json: ok
out: helper.md: ok
out: panel.yaml: ok
out: team.yaml: ok
out: team.yaml#writer: ok
exit 0
END
check 'what is wrong, with its place' cd_check draft.yaml <<END
$(sed -n 's/^draft.yaml:/out: &/p' docs/agent-files.md)
exit 2
END
check 'the same for programs' cd_check -o jsonl draft.yaml helper.md <<'END'
out: {"file": "draft.yaml", "line": 3, "column": 5, "severity": "warning", "text": "nothing reads 'temprature' here: is 'temperature' meant?"}
out: {"file": "draft.yaml", "line": 4, "column": 5, "severity": "error", "text": "max_steps must be >= 1, got 0"}
out: {"file": "draft.yaml", "line": 6, "column": 3, "severity": "error", "text": "Flow references unknown agent 'critic'"}
exit 2
END
check 'nothing is wrong, for programs' cd_check -o json helper.md <<'END'
out: []
exit 0
END
writer='{"name": "writer", "model": "openai:gpt-4o | anthropic:claude-sonnet-4-6", "instructions": "Write half a page from the facts that you are given.", "max_steps": 10, "temperature": 0.7, "max_tokens": null'
members='{"name": "researcher", "model": "openai:gpt-4o-mini", "instructions": "Collect facts and say where each of them is from.\n", "max_steps": 4, "temperature": 1.0, "max_tokens": null}, '$writer'}'
team='{"agents": ['$members'], "flow": "researcher >> writer", "mode": "workflow", "max_handoffs": 10, "max_cost": 0.5'
check 'JSON' config --agent critic.json <<'END'
out: {"name": "critic", "model": "openai:gpt-4o-mini", "instructions": "Name what is weak in a text.", "max_steps": 3, "output_schema": {"type": "object", "properties": {"weak": {"type": "array", "items": {"type": "string"}}}, "required": ["weak"]}}
exit 0
END
check 'Markdown' config --agent helper.md <<'END'
out: {"name": "helper", "model": "openai:gpt-4o-mini", "instructions": "# How you work\n\nYou answer in one paragraph and name your sources.", "max_steps": 10, "temperature": 0.2, "max_tokens": null, "tools": ["mytools.search"]}
exit 0
END
check 'YAML' config --agent team.yaml <<<"out: $team}"$'\nexit 0'
check 'YAML as a swarm is parallel' config --swarm team.yaml <<<"out: $team, \"parallel\": true}"$'\nexit 0'
check 'one agent of it, with the limits' config --agent team.yaml#writer <<<"out: $writer, \"max_cost\": 0.5}"$'\nexit 0'
check 'with options' config --agent team.yaml#writer -m sim: --instructions 'Be brief.' <<'END'
out: {"name": "writer", "model": "sim:", "instructions": "Be brief.", "max_steps": 10, "temperature": 0.7, "max_tokens": null, "max_cost": 0.5}
exit 0
END
plain() { printf '{"name": "%s", "model": "openai:gpt-4o%s", "instructions": "%s", "max_steps": 10, "temperature": 1.0, "max_tokens": null}' "$@"; }
check 'groups' config --agent panel.yaml <<END
out: {"agents": [{"agents": [$(plain for -mini 'Speak for it.'), $(plain against -mini 'Speak against it.')], "name": "views", "group": "parallel"}, $(plain judge '' 'Decide.')], "flow": "views >> judge", "mode": "workflow", "max_handoffs": 10}
exit 0
END

# ---- what submit refuses ----
submit() (cd "$files" && orbiter submit --queue unserved "$@" x)
check 'submit tells all of it' submit --agent draft.yaml <<'END'
err: orbiter: warning: draft.yaml: line 3, column 5: nothing reads 'temprature' here: is 'temperature' meant?
err: orbiter: draft.yaml: line 4, column 5: max_steps must be >= 1, got 0
err: orbiter: draft.yaml: line 6, column 3: Flow references unknown agent 'critic'
exit 2
END
check 'a swarm that is none' submit --swarm critic.json <<'END'
err: orbiter: critic.json: it holds one agent and no swarm: give --agent, or put it under 'agents'
exit 2
END
check 'both' submit --swarm team.yaml --agent team.yaml <<'END'
err: orbiter: give --agent or --swarm, not both
exit 2
END
check 'options for one agent' submit --swarm team.yaml -m sim: <<'END'
err: orbiter: -m and --instructions are for one agent, and team.yaml is a swarm: set them in the file
exit 2
END
check 'an agent that is not in it' submit --agent team.yaml#nobody <<'END'
err: orbiter: team.yaml#nobody: there is no agent 'nobody' in it; there is 'researcher', 'writer'
exit 2
END
check 'a YAML file that is not there' submit --agent none.yaml <<'END'
err: orbiter: YAML file not found: none.yaml
exit 2
END
holds 'nothing was submitted' test "$(redis xlen unserved)" = 0

# ---- files ----
check 'files that cannot be read do not stop the others' cd_check none.json helper.md none.yml <<'END'
out: helper.md: ok
err: orbiter: cannot open none.json: No such file or directory
err: orbiter: YAML file not found: none.yml
exit 2
END
printf 'name: odd\ninstructions: "${WHO} and ${NOT_SET}"\nmodel: "sim:"\n' >"$files/odd#name"
WHO=me check 'a name with a # in it, and variables' config --agent 'odd#name' <<'END'
out: {"name": "odd", "model": "sim:", "instructions": "me and ${NOT_SET}", "max_steps": 10, "temperature": 1.0, "max_tokens": null}
exit 0
END
check 'warnings are no errors' cd_check 'odd#name' <<'END'
out: odd#name:2:15: warning: ${WHO} is not set in the environment: it stays as it is written
out: odd#name:2:15: warning: ${NOT_SET} is not set in the environment: it stays as it is written
exit 0
END
printf '{"name": "a", "\\u001b]0;x\\u0007\xe2\x80\xae": 1}' >"$files/hostile.json"
check 'what is shown is safe' cd_check hostile.json <<'END'
out: hostile.json:1:15: warning: nothing reads '\x1b]0;x\x07\u202e' here
exit 0
END
mkdir "$work/known"
echo '{"name": "mine", "protocol": "openai", "base_url": "https://models.example.com/v1"}' >"$work/known/mine.json"
printf '{"name": "a", "model": "mine:x"}' >"$files/mine.json"
holds 'a provider that nobody knows' grep -q "Provider 'mine' not registered" <(cd_check mine.json)
check 'one of a provider file' env ORBITER_PROVIDERS="$work/known" bash -c 'cd "$1" && orbiter agent check mine.json' - "$files" <<'END'
out: mine.json: ok
exit 0
END
ORBITER_PROVIDERS="$work/known" check 'also when it is submitted' submit -q --agent mine.json --id known <<'END'
out: known
exit 0
END
check 'provider files that are wrong' env ORBITER_PROVIDERS="$work/nowhere" orbiter agent check "$files/mine.json" <<'END'
err: orbiter: cannot read the folder of provider files WORK/nowhere: No such file or directory; check --providers or ORBITER_PROVIDERS
exit 2
END
check 'no file' orbiter agent check <<'END'
err: orbiter: orbiter agent check needs more operands: FILE... (see orbiter agent check --help)
exit 2
END
unset ORBITER_REDIS_URL # the files after this one have none
