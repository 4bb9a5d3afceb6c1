#!/usr/bin/env bash
# Does run.sh count, fail and stop as it says?
set -u
here=$(cd "$(dirname "$0")" && pwd)
failed=0

# expect LAST-LINE PATTERN COMMAND... - the last line, a line that must be printed
expect() {
    local last=$1 pattern=$2 output status=0 want=0
    shift 2
    output=$(bash "$here/run.sh" "$@" 2>&1) || status=1
    case $last in *' 0 failed') [ "$last" = '0 passed, 0 failed' ] && want=1 ;; *) want=1 ;; esac
    if [ "${output##*$'\n'}" = "$last" ] && [ $status = $want ] && grep -qE -- "$pattern" <<<"$output"; then
        echo "ok $last: $*"
    else
        printf '%s\n' "$output"
        echo "not ok $last: $*"
        failed=1
    fi
}

cmocka_good="printf '[==========] Running 3 test(s).\n[       OK ] a\n[==========] 3 test(s) run.\n[  PASSED  ] 3 test(s).\n'"
cmocka_bad="printf '[==========] 3 test(s) run.\n[  PASSED  ] 1 test(s).\n[  FAILED  ] 2 test(s), listed below:\n'; exit 2"
cmocka_skip="printf '[==========] 2 test(s) run.\n[  PASSED  ] 1 test(s).\n[  SKIPPED ] 1 test(s), listed below:\n'"
expect '1 passed, 0 failed' '^ok +true' true
expect '0 passed, 1 failed' 'rerun: false$' false
expect '3 passed, 0 failed' '^ok .* 3 in ' "$cmocka_good"
expect '6 passed, 0 failed' '^ok .* 6 in ' "$cmocka_good; $cmocka_good"
expect '1 passed, 2 failed' '2 of 3 failed' "$cmocka_bad"
expect '1 passed, 1 failed' '1 of 2 failed' "$cmocka_skip"
expect '3 passed, 1 failed' '1 of 4 failed' "$cmocka_good; kill -SEGV \$\$"
expect '2 passed, 1 failed' '\| not ok b' "printf 'ok a\nnot ok b\nok c\n'; exit 1"
expect '1 passed, 1 failed' 'over the time limit of 1 s' true '1:sleep 30'
# shellcheck disable=SC2016  # for the shell that runs the command
expect '1 passed, 0 failed' '^ok' 'test -d "$TMPDIR" && touch "$TMPDIR/x" && ! read -r'
exit $failed
