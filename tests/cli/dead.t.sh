# shellcheck shell=bash disable=SC2154,SC2034 # sourced by run.sh
# Dead letters and resubmission, in a queue of its own, with a worker only where tasks run.

export ORBITER_REDIS_URL=$url
# bury ID TYPE REASON [PAYLOAD]: a dead letter as the scripts write them.
bury() {
    redis sadd orbiter:queues graves >/dev/null
    redis xadd graves:dead '*' reason "$3" error_type "$2" entry_id 5-0 task_id "$1" worker_id w9 dead_at "$EPOCHSECONDS.5" payload \
        "${4-{\"task_id\": \"$1\", \"agent_config\": {\"name\": \"bot\", \"model\": \"sim:\"\}, \"input\": \"hello\"\}}" \
        attempt 4 retries 3 recoveries 1 agent bot resubmit_of '' >"$work/letter"
}
letters() { redis xlen graves:dead; }
# Ids of letters become a word.
no_letter_ids() { "$@" | sed -E 's/\b[0-9]{13}-[0-9]+\b/LETTER/g'; return "${PIPESTATUS[0]}"; }
no_letter_errors() { "$@" 2>&1 | sed -E 's/\b[0-9]{13}-[0-9]+\b/LETTER/g'; return "${PIPESTATUS[0]}"; }

no_ages() { "$@" | sed -E 's/ [0-9]+s   / AGE  /'; return "${PIPESTATUS[0]}"; }

