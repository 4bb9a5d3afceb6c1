#!/usr/bin/env bash
# run.sh BUILD [ROW...] - measures what orbiter promises, each figure beside a probe
# of what the machine and the libraries allow, taken in turns with it. Rows: those of
# ROWS; none means all. Every row has a redis-server of its own behind a unix socket
# and a new worker for each run. Prints a table of medians (least-most). Exits 0 when
# all was measured, 1 when something was not.
#
# RUNS (5) and HTTP_RUNS (3; of http and agents) are the runs of a row, CONCURRENCY (512) the slots of
# the worker of `tasks` and `latency`; CONSOLE_TASKS (100000) are in Redis when the console is measured, for CONSOLE_SECONDS (20) each.
# shellcheck disable=SC2317  # rows are called by their names, what they use by them
set -u
B=${1:?usage: run.sh BUILD [ROW...]}
shift
RUNS=${RUNS:-5}
HTTP_RUNS=${HTTP_RUNS:-3}
CONCURRENCY=${CONCURRENCY:-512}
ROWS=(tasks latency events http rebuild steps agents sleepers idle console)
TASKS=40000 LIVES=2000 EVENTS=200000 STREAMS=1000 SECONDS_EACH=6 REBUILDS=2000 CONVERSATIONS=100 SLEEPERS=10000 IDLE_SECONDS=20
CONSOLE_TASKS=${CONSOLE_TASKS:-100000} CONSOLE_SECONDS=${CONSOLE_SECONDS:-20}

die() { echo "run.sh: $1" >&2; exit 1; }

# ---- processes: all are ended by their own id -------------------------------

pids=()
dir=
worker=

cleanup() {
    local pid
    for pid in "${pids[@]}"; do
        kill -KILL "$pid" && wait "$pid"
    done 2>/dev/null
    [ -z "$dir" ] || rm -rf "$dir"
}

# until_true SECONDS COMMAND...: an error when it does not come true.
until_true() {
    local end=$((SECONDS + $1)) what=$*
    shift
    while ! "$@"; do
        [ "$SECONDS" -lt "$end" ] || die "waited in vain: $what"
        sleep 0.02
    done
}

# A sleep that a signal ends.
pause() { sleep "$1" & wait $!; }

redis() { redis-cli -s "$dir/redis" "$@"; }
pings() { [ "$(redis PING 2>/dev/null)" = PONG ]; }
ended() { ! kill -0 "$1" 2>/dev/null; }

# start_redis yes|no: with or without append-only file. Rewriting the file would
# disturb single runs, so it is left out.
start_redis() {
    mkdir -p "$dir/data-$1"
    redis-server --port 0 --unixsocket "$dir/redis" --unixsocketperm 700 --dir "$dir/data-$1" --save '' --appendonly "$1" \
        --appendfsync everysec --auto-aof-rewrite-percentage 0 --daemonize no >"$dir/redis.log" 2>&1 &
    redis_pid=$!
    pids+=("$redis_pid")
    until_true 10 pings
    # A server's first run pays for memory that the later ones find.
    scripts batches "$TASKS" >/dev/null || die 'the probe failed'
}

stop_redis() {
    kill -TERM "$redis_pid"
    until_true 20 ended "$redis_pid"
}

# start_worker SLOTS [NUMBER [OPTION...]], on an empty database.
start_worker() {
    redis FLUSHALL >/dev/null
    rm -f "$dir/worker.log"
    "$B/orbiter-worker" --redis-url "unix://$dir/redis" --worker-id "bench-${2:-1}" --concurrency "$1" "${@:3}" >"$dir/worker.log" 2>&1 &
    worker=$!
    pids+=("$worker")
    until_true 10 grep -qs 'serves queue' "$dir/worker.log"
}

stop_worker() {
    kill -TERM "$worker"
    until_true 20 ended "$worker"
    wait "$worker" || die "the worker failed: $(tail -n 1 "$dir/worker.log")"
}

# The worker hands back what it runs.
abort_worker() {
    kill -TERM "$worker"
    until_true 10 grep -q 'draining' "$dir/worker.log"
    stop_worker
}

