# shellcheck shell=bash disable=SC2154 # sourced by run.sh
# orbiter dev: the whole system with nothing configured.

sock=$XDG_RUNTIME_DIR/orbiter/redis.sock
dev_answers() { redis-cli -s "$sock" ping | grep -q PONG; }
# The processes that dev started, as it names them to the kernel.
children() { cat "/proc/$1/task/$1/children"; }
has_children() { [ "$(children "$1" | wc -w)" -ge "$2" ]; }
gone() { ! kill -0 "$1" 2>/dev/null; }
all_gone() { for pid; do gone "$pid" || return 1; done; }

# start_dev [OPTION...]: in the background; its pid in dev
start_dev() {
    rm -f "$work/dev.err" # of the one before
    orbiter dev "$@" >"$work/dev.out" 2>"$work/dev.err" &
    dev=$!
    pids+=("$dev")
    until_ok 30 grep -q 'dev is running' "$work/dev.err" || { cat "$work/dev.err"; exit 1; }
}

# ---- the demo, without a terminal ----
orbiter dev --demo --ephemeral --workers 1 >"$work/demo.out" 2>"$work/demo.err"
holds 'the demo ends by itself' test $? = 0
holds 'every line has the start of an id' bash -c "! grep -vE '^\[[0-9a-f]{8}\] ' '$work/demo.out'"
holds 'three tasks spoke' test "$(cut -c 1-10 "$work/demo.out" | sort -u | wc -l)" = 3
holds 'their answers are whole' grep -q 'neither network nor key' <(sed 's/^[^ ]* //' "$work/demo.out" | tr '\n' ' ')
holds 'the demo leaves no socket' test ! -e "$sock"
holds 'ephemeral: nothing on disk' test ! -e "$XDG_STATE_HOME"

orbiter -q dev --demo --ephemeral --workers 1 -o jsonl >"$work/demo.jsonl" 2>"$work/demo.err"
holds 'the demo, jsonl' test $? = 0
holds 'every line is an event of a task' bash -c "! grep -vE '^\{\"task_id\": \"[0-9a-f]{32}\", \"event\": \{\"type\": .*\}\}\$' '$work/demo.jsonl'"
holds 'jsonl: three tasks' test "$(cut -d '"' -f 4 "$work/demo.jsonl" | sort -u | wc -l)" = 3
holds 'jsonl: each has one end' test "$(grep -c '"status": "completed"' "$work/demo.jsonl")" = 3
holds 'nothing on stderr with -q' test ! -s "$work/demo.err"
orbiter -q dev --demo --ephemeral --workers 1 -o json >"$work/demo.json"
holds 'the demo, json' test $? = 0
holds 'json: an array' test "$(sed -n '1p;$p' "$work/demo.json" | tr -d '\n')" = '[]'
events_of_array() { sed -nE 's/^ (\{.*\}),?$/\1/p' "$work/demo.json"; }
holds 'json: each has one end' test "$(events_of_array | grep -c '"status": "completed"')" = 3
holds 'json: nothing but events and commas' test "$(($(wc -l <"$work/demo.json") - 2))" = "$(events_of_array | wc -l)"
holds 'json: a comma after all but the last' test "$(grep -c '},$' "$work/demo.json")" = "$(($(events_of_array | wc -l) - 1))"
# shellcheck disable=SC2016 # for the inner shell
check 'a demo that nobody reads' bash -c 'orbiter -q dev --demo --ephemeral | head -n 0; exit "${PIPESTATUS[0]}"' <<'END'
exit 0
END
holds 'it leaves no socket either' test ! -e "$sock"

# ---- running ----
start_dev --workers 2 --concurrency 4
check 'what dev says' sed 's/^orbiter: //' "$work/dev.err" <<'END'
out: dev is running: Redis unix://WORK/run/orbiter/redis.sock, 2 workers with 4 tasks each
out: log: WORK/state/orbiter/dev/dev.log
out: other orbiter commands of yours find it by themselves; press Ctrl+C to stop
exit 0
END
check 'a second dev is refused' orbiter dev <<'END'
err: orbiter: orbiter dev is already running, pid PID: use it, or end it with 'kill PID'
exit 6
END
holds 'it names the pid of the first' grep -q "pid $dev:" "$work/err"
check 'others find it' orbiter submit --wait hello <<'END'
out: hello
err: orbiter: using your running 'orbiter dev'
err: orbiter: submitted task ID
exit 0
END
check 'and are quiet about it with -q' orbiter submit -q --id kept --wait 'hello again' <<'END'
out: hello again
exit 0
END
check 'a URL goes before it' orbiter task list --redis-url "$url" --queue nothing-is-here <<'END'
err: orbiter: No tasks found.
exit 0
END
holds 'only the user gets at the socket' test "$(stat -c %a "$sock")" = 600
holds 'the queue is not evicted' grep -qx noeviction <(redis-cli -s "$sock" config get maxmemory-policy)
holds 'there is no port' grep -qx 0 <(redis-cli -s "$sock" config get port)

