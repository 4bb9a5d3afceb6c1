# shellcheck shell=bash disable=SC2154 # sourced by run.sh
# MCP servers by hand.
mcp=$work/mcp
mkdir "$mcp"
server() { printf '{"kind": "mcp", "server": "%s", "command": "python3", "args": ["tests/mcp/server.py", "stdio", "%s"]%s}' "$1" "$2" "${3-}"; }
server calc modern ', "include": ["add", "fail"]' >"$mcp/calc.json"

check 'mcp list' orbiter mcp list --tools "$mcp" <<'OUT'
out: NAME  TRANSPORT  ERA     VERSION     TOOLS  ERROR
out: calc  stdio      modern  2026-07-28  2      -
exit 0
OUT
check 'mcp tools' orbiter mcp tools calc --tools "$mcp" <<'OUT'
out: TOOL  NAME             DESCRIPTION
out: add   mcp__calc__add   does add
out: fail  mcp__calc__fail  does fail
exit 0
OUT
check 'mcp tools, jsonl' orbiter mcp tools calc -o jsonl --tools "$mcp" <<'OUT'
out: {"tool": "add", "name": "mcp__calc__add", "description": "does add", "parameters": {"type": "object", "properties": {"x": {"type": "number"}, "y": {"type": "number"}}}}
out: {"tool": "fail", "name": "mcp__calc__fail", "description": "does fail", "parameters": {"type": "object", "properties": {}}}
exit 0
OUT
check 'mcp call' env ORBITER_TOOLS="$mcp" orbiter mcp call calc add '{"x": 1, "y": 2}' <<'OUT'
out: 3
exit 0
OUT
check 'mcp call, jsonl' orbiter mcp call calc fail -o jsonl --tools "$mcp" <<'OUT'
out: {"content": null, "error": "MCP tool 'fail' returned error: it went wrong", "duration_ms": MS}
exit 1
OUT
check 'mcp call, excluded' orbiter mcp call calc sleep --tools "$mcp" <<'OUT'
err: orbiter: MCP server 'calc' has no tool 'sleep', or its tool file excludes it; see orbiter mcp tools calc
exit 1
OUT
check 'mcp call, no such server' orbiter mcp call other add --tools "$mcp" <<'OUT'
err: orbiter: No server registered with name 'other'; see orbiter mcp list, and name the folder of tool files with --tools
exit 5
OUT
server slow modern ', "include": ["progress"]' >"$mcp/slow.json"
check 'mcp call, its progress' bash -c "orbiter mcp call slow progress --tools '$mcp' 2>&1 >/dev/null | head -1" <<'OUT'
out: orbiter: mcp__slow__progress: 0.5/1000 is at it
exit 0
OUT
check 'mcp call, quiet' orbiter mcp call slow progress -q --tools "$mcp" <<'OUT'
out: did progress
exit 0
OUT
rm "$mcp/slow.json"
server dead die >"$mcp/dead.json"
rm "$mcp/calc.json"
check 'mcp list, a dead server' orbiter mcp list -q -o jsonl --tools "$mcp" <<'OUT'
out: {"name": "dead", "transport": "stdio", "era": null, "version": null, "tools": 0, "dropped": 0, "error": "Failed to connect to server 'dead': its process ended (exit status 1); it last said: no such key"}
err: orbiter: 1 of the servers cannot be used
exit 1
OUT
check 'mcp list, no servers' orbiter mcp list <<'OUT'
err: orbiter: there are no MCP servers: name a folder with --tools or ORBITER_TOOLS, and put a file of kind mcp into it (see docs/mcp.md)
exit 2
OUT
