/* A Redis connection on the loop: hiredis' reader on a libevent bufferevent,
 * so that TLS, names and unix sockets go one way. RESP2.
 *
 * Everything sent is pipelined; replies come back in order. A connection that
 * breaks is made again with back-off and jitter (when reconnect is set). Sends
 * marked ORB_REDIS_RETRY are kept until their reply has come and sent again on
 * the new connection: only for what may run twice. Others fail with
 * ORB_E_UNREACHABLE.
 *
 * With Sentinels it goes to the primary they name, on a Cluster to the node of the
 * namespace's slot, and follows both. */
#ifndef ORB_LOOP_REDIS_H
#define ORB_LOOP_REDIS_H

#include "base/buf.h"
#include "base/url.h"
#include "loop/loop.h"
#include <orbiter/client.h>

/* ---- replies: borrowed, valid during the callback ---- */
struct orb_reply;
enum orb_reply_type { ORB_REPLY_NIL, ORB_REPLY_STRING, ORB_REPLY_INT, ORB_REPLY_ARRAY, ORB_REPLY_STATUS, ORB_REPLY_ERROR };
enum orb_reply_type orb_reply_type(const struct orb_reply *r);
size_t orb_reply_count(const struct orb_reply *r);                       /* 0 unless an array */
const struct orb_reply *orb_reply_at(const struct orb_reply *r, size_t i); /* NULL when out of range */
const char *orb_reply_str(const struct orb_reply *r, size_t *len);       /* "" unless text; len may be NULL */
int64_t orb_reply_int(const struct orb_reply *r);                        /* integer, or text that is one; else 0 */
double orb_reply_real(const struct orb_reply *r);                        /* text that is a finite number, in any locale; else 0 */
/* Array of name, value pairs: the value, or NULL. */
const struct orb_reply *orb_reply_field(const struct orb_reply *r, const char *name);

/* ---- commands ---- */
/* RESP for one command: start, then its argc arguments. */
void orb_cmd_start(struct orb_buf *b, size_t argc);
void orb_cmd_arg(struct orb_buf *b, const void *p, size_t n);
void orb_cmd_str(struct orb_buf *b, const char *s);
void orb_cmd_int(struct orb_buf *b, int64_t v);

struct orb_redis_config {
    struct orb_redis_url url;
    char *tls_ca, *tls_cert, *tls_key;   /* owned by the config's owner */
    char prefix[72];                     /* of every key: "{ns}:", or "" */
    const char *name;                    /* CLIENT SETNAME; may be NULL */
    int is_read_only;                    /* for the store: scripts are not called */
    int is_sentinel;                     /* the server is one: not asked for what only Redis knows */
    int check_server;                    /* for workers: ORB_E_CONFIG when it is older than 7.0 or may evict keys. A
                                          * connection that was up once only says so, to notice */
    int reconnect;                       /* keep trying; else the first failure fails all, and the next send connects anew */
    int reply_timeout_ms;                /* no byte for this long with a reply due = the link is dead; 0 = never */
    int backoff_max_ms;                  /* the longest wait before it is tried again; 0 = 2000, which suits a fleet */
    int is_hasty;                        /* a link that was up once: each try to make it again is given up soon, unless logging in
                                          * is known to take longer: from earlier, or by orb_redis_hurry. For one beside others that are patient */
    size_t max_queued_bytes;             /* kept, or not yet taken by the socket: over it a send fails with
                                          * ORB_E_BACKLOG; a Pub/Sub connection is made anew */
    /* Every reply of a Pub/Sub connection (subscribe, message, pmessage, errors); NULL on
     * others. What is sent on one while it is not up is dropped: state() subscribes. */
    void (*push)(void *arg, const struct orb_reply *reply);
    /* is_up 1: connected, logged in, database selected; what this sends goes before kept sends.
     * is_up 0: with the reason. */
    void (*state)(void *arg, int is_up, const struct orb_error *err);
    void *arg;
    /* Something is amiss, and it goes on: the server is not what it should be, or refuses for now
     * what is kept for it. As often as it is seen; may be NULL. */
    void (*notice)(void *notice_arg, const struct orb_error *err);
    void *notice_arg;
};

/* Fills config->url, the prefix and copies of the TLS names from public options. */
int orb_redis_config_init(struct orb_redis_config *config, const struct orb_redis_options *options, struct orb_error *err) ORB_MUST_CHECK;
void orb_redis_config_done(struct orb_redis_config *config);

struct orb_redis;
/* Copies config (not the callbacks' arg) and starts connecting. */
struct orb_redis *orb_redis_new(struct orb_loop *loop, const struct orb_redis_config *config);
/* Pending callbacks run with ORB_E_CANCELLED, later; then it is gone. */
void orb_redis_free(struct orb_redis *redis);
int orb_redis_is_up(const struct orb_redis *redis);
/* Another connection to the same server has come up: the next try is now, and one that has
 * hung for a while begins anew. One that seems to be up is waited for less long. */
void orb_redis_hurry(struct orb_redis *redis, const struct orb_redis *risen);
/* Another connection to the same server was lost: one that seems to be up is to show soon that it is, one that rests is made. */
void orb_redis_doubt(struct orb_redis *redis);
size_t orb_redis_queued_bytes(const struct orb_redis *redis);

/* reply: of the send's last command, NULL when code is not 0. An error reply of
 * Redis is code ORB_E_REFUSED (NOAUTH, NOPERM, WRONGPASS, READONLY), ORB_E_UNREACHABLE (LOADING, MASTERDOWN and others that
 * another server, or this one later, does not answer) or ORB_E_PROTOCOL, with its text in err; with several commands, the first error
 * counts. ORB_E_CONFIG: the server cannot be used; with reconnect, too, everything fails then. */
typedef void (*orb_redis_cb)(void *arg, const struct orb_reply *reply, const struct orb_error *err);
/* ORDERED, with RETRY: never before an earlier orb_redis_send_again that Redis refuses for now. */
enum { ORB_REDIS_RETRY = 1, ORB_REDIS_ORDERED = 2 };
/* Sends the commands (count of them) in b and takes b's memory (b is initialised anew).
 * cb may be NULL. Returns 0, or b's error, ORB_E_BACKLOG. b is emptied in any case. */
int orb_redis_send(struct orb_redis *redis, struct orb_buf *b_take, unsigned count, int flags,
                   orb_redis_cb cb, void *arg) ORB_MUST_CHECK;

/* For commands that may not run twice, but have another form that may: when they were
 * written and the connection broke before their replies, again() gets them (commands of
 * them, an array of bulk strings) and appends what is sent in their place to b.
 * Returns how many commands that is; with 0 cb is called with neither reply nor error.
 * The same when Redis refuses some for now (out of memory, no disk, no replica): they are kept, in
 * order, and sent again every quarter of a second. */
typedef unsigned (*orb_redis_again_fn)(void *arg, const struct orb_reply *const commands[], unsigned count, struct orb_buf *b);
int orb_redis_send_again(struct orb_redis *redis, struct orb_buf *b_take, unsigned count, orb_redis_again_fn again,
                         orb_redis_cb cb, void *arg) ORB_MUST_CHECK;

#endif
