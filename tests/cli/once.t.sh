# shellcheck shell=bash disable=SC2154,SC2016 # sourced by run.sh; inner shells expand
# The console without a screen: one frame, which is the one that a terminal shows; lines; recordings; and how it ends.
export ORBITER_USER=ops
# shellcheck source=tests/cli/console.sh
. tests/cli/console.sh

top() { orbiter top -q --redis-url "$url" "$@"; }
once() { top --once "$@"; }
submit() { orbiter submit -q --redis-url "$url" -m sim: "$@" >/dev/null; }

# ---- how it ends ----
check 'no Redis' orbiter top --once --redis-url "unix://$work/nowhere.sock" --timeout 0.5 <<'END_'
err: orbiter: cannot connect to Redis at WORK/nowhere.sock: No such file or directory; is it running there, and is the URL right?
exit 7
END_
start_redis locked 'requirepass secret'
check 'a password is missing' orbiter top --once --redis-url "unix://$work/locked.sock" <<'END_'
err: orbiter: Redis refused: NOAUTH Authentication required.; check the user and password in the Redis URL, and the user's ACL
exit 6
END_
check 'no such screen' once -s nowhere <<'END_'
err: orbiter: 'nowhere' is no screen: overview, queues, workers, tasks, events, task, help or theme
exit 2
END_
check 'no such task' once -s task --task missing <<'END_'
err: orbiter: Task not found: missing (it may have expired, or a Python client queued it and no worker has taken it yet)
exit 5
END_
check 'a task is missing' once -s task <<'END_'
err: orbiter: --screen task needs --task ID
exit 2
END_
check 'a wrong filter' once -s tasks -f 'tok>many' <<'END_'
err: orbiter: --filter, column 5: 'many' is no number for tok: 100, 1.5k, 2M
exit 2
END_
check 'a filter of no list' once -f x <<'END_'
err: orbiter: --filter is for a screen with a list: queues, workers, tasks or events
exit 2
END_
check 'a wrong size' once --size 80 <<'END_'
err: orbiter: --size needs COLSxROWS, 1 to 1000 each, such as 80x24, not '80'
exit 2
END_
check 'a wrong form' once -o yaml <<'END_'
err: orbiter: -o of top needs text, ansi or json, not 'yaml'
exit 2
END_
check 'a form without --once' top -o json <<'END_'
err: orbiter: -o goes with --once
exit 2
END_
check 'a size without --once' top --size 80x24 <<'END_'
err: orbiter: --size goes with --once: a terminal has a size of its own
exit 2
END_
check 'a frame or lines' once --plain <<'END_'
err: orbiter: --plain and --once do not go together
exit 2
END_
check 'no terminal' top <<'END_'
err: orbiter: stdin is no terminal: run it in one; --once prints one frame, and --plain lines as things happen
exit 2
END_
check 'no recording' orbiter top --once --replay "$work/nothing" <<'END_'
err: orbiter: WORK/nothing: No such file or directory; give --replay a file that --record has written
exit 1
END_
echo '{"format": "other"}' >"$work/other.jsonl"
check 'another file' orbiter top --once --replay "$work/other.jsonl" <<'END_'
err: orbiter: WORK/other.jsonl:1: this is no recording of this version: it should begin with {"format": "orbiter-top-1"}
exit 2
END_

# ---- an idle fleet, whose ages stand still for some minutes ----
start_worker top-worker --concurrency 8
submit --id answered --wait 'Say 日本語 👩‍💻 and résumé'
submit --id broken -m sim:error=auth x
holds 'one fails' until_ok 20 is_state broken failed
redis eval 'for _, id in ipairs(ARGV) do for _, f in ipairs({"created_at", "started_at", "completed_at"}) do
    local t = redis.call("HGET", "orbiter:task:" .. id, f); if t then redis.call("HSET", "orbiter:task:" .. id, f, string.format("%.3f", t - 7230)) end end end' 0 answered broken >/dev/null
# A worker that has done nothing yet: its figures stand still, too.
stop "$worker_pid"
start_worker quiet --concurrency 8
# The memory of Redis is shown in whole MB when it is more than ten, and is to stand in the middle of one.
memory() { redis info memory | tr -d '\r' | sed -n 's/^used_memory://p'; }
hold_memory() {
    redis del pad fill >/dev/null
    redis setrange pad $((20 << 20)) x >/dev/null
    redis setrange fill $(((1 << 20) - $(memory) % (1 << 20))) x >/dev/null
}