# ---- list and show ----
check 'no dead letters' orbiter dead list --queue graves <<'END'
err: orbiter: No dead letters found.
exit 0
END
check 'no dead letters, json' orbiter dead list --queue graves -o json <<'END'
out: []
exit 0
END
bury one Quarantined 'its workers died'
bury two RateLimitError $'slow\e[2J down'
check 'dead letters' no_ages orbiter dead list --queue graves <<'END'
out: ID   QUEUE   TYPE            ATTEMPT  AGE  REASON
out: two  graves  RateLimitError  4        AGE  slow\x1b[2J down
out: one  graves  Quarantined     4        AGE  its workers died
exit 0
END
check 'dead letters by type' no_letter_ids orbiter dead list --queue graves --reason ratelimiterror -o jsonl <<'END'
out: {"id": "LETTER", "queue": "graves", "task_id": "two", "reason": "slow\u001B[2J down", "error_type": "RateLimitError", "agent": "bot", "worker_id": "w9", "entry_id": "5-0", "attempt": 4, "retries": 3, "recoveries": 1, "resubmit_of": null, "dead_at": T}
exit 0
END
holds 'at most so many' test "$(orbiter dead list --queue graves --limit 1 -o jsonl | wc -l)" = 1
check 'a dead letter' no_letter_ids orbiter dead show one <<'END'
out: Dead letter LETTER
out:   Task:        one
out:   Queue:       graves
out:   Reason:      its workers died
out:   Type:        Quarantined
out:   Died:        TIME
out:   Agent:       bot
out:   Worker:      w9
out:   Entry:       5-0
out:   Attempt:     4
out:   Retries:     3
out:   Recoveries:  1
out:   Resubmit of: -
out:   Payload:
out: {"task_id": "one", "agent_config": {"name": "bot", "model": "sim:"}, "input": "hello"}
exit 0
END
holds 'a letter by its own id' grep -qF '"payload": "{\"task_id\": \"two\", ' <(orbiter dead show "$(cat "$work/letter")" -o jsonl)
check 'no such letter' orbiter dead show nope <<'END'
err: orbiter: No dead letter found: nope
exit 5
END
check 'a bad id' orbiter dead show 'a b' <<'END'
err: orbiter: 'a b' is not an id: 1 to 128 of A-Z a-z 0-9 . _ -
exit 2
END

# ---- replay ----
check 'replay of what?' orbiter dead replay <<'END'
err: orbiter: say which dead letters: IDs, --queue or --reason ('orbiter dead list' shows them)
exit 2
END
check 'ids or a reason' orbiter dead replay one --reason x <<'END'
err: orbiter: give IDs or --reason, not both
exit 2
END
for rate in 0 -1 5/m /s 1e9 nan ''; do
    check "rate '$rate'" orbiter dead replay one --rate="$rate" <<END
err: orbiter: --rate needs a number from 0.001 to 100000, such as 5/s, not '$rate'
exit 2
END
done
check 'replay, one of them twice, one not there' orbiter dead replay one one nope <<'END'
out: one ID
err: orbiter: No dead letter found: nope
exit 8
END
holds 'one task' test "$(redis xlen graves) $(letters)" = '1 1'
check 'replay once more' orbiter dead replay one <<'END'
err: orbiter: No dead letter found: one
exit 5
END
bury bad InvalidInput 'no JSON' 'no'
check 'what cannot be read is kept' no_letter_errors orbiter dead replay --queue graves --rate 100 <<'END'
out: two ID
out: orbiter: dead letter LETTER cannot be replayed, and is kept: task payload: JSON, line 1, column 1 (byte 0): a value was expected here
exit 8
END
check 'nothing but that' no_letter_errors orbiter dead replay bad <<'END'
out: orbiter: dead letter LETTER cannot be replayed, and is kept: task payload: JSON, line 1, column 1 (byte 0): a value was expected here
exit 2
END
holds 'it is still there' test "$(letters)" = 1
bury three T r
bury four T r
check 'replay, json' no_letter_ids orbiter dead replay --reason T -o json <<'END'
out: [
out:   {
out:     "id": "ID",
out:     "resubmit_of": "three",
out:     "dead_id": "LETTER",
out:     "queue": "graves"
out:   },
out:   {
out:     "id": "ID",
out:     "resubmit_of": "four",
out:     "dead_id": "LETTER",
out:     "queue": "graves"
out:   }
out: ]
exit 0
END
check 'none with such a reason' orbiter dead replay --reason T <<'END'
err: orbiter: No dead letters found.
exit 0
END
redis del graves >/dev/null
redis set graves x >/dev/null
bury five T r
check 'a queue that is none' no_letter_errors orbiter dead replay five <<'END'
out: orbiter: LETTER was not repeated: the key graves in Redis is no stream; see what it is with TYPE, and rename or delete it
exit 1
END
redis del graves >/dev/null

# ---- purge ----
check 'purge without a terminal' orbiter dead purge --queue graves <<'END'
err: orbiter: dead letters are deleted for good: give --yes
exit 2
END
check 'purge' orbiter dead purge five nope --yes <<'END'
err: orbiter: deleted 1 dead letter
err: orbiter: No dead letter found: nope
exit 8
END
on_tty() { printf '%s' "$1" | script -qefc "${*:2}" /dev/null | tr -d '\r'; return "${PIPESTATUS[1]}"; }
check 'purge, no' on_tty 'n
' orbiter dead purge --queue graves <<'END'
out: n
out: Delete 1 dead letter for good? [y/N] orbiter: nothing was deleted
exit 6
END
holds 'nothing was purged' test "$(letters)" = 1
check 'purge, yes' on_tty 'y
' orbiter dead purge --queue graves <<'END'
out: y
out: Delete 1 dead letter for good? [y/N] orbiter: deleted 1 dead letter
exit 0
END
check 'purge, json' orbiter dead purge --queue graves --yes -o jsonl <<'END'
out: {"deleted": 0}
exit 0
END
bury six T r
bury seven T r
redis acl setuser reader on '>secret' '~*' '&*' -@all +@read +ping +hello +client +select +info >/dev/null
holds 'who may only read may list' test "$(orbiter dead list --queue graves --redis-url "unix://reader:secret@$work/redis.sock" -o jsonl | wc -l)" = 2
check 'who may only read may not replay' orbiter dead replay --queue graves --redis-url "unix://reader:secret@$work/redis.sock" <<'END'
err: orbiter: Redis refused: NOPERM this user has no permissions to run the 'evalsha' command; give the Redis URL of a user who may, or change this one's ACL (see orbiter acl --help)
exit 6
END
redis acl deluser reader >/dev/null
redis del graves:dead >/dev/null
redis set graves:dead x >/dev/null
check 'dead letters that are no stream' orbiter dead list --queue graves <<'END'
err: orbiter: the key graves:dead in Redis is no stream, so that the dead letters of this queue cannot be read or kept; see what it is with TYPE, and rename or delete it
exit 1
END
redis del graves:dead >/dev/null

# ---- resubmit ----
orbiter submit -q -m sim: --queue graves --id first --priority 5 --metadata k=v hello >/dev/null
check 'resubmit' orbiter task resubmit first first <<'END'
out: ID
exit 0
END
check 'resubmit, json' orbiter task resubmit first -o jsonl <<'END'
out: {"id": "ID", "resubmit_of": "first"}
exit 0
END
check 'resubmit, one is not there' orbiter task resubmit first nope <<'END'
out: ID
err: orbiter: Task not found: nope
exit 8
END
check 'resubmit of nothing' orbiter task resubmit nope <<'END'
err: orbiter: Task not found: nope
exit 5
END
check 'edit without a terminal' orbiter task resubmit first --edit <<'END'
err: orbiter: --edit needs a terminal; elsewhere, submit the changed text with 'orbiter submit'
exit 2
END
check 'edit of two' orbiter task resubmit first nope --edit <<'END'
err: orbiter: --edit takes one ID
exit 2
END
cat >"$work/editor" <<'END'
#!/bin/sh
[ "$(stat -c '%a %F' "$2")" = '600 regular file' ] && [ "$(stat -c %a "$(dirname "$2")")" = 700 ] && [ "$(cat "$2")" = hello ] || exit 9
echo backup >"$2~"
printf '%b' "$1" >"$2.new" && mv "$2.new" "$2"
END
chmod +x "$work/editor"
mkdir -p "$work/drafts"
# edited EDITOR: resubmits the first task through that editor.
edited() { TMPDIR=$work/drafts VISUAL='' EDITOR=$1 script -qefc "orbiter task resubmit first --edit" /dev/null | tr -d "\r" | sed "s,edit-[A-Za-z0-9]*/,edit-X/,"; return "${PIPESTATUS[0]}"; }
check 'edit' edited "$work/editor 'changed\\ntext\\n'" <<'END'
out: ID
exit 0
END
newest=$(orbiter task list --limit 1 | awk 'NR == 2 { print $1 }')
redis get "orbiter:payload:$newest" >"$work/payload"
check 'the payload is the new one' cat "$work/payload" <<'END'
out: {"task_id": "ID", "agent_config": {"name": "assistant", "model": "sim:", "instructions": "", "max_steps": 10, "temperature": 1.0, "max_tokens": null}, "input": "changed\ntext", "messages": [], "model": null, "detailed": false, "metadata": {"k": "v"}, "created_at": T, "timeout_seconds": 300.0, "priority": 5, "resubmit_of": "first"}
exit 0
END
tasks=$(redis xlen graves)
check 'edit, unchanged' edited true <<'END'
out: orbiter: the text is as it was: nothing was submitted; without --edit the task is repeated as it is
exit 2
END
check 'edit, unchanged but for the end of the line' edited "$work/editor 'hello\\n'" <<'END'
out: orbiter: the text is as it was: nothing was submitted; without --edit the task is repeated as it is
exit 2
END
check 'edit, empty' edited "$work/editor ' \\n'" <<'END'
out: orbiter: the text is empty: nothing was submitted
exit 2
END
check 'edit, not UTF-8' edited "$work/editor '\\0377'" <<'END'
out: orbiter: the edited text is not UTF-8 at byte offset 0: convert it first
exit 2
END
check 'edit, the editor fails' edited 'sh -c "exit 3"' <<'END'
out: orbiter: the editor (sh -c "exit 3") failed with status 3; nothing was submitted
exit 1
END
check 'edit, the file is gone' edited 'rm' <<'END'
out: orbiter: cannot read WORK/drafts/orbiter-edit-X/input.txt: No such file or directory; nothing was submitted
exit 1
END
check 'edit, no editor' edited '' <<'END'
out: orbiter: no editor: set VISUAL or EDITOR, for example EDITOR=vi
exit 2
END
holds 'nothing was submitted' test "$(redis xlen graves)" = "$tasks"
holds 'no draft is left' test -z "$(ls -A "$work/drafts")"
redis del orbiter:payload:first >/dev/null
check 'the payload is gone' orbiter task resubmit first <<'END'
err: orbiter: task first is there, but its payload is gone: it cannot be repeated from it; if it failed, its dead letter may have one (orbiter dead replay first), else submit it anew
exit 5
END

# ---- all of it, with a worker ----
start_worker gravedigger --queue graves --concurrency 4
orbiter submit -q -m sim:error=auth@0 --queue graves --id doomed --wait hello 2>/dev/null
again=$(orbiter dead replay doomed | awk '{ print $2 }')
holds 'it was run again, and died again' until_ok 20 is_state "$again" failed
holds 'its lineage' grep -q '"resubmit_of": "doomed"' <(orbiter task status "$again" -o json)
holds 'the new one is the dead letter now' test "$(orbiter dead list --queue graves | awk 'NR > 1 { print $1 }')" = "$again"

check 'no server there for dead letters' orbiter dead replay --queue graves --redis-url "unix://$work/nowhere.sock" <<'END'
err: orbiter: cannot connect to Redis at WORK/nowhere.sock: No such file or directory; is it running there, and is the URL right?
exit 7
END
check 'no server there for a resubmit' orbiter task resubmit first --redis-url "unix://$work/nowhere.sock" <<'END'
err: orbiter: cannot connect to Redis at WORK/nowhere.sock: No such file or directory; is it running there, and is the URL right?
exit 7
END
stop "$worker_pid"
