#!/usr/bin/env bash
# deps.sh where it must not install anything: what it says, and how it ends.
# shellcheck disable=SC2016  # stubs expand their own variables
set -u
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0

# A machine of our making: a few commands of the real one, and stubs.
machine() {
    rm -rf "${dir:?}"/*
    local command
    for command in bash cat env tail mktemp rm; do
        ln -s "$(command -v "$command")" "$dir/$command"
    done
}
stub() { printf '#!/bin/sh\n%s\n' "$2" >"$dir/$1" && chmod +x "$dir/$1"; }

# expect NAME STATUS PATTERN SET...
expect() {
    local name=$1 want=$2 pattern=$3 status=0 output
    shift 3
    # What Debian keeps in sbin is out of reach too: nothing real is called.
    output=$(PATH=$dir bash "$dir/deps.sh" "$@" 2>&1 </dev/null) || status=$?
    if [ "$status" = "$want" ] && grep -qE -- "$pattern" <<<"$output"; then
        echo "ok $name"
    else
        printf '%s\nnot ok %s (status %s)\n' "$output" "$name" "$status"
        failed=1
    fi
}
copy() { sed 's,^PATH=.*,,' "$here/deps.sh" >"$dir/deps.sh"; }

machine
copy
expect 'not Debian: the libraries are named' 1 'libevent.*hiredis.*jansson' run

debian() {
    machine
    copy
    stub apt-get 'echo apt-get was called; exit 9'
    stub id 'echo 1000'
}
debian
stub dpkg-query 'case $4 in libhiredis-dev) exit 1 ;; *) echo installed ;; esac'
for command in gcc make pkg-config tic redis-server; do stub $command :; done
expect 'no root: the command to type' 1 '^ +apt-get update && apt-get install -y --no-install-recommends libhiredis-dev$' run
stub sudo '[ "$1" = -n ] && exit 1; echo sudo was called'
expect 'sudo that asks for a password, without a terminal' 1 'neither root nor sudo' run
rm "$dir/redis-server"
expect 'a missing command is a missing package' 1 'libhiredis-dev redis-server$' run

debian
stub dpkg-query 'echo installed'
for command in gcc make pkg-config tic redis-server tmux shellcheck python3 ps; do stub $command :; done
expect 'nothing missing: apt is not called' 0 '^orbiter: everything needed is installed$' all
expect 'an unknown set' 1 'unknown set' everything
exit $failed
