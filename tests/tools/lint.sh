#!/usr/bin/env bash
# Runs shellcheck over every shell script of the project, found by name or first line.
set -u
cd "$(dirname "$0")/../.." || exit 1
mapfile -t scripts < <(find . \( -name .git -o -name 'build*' \) -prune -o -type f -size -200k -print | LC_ALL=C sort |
    while read -r file; do
        case $file in
        *.sh | *.bash) echo "$file" ;;
        *.[ch] | *.lua | *.md | *.json) ;;
        *) head -c 64 "$file" | head -n 1 | tr -d '\0' | grep -qE '^#!.*[/ ](ba)?sh( |$)' && echo "$file" ;;
        esac
    done)
[ ${#scripts[@]} -gt 0 ] || { echo 'lint.sh: no scripts found' >&2; exit 1; }
failed=0
for script in "${scripts[@]}"; do
    if shellcheck -x "$script"; then
        echo "ok $script"
    else
        echo "not ok $script"
        failed=1
    fi
done
exit $failed
