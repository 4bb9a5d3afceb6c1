# shellcheck shell=bash disable=SC2154 # sourced by run.sh
# Command lines, help and manuals: nothing here needs Redis.

version=$(sed -n 's/^#define ORB_VERSION "\(.*\)"/\1/p' lib/include/orbiter/base.h)
check 'version' orbiter --version <<END
out: orbiter $version
exit 0
END
check 'version, json' orbiter --version -o json <<END
out: {
out:   "version": "$version"
out: }
exit 0
END
check 'version, jsonl' orbiter -o jsonl --version <<END
out: {"version": "$version"}
exit 0
END
check 'version, no such format' orbiter -o xml --version <<END
err: orbiter: -o needs table, json or jsonl, not 'xml'
exit 2
END
holds 'one name for the id of an entry' grep -qF 'ID [--from-id ID] [--raw]' <(orbiter task stream --help)
check 'version of the worker' orbiter-worker --version <<END
out: orbiter-worker $version
exit 0
END
check 'unknown command' orbiter tsk list <<'END'
err: orbiter: unknown command 'tsk list' (did you mean 'task list'?)
exit 2
END
check 'unknown second word' orbiter task lst <<'END'
err: orbiter: unknown command 'task lst' (did you mean 'task list'?)
exit 2
END
check 'unknown command like no other' orbiter frobnicate <<'END'
err: orbiter: unknown command 'frobnicate' (see orbiter --help)
exit 2
END
check 'half a command' orbiter task <<'END'
err: orbiter: orbiter task needs one more word (see orbiter task --help)
exit 2
END
check 'unknown option' orbiter task list --stats failed <<'END'
err: orbiter: unknown option --stats (did you mean --status?) (see orbiter task list --help)
exit 2
END
check 'option without its argument' orbiter task list --status <<'END'
err: orbiter: option --status needs an argument: STATUS (see orbiter task list --help)
exit 2
END
check 'number out of range' orbiter task list --limit=0 <<'END'
err: orbiter: --limit needs a number from 1 to 10000, not '0' (see orbiter task list --help)
exit 2
END
check 'unknown format' orbiter task list -oxml <<'END'
err: orbiter: -o needs table, json or jsonl, not 'xml'
exit 2
END
check 'missing operand' orbiter task status <<'END'
err: orbiter: orbiter task status needs more operands: ID... (see orbiter task status --help)
exit 2
END
check 'operand too many' orbiter worker list all <<'END'
err: orbiter: orbiter worker list does not take 'all' (see orbiter worker list --help)
exit 2
END
check 'invalid status' orbiter task list --status 'done' <<'END'
err: orbiter: invalid status 'done': it is one of pending, running, completed, failed, cancelled, retrying
exit 2
END
check 'no Redis URL' orbiter task list <<'END'
err: orbiter: no Redis URL: give --redis-url, set ORBITER_REDIS_URL, or run 'orbiter dev'
exit 2
END
check 'no Redis URL for the worker' orbiter-worker <<'END'
err: orbiter-worker: no Redis URL: give --redis-url or set ORBITER_REDIS_URL
exit 2
END
check 'reserved queue' orbiter-worker --redis-url redis://127.0.0.1 --queue orbiter:feed <<'END'
err: orbiter-worker: queue "orbiter:feed": names that begin with orbiter: are reserved, except orbiter:tasks
exit 2
END
check 'unknown log level' env ORBITER_LOG_LEVEL=LOUD orbiter-worker --redis-url redis://127.0.0.1 <<'END'
err: orbiter-worker: ORBITER_LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR
exit 2
END
check 'not an entry id' orbiter task stream abc --from-id 12-x <<'END'
err: orbiter: --from-id needs the id of a stream entry, such as 1795461238000-3, not '12-x'
exit 2
END
check 'help of a group' orbiter worker --help <<'END'
out: usage: orbiter worker COMMAND [OPTION]...
out: 
out:   worker list      list the workers
out:   worker drain     let workers finish what they run, and end
exit 0
END

