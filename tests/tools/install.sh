#!/usr/bin/env bash
# install.sh BUILD - installs into an empty folder and uses what is there as a
# stranger would: pkg-config, a program of one's own (shared and static), the
# programs; then uninstalls and looks for left-overs.
set -u
build=${1:?install.sh BUILD}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
failed=0
unset MAKEFLAGS MAKELEVEL

step() {
    local name=$1
    shift
    if "$@" >"$root/log" 2>&1; then
        echo "ok $name"
    else
        sed 's/^/    /' "$root/log"
        echo "not ok $name: $*"
        failed=1
    fi
}

cat >"$root/own.c" <<'END'
#include <orbiter/client.h>
#include <orbiter/fleet.h>
#include <orbiter/operate.h>
#include <orbiter/worker.h>
#include <stdio.h>
#include <string.h>
int main(void)
{
    struct orb_loop *loop = orb_loop_new();
    if (!loop)
        return 1;
    orb_loop_free(loop);
    puts(orb_version());
    return strcmp(orb_version(), ORB_VERSION) != 0;
}
END

# shellcheck disable=SC2046,SC2317  # words on purpose; called through step
own() {
    "${CC:-cc}" -Wall -Wextra -Werror "$root/own.c" -o "$root/own.shared" $(pkg-config --cflags --libs orbiter)
}
# shellcheck disable=SC2046,SC2317
static() {
    "${CC:-cc}" -Wall -Wextra -Werror "$root/own.c" -o "$root/own.static" $(pkg-config --cflags orbiter) \
        "$prefix/lib/liborbiter.a" $(pkg-config --libs $(pkg-config --variable=uses orbiter)) -lm
}

prefix=$root/usr
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig LD_LIBRARY_PATH=$prefix/lib
step 'make install' make --no-print-directory B="$build" DESTDIR= prefix="$prefix" install
step 'version of orbiter.pc' test "$(pkg-config --modversion orbiter)" = "$(sed -n 's/^#define ORB_VERSION "\(.*\)"/\1/p' lib/include/orbiter/base.h)"
step 'own program, shared' own
step 'own program runs' "$root/own.shared"
step 'it uses the shared library' sh -c "ldd '$root/own.shared' | grep -q 'liborbiter.so.0 => $prefix/lib/'"
step 'own program, static' static
step 'own program runs without the shared library' env -u LD_LIBRARY_PATH "$root/own.static"
for header in "$prefix"/include/orbiter/*.h; do
    step "${header##*/} alone" "${CC:-cc}" -std=c99 -Wall -Wextra -Werror -fsyntax-only -I"$prefix/include" -x c "$header"
done
step 'orbiter --version' "$prefix/bin/orbiter" --version
step 'orbiter-worker --version' "$prefix/bin/orbiter-worker" --version
step 'the installed themes are found' sh -c "HOME=/nonexistent '$prefix/bin/orbiter' theme list -o jsonl | grep -q '$prefix/share/orbiter/themes/mono.theme'"
for page in orbiter.1 orbiter-worker.1; do
    step "man page $page" grep -q '^\.TH' "$prefix/share/man/man1/$page"
done
step 'make install below DESTDIR' make --no-print-directory B="$build" DESTDIR="$root/stage" prefix=/opt/orbiter install
step 'the prefix in orbiter.pc is without DESTDIR' grep -qx 'prefix=/opt/orbiter' "$root/stage/opt/orbiter/lib/pkgconfig/orbiter.pc"
step 'make uninstall' make --no-print-directory B="$build" DESTDIR="$root/stage" prefix=/opt/orbiter uninstall
step 'nothing is left behind' sh -c "! find '$root/stage' ! -type d | grep ."
exit $failed
