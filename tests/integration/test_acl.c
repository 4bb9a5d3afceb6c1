/* orbiter acl: what Redis lets each role do with the line that is printed, and the programs as those users. */
#include "base/base.h"
#include "support/fleet.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

static struct test_fleet fleet;
static struct test_child workers[4];

#define ARGS(...) (const char *const[]){ __VA_ARGS__, NULL }

/* ---- as a user ---------------------------------------------------------- */

/* user NULL: the one that may do everything. */
static void url_of(const char *user, char out[TEST_PATH_MAX + 256])
{
    snprintf(out, TEST_PATH_MAX + 256, "unix://%s%s%s", user ? user : "", user ? ":pw@" : "", fleet.redis.socket);
}

/* Runs orbiter and returns what it prints, stderr too; the caller frees. */
static char *orbiter(const char *user, int status, const char *const args[])
{
    char program[TEST_PATH_MAX], url[TEST_PATH_MAX + 256];
    const char *argv[24] = { program, "--redis-url", url };
    struct test_child child = { 0 };
    test_build_path("orbiter", program);
    url_of(user, url);
    for (int n = 3; *args; args++)
        argv[n++] = *args;
    test_child_start(&child, fleet.redis.dir, argv, NULL);
    int got = test_child_wait(&child, 30000);
    char *text = test_child_output(&child);
    if (got != status)
        fail_msg("%s as %s: status %d, not %d: %s", argv[3], user ? user : "default", got, status, text);
    return text;
}

static void says(const char *user, int status, const char *expected, const char *const args[])
{
    char *text = orbiter(user, status, args);
    if (!strstr(text, expected))
        fail_msg("%s %s as %s: expected \"%s\", not: %s", args[0], args[1], user ? user : "default", expected, text);
    free(text);
}

static redisContext *connect_as(const char *user, const char *password)
{
    redisContext *c = redisConnectUnix(fleet.redis.socket);
    assert_true(c && !c->err);
    assert_int_equal(redisSetTimeout(c, (struct timeval){ .tv_sec = test_patience(10000) / 1000 }), REDIS_OK);
    redisReply *reply = user ? redisCommand(c, "AUTH %s %s", user, password) : NULL;
    if (user && (!reply || reply->type == REDIS_REPLY_ERROR)) {
        redisFree(c);
        c = NULL;
    }
    freeReplyObject(reply);
    return c;
}

/* Words with one blank between; last, when not NULL, is one more. */
static redisReply *send_words(redisContext *c, const char *text, const char *last)
{
    const char *argv[512];
    int argc = 0;
    char *copy = strdup(text), *rest = copy, *word;
    while ((word = strsep(&rest, " ")) && argc < 510)
        argv[argc++] = word;
    if (last)
        argv[argc++] = last;
    redisReply *reply = redisCommandArgv(c, argc, argv, NULL);
    free(copy);
    assert_non_null(reply);
    return reply;
}

/* Gives Redis the line that orbiter prints. */
static void make_user(const char *name, const char *password, const char *const args[])
{
    char *line = orbiter(NULL, 0, args), text[16 * 1024];
    assert_memory_equal(line, "user ", 5);
    line[strcspn(line, "\n")] = '\0';
    snprintf(text, sizeof text, "ACL SETUSER %s", line + 5);
    redisContext *c = connect_as(NULL, NULL);
    redisReply *reply = send_words(c, text, password);
    if (reply->type == REDIS_REPLY_ERROR)
        fail_msg("%s: %s", name, reply->str);
    freeReplyObject(reply);
    redisFree(c);
    free(line);
}

static int start(void **state)
{
    (void)state;
    /* As careless as a server can be: only the ACL is in the way. */
    fleet.redis.config = "enable-debug-command yes\nenable-module-command yes\nenable-protected-configs yes\n";
    test_fleet_start(&fleet);
    fleet.redis.config = NULL;
    make_user("producer", ">pw", ARGS("acl", "producer", "--name", "producer"));
    make_user("worker", ">pw", ARGS("acl", "worker", "--name", "worker"));
    make_user("viewer", ">pw", ARGS("acl", "viewer", "--name", "viewer"));
    make_user("operator", ">pw", ARGS("acl", "operator", "--name", "operator"));
    return 0;
}

static int stop(void **state)
{
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(workers); i++)
        test_child_kill(&workers[i]);
    test_fleet_stop(&fleet);
    return 0;
}

/* ---- the tables ------------------------------------------------------------ */