load() { timeout 60 "$B/bench/load" "$1" "unix://$dir/redis" "${@:2}"; }
probe() { timeout 60 "$B/bench/probe_redis" "$1" "$dir/redis" "$2"; }
scripts() { timeout 60 "$B/bench/probe_scripts" "$1" "$dir/redis" "$2"; }

# ---- figures ------------------------------------------------------------------

# put NAME VALUE: one more value of a series.
put() {
    [[ $2 =~ ^-?[0-9.]+$ ]] || die "no figure for $1: '$2'"
    echo "$2" >>"$dir/series.$1"
}
calc() { awk "BEGIN { printf \"%.6f\", $1 }"; }
# field NAME, of lines `NAME VALUE`.
field() { awk -v name="$1" '$1 == name { print $2 }'; }

redis_cpu_us() { redis INFO cpu | tr -d '\r' | awk -F: '/^used_cpu_(sys|user):/ { s += $2 } END { printf "%.0f", s * 1e6 }'; }
cpu_us() { awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); printf "%.0f", ($12 + $13) * 1e6 / hz }' "/proc/$1/stat"; }
# To the nanosecond, but without threads that have ended.
fine_cpu_us() { cat "/proc/$1"/task/*/schedstat | awk '{ s += $1 } END { printf "%.3f", s / 1000 }'; }
rss_kib() { awk '/^VmRSS:/ { print $2 }' "/proc/$1/status"; }

median() { sort -g "$dir/series.$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
show() {
    [ "$1" != - ] || { echo -; return; }
    sort -g "$dir/series.$1" | awk '
        function n(x) { return sprintf(x >= 100 ? "%.0f" : x >= 10 ? "%.1f" : x >= 1 ? "%.2f" : "%.3f", x) }
        { v[NR] = $1 } END { print n(v[int((NR + 1) / 2)]) " (" n(v[1]) "-" n(v[NR]) ")" }'
}

LINE='%-37s %-12s %-24s %-24s %-6s %s\n'
# row LABEL OPERATOR LIMIT FIGURE [PROBE]: the limit is for the figure, or, as 60% or
# 2x, for figure / probe, which is the median of what each run gave; - is no limit.
row() {
    local figure=$4 with=${5:--} ratio=- judged verdict=
    judged=$(median "$figure")
    if [ "$with" != - ]; then
        paste "$dir/series.$figure" "$dir/series.$with" | awk '{ print $1 / $2 }' >"$dir/series.ratio"
        ratio=$(printf '%.2f' "$(median ratio)")
    fi
    case $3 in
    *%) judged=$(calc "$(median ratio) * 100") ;;
    *x) judged=$(median ratio) ;;
    esac
    if [ "$2" != - ]; then
        verdict=MISSED
        awk -v a="$judged" -v b="${3%[x%]}" -v op="$2" 'BEGIN { exit !(op == ">=" ? a >= b : a <= b) }' && verdict=ok
    fi
    # shellcheck disable=SC2059  # the one format of all lines
    printf "$LINE" "$1" "${2#-} ${3#-}" "$(show "$figure")" "$(show "$with")" "$ratio" "$verdict"
}

# ---- rows -----------------------------------------------------------------------

# Redis gets the first core, and all else the others: three busy processes on two cores
# make the figure one of the scheduler.
own_core() {
    [ "$(nproc --all)" -gt 1 ] || return 0
    { taskset -acp 0 "$redis_pid" && taskset -cp "1-$(($(nproc --all) - 1))" "$BASHPID"; } >/dev/null || die 'no core of its own for Redis'
}

# tasks_run NAME: the probes, then submit to finished with a worker.
tasks_run() {
    local bare ours real cpu redis_before
    bare=$(probe bare "$TASKS") || die 'the probe failed'
    ours=$(scripts batches "$TASKS") || die 'the probe failed'
    put "$1.bare_us" "$(field redis_us <<<"$bare")"
    put "$1.probe_us" "$(field redis_us <<<"$ours")"
    put "$1.probe" "$(field per_s <<<"$ours")"
    start_worker "$CONCURRENCY"
    redis_before=$(redis_cpu_us)
    cpu=$(cpu_us "$worker")
    real=$(load tasks "$TASKS" sim:) || die 'the load failed'
    put "$1.real" "$(field per_s <<<"$real")"
    put "$1.real_us" "$(calc "($(redis_cpu_us) - $redis_before) / $TASKS")"
    put "$1.worker_us" "$(calc "($(cpu_us "$worker") - $cpu) / $TASKS")"
    stop_worker
}

bench_tasks() {
    local aof name
    for aof in no yes; do
        name=$([ "$aof" = no ] && echo 'AOF off' || echo 'AOF everysec')
        start_redis "$aof"
        own_core
        for ((i = 0; i < RUNS; i++)); do
            tasks_run "$aof"
        done
        stop_redis
        row "tasks/s, $name" '>=' 60% "$aof.real" "$aof.probe"
        row "  Redis us a task, probe : bare" '<=' 2x "$aof.probe_us" "$aof.bare_us"
        row "  Redis us a task, real : probe" - - "$aof.real_us" "$aof.probe_us"
        row "  worker us a task" - - "$aof.worker_us"
    done
}

bench_latency() {
    local turn ours
    start_redis no
    for ((i = 0; i < RUNS; i++)); do
        turn=$(scripts turns "$LIVES") || die 'the probe failed'
        start_worker "$CONCURRENCY"
        ours=$(load latency "$LIVES" sim:) || die 'the load failed'
        stop_worker
        for p in p50 p99; do
            put "turn.$p" "$(field "${p}_ms" <<<"$turn")"
            put "ours.$p" "$(field "${p}_ms" <<<"$ours")"
        done
    done
    row 'latency p50, ms' '<=' 0.5 ours.p50 turn.p50
    row 'latency p99, ms' '<=' 2 ours.p99 turn.p99
}

# A worker of 1,000 tasks of 50 tokens a second, beside events at the same pace.
paced_run() {
    local before cpu
    put paced.us "$(field redis_us <<<"$(probe paced "$EVENTS")")"
    start_worker "$STREAMS"
    before=$(redis_cpu_us)
    cpu=$(cpu_us "$worker")
    load tasks "$STREAMS" "sim:tokens=$((EVENTS / STREAMS)),rate=50" >/dev/null || die 'the load failed'
    put sim.us "$(calc "($(redis_cpu_us) - $before) / $EVENTS")"
    put sim.worker_us "$(calc "($(cpu_us "$worker") - $cpu) / $EVENTS")"
    put sim.late "$(load pace "$STREAMS" | field late_p99_ms)"
    stop_worker
}

bench_events() {
    local pairs ours before
    start_redis no
    for ((i = 0; i < RUNS; i++)); do
        pairs=$(probe pairs "$EVENTS") || die 'the probe failed'
        redis FLUSHALL >/dev/null
        before=$(redis_cpu_us)
        ours=$(load events "$EVENTS") || die 'the load failed'
        put events.us "$(calc "($(redis_cpu_us) - $before) / $EVENTS")"
        put pairs.us "$(field redis_us <<<"$pairs")"
        put pairs "$(field per_s <<<"$pairs")"
        put events "$(field per_s <<<"$ours")"
        paced_run
    done
    row 'events/s over 1,000 streams' '>=' 50% events pairs
    row '  Redis us an event' '<=' 1.5x events.us pairs.us
    row '1,000 tasks x 50/s, Redis us a token' '<=' 1.5x sim.us paced.us
    row '  worker us a token' - - sim.worker_us
    row '  a token is late by, p99 ms' '<=' 20 sim.late
}

COUNT="local n = 0
for _, k in ipairs(redis.call('KEYS', 'orbiter:task:' .. string.rep('?', 32))) do
  if redis.call('HGET', k, 'status') == ARGV[1] then n = n + 1 end
end
return n"
COUNT_TEXT="local n = 0
for _, k in ipairs(redis.call('KEYS', 'orbiter:stream:*')) do
  local last = redis.call('XREVRANGE', k, '+', '-', 'COUNT', 1)
  if last[1] and string.find(last[1][2][2], '\"type\": \"text\"', 1, true) then n = n + 1 end
end
return n"
have() { [ "$(redis EVAL "$COUNT" 0 "$1")" -eq "$2" ]; }

# streaming COUNT: so many tasks have text as their last event.
streaming() { [ "$(redis EVAL "$COUNT_TEXT" 0)" -ge "$1" ]; }

start_provider() {
    "$B/fake-provider" --listen 127.0.0.1:0 "$@" >"$dir/provider" 2>&1 &
    pids+=("$!")
    until_true 10 grep -qs '^listening' "$dir/provider"
    provider=http://$(sed -n 's/^listening //p' "$dir/provider")/v1
}

# All streams at once, by a worker that has just started.
http_run() {
    local tokens=$((SECONDS_EACH * 50)) plain cpu idle
    plain=$(timeout 60 "$B/bench/probe_http" "$provider" "$STREAMS" "$SECONDS_EACH") || die "the probe failed: $plain"
    put plain.us "$(sed -n 's/.* \([0-9.]*\) us CPU.*/\1/p' <<<"$plain")"
    put plain.kib "$(sed -n 's/.* \([0-9.]*\) KiB a stream.*/\1/p' <<<"$plain")"
    OPENAI_BASE_URL=$provider OPENAI_API_KEY=x start_worker "$STREAMS"
    cpu=$(cpu_us "$worker")
    idle=$(rss_kib "$worker")
    load submit "$STREAMS" "openai:fake?tokens=$tokens&rate=50" >/dev/null || die 'the load failed'
    until_true 5 have running "$STREAMS"
    pause $((SECONDS_EACH / 2))
    put http.kib "$(calc "($(rss_kib "$worker") - $idle) / $STREAMS")"
    until_true 30 have completed "$STREAMS"
    put http.us "$(calc "($(cpu_us "$worker") - $cpu) / ($STREAMS * $tokens)")"
    put http.stretch "$(load pace "$STREAMS" | field stretch_pct)"
    stop_worker
}

