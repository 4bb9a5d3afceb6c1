#!/bin/sh
# The table of prices as a C string: embed.sh FILE > prices_text.c
set -eu
echo 'extern const char orb_prices_text[];'
echo 'const char orb_prices_text[] ='
sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$/\\n"/' "$1"
echo ';'
