/* A whole client or worker beside a server that answers whatever it likes. The
 * first line says who asks what (see questions), upper case: the server
 * answers what is said first on a connection too. Then the answers, one for each command in
 * the order in which they come, parted by lines "--"; an empty one keeps silent. */
#include "fuzz/fuzz.h"
#include <orbiter/fleet.h>
#include <orbiter/operate.h>
#include <orbiter/worker.h>

#include <ctype.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LINKS_MAX 16
#define TURNS_MAX 400
#define IDLE_TURNS 6 /* nothing was sent in so many turns: nothing will */

/* ---- the server -------------------------------------------------------- */

struct link {
    int fd;
    redisReader *reader;
    struct orb_watch *watch;
};

struct server {
    struct orb_loop *loop;
    const char *answers, *end; /* that are left */
    int answers_all, progress;
    struct orb_watch *watch;
    struct link links[LINKS_MAX];
};

static char folder[64], path[96];
static int listener = -1;

static void tidy(void)
{
    unlink(path);
    rmdir(folder);
}

/* One socket for all inputs. */
static void open_listener(void)
{
    const char *tmp = getenv("TMPDIR");
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(folder, sizeof folder, "%.40s/fuzz.XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
    ORB_ASSERT(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/s", folder);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ORB_ASSERT(listener >= 0 && !bind(listener, (struct sockaddr *)&address, sizeof address) && !listen(listener, 64));
    atexit(tidy);
}

static void hang_up(struct link *link)
{
    if (!link->reader)
        return;
    orb_watch_free(link->watch);
    redisReaderFree(link->reader);
    close(link->fd);
    memset(link, 0, sizeof *link);
}

static void say(const struct link *link, const char *bytes, size_t n)
{
    if (n && send(link->fd, bytes, n, MSG_NOSIGNAL) < 0)
        return; /* it has hung up */
}

/* What is said first, and what only makes ready: the fuzzer need not find it. */
static int answer_plainly(const struct link *link, const char *name, const char *second)
{
    static const char *const plain[] = { "AUTH", "SELECT", "SCRIPT", "PING", "XGROUP", "HSET", "EXPIRE", "PUBLISH", "XACK", "XADD", "ZREM", "ZADD", "SREM", "SADD" };
    static const char listens[] = "*3\r\n$10\r\npsubscribe\r\n$1\r\nx\r\n:1\r\n", id[] = ":7\r\n";
    if (!strcmp(name, "PSUBSCRIBE") || !strcmp(name, "SUBSCRIBE"))
        return say(link, listens, sizeof listens - 1), 1;
    if (!strcmp(name, "CLIENT"))
        return say(link, strcmp(second, "ID") ? "+OK\r\n" : id, strcmp(second, "ID") ? 5 : 4), 1;
    if (!strcmp(name, "INFO"))
        return say(link, "$0\r\n\r\n", 6), 1;
    for (size_t i = 0; i < ORB_COUNT(plain); i++)
        if (!strcmp(name, plain[i]))
            return say(link, "+OK\r\n", 5), 1;
    return 0;
}

static void answer_next(struct server *s, const struct link *link)
{
    static const char between[] = "--\n";
    const char *stop = memmem(s->answers, (size_t)(s->end - s->answers), between, sizeof between - 1);
    size_t n = (size_t)((stop ? stop : s->end) - s->answers);
    say(link, s->answers, n);
    s->answers = stop ? stop + sizeof between - 1 : s->end;
}

static const char *word(const redisReply *command, size_t i)
{
    return i < command->elements && command->element[i]->str ? command->element[i]->str : "";
}

/* Commands of ours are always whole and well-formed. */
static void on_command(struct server *s, const struct link *link, const redisReply *command)
{
    ORB_ASSERT(command->type == REDIS_REPLY_ARRAY && command->elements);
    for (size_t i = 0; i < command->elements; i++)
        ORB_ASSERT(command->element[i]->type == REDIS_REPLY_STRING);
    if (s->answers_all || !answer_plainly(link, word(command, 0), word(command, 1)))
        answer_next(s, link);
}

static void on_bytes(void *arg, int fd)
{
    struct server *s = arg;
    struct link *link = s->links;
    char bytes[65536];
    while (link->fd != fd || !link->reader)
        link++;
    ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    s->progress = 1;
    if (n <= 0) {
        hang_up(link);
        return;
    }
    redisReaderFeed(link->reader, bytes, (size_t)n);
    void *command = NULL;
    while (redisReaderGetReply(link->reader, &command) == REDIS_OK && command) {
        on_command(s, link, command);
        freeReplyObject(command);
    }
    ORB_ASSERT(!link->reader->err);
}

static void on_caller(void *arg, int fd)
{
    struct server *s = arg;
    int caller = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (caller < 0)
        return;
    s->progress = 1;
    for (size_t i = 0; i < LINKS_MAX; i++) {
        struct link *link = &s->links[i];
        if (link->reader)
            continue;
        *link = (struct link){ .fd = caller, .reader = redisReaderCreate() };
        link->watch = orb_watch_new(s->loop, caller, on_bytes, s);
        return;
    }
    close(caller);
}

static void run(struct server *s)
{
    for (int i = 0, idle = 0; i < TURNS_MAX && idle < IDLE_TURNS; i++) {
        s->progress = 0;
        orb_loop_turn(s->loop, 0);
        idle = s->progress ? 0 : idle + 1;
    }
}

/* ---- who asks ---------------------------------------------------------- */

struct asker {
    struct orb_client *client;
    struct orb_task_handle *handle;
    struct orb_worker *worker;
    int pending; /* callbacks that are to come */
};

static void check_told(const struct orb_error *err)
{
    if (err)
        fuzz_check_error(err->code, err);
}

static void check_task(const struct orb_task_info *i)
{
    ORB_ASSERT(i->id && i->queue && i->agent && i->worker_id && i->result && i->output && i->error && i->error_type && i->partial && i->usage);
    ORB_ASSERT((unsigned)i->status < ORB_STATUS_COUNT);
    ORB_ASSERT(strlen(i->result) + strlen(i->output) + strlen(i->error) + strlen(i->partial) + strlen(i->usage) < SIZE_MAX);
}

static void on_task(void *arg, const struct orb_task_info *info, const struct orb_error *err)
{
    ((struct asker *)arg)->pending--;
    ORB_ASSERT(!info == !!err);
    check_told(err);
    if (info)
        check_task(info);
}

static void on_tasks(void *arg, const struct orb_task_info *tasks, size_t count, const struct orb_error *err)
{
    ((struct asker *)arg)->pending--;
    ORB_ASSERT(!err || !count);
    check_told(err);
    for (size_t i = 0; i < count; i++)
        check_task(&tasks[i]);
}

static void on_workers(void *arg, const struct orb_worker_info *workers, size_t count, const struct orb_error *err)
{
    ((struct asker *)arg)->pending--;
    check_told(err);
    for (size_t i = 0; i < count; i++) {
        const struct orb_worker_info *w = &workers[i];
        ORB_ASSERT(w->id && w->status && w->hostname && w->current_task_id && w->version);
        ORB_ASSERT(strlen(w->id) + strlen(w->status) < SIZE_MAX && (!i || strcmp(workers[i - 1].id, w->id) <= 0));
    }
}

static void on_end(void *arg, const struct orb_error *err)
{
    ((struct asker *)arg)->pending--;
    check_told(err);
}

static void on_queues(void *arg, const struct orb_queue_info *queues, size_t count, const struct orb_error *err)
{
    ((struct asker *)arg)->pending--;
    ORB_ASSERT(!err || !count);
    check_told(err);
    for (size_t i = 0; i < count; i++) {
        const struct orb_queue_info *q = &queues[i];
        ORB_ASSERT(strlen(q->name) + strlen(q->paused_by) + strlen(q->paused_from) < SIZE_MAX && q->depth >= -1);
        ORB_ASSERT(!i || strcmp(queues[i - 1].name, q->name) <= 0);
    }
}

static void on_audit(void *arg, const struct orb_audit_info *entries, size_t count, const struct orb_error *err)
{
    ((struct asker *)arg)->pending--;
    ORB_ASSERT((!err || !count) && count <= 20);
    check_told(err);
    for (size_t i = 0; i < count; i++) {
        const struct orb_audit_info *e = &entries[i];
        ORB_ASSERT(strlen(e->id) + strlen(e->who) + strlen(e->from) + strlen(e->action) + strlen(e->target) + strlen(e->was) + strlen(e->became) < SIZE_MAX);
    }
}

static void on_pause(void *arg, const struct orb_pause_info *info, const struct orb_error *err)
{
    ((struct asker *)arg)->pending--;
    ORB_ASSERT(!info == !!err && (!info || info->who));
    check_told(err);
}

static void on_purge(void *arg, int64_t ended, const struct orb_error *err)
{
    (void)ended;
    on_end(arg, err);
}

static void on_drain(void *arg, int is_changed, const struct orb_error *err)
{
    ORB_ASSERT(!err || !is_changed);
    on_end(arg, err);
}

static void on_event(void *arg, const struct orb_event *event, const struct orb_error *err)
{
    struct asker *a = arg;
    ORB_ASSERT(a->pending == 1);
    check_told(err);
    if (!event) {
        a->pending--;
        return;
    }
    ORB_ASSERT(event->stream_id && event->text && event->word && event->agent_name && event->tool_call_id && event->json);
    ORB_ASSERT(orb_utf8_is_valid(event->text, event->text_len) && !event->json[event->json_len]);
}

static void on_cancelled(void *arg, const char *state, const struct orb_error *err)
{
    ((struct asker *)arg)->pending--;
    check_told(err);
    ORB_ASSERT(err || state);
}

static void on_submitted(void *arg, struct orb_task_handle *handle, const struct orb_error *err)
{
    ((struct asker *)arg)->pending--;
    ORB_ASSERT(!handle == !!err);
    check_told(err);
    orb_task_handle_free(handle);
}

static void on_log(void *arg, int level, const char *line)
{
    (void)arg;
    ORB_ASSERT(level >= 0 && level <= 3 && fuzz_is_line(line));
}

static void on_done(void *arg, const char *task_id, enum orb_status status, const char *output, const char *error)
{
    (void)arg;
    ORB_ASSERT(orb_id_is_valid(task_id) && (unsigned)status < ORB_STATUS_COUNT);
    ORB_ASSERT((!output || orb_utf8_is_valid(output, strlen(output))) && (!error || strlen(error) < SIZE_MAX));
}

static void start_worker(struct asker *a, struct orb_loop *loop, const char *url)
{
    const struct orb_worker_options options = { .redis = { .url = url }, .worker_id = "w1", .concurrency = 4, .program = "/nonexistent/worker" };
    struct orb_error err;
    ORB_ASSERT(!orb_worker_new(loop, &options, &a->worker, &err));
    orb_worker_on_log(a->worker, on_log, a);
    orb_worker_on_task_done(a->worker, on_done, a);
    a->pending += !orb_worker_start(a->worker, on_end, a);
}

static void start(struct asker *a, struct orb_loop *loop, const char *url, int question)
{
    const struct orb_redis_options options = { .url = url };
    const struct orb_task_filter all = { .status = -1, .limit = 20 }, some = { .status = ORB_STATUS_FAILED, .queue = "q", .limit = 3 },
                                 waiting = { .status = ORB_STATUS_PENDING, .queue = ORB_QUEUE_DEFAULT, .limit = 5 };
    const struct orb_queue_filter queues = { .limit = 3 };
    const struct orb_audit_filter entries = { .who = "ann", .limit = 20 };
    const struct orb_task_spec spec = { .agent_config = "{\"name\": \"a\"}", .input = "x", .input_len = 1 };
    struct orb_error err;
    int rc = 0;
    if (question == 'k') {
        start_worker(a, loop, url);
        return;
    }
    ORB_ASSERT(!orb_client_new(loop, &options, &a->client, &err));
    a->handle = orb_task_handle_new(a->client, "an-id");
    a->pending = 1;
    switch (question) {
    case 's': rc = orb_task_handle_status(a->handle, on_task, a); break;
    case 'r': rc = orb_task_handle_result(a->handle, on_task, a); break;
    case 'e': rc = orb_task_handle_stream(a->handle, NULL, on_event, a, &err); break;
    case 'c': rc = orb_task_handle_cancel(a->handle, on_cancelled, a); break;
    case 'd': rc = orb_distributed(a->client, &spec, on_submitted, a, &err); break;
    case 'w': rc = orb_fleet_workers(a->client, on_workers, a); break;
    case 't': rc = orb_fleet_tasks(a->client, &all, on_tasks, a, &err); break;
    case 'f': rc = orb_fleet_tasks(a->client, &some, on_tasks, a, &err); break;
    case 'p': rc = orb_fleet_tasks(a->client, &waiting, on_tasks, a, &err); break;
    case 'q': rc = orb_fleet_queues(a->client, &queues, on_queues, a, &err); break;
    case 'a': rc = orb_fleet_audit(a->client, &entries, on_audit, a, &err); break;
    case 'o': rc = orb_operate_pause(a->client, "q", on_pause, a, &err); break;
    case 'u': rc = orb_operate_purge(a->client, "q", on_purge, a, &err); break;
    case 'n': rc = orb_operate_drain(a->client, "w1", on_drain, a, &err); break;
    default: a->pending = 0; break;
    }
    ORB_ASSERT(!rc);
}

static void stop(struct asker *a)
{
    orb_task_handle_free(a->handle);
    orb_client_free(a->client);
    orb_worker_free(a->worker);
}

/* ---- one input ---------------------------------------------------------- */

/* What would have us connect to other places, end the process, start one, or
 * fill the memory at once because the server says so. */
static int is_fit(const char *text, size_t size)
{
    static const char *const unfit[] = { "MOVED", "ASK", "crash", "alone" };
    for (size_t i = 0; i < ORB_COUNT(unfit); i++)
        if (memmem(text, size, unfit[i], strlen(unfit[i])))
            return 0;
    return fuzz_is_modest((const uint8_t *)text, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    char url[128];
    struct server server = { 0 };
    struct asker asker = { 0 };
    if (size < 2 || text[1] != '\n' || !is_fit(text, size))
        return 0;
    if (listener < 0) {
        unsetenv("OPENAI_API_KEY");
        unsetenv("OPENAI_BASE_URL");
        open_listener();
    }
    snprintf(url, sizeof url, "unix://%s", path);
    server.loop = orb_loop_new();
    server.answers = text + 2;
    server.end = text + size;
    server.answers_all = isupper((unsigned char)text[0]);
    server.watch = orb_watch_new(server.loop, listener, on_caller, &server);
    start(&asker, server.loop, url, tolower((unsigned char)text[0]));
    run(&server);
    stop(&asker);
    for (size_t i = 0; i < LINKS_MAX; i++)
        hang_up(&server.links[i]);
    run(&server);
    ORB_ASSERT(!asker.pending || asker.worker); /* every callback has come */
    orb_watch_free(server.watch);
    orb_loop_free(server.loop);
    return 0;
}
