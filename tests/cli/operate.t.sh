# shellcheck shell=bash disable=SC2154,SC2034 # sourced by run.sh
# Queues, drained workers and what operators did.

start_redis operate
ORBITER_REDIS_URL=unix://$work/operate.sock
export ORBITER_REDIS_URL ORBITER_USER=ann
ops() { redis-cli -s "$work/operate.sock" "$@"; }
# From is a process of this run.
from() { sed -E "s/\"from\": \"[^\"]+:[0-9]+\"/\"from\": F/; s/\"id\": \"[0-9]+-0\"/\"id\": I/; s/[0-9-]{10}T[0-9:]{8}Z/TIME/; s/  [^ ]+:[0-9]+\$/  FROM/; s/FROM +\$/FROM/"; }

check 'no queues' orbiter queue list <<'END'
err: orbiter: No queues found.
exit 0
END
check 'no queues, json' orbiter queue list -o json <<'END'
out: []
exit 0
END
check 'nothing was done' orbiter audit list <<'END'
err: orbiter: No entries found.
exit 0
END
for command in pause resume 'purge --yes'; do
    # shellcheck disable=SC2086 # an option may follow
    check "$command of a queue that is not there" orbiter queue $command parked <<'END'
err: orbiter: there is no queue parked: it has had neither a task nor a worker
exit 5
END
done
check 'a name that is none' orbiter queue pause orbiter:feed <<'END'
err: orbiter: queue "orbiter:feed": names that begin with orbiter: are reserved, except orbiter:tasks
exit 2
END
check 'half a command' orbiter queue <<'END'
err: orbiter: orbiter queue needs one more word (see orbiter queue --help)
exit 2
END

# ---- queues ----
for n in 1 2 3; do orbiter submit -q -m sim: --queue parked --id "t$n" x >/dev/null; done
orbiter submit -q -m sim: --queue parked --id urgent --priority 9 x >/dev/null
orbiter submit -q -m sim: --queue parked --id delayed --delay 1000 x >/dev/null
orbiter submit -q -m sim: --queue other --id o1 x >/dev/null
check 'queues' orbiter queue list <<'END'
out: QUEUE   DEPTH  RUNNING  DELAYED  DEAD  WORKERS  PAUSED  COST
out: other   1      0        0        0     0        -       -
out: parked  4      0        1        0     0        -       -
exit 0
END
check 'a page of the queues' orbiter queue list --limit 1 -o jsonl <<'END'
out: {"queue": "other", "depth": 1, "running": 0, "delayed": 0, "dead": 0, "workers": 0, "consumers": 0, "paused": false, "paused_by": null, "paused_from": null, "paused_at": null, "usage": null}
exit 0
END
check 'pause' orbiter queue pause parked <<'END'
out: parked paused
exit 0
END
holds 'pause again is said' bash -c "ORBITER_USER=bob orbiter queue pause parked 2>&1 >/dev/null | grep -qxE 'orbiter: queue parked is paused already, by ann, for [0-9]+s'"
check 'pause again, quiet' orbiter queue pause -q parked <<'END'
out: parked paused
exit 0
END
check 'pause again, json' orbiter queue pause -q parked -o jsonl <<'END'
out: {"queue": "parked", "paused": true, "changed": false, "previous_by": "ann", "previous_at": T}
exit 0
END
ops del other >/dev/null
ops set other x >/dev/null
ops set parked:paused 'by hand' >/dev/null
check 'queues, one paused and one that is none' orbiter queue list <<'END'
out: QUEUE   DEPTH  RUNNING  DELAYED  DEAD  WORKERS  PAUSED  COST
out: other   -      0        0        0     0        -       -
out: parked  4      0        1        0     0        yes     -
exit 0
END
check 'resume' orbiter queue resume parked -o jsonl <<'END'
out: {"queue": "parked", "paused": false, "changed": true, "previous_by": null, "previous_at": null}
exit 0
END
check 'resume again' orbiter queue resume parked <<'END'
out: parked running
err: orbiter: queue parked was not paused
exit 0
END
check 'purge without a terminal' orbiter queue purge parked <<'END'
err: orbiter: purging queue parked cannot be undone, and there is no terminal to ask on: give --yes
exit 2
END
# at_terminal ANSWER: purges parked where there is a terminal; prints what is shown there and the exit status.
at_terminal() {
    printf '%s\n' "$1" | script -qec 'orbiter queue purge parked' /dev/null | tr -d '\r'
    printf 'status %s\n' "${PIPESTATUS[1]}"
}
if command -v script >/dev/null; then
    check 'purge asks, no' at_terminal n <<'END'
