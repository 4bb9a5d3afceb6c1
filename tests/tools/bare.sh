#!/usr/bin/env bash
# bare.sh - the proof that two commands are enough: an empty Debian 12 with nothing but
# apt and make, a fresh clone, no terminal; then `make demo` and `make check`. As root;
# needs debootstrap and the network. KEEP=1 leaves the root folder there.
set -euo pipefail
cd "$(dirname "$0")/../.."

die() { echo "bare.sh: $1" >&2; exit 1; }
[ "$(id -u)" = 0 ] || die 'run it as root: it makes a root folder of its own and goes into it'
command -v debootstrap >/dev/null || die 'debootstrap is missing: apt-get install -y debootstrap'

suite=bookworm
# The mirror that this machine uses, when it is a Debian one.
# shellcheck disable=SC2016  # for apt-get
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' "Codename: $suite" 2>/dev/null | head -n 1)
mirror=${mirror:-http://deb.debian.org/debian}
root=$(mktemp -d /var/tmp/orbiter-bare.XXXXXX)

# Whatever still runs in the root folder ends, then its mounts go, then it.
# shellcheck disable=SC2317  # the trap calls it
cleanup() {
    local link mount
    for link in /proc/[0-9]*/root; do
        [ "$(readlink "$link" 2>/dev/null)" = "$root" ] && kill -9 "$(basename "$(dirname "$link")")" 2>/dev/null
    done
    for mount in dev/pts dev proc; do
        mountpoint -q "$root/$mount" && umount -l "$root/$mount"
    done
    if [ -n "${KEEP-}" ]; then
        echo "kept: $root"
    elif ! grep -q " $root/" /proc/mounts; then
        rm -rf --one-file-system "$root"
    fi
}
trap cleanup EXIT
trap 'exit 130' INT TERM

echo "debootstrap $suite from $mirror"
debootstrap --variant=minbase --include=make,ca-certificates "$suite" "$root" "$mirror" >"$root.log" 2>&1 ||
    { tail -n 20 "$root.log" >&2; die 'debootstrap failed'; }
rm -f "$root.log"

# apt in there goes where apt here goes: proxies and dates, but no hooks of this machine.
apt-config dump | grep -E '^Acquire::(http|https|Check-Valid-Until|Check-Date|Retries)' >"$root/etc/apt/apt.conf.d/90host" || :
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
cp -a /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/" 2>/dev/null || :
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mount --bind /dev/pts "$root/dev/pts"

git clone -q --no-hardlinks . "$root/root/orbiter"
commit=$(git rev-parse --short HEAD)

# inside COMMAND - without a terminal and with nothing of this environment
inside() {
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
        setsid --wait chroot "$root" sh -c "cd /root/orbiter && $1" </dev/null
}

status=0
for target in demo check; do
    echo "make $target at $commit"
    start=$SECONDS
    if inside "make $target" >"$root/$target.log" 2>&1; then
        verdict=ok
    else
        verdict="not ok (status $?)"
        status=1
    fi
    grep -E -A60 '^FAILED' "$root/$target.log" | sed 's/^/    /' || :
    tail -n 25 "$root/$target.log" | sed 's/^/    /'
    echo "make $target: $verdict, $((SECONDS - start)) s"
done
echo 'what runs in there afterwards:'
for link in /proc/[0-9]*/root; do
    [ "$(readlink "$link" 2>/dev/null)" = "$root" ] || continue
    tr '\0' ' ' <"${link%root}cmdline"
    echo
    status=1
done
exit $status
