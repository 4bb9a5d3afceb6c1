#!/bin/sh
# embed.sh FILE.theme... - a C source with the texts of the themes and a table of their names.
set -eu
embed=$(dirname "$0")/../lib/base/embed.sh
echo '#include "tui/themes.h"'
rows=
for file in "$@"; do
    name=$(basename "$file" .theme)
    symbol=tui_theme_$(printf %s "$name" | tr -c 'a-z0-9' _)
    sh "$embed" "$file" "$symbol"
    rows="$rows    {\"$name\", $symbol},
"
done
printf 'const struct tui_theme_text tui_theme_texts[] = {\n%s    {0},\n};\n' "$rows"