# ---- a worker that dies ----
victim=$(sed -n 's/.*worker 1 started, pid //p' "$XDG_STATE_HOME/orbiter/dev/dev.log")
kill -KILL "$victim"
started_again() {
    sed -n '/worker 1 killed by signal 9; it is started again/,$p' "$XDG_STATE_HOME/orbiter/dev/dev.log" | grep -q 'worker 1 started'
}
holds 'a worker that dies is started again' until_ok 20 started_again

# ---- the end ----
has_children "$dev" 3 || until_ok 20 has_children "$dev" 3
read -ra processes < <(children "$dev")
holds 'dev has three children' test "${#processes[@]}" = 3
kill -TERM "$dev"
wait "$dev"
holds 'SIGTERM ends dev' test $? = 0
holds 'SIGTERM leaves no process' all_gone "${processes[@]}"
holds 'SIGTERM leaves no socket' test ! -e "$sock"
check 'nobody finds it then' orbiter task list <<'END'
err: orbiter: no Redis URL: give --redis-url, set ORBITER_REDIS_URL, or run 'orbiter dev'
exit 2
END

# ---- killed, and started again ----
start_dev --workers 1
read -ra processes < <(children "$dev")
kill -KILL "$dev"
wait "$dev" 2>/dev/null
holds 'what dev started dies with it' until_ok 20 all_gone "${processes[@]}"
start_dev --workers 1
check 'tasks are kept' orbiter task result -q kept <<'END'
out: hello again
exit 0
END
kill -INT "$dev"
wait "$dev"
holds 'Ctrl-C ends dev' test $? = 0

# ---- tools, providers and prices ----
mkdir "$work/given"
printf '{"name": "greet", "path": "m.greet", "description": "greets", "kind": "exec", "argv": ["echo", "good day"]}' >"$work/given/greet.json"
mkdir "$work/others"
printf '{"name": "mine", "protocol": "openai", "base_url": "http://127.0.0.1:1/v1"}' >"$work/others/mine.json"
printf 'sim:tool 1000000 1000000 0 0\n' >"$work/given/prices.txt"
printf '{"name": "a", "model": "mine:x | sim:tool=greet", "tools": ["m.greet"]}' >"$work/greeter.json"
start_dev --ephemeral --workers 1 --tools "$work/given" --providers "$work/others" --prices "$work/given/prices.txt"
orbiter submit -q --agent "$work/greeter.json" --id greeted --detailed --wait x >/dev/null 2>&1
holds 'its workers have the tools' grep -qF '"result": "good day' <(orbiter task stream -q greeted --raw)
holds 'the providers' grep -qF '[mine:x]' <(orbiter task stream -q greeted --raw)
holds 'and the prices' grep -qE '"cost": [1-9]' <(orbiter task status -q greeted -o jsonl)
kill -TERM "$dev"
wait "$dev"
printf '{"name": "bad", "kind": "exec", "argv": [1]}' >"$work/given/bad.json"
check 'wrong tool files stop it at once' orbiter dev --tools "$work/given" <<'END'
err: orbiter: WORK/given/bad.json: /argv/0: must be a string
exit 2
END
check 'by the environment, too' env ORBITER_TOOLS="$work/given" orbiter dev <<'END'
err: orbiter: WORK/given/bad.json: /argv/0: must be a string
exit 2
END
check 'so does a table of prices' orbiter dev --prices "$work/greeter.json" <<'END'
err: orbiter: WORK/greeter.json line 1: '{"name":' needs four prices: dollars for a million tokens of input, output, cached input, written cache
exit 2
END
check 'and a folder of providers' orbiter dev --providers "$work/nowhere" <<'END'
err: orbiter: cannot read the folder of provider files WORK/nowhere: No such file or directory; check --providers or ORBITER_PROVIDERS
exit 2
END
holds 'nothing was started' test ! -e "$sock"

# ---- what it cannot do ----
check 'dev with a Redis URL' orbiter dev --redis-url "$url" <<'END'
err: orbiter: orbiter dev starts its own redis-server: leave --redis-url and --tls-... out
exit 2
END
mkdir "$work/bin"
check 'dev without redis-server' env PATH="$work/bin" "$build/orbiter" dev <<'END'
err: orbiter: redis-server is not in PATH: install it, for example with 'sudo apt-get install redis-server'
exit 1
END
long=$work/$(printf 'x%.0s' {1..120})
check 'a path too long for a socket' env XDG_RUNTIME_DIR="$long" orbiter dev <<END
err: orbiter: the socket path WORK/${long##*/}/orbiter/redis.sock is longer than 107 bytes: set XDG_RUNTIME_DIR to a shorter folder
exit 2
END
mkdir -m 700 "$work/other" "$work/elsewhere"
ln -s "$work/elsewhere" "$work/other/orbiter"
check 'a folder that is a link' env XDG_RUNTIME_DIR="$work/other" orbiter dev <<'END'
err: orbiter: WORK/other/orbiter is not a folder of yours with mode 0700: remove it, or set XDG_RUNTIME_DIR
exit 1
END
