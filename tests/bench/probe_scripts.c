/* What Redis allows to the commands and scripts that orbiter sends, when constant
 * arguments are all that it takes to make them:
 *
 *   probe_scripts batches SOCKET N   N task lives, 1,024 under way, in batches of 64
 *   probe_scripts turns SOCKET N     one task at a time, each call waited for
 *
 * The batches go over three connections, as those of a client and a worker do: submit,
 * XREADGROUP, and begin, event, finish. Prints the rate and the server's CPU time for each, or the
 * time of a turn. */
#include "base/base.h"
#include "loop/redis.h"
#include "store/scripts.h"

#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH 64
#define AHEAD 16 /* batches submitted and not finished */
#define Q "orbiter:tasks"
#define G Q ":group"
#define WORKER "probe"
#define OWNER "0123456789abcdef"
#define EVENT "{\"type\": \"text\", \"text\": \"hello\", \"agent_name\": \"assistant\", \"seq\": 1, \"attempt\": 1}"

/* Tasks that travel together from their claim on. */
struct batch {
    int count;
    char entries[BATCH][44], ids[BATCH][40];
};

/* Answers that a connection waits for, in order. */
struct wait {
    int replies;
    void (*done)(struct batch *batch, const redisReply *last);
    struct batch *batch;
};

struct link {
    redisContext *c;
    struct orb_buf out;
    struct wait waits[4 * AHEAD];
    unsigned first, end;
};

static struct link submits, claims, work;
static int total, submitted, finished;
static char payload[501];

static void die(const char *what, const char *why)
{
    fprintf(stderr, "probe_scripts: %s: %s\n", what, why);
    exit(1);
}

static void args(struct orb_buf *b, size_t n, const char *const *list)
{
    for (size_t i = 0; i < n; i++)
        orb_cmd_str(b, list[i]);
}

static void command(struct link *l, size_t n, const char *const *list)
{
    orb_cmd_start(&l->out, n);
    args(&l->out, n, list);
}
#define COMMAND(link, ...) command(link, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *), (const char *const[]){ __VA_ARGS__ })
#define ARGS(buf, ...) args(buf, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *), (const char *const[]){ __VA_ARGS__ })

static void eval(struct link *l, const struct orb_script *script, size_t nargs)
{
    orb_cmd_start(&l->out, 4 + nargs);
    ARGS(&l->out, "EVALSHA", script->sha1, "1", Q);
}

/* ---- what is sent; keep it as lib/broker and lib/event send it ----------- */

static void add_submit(struct link *l, int count)
{
    char id[33];
    eval(l, &orb_script_submit, (size_t)(3 + 5 * count));
    ARGS(&l->out, "", Q, "86400");
    for (int i = 0; i < count; i++) {
        orb_id_new(id);
        ARGS(&l->out, id, "", "assistant", payload, "");
    }
}

static void add_claim(struct link *l)
{
    COMMAND(l, "XREADGROUP", "GROUP", G, WORKER, "COUNT", "64", "BLOCK", "5000", "STREAMS", Q, ">");
}

static void add_begin(struct link *l, const struct batch *batch)
{
    eval(l, &orb_script_begin, (size_t)(8 + 4 * batch->count));
    ARGS(&l->out, "", Q, WORKER, OWNER, "86400", "86400", "3600", "");
    for (int i = 0; i < batch->count; i++)
        ARGS(&l->out, batch->entries[i], batch->ids[i], "assistant", "");
}

/* Returns how many replies come before that of the script. */
static int add_finish(struct link *l, const struct batch *batch)
{
    char key[80];
    for (int i = 0; i < batch->count; i++) {
        snprintf(key, sizeof key, "orbiter:stream:%s", batch->ids[i]);
        COMMAND(l, "XADD", key, "*", "event", EVENT);
        COMMAND(l, "EXPIRE", key, "3600");
        snprintf(key, sizeof key, "orbiter:events:%s", batch->ids[i]);
        COMMAND(l, "PUBLISH", key, EVENT);
    }
    eval(l, &orb_script_finish, (size_t)(5 + 13 * batch->count));
    ARGS(&l->out, "", Q, WORKER, "86400", "3600");
    for (int i = 0; i < batch->count; i++)
        ARGS(&l->out, batch->entries[i], batch->ids[i], "1", "completed", "\"assistant\"", "\"Agent 'assistant' completed execution\"", "2",
             "", "", "{\"output\": \"hello\"}", "", "{\"input_tokens\": 1, \"output_tokens\": 1, \"total_tokens\": 2}", "1");
    return 3 * batch->count;
}

