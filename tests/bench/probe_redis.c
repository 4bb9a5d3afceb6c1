/* What Redis itself allows, by blocking pipelines over one unix socket:
 *
 *   probe_redis bare SOCKET N      N task lives of ten plain commands, a stream for each
 *   probe_redis ours SOCKET N      the same lives with orbiter's scripts and commands
 *   probe_redis turn SOCKET N      orbiter's scripts one after the other, waiting for each
 *   probe_redis pairs SOCKET N     N events: XADD and PUBLISH, over 1,000 streams
 *
 * All but turn are pipelined in batches of 64. Prints rate, the server's CPU time for each, and for
 * turn the time of a life. */
#include "base/base.h"
#include "event/event.h"
#include "loop/redis.h"
#include "store/scripts.h"

#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH 64
#define Q "orbiter:tasks"
#define G Q ":group"

static redisContext *c;
static struct orb_buf out;
static int expected;

static void die(const char *what)
{
    fprintf(stderr, "probe_redis: %s: %s\n", what, c && c->err ? c->errstr : "");
    exit(1);
}

static double server_cpu_us(void)
{
    redisReply *r = redisCommand(c, "INFO cpu");
    if (!r)
        die("INFO");
    double sys = 0, user = 0;
    const char *p = strstr(r->str, "used_cpu_sys:"), *q = strstr(r->str, "used_cpu_user:");
    if (p && q) {
        sys = strtod(p + 13, NULL);
        user = strtod(q + 14, NULL);
    }
    freeReplyObject(r);
    return (sys + user) * 1e6;
}

/* The commands in `out`, then all their replies; the last one that is an array
 * of arrays is not looked at: arguments are constant. */
static void exchange(void)
{
    size_t done = 0;
    while (done < out.len) {
        ssize_t n = write(c->fd, out.data + done, out.len - done);
        if (n <= 0)
            die("write");
        done += (size_t)n;
    }
    orb_buf_reset(&out);
    for (; expected; expected--) {
        redisReply *r = NULL;
        if (redisGetReply(c, (void **)&r) != REDIS_OK)
            die("reply");
        if (r->type == REDIS_REPLY_ERROR) {
            fprintf(stderr, "probe_redis: %s\n", r->str);
            exit(1);
        }
        freeReplyObject(r);
    }
}

