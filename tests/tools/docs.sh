#!/usr/bin/env bash
# docs.sh [BUILD] - is what the documents say still so? Files, targets, links, options,
# environment variables, exit statuses and keys that they name exist; C in them
# compiles. With BUILD, options are looked up in the manual pages there.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${1:-build}
failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mapfile -t docs < <(find . -maxdepth 1 -name '*.md'; find docs -name '*.md')

# none NAME < list of what is wrong: one test case
none() {
    local wrong
    wrong=$(LC_ALL=C sort -u)
    if [ -z "$wrong" ]; then
        echo "ok $1"
    else
        echo "$wrong"
        echo "not ok $1"
        failed=1
    fi
}

# shellcheck disable=SC2016  # those are Markdown's
# Backticked paths below our folders; a name in capitals stands for any.
grep -ohE '`(lib|cli|worker|tui|tests|docs|themes)/[^` ]*`' "${docs[@]}" | tr -d '`' | grep -vE '[A-Z]{4}' | sort -u |
    while read -r path; do compgen -G "$path" >/dev/null || echo "no such file: $path"; done | none 'files named in the documents exist'

grep -ohE '(^ +|`)make [a-z][a-z-]*' "${docs[@]}" | sed 's/.*make //' | sort -u |
    while read -r target; do grep -qE "^$target( [a-z-]+)*:" Makefile tests/targets.mk || echo "no such target: $target"; done |
    none 'make targets named in the documents exist'

for doc in "${docs[@]}"; do
    grep -oE '\]\([^)#]+' "$doc" | sed 's/^](//' | grep -v '://' |
        while read -r link; do [ -e "$(dirname "$doc")/$link" ] || echo "$doc: dead link: $link"; done
done | none 'links lead somewhere'

# C blocks: each is a whole file.
for doc in "${docs[@]}"; do
    awk -v base="$work/$(basename "$doc" .md)" '/^```c$/ { file = base "-" ++n ".c"; next } /^```/ { file = "" } file { print > file }' "$doc"
done
for source in "$work"/*.c; do
    [ -e "$source" ] || continue
    "${CC:-cc}" -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -fsyntax-only -Ilib/include "$source" 2>&1
done | none 'C in the documents compiles'

sed 's/\\-/-/g; s/\\f[BIRP]//g' "$build"/man/*.1 >"$work/man" || failed=1
grep -v pkg-config README.md | grep -oE -- '--[a-z][a-z-]+' | sort -u |
    while read -r option; do grep -qE -- "$option($|[^a-z-])" "$work/man" || echo "in README.md, in no manual page: $option"; done |
    none 'options in README.md exist'

variables() {
    grep -rohE '"((ORBITER|OPENAI|AZURE_OPENAI|OLLAMA|OPENROUTER|VLLM|LLAMACPP|ANTHROPIC|GEMINI|GOOGLE|XDG)_[A-Z_]+|NO_COLOR|CLICOLOR[A-Z_]*)"' lib cli worker tui --include='*.[ch]' |
        tr -d '"' | LC_ALL=C sort -u
}
variables | while read -r name; do grep -q "\`$name\`" README.md || echo "not in README.md: $name"; done | none 'environment variables are in README.md'
# shellcheck disable=SC2016
grep -oE '^\| `[A-Z_]{4,}`' README.md | tr -d '|` ' | while read -r name; do variables | grep -qx "$name" || echo "nothing reads $name"; done |
    none 'environment variables in README.md are read'

sed -n 's/^ *X([A-Z_]*, *-[0-9]*, *\([0-9]*\),.*/\1/p' lib/include/orbiter/base.h | sort -un >"$work/exits"
[ -s "$work/exits" ] || echo 0 >"$work/exits"
while read -r status; do grep -qE "^\| $status " README.md || echo "exit status $status is not in README.md"; done <"$work/exits" |
    none 'exit statuses are in README.md'

grep -ohE "'orbiter:[a-z]+|stream \.\. '[:a-z]+" lib/store/*.lua | grep -oE "[a-z]*:[a-z]+" | sort -u |
    while read -r key; do grep -qF "$key" docs/WIRE.md || echo "docs/WIRE.md does not name: $key"; done | none 'keys of the scripts are in docs/WIRE.md'
sed -n "s/.*'HSET', *\(key\|task_key(id)\), *//p; s/.*\(field('[a-z_]*'\).*/\1/p" lib/store/*.lua | grep -oE "'[a-z_]+'" | tr -d "'" | sort -u |
    grep -vxE 'completed|failed|cancelled|pending|running|retrying' |
    while read -r field; do grep -qF "\`$field\`" docs/WIRE.md || echo "docs/WIRE.md does not name the field: $field"; done |
    none 'hash fields of the scripts are in docs/WIRE.md'
exit $failed
