#!/bin/sh
# Turns Lua scripts into C: embed.sh FILE.lua... > scripts_lua.c
# common.lua goes before each, and standing.lua where a line "-- with: standing" asks for it; the hash is what EVALSHA calls the script by.
set -eu
dir=$(dirname "$1")
echo '#include "store/scripts.h"'
for file in "$@"; do
    name=$(basename "$file" .lua)
    case $name in common | standing) continue ;; esac
    set -- "$dir/common.lua"
    grep -q '^-- with: standing$' "$file" && set -- "$@" "$dir/standing.lua"
    sha=$(cat "$@" "$file" | sha1sum | cut -d' ' -f1)
    printf 'const struct orb_script orb_script_%s = { "%s", "%s",\n' "$name" "$name" "$sha"
    cat "$@" "$file" | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/.*/"&\\n"/'
    echo '};'
done