# trimmed FILE: without the blank lines at the end, which tmux leaves out
trimmed() { sed -e :a -e '/^\n*$/{$d;N;ba' -e '}' "$1"; }
# shows_frame: the terminal does, or does soon: the task under the cursor is asked for when the cursor rests
shows_frame() {
    local deadline=$((SECONDS + 3))
    until screen >"$work/live" && cmp -s "$work/frame" "$work/live"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        idle 0.1 || :
    done
}
# is_same SIZE OPTION...: a terminal shows what --once prints. While that is made the clock may have moved a figure: then again.
is_same() {
    local size=$1 rc=0
    shift
    console "$size" "$@"
    hold_memory
    once --size "$size" "$@" | trimmed /dev/stdin >"$work/frame"
    shows_frame || rc=1
    tmux kill-session -t console
    return "$rc"
}
# same NAME SIZE OPTION...
same() {
    local size=$2 name=$1
    shift 2
    if until_ok 20 is_same "$size" "$@"; then
        ok "$name $size: the frame of --once is the one on the terminal"
    else
        not_ok "$name $size: the frame of --once is the one on the terminal"
        diff "$work/frame" "$work/live" | sed 's/^/    /'
        printf '    rerun: B=%s bash tests/cli/run.sh %s\n' "${B:-build}" "$current"
    fi
}
for size in 80x24 160x48; do
    for name in overview queues workers tasks events help theme; do
        same "$name" "$size" -s "$name"
    done
    same task "$size" -s task --task answered
done

# ---- the forms ----
once -s tasks --size 120x20 >"$work/text"
holds 'every line of the frame is there' test "$(wc -l <"$work/text")" = 20
once -s tasks --size 120x20 -o ansi --depth 256 >"$work/ansi"
holds 'ansi is the same with colours' diff "$work/text" <(sed -e 's/\x1b\[[0-9;]*m//g' -e 's/ *$//' "$work/ansi")
holds 'which are those of 256' grep -q $'\x1b\[0;38;5;' "$work/ansi"
once -s tasks --size 120x20 -o json >"$work/json"
# shellcheck disable=SC2002
orbiter theme show orbit-dark -o jsonl >"$work/looks"
holds 'json is as docs/cli.md has it' python3 - "$work/json" "$work/text" "$work/looks" <<'PY'
import json, sys, unicodedata
frame, text = json.load(open(sys.argv[1])), open(sys.argv[2]).read().splitlines()
looks = [json.loads(line) for line in open(sys.argv[3])]
roles, layers = {look["role"] for look in looks}, {look["layer"] for look in looks}
assert set(frame) == {"rows", "columns", "screen", "lines"}, frame.keys()
assert (frame["rows"], frame["columns"], frame["screen"]) == (20, 120, "tasks")
assert len(frame["lines"]) == 20
for runs, line in zip(frame["lines"], text):
    assert "".join(run["text"] for run in runs).rstrip() == line, (runs, line)
    assert sum(run["columns"] for run in runs) == 120
    for run in runs:
        assert set(run) == {"text", "columns", "role", "on"}, run
        assert run["role"] in roles and run["on"] in layers, run
        assert run["columns"] > 0 and run["text"]
assert any(run["role"] == "state.failed" and "failed" in run["text"] for runs in frame["lines"] for run in runs)
PY
orbiter theme show orbit-dark -o json --depth 24-bit >"$work/looks.json"
python3 tests/tools/svg.py "$work/json" "$work/looks.json" >"$work/frame.svg"
holds 'a picture of it has its texts' python3 - "$work/frame.svg" "$work/text" <<'PY'
import sys, xml.dom.minidom
texts = "".join("".join(n.data for n in t.childNodes) for t in xml.dom.minidom.parse(sys.argv[1]).getElementsByTagName("text"))
lines = open(sys.argv[2]).read()
assert "".join(texts.split()) == "".join(c for c in lines if not c.isspace() and c not in "\u2500\u2502"), (texts, lines)
PY
holds 'a filter' grep -q '^1 of 2  filter: state:failed ' <(once -s tasks -f state:failed)
holds 'in ASCII' bash -c '! grep -q "[^[:print:]]" "$0"' <(once --ascii -s overview | LC_ALL=C cat -v)