/* Who may: Producer, Worker, Viewer, Operator. "LUA code" is run by EVALSHA. */
struct row {
    const char *command, *roles;
};

static int is_denied(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ERROR && (!strncmp(reply->str, "NOPERM", 6) || strstr(reply->str, "The user executing the script") ||
                                                strstr(reply->str, "ACL failure in script") || strstr(reply->str, "not allowed from script"));
}

static redisReply *run_row(const char *user, const char *command)
{
    redisContext *c = connect_as(user, "pw");
    assert_non_null(c);
    if (strncmp(command, "LUA ", 4) != 0) {
        redisReply *reply = send_words(c, command, NULL);
        redisFree(c);
        return reply;
    }
    redisReply *reply = send_words(c, "SCRIPT LOAD", command + 4);
    if (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS) {
        char text[64];
        snprintf(text, sizeof text, "EVALSHA %s", reply->str);
        freeReplyObject(reply);
        reply = send_words(c, text, "0");
    }
    redisFree(c);
    return reply;
}

static void check_row(const char *user, const struct row *row)
{
    redisReply *reply = run_row(user, row->command);
    int may = strchr(row->roles, user[0] - 32) != NULL, is_error = reply->type == REDIS_REPLY_ERROR;
    if (may && is_error && strncmp(reply->str, "BUSYGROUP", 9) != 0)
        fail_msg("%s may not: %s: %s", user, row->command, reply->str);
    if (!may && !is_denied(reply))
        fail_msg("%s may: %s%s%s", user, row->command, is_error ? ": " : "", is_error ? reply->str : "");
    freeReplyObject(reply);
}

static void check_rows(const struct row *rows, size_t count)
{
    static const char *const users[] = { "producer", "worker", "viewer", "operator" };
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < ORB_COUNT(users); k++)
            check_row(users[k], &rows[i]);
}

static void what_each_role_may(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "PING", "PWVO" }, { "INFO server", "PWVO" }, { "ROLE", "PWVO" }, { "CLIENT SETNAME x", "PWVO" }, { "EXISTS orbiter:queues", "PWVO" },
        { "CLIENT ID", "W" }, { "CLIENT UNBLOCK 999", "W" }, { "WAIT 0 1", "P" }, { "TIME", "PWVO" }, { "SCAN 0", "VO" }, { "SISMEMBER orbiter:queues x", "WVO" },
        { "ZCOUNT orbiter:tasks:leased 0 1", "VO" }, { "HSET orbiter:operation:x a b", "O" }, { "SET orbiter:purged:x a", "O" },
        { "HSET orbiter:task:x a b", "PWO" }, { "HGETALL orbiter:task:x", "PWVO" }, { "HMGET orbiter:task:x a", "PWVO" },
        { "SADD orbiter:task:index x", "PWO" }, { "SSCAN orbiter:task:index 0", "VO" }, { "SMEMBERS orbiter:queues", "PVO" },
        { "SET orbiter:payload:x y", "PWO" }, { "GET orbiter:payload:x", "PWVO" }, { "SET orbiter:idem:x y", "P" }, { "GET orbiter:idem:x", "P" },
        { "XADD orbiter:tasks * payload x", "PWO" }, { "XRANGE orbiter:tasks - +", "PWVO" }, { "XLEN orbiter:tasks", "PWVO" },
        { "XGROUP CREATE orbiter:tasks orbiter:tasks:group 0", "PWO" }, { "XINFO GROUPS orbiter:tasks", "PWVO" },
        { "XREADGROUP GROUP orbiter:tasks:group me COUNT 1 STREAMS orbiter:tasks >", "W" }, { "XPENDING orbiter:tasks orbiter:tasks:group", "PWVO" },
        { "XACK orbiter:tasks orbiter:tasks:group 1-1", "PWO" }, { "XCLAIM orbiter:tasks orbiter:tasks:group me 0 1-1", "W" },
        { "XTRIM orbiter:tasks MAXLEN 1000", "W" }, { "XGROUP DELCONSUMER orbiter:tasks orbiter:tasks:group me", "W" },
        { "XADD orbiter:tasks:p9 * payload x", "PWO" }, { "XADD orbiter:tasks:p5 * payload x", "" }, { "ZADD orbiter:tasks:delayed 1 x", "PWO" },
        { "XADD orbiter:tasks:dead * a b", "WO" }, { "XRANGE orbiter:tasks:dead - +", "WVO" }, { "SET orbiter:tasks:paused me", "O" },
        { "GET orbiter:tasks:paused", "WVO" }, { "ZADD orbiter:tasks:leased 1 w", "W" }, { "HSET orbiter:tasks:sweep a b", "WO" },
        { "HINCRBY orbiter:tasks:spent a 1", "W" }, { "HINCRBYFLOAT orbiter:tasks:spent a 0.5", "W" }, { "HMGET orbiter:tasks:spent a", "WVO" },
        { "ZADD orbiter:index:orbiter:tasks:open 1 x", "PWO" }, { "ZREVRANGEBYSCORE orbiter:index:orbiter:tasks:open +inf -inf", "VO" },
        { "ZADD orbiter:index:orbiter:tasks:other 1 x", "" },
        { "HSET orbiter:workers:w a b", "WO" }, { "HGETALL orbiter:workers:w", "WVO" }, { "SET orbiter:lease:w x", "W" }, { "GET orbiter:lease:w", "WVO" }, { "PTTL orbiter:lease:w", "VO" },
        { "XADD orbiter:feed * a b", "PWO" }, { "XRANGE orbiter:feed - +", "VO" },
        { "XREAD STREAMS orbiter:feed 0", "VO" }, { "XINFO STREAM orbiter:feed", "VO" }, { "XADD orbiter:audit * a b", "PO" }, { "XRANGE orbiter:audit - +", "VO" },
        { "XADD orbiter:stream:x * event e", "PWO" }, { "XRANGE orbiter:stream:x - +", "PWVO" }, { "EXPIRE orbiter:stream:x 10", "PWO" },
        { "PUBLISH orbiter:events:x e", "PWO" }, { "SUBSCRIBE orbiter:events:x", "PWVO" }, { "PUBLISH orbiter:cancel:x cancel", "PWO" },
        { "PSUBSCRIBE orbiter:cancel:*", "W" }, { "SUBSCRIBE orbiter:cancel:x", "PWO" }, { "SUBSCRIBE orbiter:tasks:wake", "PWO" },
        { "LUA return(redis.call('HSET','orbiter:task:x','a','b'))", "PWO" }, { "LUA return(redis.call('PUBLISH','orbiter:events:x','e'))", "PWO" },
        { "EVAL return(1) 0", "W" }, { "DEL orbiter:task:x", "WO" },
    };
    check_rows(rows, ORB_COUNT(rows));
}

