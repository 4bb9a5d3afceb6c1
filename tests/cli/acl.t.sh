# shellcheck shell=bash disable=SC2154 # sourced by run.sh
# The ACL of each role, on a server of its own.

start_redis acl
acl=unix://$work/acl.sock
redis-cli -s "$work/acl.sock" sadd orbiter:queues parked >/dev/null

# One word a line, sorted within keys, channels and commands as it comes; a newer server has one more.
words() { orbiter acl --redis-url "$acl" "$@" | sed 's/ +client|setinfo//' | tr ' ' '\n' | fold -w 78; }
joined() { words "$@" | paste -sd' ' | fold -s -w 100 | sed 's/ $//'; }

