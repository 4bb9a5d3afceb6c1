#!/bin/sh
# embed.sh FILE NAME - a C source with the text of the file in an array.
set -eu
printf '/* Made by lib/base/embed.sh from %s. */\nextern const char %s[];\nconst char %s[] =\n' "${1##*/}" "$2" "$2"
sed 's/\\/\\\\/g; s/"/\\"/g; s/^/    "/; s/$/\\n"/' "$1"
echo '    ;'