bench_http() {
    start_redis no
    start_provider
    for ((i = 0; i < HTTP_RUNS; i++)); do
        http_run
    done
    row 'http, worker CPU us a token' '<=' 20 http.us plain.us
    row '  worst stretch of a stream, %' '<=' 5 http.stretch
    row '  resident KiB a stream' '<=' 32 http.kib plain.kib
}

# The tools of the agents that have two: `again` says back what it is called with, never the same twice, so that no
# guard against loops stops its callers.
# shellcheck disable=SC2016  # it is for that program's shell
AGAIN='read -r line; echo "$line $$"'
AGENT_TOOLS='["mytools.search", "mytools.again"]'
write_tools() {
    mkdir "$dir/tools"
    cat >"$dir/tools/search.json" <<'END'
{"name": "search", "path": "mytools.search", "description": "Searches the web, and gives back titles and first lines.", "kind": "exec", "argv": ["cat"],
 "parameters": {"type": "object", "required": ["query"], "properties": {"query": {"type": "string", "description": "what to look for"},
 "limit": {"type": "integer", "minimum": 1, "maximum": 50}}}}
END
    cat >"$dir/tools/again.json" <<END
{"name": "again", "path": "mytools.again", "description": "Says it back.", "kind": "exec", "argv": ["sh", "-c", "${AGAIN//\"/\\\"}"],
 "parameters": {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}}
END
}

