/* What Redis itself allows, by pipelines over one unix socket:
 *
 *   probe_redis bare SOCKET N      N task lives of ten plain commands, a stream for each
 *   probe_redis pairs SOCKET N     N events, XADD and PUBLISH, over 1,000 streams
 *   probe_redis paced SOCKET N     the same, 50,000 a second: what they cost a server that idles in between
 *
 * In batches of 64; of the pairs, four batches are under way at a time. Prints the rate
 * and the server's CPU time for each. */
#include "base/base.h"
#include "loop/redis.h"

#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH 64
#define AHEAD 4
#define STREAMS 1000
#define PACE 50000
#define Q "orbiter:tasks"
#define G Q ":group"
#define EVENT "{\"type\": \"text\", \"text\": \"hello\", \"agent_name\": \"assistant\"}"

static redisContext *c;
static struct orb_buf out;
static int expected; /* replies to what is in out */
static char payload[501], entries[BATCH][44];

static void die(const char *what)
{
    fprintf(stderr, "probe_redis: %s: %s\n", what, c && c->err ? c->errstr : "it failed");
    exit(1);
}

static void cmd(const char *first, ...)
{
    const char *args[16];
    size_t n = 0;
    va_list ap;
    va_start(ap, first);
    for (const char *a = first; a; a = va_arg(ap, const char *))
        args[n++] = a;
    va_end(ap);
    orb_cmd_start(&out, n);
    for (size_t i = 0; i < n; i++)
        orb_cmd_str(&out, args[i]);
    expected++;
}

/* Sends what is in out; returns how many replies it will have. */
static int put(void)
{
    int n = expected;
    for (size_t done = 0; done < out.len;) {
        ssize_t some = write(c->fd, out.data + done, out.len - done);
        if (some <= 0)
            die("write");
        done += (size_t)some;
    }
    orb_buf_reset(&out);
    expected = 0;
    return n;
}

static redisReply *reply(void)
{
    redisReply *r = NULL;
    if (redisGetReply(c, (void **)&r) != REDIS_OK)
        die("reply");
    if (r->type == REDIS_REPLY_ERROR)
        die(r->str);
    return r;
}

static void take(int n)
{
    while (n-- > 0)
        freeReplyObject(reply());
}

static double server_cpu_us(void)
{
    cmd("INFO", "cpu", NULL);
    put();
    redisReply *r = reply();
    const char *sys = strstr(r->str, "used_cpu_sys:"), *user = strstr(r->str, "used_cpu_user:");
    double seconds = sys && user ? strtod(sys + 13, NULL) + strtod(user + 14, NULL) : 0;
    freeReplyObject(r);
    return seconds * 1e6;
}

static const char *name(char *text, const char *prefix, int i)
{
    sprintf(text, "%s%032d", prefix, i);
    return text;
}

/* ---- a task's life ------------------------------------------------------- */

static void claim(int count)
{
    char number[16];
    sprintf(number, "%d", count);
    cmd("XREADGROUP", "GROUP", G, "w1", "COUNT", number, "STREAMS", Q, ">", NULL);
    put();
    redisReply *r = reply();
    if (r->type != REDIS_REPLY_ARRAY || (int)r->element[0]->element[1]->elements != count)
        die("claim");
    for (int i = 0; i < count; i++)
        snprintf(entries[i], sizeof entries[i], "%s", r->element[0]->element[1]->element[i]->element[0]->str);
    freeReplyObject(r);
}

static void live(int first, int count)
{
    char key[80];
    for (int i = first; i < first + count; i++) {
        cmd("XADD", Q, "*", "payload", payload, NULL);
        cmd("HSET", name(key, "orbiter:task:", i), "status", "pending", NULL);
    }
    take(put());
    claim(count);
    for (int i = first; i < first + count; i++) {
        cmd("HSET", name(key, "orbiter:task:", i), "status", "running", "worker_id", "w1", NULL);
        cmd("PUBLISH", name(key, "orbiter:events:", i), EVENT, NULL);
        cmd("XADD", name(key, "orbiter:stream:", i), "*", "event", EVENT, NULL);
        cmd("EXPIRE", key, "3600", NULL);
        cmd("HSET", name(key, "orbiter:task:", i), "status", "completed", "result", "{\"output\": \"hello\"}", NULL);
        cmd("XACK", Q, G, entries[i - first], NULL);
        cmd("XDEL", Q, entries[i - first], NULL);
    }
    take(put());
}

static void lives(int n)
{
    for (int i = 0; i < n; i += BATCH)
        live(i, n - i < BATCH ? n - i : BATCH);
}

/* ---- events -------------------------------------------------------------- */

/* Every stream once a round; at a pace in an order that is another one each time, as it
 * is when tasks run on their own: the caches of the server feel it. */
static int stream_of(int i, int is_paced)
{
    static const int steps[] = { 7, 11, 13, 17, 19, 23, 29, 31 };
    return i % STREAMS * (is_paced ? steps[i / STREAMS % 8] : 1) % STREAMS;
}

static void wait_until(int64_t us)
{
    int64_t left = us - orb_mono_us();
    if (left > 0)
        usleep((useconds_t)left);
}

static void pairs(int n, int is_paced)
{
    char key[80], json[256];
    int under_way[AHEAD] = { 0 };
    int64_t start = orb_mono_us();
    for (int i = 0, batch = 0; i < n; batch++) {
        for (int k = 0; k < BATCH && i < n; k++, i++) {
            snprintf(json, sizeof json, "{\"type\": \"text\", \"text\": \" token%d\", \"agent_name\": \"assistant\", \"seq\": %d, \"attempt\": 1}",
                     i % 100, i / STREAMS + 1);
            cmd("XADD", name(key, "orbiter:stream:", stream_of(i, is_paced)), "*", "event", json, NULL);
            cmd("PUBLISH", name(key, "orbiter:events:", stream_of(i, is_paced)), json, NULL);
        }
        if (is_paced)
            wait_until(start + (int64_t)i * 1000000 / PACE);
        take(under_way[batch % AHEAD]);
        under_way[batch % AHEAD] = put();
    }
    for (int i = 0; i < AHEAD; i++)
        take(under_way[i]);
}

int main(int argc, char **argv)
{
    int64_t n;
    const char *what = argc == 4 ? argv[1] : "";
    if ((strcmp(what, "bare") && strcmp(what, "pairs") && strcmp(what, "paced")) || orb_parse_int(argv[3], 1, 10000000, &n)) {
        fprintf(stderr, "usage: probe_redis bare|pairs|paced SOCKET N\n");
        return 2;
    }
    memset(payload, 'x', sizeof payload - 1);
    orb_buf_init(&out, 64 * 1024 * 1024);
    c = redisConnectUnix(argv[2]);
    if (!c || c->err)
        die("connect");
    cmd("FLUSHALL", NULL);
    cmd("XGROUP", "CREATE", Q, G, "0", "MKSTREAM", NULL);
    take(put());
    double cpu = server_cpu_us();
    int64_t start = orb_mono_us();
    if (!strcmp(what, "bare"))
        lives((int)n);
    else
        pairs((int)n, !strcmp(what, "paced"));
    double seconds = (double)(orb_mono_us() - start) / 1e6;
    printf("per_s %.0f\nredis_us %.2f\n", (double)n / seconds, (server_cpu_us() - cpu) / (double)n);
    orb_buf_done(&out);
    redisFree(c);
    return 0;
}
