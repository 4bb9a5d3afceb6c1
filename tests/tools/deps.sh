#!/usr/bin/env bash
# deps.sh SET... - installs what is missing of the named sets: run (to build and
# run orbiter), test (what `make check` adds), valgrind, fuzz; all = run and test.
# Works without a terminal. Nothing missing: apt is not called at all.
set -euo pipefail

# package, or package:command when any provider of the command will do
RUN='gcc:gcc libc6-dev make:make pkg-config:pkg-config libevent-dev libhiredis-dev
libjansson-dev libcurl4-openssl-dev libssl-dev libyaml-dev
libncurses-dev libutf8proc-dev libinih-dev ncurses-bin:tic
ca-certificates redis-server:redis-server'
# libvterm and tmux: terminals to look at. locales: the sources of one with a decimal comma. python3: tools of that kind, MCP servers.
TEST='libcmocka-dev libvterm-dev shellcheck:shellcheck tmux:tmux locales python3:python3 procps:ps'
VALGRIND='valgrind:valgrind libc6-dbg'
FUZZ='clang:clang libclang-rt-14-dev'
LIBRARIES='libevent (with its OpenSSL part), hiredis, jansson, libcurl, libyaml, OpenSSL, ncurses (wide), utf8proc and inih'

die() { printf 'orbiter: %s\n' "$1" >&2; exit 1; }

has_package() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing() {
    local item
    for item in $1; do
        case $item in
        *:*) command -v "${item#*:}" >/dev/null 2>&1 || printf '%s ' "${item%%:*}" ;;
        *) has_package "$item" || printf '%s ' "$item" ;;
        esac
    done
}

# Prints the command words that run something as root, or fails with what to type.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        printf 'env'
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        printf 'sudo -n'
    elif command -v sudo >/dev/null && [ -t 0 ]; then
        printf 'sudo'
    else
        die "packages are missing and there is neither root nor sudo. As root, run:
    apt-get update && apt-get install -y --no-install-recommends $1"
    fi
}

# A freshly installed redis-server would start as a system service. Ours is
# private to each run, so the service stays off; one that was there is not touched.
POLICY=/usr/sbin/policy-rc.d
policy_made=
deny_services() {
    [ -e "$POLICY" ] || [ -L "$POLICY" ] && return
    printf '#!/bin/sh\nexit 101\n' | $root tee "$POLICY" >/dev/null
    policy_made=1
    $root chmod 755 "$POLICY"
}
allow_services() {
    [ -z "$policy_made" ] || $root rm -f "$POLICY"
    policy_made=
}
redis_off() {
    # Also when a policy of the machine's own let the service start, and at the next boot.
    if command -v systemctl >/dev/null; then $root systemctl disable --now redis-server || :; fi >/dev/null 2>&1
    if command -v update-rc.d >/dev/null; then $root update-rc.d redis-server disable || :; fi >/dev/null 2>&1
    echo 'orbiter: the redis-server system service is left off (orbiter starts its own when it needs one)'
}

sets=
for name in "$@"; do
    case $name in
    run) sets+=" $RUN" ;;
    test) sets+=" $TEST" ;;
    valgrind) sets+=" $VALGRIND" ;;
    fuzz) sets+=" $FUZZ" ;;
    all) sets+=" $RUN $TEST" ;;
    *) die "deps.sh: unknown set '$name' (run, test, valgrind, fuzz, all)" ;;
    esac
done
[ -n "$sets" ] || die 'deps.sh: name at least one set (run, test, valgrind, fuzz, all)'

PATH=$PATH:/usr/sbin:/sbin
if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    command -v pkg-config >/dev/null && pkg-config --exists libevent_openssl hiredis jansson libcurl openssl yaml-0.1 ncursesw libutf8proc inih &&
        { echo 'orbiter: no apt here, but the libraries are there'; exit 0; }
    die "this is not Debian, so nothing can be installed here. Install by hand: a C11 compiler, make,
pkg-config, redis-server 7 or newer, and the headers of $LIBRARIES; for the tests also cmocka, libvterm, shellcheck, tmux and python3."
fi

packages=$(missing "$sets")
packages=${packages% }
if [ -z "$packages" ]; then
    echo 'orbiter: everything needed is installed'
    exit 0
fi

root=$(as_root "$packages")
echo "orbiter: installing: $packages"
trap allow_services EXIT
trap 'exit 130' INT TERM
deny_services
apt="$root env DEBIAN_FRONTEND=noninteractive apt-get -y -q -o DPkg::Lock::Timeout=300"
log=$(mktemp)
# shellcheck disable=SC2086  # words on purpose
if ! { $apt update && $apt install --no-install-recommends $packages; } >"$log" 2>&1 </dev/null; then
    tail -n 25 "$log" >&2
    rm -f "$log"
    die "apt-get could not install: $packages"
fi
rm -f "$log"
case " $packages " in *' redis-server '*) redis_off ;; esac