bench_rebuild() {
    local out
    start_redis no
    write_tools
    for ((i = 0; i < RUNS; i++)); do
        out=$(timeout 60 "$B/bench/rebuild" "unix://$dir/redis" "$dir/tools" "$REBUILDS") || die 'the agents failed'
        for series in ours ours_cpu plain plain_cpu; do
            put "$series" "$(field "${series}_us" <<<"$out")"
        done
    done
    row 'an agent, JSON to request, us' '<=' 200 ours plain
    row '  CPU us' - - ours_cpu plain_cpu
}

# Ten steps, each with a reply that calls a tool and the program that this is: what a worker takes for it, submit to result, and the
# same by libcurl alone.
bench_steps() {
    local ours plain model='openai:fake?tool=again&again=1&args=%7B%22text%22:%22x%22%7D'
    start_redis no
    start_provider --ledger "$dir/ledger"
    write_tools
    for ((i = 0; i < RUNS; i++)); do
        OPENAI_BASE_URL=$provider OPENAI_API_KEY=x start_worker "$CONCURRENCY" 1 --tools "$dir/tools"
        ours=$(load latency "$CONVERSATIONS" "$model" "$AGENT_TOOLS" | field p50_ms) || die 'the load failed'
        stop_worker
        plain=$(timeout 60 "$B/bench/probe_steps" "$provider" "$dir/ledger" "$CONVERSATIONS" sh -c "$AGAIN" | field p50_ms) || die 'the probe failed'
        put run.ms "$ours"
        put plain.ms "$plain"
        put own.ms "$(calc "($ours - $plain) / 10")"
    done
    row 'a step of 10 with a tool, own ms' '<=' 2 own.ms
    row '  all ten, ms' - - run.ms plain.ms
}

