#include "store/acl.h"
#include "base/base.h"

#include <string.h>

/* A new key, channel or command of a script or a program: a row here, with the roles that use it. Redis checks all that
 * a script does against the user that called it, too. Python's programs work as these users: of all that is here they
 * alone need a worker's HGETALL. */
enum { P = 1 << ORB_ACL_PRODUCER, W = 1 << ORB_ACL_WORKER, V = 1 << ORB_ACL_VIEWER, O = 1 << ORB_ACL_OPERATOR, ALL = P | W | V | O,
       NEWER = 16 /* not in every Redis from 7.0 on, and nothing is lost without it */ };

struct right {
    const char *name;
    int read, write; /* the roles that do */
};

/* Of the whole namespace. A task's keys are named by its id, not by its queue. */
static const struct right shared_keys[] = {
    { "orbiter:task:*", ALL, P | W | O }, /* the set of ids, orbiter:task:index, too */
    { "orbiter:payload:*", ALL, P | W | O },
    { "orbiter:stream:*", ALL, P | W | O },
    { "orbiter:queues", ALL, P | W | O },
    { "orbiter:index:*", V | O, 0 },      /* a list counts those of all queues */
    { "orbiter:workers:*", W | V | O, W | O },
    { "orbiter:lease:*", W | V | O, W },
    { "orbiter:feed", V | O, P | W | O },
    { "orbiter:audit", V | O, P | O },
    { "orbiter:idem:*", P, P },
    { "orbiter:operation:*", O, O },      /* a request that may come again, and its answer */
    { "orbiter:purged:*", O, O },
    { "orbiter:none", P | W | O, 0 },     /* is asked for first: the namespace may be moving */
};

/* Behind the queue's name. */
static const struct right queue_keys[] = {
    { "", ALL, P | W | O },
    { ":p[0-46-9]", ALL, P | W | O },
    { ":delayed", ALL, P | W | O },
    { ":dead", W | V | O, W | O },
    { ":paused", W | V | O, O },
    { ":leased", W | V | O, W },
    { ":sweep", W | V | O, W | O },
    { ":spent", W | V | O, W },
};

/* Behind "orbiter:index:" and the queue's name. */
static const struct right index_keys[] = {
    { ":open", W | O, P | W | O },
    { ":retrying", W | O, P | W | O },
    { ":completed", W | O, P | W | O },
    { ":failed", W | O, P | W | O },
    { ":cancelled", W | O, P | W | O },
};

/* Redis knows no difference between listening and publishing here: who has no PUBLISH listens. */
static const struct channel {
    const char *name;
    int roles, is_of_queue;
} channels[] = {
    { "orbiter:events:*", ALL, 0 },
    { "orbiter:cancel:*", P | W | O, 0 },
    { ":wake", P | W | O, 1 },
};

static const struct command {
    const char *name;
    int roles;
} commands[] = {
    /* every connection begins with these */
    { "ping", ALL }, { "client|setname", ALL }, { "client|setinfo", ALL | NEWER }, { "info", ALL }, { "role", ALL }, { "cluster|slots", ALL },
    { "client|id", W }, { "client|unblock", W }, { "wait", P },
    { "evalsha", P | W | O }, { "eval", W }, { "script|load", P | W | O }, { "time", ALL },
    { "exists", ALL }, { "type", O }, { "expire", P | W | O }, { "pexpire", W }, { "pttl", V | O }, { "del", W | O }, { "scan", V | O },
    { "get", ALL }, { "set", P | W | O },
    { "hget", ALL }, { "hmget", ALL }, { "hgetall", ALL }, { "hexists", P | O }, { "hset", P | W | O }, { "hincrby", W }, { "hincrbyfloat", W },
    { "sadd", P | W | O }, { "srem", W | O }, { "smembers", P | V | O }, { "sismember", W | V | O }, { "scard", V | O }, { "sscan", V | O },
    { "zadd", P | W | O }, { "zrem", P | W | O }, { "zremrangebyscore", W }, { "zcard", ALL }, { "zcount", V | O }, { "zscore", W | V | O },
    { "zrange", W | V | O }, { "zrangebyscore", W | V | O }, { "zrevrangebyscore", V | O },
    { "xadd", P | W | O }, { "xack", P | W | O }, { "xdel", P | W | O }, { "xtrim", W }, { "xlen", ALL }, { "xrange", ALL },
    { "xrevrange", ALL }, { "xread", V | O }, { "xpending", ALL }, { "xinfo|groups", ALL }, { "xinfo|stream", V | O }, { "xinfo|consumers", W | V | O }, { "xreadgroup", W },
    { "xclaim", W }, { "xgroup|create", P | W | O }, { "xgroup|delconsumer", W },
    { "publish", P | W | O }, { "subscribe", ALL }, { "unsubscribe", ALL }, { "psubscribe", W },
};