static void what_no_role_may(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "KEYS *", "" }, { "FLUSHALL", "" }, { "FLUSHDB", "" }, { "CONFIG GET *", "" }, { "CONFIG SET maxmemory 1", "" }, { "SHUTDOWN NOSAVE", "" },
        { "SCRIPT FLUSH", "" }, { "SCRIPT KILL", "" }, { "FUNCTION FLUSH", "" }, { "FUNCTION LOAD x", "" }, { "DEBUG SLEEP 0", "" }, { "ACL LIST", "" },
        { "ACL SETUSER me on nopass ~* +@all", "" }, { "ACL WHOAMI", "" }, { "CLIENT LIST", "" }, { "CLIENT KILL TYPE normal", "" }, { "CLIENT PAUSE 1", "" },
        { "MONITOR", "" }, { "SAVE", "" }, { "BGSAVE", "" }, { "BGREWRITEAOF", "" }, { "REPLICAOF NO ONE", "" }, { "MODULE LIST", "" }, { "SWAPDB 0 1", "" },
        { "SELECT 1", "" }, { "MIGRATE h 1 orbiter:queues 0 1", "" }, { "RENAME orbiter:task:x orbiter:task:y", "" }, { "DUMP orbiter:task:x", "" },
        { "RANDOMKEY", "" }, { "SLOWLOG GET", "" }, { "XGROUP DESTROY orbiter:tasks orbiter:tasks:group", "" },
        { "XGROUP SETID orbiter:tasks orbiter:tasks:group 0", "" }, { "CLUSTER RESET", "" },
        { "GET outside", "" }, { "SET outside x", "" }, { "DEL outside", "" }, { "XADD elsewhere * a b", "" }, { "XRANGE elsewhere - +", "" },
        { "HSET orbiter:x a b", "" }, { "GET {blue}:orbiter:payload:x", "" }, { "PUBLISH outside x", "" }, { "SUBSCRIBE outside", "" }, { "PSUBSCRIBE *", "" },
        { "PSUBSCRIBE orbiter:*", "" }, { "LUA return(redis.call('SET','outside','x'))", "" }, { "LUA return(redis.call('GET','outside'))", "" },
        { "LUA return(redis.call('PUBLISH','outside','x'))", "" }, { "LUA return(redis.call('FLUSHALL'))", "" }, { "LUA return(redis.call('KEYS','*'))", "" },
        { "LUA return(redis.call('CONFIG','GET','*'))", "" }, { "LUA return(redis.call('SHUTDOWN'))", "" }, { "LUA return(redis.call('ACL','LIST'))", "" },
        { "LUA return(redis.call('XGROUP','DESTROY','orbiter:tasks','orbiter:tasks:group'))", "" }, { "LUA return(redis.call('RENAME','orbiter:queues','outside'))", "" },
        { "EVAL return(1) 1 outside", "" }, { "EVAL return(redis.call('SET','outside','x')) 0", "" },
    };
    free(test_redis_text(&fleet.redis, "SET outside secret"));
    free(test_redis_text(&fleet.redis, "XGROUP CREATE orbiter:tasks orbiter:tasks:group 0 MKSTREAM"));
    check_rows(rows, ORB_COUNT(rows));
    test_redis_expect(&fleet.redis, "secret", "GET outside");
    char *groups = test_redis_text(&fleet.redis, "XINFO GROUPS orbiter:tasks");
    assert_non_null(strstr(groups, "orbiter:tasks:group"));
    free(groups);
}

