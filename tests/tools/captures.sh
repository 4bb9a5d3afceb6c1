#!/usr/bin/env bash
# captures.sh BUILD - runs a system for two minutes and writes what its console shows into docs/console.md, behind the marks there, and as a
# picture into docs/console.svg. In a machine of its own name, so that no capture has another.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(cd "${1:-build}" && pwd)
if [ "${CAPTURES_HOST-}" != host ]; then
    as=(unshare --uts)
    [ "$(id -u)" = 0 ] || as=(unshare --map-root-user --uts)
    "${as[@]}" hostname host 2>/dev/null || { echo 'captures.sh: the machine needs another name for a while: run it as root, or where users may have namespaces' >&2; exit 1; }
    exec "${as[@]}" env CAPTURES_HOST=host bash "$0" "$build"
fi
hostname host

work=$(mktemp -d)
pids=()
# shellcheck disable=SC2317 # called by the trap
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || :; done
    wait
    rm -rf "$work"
}
trap finish EXIT
export PATH=$build:$PATH LC_ALL=C.UTF-8 TZ=UTC ORBITER_USER=ops HOME=$work XDG_RUNTIME_DIR=$work/run XDG_STATE_HOME=$work/state
unset ORBITER_REDIS_URL ORBITER_THEME ORBITER_KEYS ORBITER_READONLY NO_COLOR XDG_CONFIG_HOME XDG_DATA_HOME
mkdir -m 700 "$XDG_RUNTIME_DIR"

# agent NAME MODEL: its file
agent() { printf '{"name": "%s", "model": "%s", "tools": [%s], "instructions": "Do what is asked."}\n' "$1" "$2" "${3-}" >"$work/$1.json"; }
submit() { orbiter submit -q --agent "$work/$1.json" "${@:2}" >/dev/null; }

mkdir "$work/tools"
printf '{"name": "read_file", "path": "files.read_file", "description": "reads a file of the archive", "kind": "exec", "argv": ["printf", "2024-Mar-07,12\\\\n2024-03-07,13\\\\n07.03.2024,14\\\\n"]}' >"$work/tools/read_file.json"
agent planner sim:tokens=80,rate=40
agent critic sim:tokens=50,rate=25
agent judge sim:tokens=12,rate=40
agent writer sim:tokens=700,rate=22
agent flaky sim:error=rate_limit
agent broken sim:error=overloaded
agent coder 'sim:rate=7,tool=read_file,arg=path,say=The+archive+uses+three+spellings+of+the+month%2C+so+I+will+normalise+them+first+and+keep+the+original+text+for+error+messages.+The+parser+takes+one+spelling+after+the+other%2C+and+says+which+of+them+it+was.+A+date+that+fits+none+is+an+error+with+its+line+and+column.+The+tests+cover+each+spelling%2C+a+leap+day%2C+and+four+broken+dates.+The+old+names+stay+as+they+are%2C+and+call+the+new+ones.+Then+I+run+all+tests+once+more%2C+also+with+the+sanitizers.' '"files.read_file"'

orbiter dev --ephemeral --workers 3 --concurrency 8 --tools "$work/tools" 2>"$work/dev.err" &
pids+=($!)
until grep -q 'dev is running' "$work/dev.err"; do sleep 0.1; done
orbiter start worker --queue batch --concurrency 2 --worker-id batch-1 2>/dev/null &
pids+=($!)

echo 'captures.sh: a fleet at work, two minutes' >&2
for second in $(seq 1 110); do
    for _ in $(seq 1 $((1 + second / 9 % 4))); do
        submit planner 'Plan the migration of the archive' &
        [ $((second % 3)) != 0 ] || submit judge 'Is this plan complete?'
    done
    [ $((second % 4)) != 0 ] || submit critic 'What is missing?'
    [ $((second % 6)) != 0 ] || submit writer --queue batch 'Write the report of the month'
    [ $((second % 37)) != 0 ] || submit broken --max-retries 0 'Summarise the tickets'
    sleep 1
done
submit planner --queue eval --priority 2 'Compare the answers of both models'
submit judge --queue eval 'Which of the two is better?'
orbiter queue pause -q eval >/dev/null
submit flaky --max-retries 5 'Translate the manual'
submit writer --detailed 'Write about the sea'
sleep 3
submit coder --id 5b10e2aa77c04c7e9d0c51a6b1f2d3e4 --detailed 'Write a parser for the date format used in the 2024 archive, with tests; keep the old names working.'
sleep 9

once() { orbiter top -q --once "$@"; }
once >"$work/overview"
once -s tasks >"$work/tasks"
once -s task --task 5b10e2aa77c04c7e9d0c51a6b1f2d3e4 >"$work/task"
once -s tasks --size 160x42 -o json >"$work/frame.json"
orbiter theme show orbit-dark -o json --depth 24-bit >"$work/looks.json"

# Behind each mark the block of it, in place of the one that was there.
awk -v work="$work" '
    /^<!-- capture: [a-z]+ -->$/ {
        print; print "```text"
        while ((getline line < (work "/" $3)) > 0) print line
        print "```"
        skip = 1
        next
    }
    skip && /^```/ { skip++; if (skip == 3) skip = 0; next }
    skip == 1 { skip = 0 }
    !skip' docs/console.md >"$work/console.md"
cp "$work/console.md" docs/console.md
python3 tests/tools/svg.py "$work/frame.json" "$work/looks.json" >docs/console.svg
echo 'captures.sh: docs/console.md and docs/console.svg are written' >&2
