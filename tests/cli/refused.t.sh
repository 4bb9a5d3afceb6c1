# shellcheck shell=bash disable=SC2154,SC2016 # sourced by run.sh; inner shells expand
# The console for users who may not do everything, and for lines that cannot take everything.
sock=$work/redis.sock
as() { echo "unix://$1:pw@$sock"; }
submit() { orbiter submit -q --redis-url "$url" -m sim: --id "$1" "$1" >/dev/null; }

submit first
redis acl setuser weak on '>pw' +ping +client '~*' '&*' >/dev/null
redis acl setuser looks on '>pw' >/dev/null
# shellcheck disable=SC2046 # words
redis acl setuser $(orbiter acl viewer --redis-url "$url" | sed 's/^user //; s/orbiter-viewer/looks/; s/ on / on >pw /') >/dev/null

holds 'a viewer sees all' bash -c 'orbiter top -q --once --readonly -s tasks --redis-url "$1" | grep -q "first *. pending"' _ "$(as looks)"
# refusal SCREEN: the screen says why it is empty, and so does the command, with the status of a refusal.
refusal() { orbiter top -q --once -s "$1" --size 160x24 --redis-url "$(as weak)" 2>"$work/why" | grep -v 'redis.refused' | grep -c NOPERM; echo "${PIPESTATUS[0]}"; grep -c NOPERM "$work/why"; }
for screen in overview queues workers tasks; do
    check "a user who may not: $screen" bash -c "$(declare -f refusal as); sock=$sock work=$work; refusal $screen | tail -n +2" <<'EOT'
out: 6
out: 1
exit 0
EOT
    holds "a user who may not, in the frame: $screen" bash -c "$(declare -f refusal as); sock=$sock work=$work; [ \$(refusal $screen | head -1) -ge 1 ]"
done
holds 'a user who may not: events' bash -c 'orbiter top -q --once -s events --redis-url "$1" 2>/dev/null | grep -q "redis.refused *feed *Redis refused: NOPERM"' _ "$(as weak)"

# ---- what a slow line can take: 9,600 baud are 960 bytes a second ----
{
    echo '{"format": "orbiter-top-1"}'
    echo '{"type":"link","at":1000,"a":1}'
    for second in $(seq 1 30); do
        for n in $(seq 1 40); do
            echo "{\"type\":\"feed\",\"at\":$((1000 + second)),\"changes\":[{\"type\":\"task.failed\",\"status\":3,\"at_ms\":$((1000 + second))000,\"queue\":\"q\",\"worker_id\":\"w\",\"task_id\":\"task-$second-$n\",\"attempt\":1},{\"type\":\"task.running\",\"status\":1,\"at_ms\":$((1000 + second))000,\"queue\":\"q\",\"worker_id\":\"w\",\"task_id\":\"more-$second-$n\",\"attempt\":1}]}"
        done
    done
} >"$work/flood.jsonl"
lines() { script -qefc "orbiter top --plain --replay $work/flood.jsonl" /dev/null </dev/null; }
holds 'a terminal gets what 9,600 baud take' bash -c "$(declare -f lines); work=$work; bytes=\$(lines | wc -c); [ \"\$bytes\" -gt 10000 ] && [ \"\$bytes\" -lt \$((960 * 30)) ]"
holds 'and is told what it does not get' bash -c "$(declare -f lines); work=$work; lines | grep -qE '^  \.\.\. and [0-9]+ more, of which [0-9]+ failures'"
holds 'a file gets all' bash -c '[ "$(orbiter top --plain --replay "$1" | grep -c "task\.")" = 2400 ]' _ "$work/flood.jsonl"
holds 'lines are filtered' bash -c '[ "$(orbiter top --plain -f "type:failed" --replay "$1" | grep -c "task\.failed")" = 1200 ]' _ "$work/flood.jsonl"