static void only_some_queues_of_a_namespace(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "XADD {blue}:jobs * payload x", "W" }, { "XADD {blue}:jobs:p3 * payload x", "W" }, { "ZADD {blue}:jobs:delayed 1 x", "W" },
        { "ZADD {blue}:orbiter:index:jobs:open 1 x", "W" }, { "PUBLISH {blue}:jobs:wake x", "W" }, { "PSUBSCRIBE {blue}:orbiter:cancel:*", "W" },
        { "HSET {blue}:orbiter:task:x a b", "W" }, { "XADD {blue}:a*b?[c] * payload x", "W" },
        { "XADD {blue}:axb?[c] * payload x", "" }, { "XADD {blue}:a*b?c * payload x", "" },
        { "XADD {blue}:orbiter:tasks * payload x", "" }, { "XADD {blue}:jobs2 * payload x", "" }, { "XADD {blue}:jobs:x * payload x", "" },
        { "ZADD {blue}:orbiter:index:jobs:x:open 1 x", "" }, { "PUBLISH {blue}:other:wake x", "" }, { "PSUBSCRIBE orbiter:cancel:*", "" },
        { "XADD jobs * payload x", "" }, { "HSET orbiter:task:x a b", "" }, { "HSET {red}:orbiter:task:x a b", "" },
    };
    make_user("worker", ">pw", ARGS("acl", "worker", "--name", "worker", "--namespace", "blue", "--queue", "jobs", "--queue", "a*b?[c]"));
    for (size_t i = 0; i < ORB_COUNT(rows); i++)
        check_row("worker", &rows[i]);
}

/* ---- the line ------------------------------------------------------------- */

static void all_queues_that_exist(void **state)
{
    (void)state;
    struct row parked = { "XADD parked * payload x", "" };
    check_row("worker", &parked);
    says("producer", 6, "no permissions", ARGS("submit", "--queue", "parked", "-m", "sim:", "x"));
    free(orbiter(NULL, 0, ARGS("submit", "--queue", "parked", "-m", "sim:", "x")));
    /* Also what must not be there, and is no queue. */
    free(test_redis_text(&fleet.redis, "SADD orbiter:queues %s %s", "orbiter:audit", "a b"));
    make_user("worker", NULL, ARGS("acl", "worker", "--name", "worker"));
    parked.roles = "W";
    check_row("worker", &parked);
    check_row("worker", &(struct row){ "XADD orbiter:audit * a b", "" });
}

static void given_again_it_takes_away_and_leaves_the_password(void **state)
{
    (void)state;
    free(test_redis_text(&fleet.redis, "ACL SETUSER viewer ~* &* +@all (~* +@all)"));
    check_row("viewer", &(struct row){ "GET outside", "V" });
    make_user("viewer", NULL, ARGS("acl", "viewer", "--name", "viewer"));
    check_row("viewer", &(struct row){ "GET outside", "" });
    check_row("viewer", &(struct row){ "KEYS *", "" });
    check_row("viewer", &(struct row){ "PING", "V" });
}

