# shellcheck shell=bash disable=SC2154 # sourced by run.sh
# The ACL of each role, on a server of its own.

start_redis acl 'user asker on >pw ~* +@all -command'
acl=unix://$work/acl.sock
redis-cli -s "$work/acl.sock" sadd orbiter:queues parked >/dev/null
# Shorter lines; a newer server has one command more.
folded() { orbiter acl --redis-url "$acl" "$@" | sed 's/ +client|setinfo//' | fold -s -w 110 | sed 's/ $//'; }
keys_of() { folded "$@" --name u | sed '/ -@all/,$d'; }
short_json() { orbiter acl viewer --redis-url "$acl" -o jsonl | sed 's/ on .*"}/ on ..."}/'; }
installed() {
    orbiter acl producer --name p1 --redis-url "$acl" | sed "s/^user/ACL SETUSER/; s/\$/ #$(printf %s secret | sha256sum | cut -c-64)/" |
        redis-cli -s "$work/acl.sock"
}

check 'a producer, all queues that exist' folded producer <<'END'
out: user orbiter-producer on clearselectors resetkeys ~orbiter:task:* ~orbiter:payload:* ~orbiter:stream:*
out: ~orbiter:queues %W~orbiter:feed %W~orbiter:audit ~orbiter:idem:* %R~orbiter:none ~orbiter:tasks
out: ~orbiter:tasks:p[0-46-9] ~orbiter:tasks:delayed %W~orbiter:index:orbiter:tasks:open
out: %W~orbiter:index:orbiter:tasks:retrying %W~orbiter:index:orbiter:tasks:completed
out: %W~orbiter:index:orbiter:tasks:failed %W~orbiter:index:orbiter:tasks:cancelled ~parked ~parked:p[0-46-9]
out: ~parked:delayed %W~orbiter:index:parked:open %W~orbiter:index:parked:retrying
out: %W~orbiter:index:parked:completed %W~orbiter:index:parked:failed %W~orbiter:index:parked:cancelled
out: resetchannels &orbiter:events:* &orbiter:cancel:* &orbiter:tasks:wake &parked:wake -@all +ping
out: +client|setname +info +role +cluster|slots +wait +evalsha +script|load +time +exists +expire +get +set +hget
out: +hmget +hgetall +hexists +hset +sadd +smembers +zadd +zrem +zcard +xadd +xack +xdel +xlen +xrange +xrevrange
out: +xpending +xinfo|groups +xgroup|create +publish +subscribe +unsubscribe
exit 0
END
check 'a worker of one queue' folded worker --name w1 --queue jobs <<'END'
out: user w1 on clearselectors resetkeys ~orbiter:task:* ~orbiter:payload:* ~orbiter:stream:* ~orbiter:queues
out: ~orbiter:workers:* ~orbiter:lease:* %W~orbiter:feed %R~orbiter:none ~jobs ~jobs:p[0-46-9] ~jobs:delayed
out: ~jobs:dead %R~jobs:paused ~jobs:leased ~jobs:sweep ~jobs:spent ~orbiter:index:jobs:open
out: ~orbiter:index:jobs:retrying ~orbiter:index:jobs:completed ~orbiter:index:jobs:failed
out: ~orbiter:index:jobs:cancelled resetchannels &orbiter:events:* &orbiter:cancel:* &jobs:wake -@all +ping
out: +client|setname +info +role +cluster|slots +client|id +client|unblock +evalsha +eval +script|load +time
out: +exists +expire +pexpire +del +get +set +hget +hmget +hgetall +hset +hincrby +hincrbyfloat +sadd +srem
out: +sismember +zadd +zrem +zremrangebyscore +zcard +zscore +zrange +zrangebyscore +xadd +xack +xdel +xtrim +xlen
out: +xrange +xrevrange +xpending +xinfo|groups +xinfo|consumers +xreadgroup +xclaim +xgroup|create
out: +xgroup|delconsumer +publish +subscribe +unsubscribe +psubscribe
exit 0
END
check 'a viewer of a namespace' folded viewer --namespace blue <<'END'
out: user orbiter-viewer on clearselectors resetkeys %R~{blue}:orbiter:task:* %R~{blue}:orbiter:payload:*
out: %R~{blue}:orbiter:stream:* %R~{blue}:orbiter:queues %R~{blue}:orbiter:index:* %R~{blue}:orbiter:workers:*
out: %R~{blue}:orbiter:lease:* %R~{blue}:orbiter:feed %R~{blue}:orbiter:audit %R~{blue}:orbiter:tasks
out: %R~{blue}:orbiter:tasks:p[0-46-9] %R~{blue}:orbiter:tasks:delayed %R~{blue}:orbiter:tasks:dead
out: %R~{blue}:orbiter:tasks:paused %R~{blue}:orbiter:tasks:leased %R~{blue}:orbiter:tasks:sweep
out: %R~{blue}:orbiter:tasks:spent resetchannels &{blue}:orbiter:events:* -@all +ping +client|setname +info +role
out: +cluster|slots +time +exists +pttl +scan +get +hget +hmget +hgetall +smembers +sismember +scard +sscan +zcard
out: +zcount +zscore +zrange +zrangebyscore +zrevrangebyscore +xlen +xrange +xrevrange +xread +xpending
out: +xinfo|groups +xinfo|stream +xinfo|consumers +subscribe +unsubscribe
exit 0
END
check 'an operator of one queue, its keys' keys_of operator --queue jobs --queue jobs <<'END'
out: user u on clearselectors resetkeys ~orbiter:task:* ~orbiter:payload:* ~orbiter:stream:* ~orbiter:queues
out: %R~orbiter:index:* ~orbiter:workers:* %R~orbiter:lease:* ~orbiter:feed ~orbiter:audit ~orbiter:operation:*
out: ~orbiter:purged:* %R~orbiter:none ~jobs ~jobs:p[0-46-9] ~jobs:delayed ~jobs:dead ~jobs:paused %R~jobs:leased
out: ~jobs:sweep %R~jobs:spent ~orbiter:index:jobs:open ~orbiter:index:jobs:retrying ~orbiter:index:jobs:completed
out: ~orbiter:index:jobs:failed ~orbiter:index:jobs:cancelled resetchannels &orbiter:events:* &orbiter:cancel:*
exit 0
END
check 'as json' short_json <<'END'
out: {"role": "viewer", "user": "orbiter-viewer", "line": "user orbiter-viewer on ..."}
exit 0
END
check 'redis-cli takes the line' installed <<'END'
out: OK
exit 0
END
check 'its user logs in with the password' orbiter submit --id one -m sim: --redis-url "unix://p1:secret@$work/acl.sock" x <<'END'
out: one
exit 0
END
check 'and may not do what others do' orbiter worker list --redis-url "unix://p1:secret@$work/acl.sock" <<'END'
err: orbiter: Redis refused: NOPERM this user has no permissions to run the 'scan' command; give the Redis URL of a user who may, or change this one's ACL (see orbiter acl --help)
exit 6
END
check 'no such role' orbiter acl manager --redis-url "$acl" <<'END'
err: orbiter: role 'manager': use producer, worker, viewer or operator
exit 2
END
check 'no role' orbiter acl --redis-url "$acl" <<'END'
err: orbiter: orbiter acl needs more operands: [OPTION]... ROLE (see orbiter acl --help)
exit 2
END
check 'a name that Redis would split' orbiter acl worker --name 'a b' --redis-url "$acl" <<'END'
err: orbiter: user "a b": use 1 to 64 of the characters A-Z a-z 0-9 . _ @ -
exit 2
END
check 'the user who has no password' orbiter acl worker --name default --redis-url "$acl" <<'END'
err: orbiter: user "default": everybody is that user until it has a password; choose another name
exit 2
END
check 'a reserved queue' orbiter acl worker --queue orbiter:feed --redis-url "$acl" <<'END'
err: orbiter: queue "orbiter:feed": names that begin with orbiter: are reserved, except orbiter:tasks
exit 2
END
check 'who may not ask for the commands' orbiter acl worker --redis-url "unix://asker:pw@$work/acl.sock" <<'END'
err: orbiter: cannot ask Redis which commands it has (Redis refused: NOPERM this user has no permissions to run the 'command|info' command; give the Redis URL of a user who may, or change this one's ACL (see orbiter acl --help)): give the URL of a user who may, such as the one that sets ACLs
exit 6
END
