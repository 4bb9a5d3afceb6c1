#include "support/sentinel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#define PASSWORD "pass"
static char node_config[2][512];

/* ---- one Sentinel -------------------------------------------------------- */

/* NULL when it does not answer; the caller frees. */
static redisReply *ask(const struct test_sentinel *s, const char *format, va_list args)
{
    struct timeval timeout = { .tv_sec = test_patience(5000) / 1000 };
    redisContext *c = redisConnectWithTimeout("127.0.0.1", s->port, timeout);
    redisReply *reply = NULL;
    if (c && !c->err && redisSetTimeout(c, timeout) == REDIS_OK) {
        freeReplyObject(redisCommand(c, "AUTH " TEST_SENTINEL_PASSWORD));
        reply = redisvCommand(c, format, args);
    }
    redisFree(c);
    return reply;
}

static redisReply *command(const struct test_sentinel *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    redisReply *reply = ask(s, format, args);
    va_end(args);
    return reply;
}

char *test_sentinel_text(const struct test_sentinel *s, const char *format, ...)
{
    char *text = NULL;
    size_t len;
    va_list args;
    va_start(args, format);
    redisReply *reply = ask(s, format, args);
    va_end(args);
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    if (reply && reply->str)
        fputs(reply->str, out);
    for (size_t i = 0; reply && reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++)
        fprintf(out, "%s%s", i ? "\n" : "", reply->element[i]->str ? reply->element[i]->str : "");
    fclose(out);
    freeReplyObject(reply);
    return text;
}

static int answers(void *arg)
{
    char *text = test_sentinel_text(arg, "PING");
    int yes = !strcmp(text, "PONG");
    free(text);
    return yes;
}

void test_sentinel_start_alone(struct test_sentinel *s, const char *dir, const char *redis_password, const char *master, int port)
{
    char path[TEST_PATH_MAX + 64], text[1024];
    s->port = test_free_port();
    snprintf(path, sizeof path, "%s/sentinel-%d.conf", dir, s->port);
    snprintf(text, sizeof text,
             "port %d\nbind 127.0.0.1\ndir %s\nrequirepass " TEST_SENTINEL_PASSWORD "\nsentinel sentinel-pass " TEST_SENTINEL_PASSWORD "\n"
             "sentinel monitor %s 127.0.0.1 %d 2\nsentinel auth-pass %s %s\n"
             "sentinel down-after-milliseconds %s 1000\nsentinel failover-timeout %s 60000\n",
             s->port, dir, master, port, master, redis_password, master, master);
    test_file_write(path, text);
    test_child_start(&s->child, dir, (const char *const[]){ "redis-server", path, "--sentinel", NULL }, NULL);
    test_wait_until("the Sentinel to answer", answers, s, 10000);
    /* Only so that tests are short: they look and talk more often. */
    freeReplyObject(command(s, "SENTINEL DEBUG info-period 500 publish-period 200 ping-period 200"));
}

/* ---- all of it ------------------------------------------------------------ */

/* A replica that is promoted ends its clients' connections: no answer is no role. */
static int has_role(const struct test_redis *node, const char *role, const char *link)
{
    redisContext *c = redisConnectUnix(node->socket);
    redisReply *reply = NULL;
    if (c && !c->err) {
        freeReplyObject(redisCommand(c, "AUTH " PASSWORD));
        reply = redisCommand(c, "ROLE");
    }
    int yes = reply && reply->type == REDIS_REPLY_ARRAY && !strcmp(reply->element[0]->str, role) &&
        (!link || (reply->elements > 3 && !strcmp(reply->element[3]->str, link)));
    freeReplyObject(reply);
    redisFree(c);
    return yes;
}

static int is_in_step(void *arg)
{
    return has_role(arg, "slave", "connected");
}

static int number_of(const redisReply *reply, const char *name)
{
    for (size_t i = 0; reply && i + 1 < reply->elements; i += 2)
        if (!strcmp(reply->element[i]->str, name))
            return atoi(reply->element[i + 1]->str);
    return -1;
}

static int know_each_other(void *arg)
{
    struct test_sentinels *s = arg;
    int ready = 1;
    for (int i = 0; i < TEST_SENTINELS && ready; i++) {
        redisReply *reply = command(&s->sentinel[i], "SENTINEL MASTER " TEST_MASTER);
        ready = number_of(reply, "num-slaves") == 1 && number_of(reply, "num-other-sentinels") == TEST_SENTINELS - 1;
        freeReplyObject(reply);
    }
    return ready;
}

static void start_node(struct test_sentinels *s, int i, int primary_port)
{
    s->port[i] = test_free_port();
    snprintf(node_config[i], sizeof node_config[i], "port %d\nbind 127.0.0.1\nmasterauth " PASSWORD "\nrepl-diskless-sync-delay 0\n"
             "repl-ping-replica-period 1\nmaxmemory-policy noeviction\n", s->port[i]);
    s->node[i].password = PASSWORD;
    s->node[i].config = node_config[i];
    test_redis_start(&s->node[i]);
    if (!primary_port)
        return;
    test_redis_expect(&s->node[i], "OK", "REPLICAOF 127.0.0.1 %d", primary_port);
    test_wait_until("the replica", is_in_step, &s->node[i], 20000);
}

void test_sentinels_start(struct test_sentinels *s)
{
    memset(s, 0, sizeof *s);
    start_node(s, 0, 0);
    test_proxy_start(&s->proxy, NULL, s->port[0]);
    start_node(s, 1, s->proxy.port);
    for (int i = 0; i < TEST_SENTINELS; i++)
        test_sentinel_start_alone(&s->sentinel[i], s->node[0].dir, PASSWORD, TEST_MASTER, s->port[0]);
    test_wait_until("the Sentinels to know each other", know_each_other, s, 20000);
    snprintf(s->url, sizeof s->url, "redis+sentinel://:" PASSWORD "@127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d/" TEST_MASTER
             "?sentinel_password=" TEST_SENTINEL_PASSWORD, s->sentinel[0].port, s->sentinel[1].port, s->sentinel[2].port);
}

void test_sentinels_stop(struct test_sentinels *s)
{
    for (int i = 0; i < TEST_SENTINELS; i++)
        test_child_kill(&s->sentinel[i].child);
    test_proxy_stop(&s->proxy);
    test_redis_stop(&s->node[1]);
    test_redis_stop(&s->node[0]);
}

/* With the long time they would do, too; but then they would also see to it within that time that the
 * replica does not reach its primary through a proxy. */
void test_sentinels_may_fail_over(struct test_sentinels *s)
{
    for (int i = 0; i < TEST_SENTINELS; i++) {
        char *text = test_sentinel_text(&s->sentinel[i], "SENTINEL SET " TEST_MASTER " failover-timeout 2000");
        assert_string_equal(text, "OK");
        free(text);
    }
}

int test_sentinels_primary(struct test_sentinels *s)
{
    for (int i = 0; i < 2; i++)
        if (s->node[i].child.pid && has_role(&s->node[i], "master", NULL))
            return i;
    return -1;
}

void test_sentinels_rejoin(struct test_sentinels *s, int i)
{
    char path[TEST_PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/redis.conf", s->node[i].dir);
    FILE *out = fopen(path, "ae");
    assert_non_null(out);
    fprintf(out, "\nreplicaof 127.0.0.1 %d\n", s->port[1 - i]);
    fclose(out);
    test_redis_restart(&s->node[i]);
    test_wait_until("the old primary to be in step", is_in_step, &s->node[i], 20000);
}