/* ---- the links ----------------------------------------------------------- */

static void open_link(struct link *l, const char *socket)
{
    l->c = redisConnectUnix(socket);
    if (!l->c || l->c->err)
        die(socket, l->c ? l->c->errstr : "out of memory");
    orb_buf_init(&l->out, 64 * 1024 * 1024);
}

static void close_link(struct link *l)
{
    redisFree(l->c);
    orb_buf_done(&l->out);
}

static void send_out(struct link *l)
{
    for (size_t done = 0; done < l->out.len;) {
        ssize_t n = write(l->c->fd, l->out.data + done, l->out.len - done);
        if (n <= 0)
            die("write", l->c->errstr);
        done += (size_t)n;
    }
    orb_buf_reset(&l->out);
}

static void wait_for(struct link *l, int replies, void (*done)(struct batch *, const redisReply *), struct batch *batch)
{
    l->waits[l->end++ % ORB_COUNT(l->waits)] = (struct wait){ replies, done, batch };
    if (l->end - l->first > ORB_COUNT(l->waits))
        die("probe", "too much is under way");
}

static void on_reply(struct link *l, const redisReply *reply)
{
    struct wait *w = &l->waits[l->first % ORB_COUNT(l->waits)];
    if (reply->type == REDIS_REPLY_ERROR)
        die("Redis", reply->str);
    if (l->first == l->end)
        die("Redis", "a reply that nothing asked for");
    if (--w->replies)
        return;
    l->first++;
    w->done(w->batch, reply);
}

static void read_replies(struct link *l)
{
    void *reply = NULL;
    if (redisBufferRead(l->c) != REDIS_OK)
        die("read", l->c->errstr);
    for (;;) {
        if (redisGetReplyFromReader(l->c, &reply) != REDIS_OK)
            die("read", l->c->errstr);
        if (!reply)
            return;
        on_reply(l, reply);
        freeReplyObject(reply);
    }
}

/* ---- batches ------------------------------------------------------------- */

static void submit_more(void);

static void on_submitted(struct batch *batch, const redisReply *reply)
{
    (void)batch;
    if (reply->type != REDIS_REPLY_ARRAY || !strcmp(reply->element[0]->str, "EXISTS"))
        die("submit", "not taken");
}

static void submit_more(void)
{
    while (submitted < total && submitted - finished <= (AHEAD - 1) * BATCH) {
        int count = total - submitted < BATCH ? total - submitted : BATCH;
        add_submit(&submits, count);
        wait_for(&submits, 1, on_submitted, NULL);
        submitted += count;
    }
    send_out(&submits);
}

static void on_finished(struct batch *batch, const redisReply *reply)
{
    if (strcmp(reply->element[0]->str, "completed") != 0)
        die("finish", reply->element[0]->str);
    finished += batch->count;
    free(batch);
    submit_more();
}

static void on_begun(struct batch *batch, const redisReply *reply)
{
    if (strcmp(reply->element[0]->element[0]->str, "run") != 0)
        die("begin", reply->element[0]->element[0]->str);
    int events = add_finish(&work, batch);
    wait_for(&work, events + 1, on_finished, batch);
    send_out(&work);
}

static struct batch *read_batch(const redisReply *reply)
{
    struct batch *batch = orb_alloc(sizeof *batch);
    const redisReply *list = reply->type == REDIS_REPLY_ARRAY ? reply->element[0]->element[1] : NULL;
    if (!list || !list->elements || list->elements > BATCH)
        die("claim", "no entries came");
    batch->count = (int)list->elements;
    for (int i = 0; i < batch->count; i++) {
        const redisReply *fields = list->element[i]->element[1];
        snprintf(batch->entries[i], sizeof batch->entries[i], "%s", list->element[i]->element[0]->str);
        snprintf(batch->ids[i], sizeof batch->ids[i], "%s", fields->element[3]->str);
    }
    return batch;
}

static void on_claimed(struct batch *none, const redisReply *reply)
{
    static int claimed;
    struct batch *batch = read_batch(reply);
    (void)none;
    add_begin(&work, batch);
    wait_for(&work, 1, on_begun, batch);
    send_out(&work);
    if ((claimed += batch->count) == total)
        return;
    add_claim(&claims);
    wait_for(&claims, 1, on_claimed, NULL);
    send_out(&claims);
}