# Agents that have called a tool and then all stream at once. Slowly, and begun a hundred at a time: what is measured is what
# they hold, not what waits while a machine is too busy to write it out, or to make a thousand processes.
bench_agents() {
    local idle n model='openai:fake?tool=again&args=%7B%22text%22:%22x%22%7D&tokens=1000&rate=10'
    start_redis no
    start_provider
    write_tools
    for ((i = 0; i < HTTP_RUNS; i++)); do
        OPENAI_BASE_URL=$provider OPENAI_API_KEY=x start_worker "$STREAMS" 1 --tools "$dir/tools"
        idle=$(rss_kib "$worker")
        for ((n = 100; n <= STREAMS; n += 100)); do
            load submit 100 "$model" "$AGENT_TOOLS" >/dev/null || die 'the load failed'
            until_true 20 streaming "$n"
        done
        put agents.kib "$(calc "($(rss_kib "$worker") - $idle) / $STREAMS")"
        abort_worker
    done
    row 'resident KiB an agent with tools' '<=' 80 agents.kib
}

bench_sleepers() {
    local idle
    start_redis no
    for ((i = 0; i < RUNS; i++)); do
        start_worker "$SLEEPERS"
        idle=$(rss_kib "$worker")
        load submit "$SLEEPERS" sim:delay=60000 >/dev/null || die 'the load failed'
        until_true 30 have running "$SLEEPERS"
        put sleeper.kib "$(calc "($(rss_kib "$worker") - $idle) / $SLEEPERS")"
        abort_worker
    done
    row 'resident KiB a sleeping task' '<=' 3 sleeper.kib
}

# The workers of all runs are idle at the same time.
bench_idle() {
    local workers=() before=() n
    start_redis no
    for ((n = 0; n < RUNS; n++)); do
        start_worker "$CONCURRENCY" "$n"
        workers+=("$worker")
    done
    pause 1
    for ((n = 0; n < RUNS; n++)); do
        before+=("$(fine_cpu_us "${workers[n]}")")
    done
    pause "$IDLE_SECONDS"
    for ((n = 0; n < RUNS; n++)); do
        put idle.cpu "$(calc "($(fine_cpu_us "${workers[n]}") - ${before[n]}) / $IDLE_SECONDS / 1e4")"
        put empty.mib "$(calc "$("$B/bench/empty" | field rss_kib) / 1024")"
        put idle.mib "$(calc "$(rss_kib "${workers[n]}") / 1024")"
        put above.mib "$(calc "$(tail -n 1 "$dir/series.idle.mib") - $(tail -n 1 "$dir/series.empty.mib")")"
    done
    for worker in "${workers[@]}"; do
        stop_worker
    done
    row 'idle worker, MiB above empty' '<=' 3 above.mib
    row '  resident MiB' - - idle.mib empty.mib
    row '  CPU %' '<=' 0.1 idle.cpu
}