static void nobody_logs_in_without_a_password(void **state)
{
    (void)state;
    make_user("fresh", NULL, ARGS("acl", "operator", "--name", "fresh"));
    assert_null(connect_as("fresh", "pw"));
    assert_null(connect_as("fresh", ""));
}

static void an_acl_file_takes_it(void **state)
{
    (void)state;
    char *line = orbiter(NULL, 0, ARGS("acl", "worker", "--name", "w1", "--queue", "a\\b(c)")), text[16 * 1024], path[TEST_PATH_MAX + 16], config[TEST_PATH_MAX + 64];
    struct test_redis other = { .config = config };
    line[strcspn(line, "\n")] = '\0';
    snprintf(path, sizeof path, "%s/users.acl", fleet.redis.dir);
    snprintf(text, sizeof text, "user default on nopass ~* &* +@all\n%s >pw\n", line);
    test_file_write(path, text);
    snprintf(config, sizeof config, "aclfile %s\n", path);
    test_redis_start(&other);
    char *users = test_redis_text(&other, "ACL USERS");
    assert_string_equal(users, "default\nw1");
    test_redis_expect(&other, "OK", "ACL DRYRUN w1 XADD %s * a b", "a\\b(c)");
    free(users);
    free(line);
    test_redis_stop(&other);
}

static void only_commands_that_the_server_has(void **state)
{
    (void)state;
    redisContext *c = connect_as(NULL, NULL);
    redisReply *reply = redisCommand(c, "COMMAND INFO client|setinfo");
    assert_true(reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == 1);
    int has = reply->element[0]->type == REDIS_REPLY_ARRAY;
    freeReplyObject(reply);
    redisFree(c);
    char *line = orbiter(NULL, 0, ARGS("acl", "viewer"));
    assert_int_equal(strstr(line, " +client|setinfo") != NULL, has);
    assert_null(strstr(line, " +select"));
    free(line);
    char url[TEST_PATH_MAX + 300];
    snprintf(url, sizeof url, "%s?db=3", fleet.redis.url);
    says(NULL, 0, " +select", ARGS("acl", "viewer", "--redis-url", url));
}

static void who_may_not_ask_is_told_so(void **state)
{
    (void)state;
    says("viewer", 6, "cannot ask Redis which commands it has (Redis refused: NOPERM", ARGS("acl", "worker"));
    free(test_redis_text(&fleet.redis, "ACL SETUSER asker on >pw +@all -smembers ~*"));
    says("asker", 6, "cannot ask Redis which queues there are (Redis refused: NOPERM", ARGS("acl", "worker"));
    says("asker", 0, "user orbiter-worker on ", ARGS("acl", "worker", "--queue", "jobs"));
}

static int start_without_evalsha(void **state)
{
    (void)state;
    fleet.redis.config = "rename-command EVALSHA \"\"\n";
    test_fleet_start(&fleet);
    fleet.redis.config = NULL;
    return 0;
}

static void a_server_without_a_command_is_named(void **state)
{
    (void)state;
    says(NULL, 2, "this Redis has no command evalsha, which a worker needs", ARGS("acl", "worker"));
    says(NULL, 0, "user orbiter-viewer on ", ARGS("acl", "viewer"));
}

/* ---- the programs ----------------------------------------------------------- */

static void start_worker(int n, const char *drain_timeout)
{
    char id[16];
    struct test_fleet as = fleet;
    url_of("worker", as.redis.url);
    snprintf(id, sizeof id, "w%d", n);
    test_worker_start(&workers[n], &as, ARGS("--worker-id", id, "--concurrency", "4", "--drain-timeout", drain_timeout), NULL);
}

/* Redis keeps who was denied what: also what a script or a program shrugged off. */
static void expect_nothing_denied(void)
{
    static const char *const users[] = { "producer", "worker", "operator" };
    char *log = test_redis_text(&fleet.redis, "ACL LOG 100");
    for (size_t i = 0; i < ORB_COUNT(users); i++) {
        char line[64];
        snprintf(line, sizeof line, "\nusername\n%s\n", users[i]);
        if (strstr(log, line))
            fail_msg("%s was denied something: %s", users[i], log);
    }
    free(log);
}

static int has_two_dead(void *arg)
{
    (void)arg;
    return test_redis_int(&fleet.redis, "XLEN orbiter:tasks:dead") >= 2;
}