# ---- a recording is what was seen ----
console 90x26 --record "$work/seen.jsonl"
submit --id live -m sim:tokens=40,rate=40 'Speak'
sees 'run 1|done 2' || :
press 4
shows 'a task is followed beside the list' '^out w'
press j Space 3 2
press P y
shows 'a queue is paused' '‖ paused'
press P y
shows 'and goes on' '▸ running'
press : t h e m e Space m o n o Enter
press 4 / l i v e
# taken: the screen, and how many messages it is made of: nothing newer comes while it is looked at
taken() {
    idle 5 || return 1
    seen=$(screen)
    ! idle 0.1 && [ "$seen" = "$(screen)" ]
}
holds 'a frame is taken' until_ok 20 taken
printf '%s\n' "$seen" >"$work/seen"
made_of=$messages
press Enter e
shows 'more is done that is recorded' '^write to file: tasks.jsonl'
(cd "$work" && press Escape y Enter)
shows 'such as copying' '^copied 4 bytes'
leave 'it ends'
holds 'only its user may read it' test "$(stat -c %a "$work/seen.jsonl")" = 600
check 'it is not written over' top --once --record "$work/seen.jsonl" <<'END_'
err: orbiter: WORK/seen.jsonl: File exists; give --record a file that is not there yet
exit 6
END_
# replayed: of the recording, up to that frame
head -n $((made_of + 1)) "$work/seen.jsonl" >"$work/cut.jsonl"
holds 'the frame of its replay is the same' cmp "$work/seen" <(trimmed <(orbiter top --once --replay "$work/cut.jsonl"))
holds 'of any size' bash -c '[ "$(orbiter top --once --replay "$0" --size 160x48 | wc -l)" = 48 ]' "$work/cut.jsonl"
holds 'the theme is that of the recording' cmp <(orbiter top --once --replay "$work/cut.jsonl" -o ansi --depth 24-bit) <(orbiter top --once --replay "$work/cut.jsonl" -o ansi --depth 24-bit --theme mono)
sizes() {
    local size
    for size in 1x1 1x100 300x1 2x2 29x5 30x4 30x5 40x12 79x7 80x8 139x23 140x24 300x100; do
        orbiter top --once --replay "$work/cut.jsonl" --size "$size" >"$work/sized" || return 1
        if [ "$(wc -l <"$work/sized")" != "${size#*x}" ] || [ "$(wc -L <"$work/sized")" -gt "${size%x*}" ]; then
            echo "$size"
            return 1
        fi
    done
}
holds 'frames from 1x1 to 300x100' sizes

# ---- a replay on a terminal does nothing again ----
tmux set-buffer other
tmux new-session -d -s console -x 90 -y 26 -c "$work" "exec orbiter top -q --replay '$work/seen.jsonl' --speed 1000 --test-fd 5 5>'$work/idle'"
shows 'it goes to the end' 'the recording ends here'
holds 'it has copied nothing' test "$(tmux show-buffer)" = other
press C
shows 'and changes nothing' 'this is a replay: nothing can be changed'
press p
shows 'it can be held' 'replay: .*, held, speed 1000'
press ,
shows 'and go back' 'replay: 0.0s, held'
leave 'and ends'
end_console

# ---- lines ----
orbiter top -q --redis-url "$url" --plain >"$work/plain" 2>"$work/plain.err" &
plain=$!
pids+=("$plain")
holds 'how it stands' until_ok 20 grep -qE '^[0-9:]{8}  live: pending 0, running 0, retrying 0, completed 2, failed 1, cancelled 0; workers 1, lost 0$' "$work/plain"
holds 'what needs attention' until_ok 20 grep -q '^  attention: orbiter:tasks: 1 dead letter' "$work/plain"
submit --id told --wait hello
holds 'a line for what happens' until_ok 20 grep -qE '^[0-9:]{8}  task.completed told, agent assistant, worker quiet, took [0-9.]+s, 2 tokens$' "$work/plain"
# Tasks whose beginning was told before their end: how they ended is waited for.
submit -m sim:tokens=20,rate=20 --id longer hello
submit -m sim:tokens=200,rate=20 --timeout 1 --max-retries 0 --id late hello
holds 'what it took, also of one that ran for a while' until_ok 20 grep -qE '^[0-9:]{8}  task.completed longer, .* [1-9][0-9]* tokens$' "$work/plain"
holds 'why it failed, too' until_ok 20 grep -qE '^[0-9:]{8}  task.failed late, agent assistant, worker quiet, .*[a-z]' "$work/plain"
holds 'no escape sequence' bash -c '! grep -q "[[:cntrl:]]" "$0"' "$work/plain"
kill -INT "$plain"
wait "$plain"
holds 'Ctrl-C ends it with 0' test $? = 0
holds 'and nothing was wrong' test ! -s "$work/plain.err"
check 'lines of a recording' bash -c 'orbiter top --plain --replay "$0" | grep -cE "task.(pending|running|completed) live"' "$work/seen.jsonl" <<'END_'
out: 3
exit 0
END_
{
    orbiter top -q --redis-url "$url" --plain
    echo $? >"$work/status"
} | head -n 1 >"$work/first" &
pids+=($!)
until_ok 20 test -s "$work/first"
submit --id unheard --wait hello
holds 'nobody reads: it ends' until_ok 20 test -s "$work/status"
holds 'with 0' grep -qx 0 "$work/status"