static void batches(void)
{
    struct link *const links[] = { &submits, &claims, &work };
    struct pollfd fds[3];
    add_claim(&claims);
    wait_for(&claims, 1, on_claimed, NULL);
    send_out(&claims);
    submit_more();
    while (finished < total) {
        for (size_t i = 0; i < 3; i++)
            fds[i] = (struct pollfd){ .fd = links[i]->c->fd, .events = POLLIN };
        if (poll(fds, 3, 10000) <= 0)
            die("Redis", "no reply for 10 s");
        for (size_t i = 0; i < 3; i++)
            if (fds[i].revents)
                read_replies(links[i]);
    }
}

/* ---- turns --------------------------------------------------------------- */

static redisReply *turn_reply(int skip)
{
    redisReply *r = NULL;
    send_out(&work);
    for (;; skip--) {
        if (redisGetReply(work.c, (void **)&r) != REDIS_OK)
            die("read", work.c->errstr);
        if (r->type == REDIS_REPLY_ERROR)
            die("Redis", r->str);
        if (!skip)
            return r;
        freeReplyObject(r);
    }
}

static void turn(void)
{
    char key[80];
    add_submit(&work, 1);
    freeReplyObject(turn_reply(0));
    add_claim(&work);
    redisReply *r = turn_reply(0);
    struct batch *batch = read_batch(r);
    freeReplyObject(r);
    add_begin(&work, batch);
    freeReplyObject(turn_reply(0));
    freeReplyObject(turn_reply(add_finish(&work, batch)));
    snprintf(key, sizeof key, "orbiter:task:%s", batch->ids[0]);
    COMMAND(&work, "HGETALL", key);
    freeReplyObject(turn_reply(0));
    free(batch);
}

static int by_time(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void turns(void)
{
    double *ms = orb_alloc((size_t)total * sizeof *ms);
    for (int i = 0; i < total; i++) {
        int64_t start = orb_mono_us();
        turn();
        ms[i] = (double)(orb_mono_us() - start) / 1000;
    }
    qsort(ms, (size_t)total, sizeof *ms, by_time);
    printf("p50_ms %.3f\np99_ms %.3f\n", ms[total / 2], ms[total * 99 / 100]);
    free(ms);
}

static double server_cpu_us(void)
{
    COMMAND(&work, "INFO", "cpu");
    redisReply *r = turn_reply(0);
    const char *sys = strstr(r->str, "used_cpu_sys:"), *user = strstr(r->str, "used_cpu_user:");
    double seconds = sys && user ? strtod(sys + 13, NULL) + strtod(user + 14, NULL) : 0;
    freeReplyObject(r);
    return seconds * 1e6;
}

static void prepare(void)
{
    static const struct orb_script *const scripts[] = { &orb_script_submit, &orb_script_begin, &orb_script_finish };
    for (size_t i = 0; i < ORB_COUNT(scripts); i++) {
        COMMAND(&work, "SCRIPT", "LOAD", scripts[i]->text);
        freeReplyObject(turn_reply(0));
    }
    COMMAND(&work, "FLUSHALL");
    freeReplyObject(turn_reply(0));
    COMMAND(&work, "XGROUP", "CREATE", Q, G, "0", "MKSTREAM");
    freeReplyObject(turn_reply(0));
}

int main(int argc, char **argv)
{
    int64_t n;
    if (argc != 4 || (strcmp(argv[1], "batches") && strcmp(argv[1], "turns")) || orb_parse_int(argv[3], 1, 10000000, &n)) {
        fprintf(stderr, "usage: probe_scripts batches|turns SOCKET N\n");
        return 2;
    }
    total = (int)n;
    memset(payload, 'x', sizeof payload - 1);
    open_link(&submits, argv[2]);
    open_link(&claims, argv[2]);
    open_link(&work, argv[2]);
    prepare();
    double cpu = server_cpu_us();
    int64_t start = orb_mono_us();
    if (!strcmp(argv[1], "turns")) {
        turns();
    } else {
        batches();
        double seconds = (double)(orb_mono_us() - start) / 1e6;
        printf("per_s %.0f\nredis_us %.2f\n", total / seconds, (server_cpu_us() - cpu) / total);
    }
    close_link(&submits);
    close_link(&claims);
    close_link(&work);
    return 0;
}