static void tasks_as_producer_and_worker(void **state)
{
    (void)state;
    start_worker(0, "60");
    says("producer", 0, "hello", ARGS("submit", "--wait", "-m", "sim:", "hello"));
    says("producer", 0, "again", ARGS("submit", "--stream", "--detailed", "-m", "sim:", "again"));
    says("producer", 0, "late", ARGS("submit", "--id", "late", "--delay", "0.5", "--priority", "9", "--deadline", "60", "--max-depth", "1000",
                                     "--max-retries", "2", "--idempotency-key", "k", "-m", "sim:", "x"));
    says("producer", 0, "late", ARGS("submit", "--id", "other", "--idempotency-key", "k", "-m", "sim:", "x"));
    says("producer", 9, "safe", ARGS("submit", "--id", "safe", "--durability", "replica", "-m", "sim:", "x"));
    says("producer", 9, "late", ARGS("submit", "--id", "safe2", "--durability", "replica", "--idempotency-key", "k", "-m", "sim:", "x"));
    says("producer", 0, "x", ARGS("task", "result", "late", "--wait"));
    says("producer", 0, "x", ARGS("task", "stream", "safe"));
    says("producer", 0, "completed", ARGS("task", "status", "safe"));
    says("producer", 3, "", ARGS("submit", "--id", "flaky", "--max-retries", "1", "--wait", "-m", "sim:error=server", "x"));
    test_expect_field(&fleet, "flaky", "retries", "1");
    says("producer", 3, "deadline", ARGS("submit", "--deadline", "0.3", "--wait", "-m", "sim:delay=60000", "x"));
    free(test_redis_text(&fleet.redis, "XADD orbiter:tasks * payload {"));
    test_wait_until("the dead letters", has_two_dead, NULL, 10000);
    says("producer", 0, "slow", ARGS("submit", "--id", "slow", "-m", "sim:delay=600000", "x"));
    test_wait_field(&fleet, "slow", "status", "running", 10000);
    says("producer", 0, "slow running", ARGS("task", "cancel", "slow"));
    says("producer", 4, "", ARGS("task", "result", "--wait", "slow"));
    test_submit_plain(&fleet, "python", "sim:tokens=2");
    test_wait_field(&fleet, "python", "status", "completed", 10000);
    test_worker_stop(&workers[0]);
    expect_nothing_denied();
}

static void a_worker_through_all_troubles(void **state)
{
    (void)state;
    start_worker(0, "60");
    /* Links that break in mid-stream, scripts that are gone. */
    says("producer", 0, "long", ARGS("submit", "--id", "long", "-m", "sim:tokens=60,rate=30", "x"));
    test_wait_field(&fleet, "long", "status", "running", 10000);
    free(test_redis_text(&fleet.redis, "SCRIPT FLUSH"));
    free(test_redis_text(&fleet.redis, "CLIENT KILL TYPE normal"));
    free(test_redis_text(&fleet.redis, "CLIENT KILL TYPE pubsub"));
    test_wait_field(&fleet, "long", "status", "completed", 30000);
    free(test_redis_text(&fleet.redis, "XGROUP DESTROY orbiter:tasks orbiter:tasks:group"));
    says("producer", 0, "hello", ARGS("submit", "--wait", "-m", "sim:", "hello"));
    /* Workers that die: from the second time on the task runs alone, in a process of its own. */
    says("producer", 0, "tough", ARGS("submit", "--id", "tough", "--priority", "7", "-m", "sim:tokens=100,rate=20", "x"));
    test_wait_field(&fleet, "tough", "status", "running", 10000);
    for (int n = 0; n < 2; n++) {
        char attempt[16];
        test_child_kill(&workers[n]);
        start_worker(n + 1, "0");
        snprintf(attempt, sizeof attempt, "%d", n + 2);
        test_wait_field(&fleet, "tough", "attempt", attempt, 30000);
    }
    test_expect_field(&fleet, "tough", "recoveries", "2");
    test_wait_field(&fleet, "tough", "status", "completed", 30000);
    /* A drain that does not wait: what runs is handed back. */
    says("producer", 0, "handed", ARGS("submit", "--id", "handed", "-m", "sim:tokens=40,rate=20", "x"));
    test_wait_field(&fleet, "handed", "status", "running", 10000);
    test_worker_stop(&workers[2]);
    test_expect_field(&fleet, "handed", "status", "pending");
    test_redis_expect(&fleet.redis, "0", "EXISTS orbiter:lease:w2");
    start_worker(3, "60");
    test_wait_field(&fleet, "handed", "status", "completed", 20000);
    test_expect_drained(&fleet, "orbiter:tasks");
    expect_nothing_denied();
}