out: n
out: Cancel the 5 tasks that wait in queue parked? [y/N] orbiter: queue parked was not purged
out: status 6
exit 0
END
    holds 'nothing was purged' test "$(ops xlen parked)" = 3
    check 'purge asks, yes' at_terminal y <<'END'
out: y
out: Cancel the 5 tasks that wait in queue parked? [y/N] parked 5 cancelled
out: status 0
exit 0
END
else
    orbiter queue purge parked --yes >/dev/null
fi
check 'purge of nothing' orbiter queue purge parked --yes -o jsonl <<'END'
out: {"queue": "parked", "cancelled": 0}
exit 0
END
check 'a purged task' orbiter task result t1 <<'END'
err: orbiter: task t1 was cancelled
exit 4
END
check 'purge of what is no queue' orbiter queue purge other --yes <<'END'
err: orbiter: queue other cannot be purged: its key in Redis is no stream; look at it and delete it there
exit 1
END

# ---- workers ----
url=$ORBITER_REDIS_URL start_worker d1 --queue parked
drained_pid=$worker_pid
ops hset orbiter:workers:python status running last_heartbeat 1 >/dev/null
check 'drain, one of two' orbiter worker drain d1 nobody <<'END'
out: d1 draining
err: orbiter: there is no worker nobody
exit 8
END
wait "$drained_pid"
holds 'the worker has ended with status 0' test $? = 0
check 'drain of one that has ended' orbiter worker drain d1 -o json <<'END'
out: []
err: orbiter: there is no worker d1
exit 5
END
check 'drain of a Python worker' orbiter worker drain python <<'END'
err: orbiter: worker python has no lease, as Python workers have none: it does not look whether it is to drain; stop it with SIGTERM where it runs
exit 6
END
check 'drain of what is no id' orbiter worker drain 'a b' <<'END'
err: orbiter: worker id "a b": use 1 to 128 of the characters A-Z a-z 0-9 . _ -
exit 2
END

# ---- audit ----
audited() { orbiter audit list "$@" | from; }
check 'what was done' audited <<'END'
out: AT                    WHO  ACTION  TARGET  WAS        BECAME    FROM
out: TIME  ann  drain   d1      running    draining  FROM
out: TIME  ann  purge   parked  waiting=5  ended=5   FROM
out: TIME  ann  resume  parked  paused     running   FROM
out: TIME  ann  pause   parked  running    paused    FROM
exit 0
END
check 'what was done, filtered, json' audited --action pause --who ann --target parked --limit 1 -o jsonl <<'END'
out: {"id": I, "done_at": T, "who": "ann", "from": F, "action": "pause", "target": "parked", "was": "running", "became": "paused"}
exit 0
END
check 'what nobody did' audited --who nobody <<'END'
err: orbiter: No entries found.
exit 0
END
ops xadd orbiter:audit '*' who $'\e[31mred' >/dev/null
holds 'what was written by others is shown safely' grep -qF '\x1b[31mred' <(orbiter audit list)

# ---- where it cannot be written ----
ops replicaof 127.0.0.1 1 >/dev/null
for command in 'queue pause parked' 'queue resume parked' 'queue purge parked --yes'; do
    # shellcheck disable=SC2086 # words
    holds "$command on a replica" bash -c "orbiter $command 2>&1 | grep -q 'orbiter: READONLY'; test \${PIPESTATUS[0]} = 6"
done
ops replicaof no one >/dev/null
for command in 'queue list' 'queue pause parked' 'queue resume parked' 'queue purge parked --yes' 'worker drain d1' 'audit list'; do
    # shellcheck disable=SC2086 # words
    check "$command without Redis" orbiter $command --redis-url "unix://$work/nothing.sock" <<'END'
err: orbiter: cannot connect to Redis at WORK/nothing.sock: No such file or directory; is it running there, and is the URL right?
exit 7
END
done
unset ORBITER_USER ORBITER_REDIS_URL
