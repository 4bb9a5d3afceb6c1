#!/usr/bin/env bash
# Does layers.sh find what it is there to find? Each case is one file of an
# otherwise clean tree.
set -u
here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failed=0

# check FILE INCLUDE yes|no - is this include line in this file allowed?
check() {
    rm -rf "${tree:?}"/*
    mkdir -p "$tree/lib/base" "$tree/$(dirname "$1")"
    echo '#include <stdio.h>' >"$tree/lib/base/base.h"
    printf '/* a comment */\n#include %s\n' "$2" >"$tree/$1"
    local verdict=no output
    output=$(bash "$here/layers.sh" sources "$tree") && verdict=yes
    if [ "$verdict" = "$3" ] && { [ "$3" = yes ] || [[ $output == "$1:2: "* ]]; }; then
        echo "ok $1 $2 $3"
    else
        echo "not ok $1 $2: allowed: $verdict, expected: $3; printed: $output"
        failed=1
    fi
}

check lib/base/buf.c '"base/buf.h"' yes
check lib/base/buf.c '"buf.h"' yes
check lib/base/buf.c '"loop/loop.h"' no
check lib/base/buf.c '<loop/loop.h>' no
check lib/base/buf.c '"../loop/loop.h"' no
check lib/broker/broker.c '"store/store.h"' yes
check lib/store/store.c '"broker/broker.h"' no
check lib/worker/worker.c '"client/client.h"' no
check lib/client/client.c '"worker/worker.h"' yes
check lib/store/store.c '"tests/support/redis.h"' no
check lib/strange/strange.c '"base/base.h"' no
check lib/base/base.c '<orbiter/base.h>' yes
check lib/include/orbiter/base.h '<orbiter/loop.h>' yes
check lib/include/orbiter/base.h '"base/buf.h"' no
check lib/loop/redis.c '<hiredis/read.h>' yes
check lib/store/store.c '<hiredis/hiredis.h>' no
check lib/loop/http.c '<curl/curl.h>' yes
check lib/model/call.c '<curl/curl.h>' no
check lib/broker/broker.c '<event2/event.h>' no
check lib/loop/tls.c '<openssl/ssl.h>' yes
check lib/model/openai.c '<openssl/sha.h>' no
check cli/main.c '"cli.h"' yes
check cli/main.c '"cli/cli.h"' yes
check cli/main.c '"base/buf.h"' no
check cli/main.c '<base/buf.h>' no
check cli/main.c '<hiredis/hiredis.h>' no
check cli/cmd_top.c '"tui/tui.h"' yes
check cli/cmd_top.c '"tui/view.h"' no
check worker/main.c '"tui/tui.h"' no
check worker/main.c '<ncurses.h>' no
check worker/main.c '<editline/readline.h>' no
check cli/repl.c '<histedit.h>' yes
check cli/main.c '<histedit.h>' no
check tui/term.c '<ncursesw/curses.h>' yes
check tui/term_keys.c '<curses.h>' yes
check tui/term.h '<curses.h>' no
check tui/view.c '<curses.h>' no
check tui/view.c '"term.h"' yes
check tui/theme.c '<ini.h>' yes
check tui/cells.c '<utf8proc.h>' yes
check cli/main.c '<utf8proc.h>' no
check lib/base/columns.c '<utf8proc.h>' no
check tui/view.c '"store/store.h"' no
check tests/examples/submit.c '<orbiter/client.h>' yes
check tests/examples/submit.c '"client/client.h"' no
check tests/examples/submit.c '<jansson.h>' yes
exit $failed