static void a_viewer_sees_and_changes_nothing(void **state)
{
    (void)state;
    start_worker(0, "60");
    free(orbiter("producer", 0, ARGS("submit", "--id", "a", "--wait", "-m", "sim:", "hello")));
    free(orbiter("producer", 0, ARGS("submit", "--id", "b", "-m", "sim:delay=600000", "x")));
    free(orbiter(NULL, 0, ARGS("submit", "--id", "c", "--queue", "parked", "-m", "sim:", "x")));
    test_wait_field(&fleet, "b", "status", "running", 10000);
    says("viewer", 0, "completed", ARGS("task", "list"));
    says("viewer", 0, "running", ARGS("task", "list", "--status", "running"));
    says("viewer", 0, "", ARGS("task", "list", "--status", "pending")); /* the queue parked is not for it */
    says("viewer", 0, "Status:", ARGS("task", "status", "a"));
    says("viewer", 0, "hello", ARGS("task", "result", "a"));
    says("viewer", 0, "hello", ARGS("task", "stream", "a"));
    says("viewer", 0, "w0", ARGS("worker", "list"));
    says("viewer", 6, "NOPERM", ARGS("task", "cancel", "b"));
    says("viewer", 6, "NOPERM", ARGS("submit", "-m", "sim:", "x"));
    test_expect_field(&fleet, "b", "status", "running");
    says("operator", 0, "hello", ARGS("task", "stream", "a"));
    says("operator", 0, "completed", ARGS("task", "list", "--status", "completed"));
    says("operator", 0, "b running", ARGS("task", "cancel", "b"));
    says("producer", 4, "", ARGS("task", "result", "--wait", "b"));
    expect_nothing_denied();
    /* Lists leave out what is not for it. */
    static const char *const users[] = { "viewer", "operator" };
    for (size_t i = 0; i < ORB_COUNT(users); i++) {
        says(users[i], 0, "orbiter:tasks", ARGS("queue", "list"));
        says(users[i], 0, "w0", ARGS("worker", "list"));
        says(users[i], 0, "", ARGS("dead", "list"));
        says(users[i], 6, "no permissions", ARGS("dead", "list", "--queue", "parked"));
    }
    says("producer", 6, "no permissions", ARGS("queue", "list"));
    says("worker", 6, "Redis refused", ARGS("task", "resubmit", "a"));
    says("operator", 5, "", ARGS("task", "cancel", "nobody")); /* it looks into all queues that it may see */
}

/* All that an operator does, and that a viewer may look at and not do. */
static void an_operator_operates(void **state)
{
    (void)state;
    start_worker(0, "60");
    says("producer", 3, "", ARGS("submit", "--id", "failed", "--max-retries", "0", "--wait", "-m", "sim:error=invalid_request", "x"));
    says("producer", 3, "", ARGS("submit", "--id", "failed2", "--max-retries", "0", "--wait", "-m", "sim:error=invalid_request", "x"));
    says("operator", 0, "invalid_request", ARGS("dead", "list", "-o", "jsonl"));
    says("operator", 0, "failed", ARGS("dead", "show", "failed"));
    says("viewer", 6, "NOPERM", ARGS("dead", "replay", "failed"));
    says("viewer", 6, "NOPERM", ARGS("dead", "purge", "--yes", "failed"));
    says("operator", 0, "", ARGS("dead", "replay", "failed"));
    says("operator", 0, "", ARGS("dead", "purge", "--yes", "failed2"));
    says("viewer", 6, "NOPERM", ARGS("queue", "pause", "orbiter:tasks"));
    says("operator", 0, "", ARGS("queue", "pause", "orbiter:tasks"));
    says("operator", 0, "", ARGS("task", "resubmit", "failed2"));
    says("producer", 0, "waits", ARGS("submit", "--id", "waits", "-m", "sim:", "--priority", "8", "x"));
    says("producer", 0, "later", ARGS("submit", "--id", "later", "-m", "sim:", "--delay", "600", "x"));
    test_submit_plain(&fleet, "python", "sim:");
    says("viewer", 0, "orbiter:tasks", ARGS("queue", "list"));
    says("viewer", 6, "NOPERM", ARGS("queue", "purge", "--yes", "orbiter:tasks"));
    says("operator", 0, "4 cancelled", ARGS("queue", "purge", "--yes", "orbiter:tasks"));
    test_expect_field(&fleet, "python", "status", "cancelled");
    says("operator", 0, "", ARGS("queue", "resume", "orbiter:tasks"));
    says("viewer", 6, "NOPERM", ARGS("worker", "drain", "w0"));
    says("operator", 0, "w0", ARGS("worker", "drain", "w0"));
    assert_int_equal(test_child_wait(&workers[0], 10000), 0);
    says("viewer", 0, "purge", ARGS("audit", "list"));
    says("operator", 0, "drain", ARGS("audit", "list"));
    test_expect_drained(&fleet, "orbiter:tasks");
    expect_nothing_denied();
}