size_t orb_acl_commands(enum orb_acl_role role, const char *out[ORB_ACL_COMMANDS_MAX])
{
    size_t n = 0;
    _Static_assert(ORB_COUNT(commands) <= ORB_ACL_COMMANDS_MAX, "more rows than there is room for");
    for (size_t i = 0; i < ORB_COUNT(commands); i++)
        if (commands[i].roles & 1 << role)
            out[n++] = commands[i].name;
    return n;
}

int orb_acl_is_optional(const char *command)
{
    for (size_t i = 0; i < ORB_COUNT(commands); i++)
        if (!strcmp(commands[i].name, command))
            return (commands[i].roles & NEWER) != 0;
    return 0;
}

/* A queue's name as itself in a pattern. An ACL file has no way to write a quote that redis-cli and
 * redis.conf read the same: it becomes any one character. */
static void write_name(struct orb_buf *b, const char *name)
{
    for (; *name; name++) {
        if (strchr("*?[]\\", *name))
            orb_buf_char(b, '\\');
        orb_buf_char(b, *name == '"' || *name == '\'' ? '?' : *name);
    }
}

/* The keys prefix + before + queue + the row's name. */
static void write_keys(const struct orb_acl_grant *grant, struct orb_buf *b, const struct right *rows, size_t count, const char *before,
                       const char *queue)
{
    for (size_t i = 0; i < count; i++) {
        int can_read = rows[i].read & 1 << grant->role, can_write = rows[i].write & 1 << grant->role;
        if (!can_read && !can_write)
            continue;
        orb_buf_printf(b, " %s~%s%s", can_read && can_write ? "" : can_read ? "%R" : "%W", grant->prefix, before);
        write_name(b, queue);
        orb_buf_str(b, rows[i].name);
    }
}

static void write_channels(const struct orb_acl_grant *grant, struct orb_buf *b)
{
    for (size_t i = 0; i < ORB_COUNT(channels); i++) {
        if (!(channels[i].roles & 1 << grant->role))
            continue;
        for (size_t k = 0; k < (channels[i].is_of_queue ? grant->nqueues : 1); k++) {
            orb_buf_printf(b, " &%s", grant->prefix);
            if (channels[i].is_of_queue)
                write_name(b, grant->queues[k]);
            orb_buf_str(b, channels[i].name);
        }
    }
}

/* It takes away what the user had, except the passwords: it may be given once more. */
void orb_acl_write(const struct orb_acl_grant *grant, struct orb_buf *b)
{
    orb_buf_printf(b, "user %s on clearselectors resetkeys", grant->user);
    write_keys(grant, b, shared_keys, ORB_COUNT(shared_keys), "", "");
    for (size_t i = 0; i < grant->nqueues; i++) {
        write_keys(grant, b, queue_keys, ORB_COUNT(queue_keys), "", grant->queues[i]);
        write_keys(grant, b, index_keys, ORB_COUNT(index_keys), "orbiter:index:", grant->queues[i]);
    }
    orb_buf_str(b, " resetchannels");
    write_channels(grant, b);
    orb_buf_str(b, " -@all");
    for (size_t i = 0; i < grant->ncommands; i++)
        orb_buf_printf(b, " +%s", grant->commands[i]);
    if (grant->has_database)
        orb_buf_str(b, " +select");
}