# Every command of the list has help, and the manual tells of each.
orbiter help --man >"$work/orbiter.1"
orbiter-worker --man >"$work/orbiter-worker.1"
commands_of_help() { orbiter | sed -n 's/^  \([a-z][a-z ]*[a-z]\)   *[a-z].*/\1/p'; }
holds 'there are commands' test "$(commands_of_help | wc -l)" -ge 10
while read -r -a words; do
    holds "help of ${words[*]}" grep -q "^usage: orbiter ${words[*]}" <(orbiter help "${words[@]}")
    holds "${words[*]} --help is the same" cmp <(orbiter help "${words[@]}") <(orbiter "${words[@]}" --help)
    holds "manual of ${words[*]}" grep -q "^\.SS orbiter ${words[*]}" "$work/orbiter.1"
done < <(commands_of_help)
for section in NAME SYNOPSIS DESCRIPTION 'EXIT STATUS' ENVIRONMENT; do
    holds "orbiter(1): $section" grep -qx "\.SH $section" "$work/orbiter.1"
    holds "orbiter-worker(1): $section" grep -qx "\.SH $section" "$work/orbiter-worker.1"
done
for status in 0 1 2 3 4 5 6 7 8 124 130; do
    holds "orbiter(1): status $status" grep -qx "\.B $status" "$work/orbiter.1"
done
# shellcheck disable=SC2016 # for the inner shell
holds 'help fits 80 columns' bash -c 'orbiter help submit | awk "length(\$0) > 80 { print; bad = 1 } END { exit bad }"'

check 'writing to a full disk' bash -c 'orbiter help >/dev/full' <<'END'
err: orbiter: cannot write to stdout: No space left on device
exit 1
END
# shellcheck disable=SC2016 # for the inner shell
check 'a reader that goes away' bash -c 'orbiter help --man | head -n 0; exit "${PIPESTATUS[0]}"' <<'END'
exit 0
END
holds 'providers fit 80 columns' bash -c '! orbiter provider list | grep -E ".{81}"'
check 'providers' bash -c 'orbiter provider list | grep -v "^ " | sort' <<'END'
out: anthropic
out: azure
out: gemini
out: llamacpp
out: ollama
out: openai
out: openrouter
out: responses
out: sim
out: vertex
out: vllm
exit 0
END

# Providers from files.
mkdir "$work/providers"
cat >"$work/providers/mine.json" <<'END'
{"name": "mine", "protocol": "responses", "base_url": "https://models.example.com/v1", "key_env": "MINE_API_KEY", "help": "our own models"}
END
check 'a provider of a file' bash -c "orbiter provider list --providers $work/providers -o jsonl | tail -n 1" <<'END'
out: {"name": "mine", "help": "our own models", "settings": "MINE_API_KEY"}
exit 0
END
check 'by the environment' bash -c "ORBITER_PROVIDERS=$work/providers orbiter provider list | tail -n 3" <<'END'
out: mine
out:     our own models
out:     settings: MINE_API_KEY
exit 0
END
echo '{"name": "openai", "protocol": "openai", "base_url": "https://models.example.com/v1"}' >"$work/providers/other.json"
check 'a wrong file' orbiter provider list --providers "$work/providers" <<'END'
err: orbiter: provider file WORK/providers/other.json: the name 'openai' is that of a provider that is built in; choose another
exit 2
END
check 'a worker with a wrong file' orbiter-worker --redis-url redis://127.0.0.1:1 --providers "$work/providers" <<'END'
err: orbiter-worker: provider file WORK/providers/other.json: the name 'openai' is that of a provider that is built in; choose another
exit 2
END
check 'no such folder' orbiter provider list --providers "$work/nowhere" <<'END'
err: orbiter: cannot read the folder of provider files WORK/nowhere: No such file or directory; check --providers or ORBITER_PROVIDERS
exit 2
END
