#!/bin/sh
# Turns Lua scripts into C: embed.sh FILE.lua... > scripts_lua.c
# common.lua goes before each, and behind it what a line "-- with: standing delivered" names; what is named is no script of
# its own. The hash is what EVALSHA calls the script by.
set -eu
dir=$(dirname "$1")
shared=" common $(sed -n 's/^-- with: //p' "$@" | tr '\n' ' ')"
echo '#include "store/scripts.h"'
for file in "$@"; do
    name=$(basename "$file" .lua)
    case $shared in *" $name "*) continue ;; esac
    set -- "$dir/common.lua"
    parts=$(sed -n 's/^-- with: //p' "$file")
    for part in $parts; do set -- "$@" "$dir/$part.lua"; done
    set -- "$@" "$file"
    sha=$(cat "$@" | sha1sum | cut -d' ' -f1)
    printf 'const struct orb_script orb_script_%s = { "%s", "%s",\n' "$name" "$name" "$sha"
    cat "$@" | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/.*/"&\\n"/'
    echo '};'
done