static void a_cancel_that_is_refused_changes_nothing(void **state)
{
    (void)state;
    make_user("producer", NULL, ARGS("acl", "producer", "--name", "producer", "--queue", "jobs"));
    free(orbiter(NULL, 0, ARGS("submit", "--id", "a", "-m", "sim:", "x")));
    says("producer", 6, "Redis refused", ARGS("task", "cancel", "a"));
    test_expect_field(&fleet, "a", "status", "pending");
    test_expect_field(&fleet, "a", "cancel_requested_at", "(nil)");
    test_redis_expect(&fleet.redis, "0", "EXISTS orbiter:audit");
    says("producer", 0, "b", ARGS("submit", "--id", "b", "--queue", "jobs", "-m", "sim:", "x"));
    says("producer", 0, "b pending", ARGS("task", "cancel", "b"));
}

static int is_cluster_up(void *arg)
{
    (void)arg;
    char *info = test_redis_text(&fleet.redis, "CLUSTER INFO");
    int is_up = strstr(info, "cluster_state:ok") != NULL;
    free(info);
    return is_up;
}

static int start_cluster(void **state)
{
    (void)state;
    char config[128];
    snprintf(config, sizeof config, "port %d\ncluster-port %d\ncluster-enabled yes\n", test_free_port(), test_free_port());
    fleet.redis.config = config;
    test_fleet_start(&fleet);
    fleet.redis.config = NULL;
    test_redis_expect(&fleet.redis, "OK", "CLUSTER ADDSLOTSRANGE 0 16383");
    test_wait_until("the cluster", is_cluster_up, NULL, 20000);
    make_user("producer", ">pw", ARGS("acl", "producer", "--name", "producer", "--namespace", "blue"));
    make_user("worker", ">pw", ARGS("acl", "worker", "--name", "worker", "--namespace", "blue"));
    make_user("viewer", ">pw", ARGS("acl", "viewer", "--name", "viewer", "--namespace", "blue"));
    return 0;
}

static void a_namespace_on_a_cluster(void **state)
{
    (void)state;
    struct test_fleet as = fleet;
    url_of("worker", as.redis.url);
    test_worker_start(&workers[0], &as, ARGS("--worker-id", "w0", "--namespace", "blue"), NULL);
    says("producer", 0, "hello", ARGS("submit", "--namespace", "blue", "--wait", "-m", "sim:", "hello"));
    says("producer", 0, "urgent", ARGS("submit", "--namespace", "blue", "--priority", "9", "--delay", "0.2", "--wait", "-m", "sim:", "urgent"));
    says("viewer", 0, "completed", ARGS("task", "list", "--namespace", "blue"));
    says("viewer", 6, "NOPERM", ARGS("task", "list", "--namespace", "red"));
    test_worker_stop(&workers[0]);
    expect_nothing_denied();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(what_each_role_may),
        TEST(what_no_role_may),
        TEST(only_some_queues_of_a_namespace),
        TEST(all_queues_that_exist),
        TEST(given_again_it_takes_away_and_leaves_the_password),
        TEST(nobody_logs_in_without_a_password),
        TEST(an_acl_file_takes_it),
        TEST(only_commands_that_the_server_has),
        TEST(who_may_not_ask_is_told_so),
        cmocka_unit_test_setup_teardown(a_server_without_a_command_is_named, start_without_evalsha, stop),
        TEST(tasks_as_producer_and_worker),
        TEST(a_worker_through_all_troubles),
        TEST(a_viewer_sees_and_changes_nothing),
        TEST(an_operator_operates),
        TEST(a_cancel_that_is_refused_changes_nothing),
        cmocka_unit_test_setup_teardown(a_namespace_on_a_cluster, start_cluster, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