# The console in a terminal of its own; what its figures are tells tests/bench/console.c.
bench_console() {
    local what name value seconds
    start_redis no
    start_worker "$CONCURRENCY"
    mkdir -p "$dir/console"
    console() { timeout 900 "$B/bench/console" "$1" "unix://$dir/redis" "$dir/console" "$B/orbiter" "$CONSOLE_TASKS" "${2:-$CONSOLE_SECONDS}"; }
    console fill || die 'the tasks did not come'
    for what in bytes first keys delay find cpu flood memory million; do
        seconds=$CONSOLE_SECONDS
        [ "$what" != memory ] || seconds=$((3 * CONSOLE_SECONDS))
        console "$what" "$seconds" >"$dir/console/out" || die "$what was not measured"
        while read -r name value; do
            put "$name" "$value"
        done <"$dir/console/out"
    done
    stop_worker
    stop_redis
    row 'a change is seen, p95 ms' '<=' 150 row_p95
    row '  p99' '<=' 300 row_p99
    row 'a token is seen, p95 ms' '<=' 150 token_p95
    row '  p99' '<=' 300 token_p99
    row 'a key is seen at 1,000 changes/s, p50 ms' - - key_p50 echo_p50
    row '  p99' '<=' 10 key_p99 echo_p99
    row 'CPU % when idle' '<=' 1 cpu_idle
    row '  1,000 changes/s, overview' '<=' 5 cpu_overview
    row '  1,000 changes/s, tasks' '<=' 5 cpu_tasks
    row '  and a stream of 200 tokens/s' '<=' 5 cpu_stream
    row 'resident MiB' '<=' 64 rss
    row '  with full panes' - - rss_full
    row '  grows in a flood' '<=' 2 rss_grows
    row '  of a million tasks' '<=' 300 million_rss_after
    row 'bytes/s of a stream of 100 tokens/s' '<=' 1024 bytes_stream
    row '  20 changes/s, overview' '<=' 2048 bytes_overview
    row '  20 changes/s, tasks' '<=' 2048 bytes_tasks
    row '  20 changes/s, tasks, following' - - bytes_follow
    row '  20 changes/s, events' - - bytes_events
    row '  of nothing' '<=' 0 bytes_quiet
    row 'bytes of an arrow key, p90' '<=' 400 bytes_arrow
    row '  of the detail, when it rests' - - bytes_arrow_detail
    row 'the first full list, p50 ms' '<=' 150 first_p50
    row '  at most' - - first_max
    row 'a letter of a filter, at most ms' '<=' 30 letter_max
    row '  of a million tasks' '<=' 250 million_letter_max
    row 'another order, at most ms' '<=' 100 sort_max
    row '  of a million tasks' - - million_sort_max
    row 'events of a flood of 10,000/s' - - flood_events
    row '  that differ from Redis' '<=' 0 flood_differs
    row '  rows that move while it stands still' '<=' 0 flood_moved
    row '  leaving takes at most ms' '<=' 50 flood_leave_max
}

# ---- all ----------------------------------------------------------------------

# One row, in the background: a process of its own, so that the others go on when it
# fails. Not a function in (), which would be a second process that no signal reaches.
measure() {
    trap cleanup EXIT
    trap 'exit 130' INT TERM
    dir=$(mktemp -d "${TMPDIR:-/tmp}/orbiter-bench.XXXXXX") || exit 1
    "bench_$1"
}

names=("$@")
[ ${#names[@]} -gt 0 ] || names=("${ROWS[@]}")
for name in "${names[@]}"; do
    declare -F "bench_$name" >/dev/null || { echo "run.sh: no row '$name'; there are: ${ROWS[*]}" >&2; exit 2; }
done
for program in redis-server redis-cli; do
    command -v "$program" >/dev/null || die "$program is missing: run 'make deps'"
done
ulimit -n "$(ulimit -Hn)"
echo "$(nproc) cores, $(redis-server --version | grep -o 'v=[0-9.]*'), load before $(cut -d' ' -f1 /proc/loadavg), $CONCURRENCY slots; median (least-most) of $RUNS runs, http and agents $HTTP_RUNS"
# shellcheck disable=SC2059  # the one format of all lines
printf "$LINE" '' target figure probe ratio ''
failed=0
child=
stop() {
    [ -z "$child" ] || kill -TERM "$child"
    while [ -n "$child" ] && ! ended "$child"; do
        wait "$child"
    done
    exit 130
}
trap stop INT TERM
for name in "${names[@]}"; do
    measure "$name" &
    child=$!
    wait "$child" || { echo "$name: NOT MEASURED"; failed=1; }
done
exit $failed