static void cmd(const char *first, ...)
{
    const char *args[64];
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

static void eval(const struct orb_script *script, size_t nargs)
{
    orb_cmd_start(&out, 4 + nargs);
    orb_cmd_str(&out, "EVALSHA");
    orb_cmd_str(&out, script->sha1);
    orb_cmd_str(&out, "1");
    orb_cmd_str(&out, Q);
    expected++;
}

static char payload[501];
static char entries[BATCH][44];

static const char *name(char *text, const char *prefix, int i)
{
    sprintf(text, "%s%032d", prefix, i);
    return text;
}

/* XREADGROUP for a batch; fills entries. */
static void claim(int count)
{
    char number[16];
    sprintf(number, "%d", count);
    cmd("XREADGROUP", "GROUP", G, "w1", "COUNT", number, "STREAMS", Q, ">", NULL);
    size_t len = out.len;
    if (write(c->fd, out.data, len) != (ssize_t)len)
        die("write");
    orb_buf_reset(&out);
    expected = 0;
    redisReply *r = NULL;
    if (redisGetReply(c, (void **)&r) != REDIS_OK || r->type != REDIS_REPLY_ARRAY || (int)r->element[0]->element[1]->elements != count)
        die("claim");
    for (int i = 0; i < count; i++)
        snprintf(entries[i], sizeof entries[i], "%s", r->element[0]->element[1]->element[i]->element[0]->str);
    freeReplyObject(r);
}

static void bare_life(int first, int count)
{
    char key[80];
    for (int i = first; i < first + count; i++) {
        cmd("XADD", Q, "*", "payload", payload, NULL);
        cmd("HSET", name(key, "orbiter:task:", i), "status", "pending", NULL);
    }
    exchange();
    claim(count);
    for (int i = first; i < first + count; i++) {
        cmd("HSET", name(key, "orbiter:task:", i), "status", "running", "worker_id", "w1", NULL);
        cmd("PUBLISH", name(key, "orbiter:events:", i), "{\"type\": \"text\", \"text\": \"hello\", \"agent_name\": \"assistant\"}", NULL);
        cmd("XADD", name(key, "orbiter:stream:", i), "*", "event", "{\"type\": \"text\", \"text\": \"hello\", \"agent_name\": \"assistant\"}", NULL);
        cmd("EXPIRE", name(key, "orbiter:stream:", i), "3600", NULL);
        cmd("HSET", name(key, "orbiter:task:", i), "status", "completed", "result", "{\"output\": \"hello\"}", NULL);
        cmd("XACK", Q, G, entries[i - first], NULL);
        cmd("XDEL", Q, entries[i - first], NULL);
    }
    exchange();
}

static void submit_ours(int first, int count)
{
    char id[40];
    eval(&orb_script_submit, (size_t)(3 + 4 * count));
    orb_cmd_str(&out, "");
    orb_cmd_str(&out, Q);
    orb_cmd_str(&out, "86400");
    for (int i = first; i < first + count; i++) {
        orb_cmd_str(&out, name(id, "", i));
        orb_cmd_str(&out, "");
        orb_cmd_str(&out, "assistant");
        orb_cmd_str(&out, payload);
    }
    exchange();
}

static void begin_ours(int first, int count)
{
    char id[40];
    eval(&orb_script_begin, (size_t)(7 + 4 * count));
    static const char *const fixed[] = { "", Q, "w1", "0123456789abcdef", "86400", "86400", "3600" };
    for (size_t i = 0; i < ORB_COUNT(fixed); i++)
        orb_cmd_str(&out, fixed[i]);
    for (int i = first; i < first + count; i++) {
        orb_cmd_str(&out, entries[i - first]);
        orb_cmd_str(&out, name(id, "", i));
        orb_cmd_str(&out, "assistant");
        orb_cmd_str(&out, "");
    }
    exchange();
}

static void finish_ours(int first, int count)
{
    char id[80];
    static const char event[] = "{\"type\": \"text\", \"text\": \"hello\", \"agent_name\": \"assistant\", \"seq\": 1, \"attempt\": 1}";
    for (int i = first; i < first + count; i++) {
        cmd("XADD", name(id, "orbiter:stream:", i), "*", "event", event, NULL);
        cmd("EXPIRE", id, "3600", NULL);
        cmd("PUBLISH", name(id, "orbiter:events:", i), event, NULL);
    }
    eval(&orb_script_finish, (size_t)(5 + 13 * count));
    static const char *const fixed[] = { "", Q, "w1", "86400", "3600" };
    for (size_t i = 0; i < ORB_COUNT(fixed); i++)
        orb_cmd_str(&out, fixed[i]);
    for (int i = first; i < first + count; i++) {
        const char *const args[] = { entries[i - first], name(id, "", i), "1", "completed", "\"assistant\"",
                                     "\"Agent 'assistant' completed execution\"", "2", "", "", "{\"output\": \"hello\"}", "",
                                     "{\"input_tokens\": 1, \"output_tokens\": 1, \"total_tokens\": 2}", "1" };
        for (size_t k = 0; k < ORB_COUNT(args); k++)
            orb_cmd_str(&out, args[k]);
    }
    exchange();
}

static void our_life(int first, int count)
{
    submit_ours(first, count);
    claim(count);
    begin_ours(first, count);
    finish_ours(first, count);
}

static void pairs(int first, int count)
{
    char key[80], json[256];
    for (int i = first; i < first + count; i++) {
        snprintf(json, sizeof json, "{\"type\": \"text\", \"text\": \" token%d\", \"agent_name\": \"assistant\", \"seq\": %d, \"attempt\": 1}", i % 100, i / 1000 + 1);
        cmd("XADD", name(key, "orbiter:stream:", i % 1000), "*", "event", json, NULL);
        cmd("PUBLISH", name(key, "orbiter:events:", i % 1000), json, NULL);
    }
    exchange();
}

static int by_time(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void turns(int n)
{
    char key[80];
    double *ms = orb_alloc((size_t)n * sizeof *ms);
    for (int i = 0; i < n; i++) {
        int64_t start = orb_mono_us();
        our_life(i, 1);
        cmd("HGETALL", name(key, "orbiter:task:", i), NULL);
        exchange();
        ms[i] = (double)(orb_mono_us() - start) / 1000;
    }
    qsort(ms, (size_t)n, sizeof *ms, by_time);
    printf("p50_ms %.3f\np99_ms %.3f\n", ms[n / 2], ms[n * 99 / 100]);
    free(ms);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: probe_redis bare|ours|turn|pairs SOCKET N\n");
        return 2;
    }
    int n = atoi(argv[3]);
    memset(payload, 'x', 500);
    orb_buf_init(&out, 64 * 1024 * 1024);
    c = redisConnectUnix(argv[2]);
    if (!c || c->err)
        die("connect");
    redisCommand(c, "FLUSHALL");
    redisCommand(c, "XGROUP CREATE " Q " " G " 0 MKSTREAM");
    redisCommand(c, "SCRIPT LOAD %s", orb_script_submit.text);
    redisCommand(c, "SCRIPT LOAD %s", orb_script_begin.text);
    redisCommand(c, "SCRIPT LOAD %s", orb_script_finish.text);
    void (*life)(int, int) = !strcmp(argv[1], "bare") ? bare_life : !strcmp(argv[1], "ours") ? our_life : pairs;
    double cpu = server_cpu_us();
    int64_t start = orb_mono_us();
    if (!strcmp(argv[1], "turn")) {
        turns(n);
        return 0;
    }
    for (int i = 0; i < n; i += BATCH)
        life(i, n - i < BATCH ? n - i : BATCH);
    double seconds = (double)(orb_mono_us() - start) / 1e6;
    printf("per_s %.0f\nredis_us %.2f\n", n / seconds, (server_cpu_us() - cpu) / n);
    return 0;
}
