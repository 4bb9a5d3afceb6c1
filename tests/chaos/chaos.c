#include "chaos/chaos.h"
#include "event/event.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define IN_FLIGHT 256
#define LOOK_MS 20
#define PRINTED_MAX 20
#define FEED_BATCH 500

int64_t chaos_wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

double chaos_mono_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* splitmix64 */
int chaos_random(struct chaos *c, int n)
{
    uint64_t z = c->random += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (int)((z ^ (z >> 31)) % (uint64_t)n);
}

static void *grow(void *list, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return list;
    *cap = *cap ? 2 * *cap : 256;
    list = realloc(list, *cap * size);
    if (!list)
        fail_msg("no memory");
    return list;
}

/* ---- samples and figures ------------------------------------------------- */

void chaos_sample(struct chaos_samples *s, double value)
{
    s->at = grow(s->at, s->count, &s->cap, sizeof *s->at);
    s->at[s->count++] = value;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double chaos_percentile(struct chaos_samples *s, double percent)
{
    if (!s->count)
        return 0;
    qsort(s->at, s->count, sizeof *s->at, by_value);
    size_t i = (size_t)((double)s->count * percent / 100);
    return s->at[i < s->count ? i : s->count - 1];
}

void chaos_figure(struct chaos *c, const char *name, double value, const char *unit, const char *relation, double target)
{
    int is_time = !strcmp(unit, "ms") || !strcmp(unit, "s");
    double limit = is_time && !c->is_full ? target * test_patience(10) : target;
    if (!relation) {
        printf("figure %s %.4g %s\n", name, value, unit);
        return;
    }
    int ok = *relation == '<' ? value <= limit : *relation == '>' ? value >= limit : !(value < limit || value > limit);
    printf("figure %s %.10g %s target %s %g%s\n", name, value, unit, relation, target, ok ? value <= target || *relation != '<' ? "" : " (not asked of the short form)" : " MISSED");
    fflush(stdout);
    c->misses += !ok;
}

void chaos_expect(struct chaos *c, int ok, const char *fmt, ...)
{
    if (ok)
        return;
    if (++c->misses > PRINTED_MAX)
        return;
    va_list ap;
    va_start(ap, fmt);
    fputs("wrong: ", stdout);
    vprintf(fmt, ap);
    fputc('\n', stdout);
    va_end(ap);
    fflush(stdout);
}

/* ---- Redis ---------------------------------------------------------------- */

static redisContext *link_to(struct chaos *c)
{
    if (c->link && c->link->err) {
        redisFree(c->link);
        c->link = NULL;
    }
    if (!c->link && c->is_redis_up) {
        struct timeval timeout = {.tv_sec = test_patience(10000) / 1000};
        c->link = redisConnectUnixWithTimeout(c->fleet.redis.socket, timeout);
        if (c->link && !c->link->err)
            redisSetTimeout(c->link, timeout);
        if (c->link && !c->link->err && c->fleet.redis.password)
            freeReplyObject(redisCommand(c->link, "AUTH %s", c->fleet.redis.password));
    }
    return c->link && !c->link->err ? c->link : NULL;
}

redisReply *chaos_command(struct chaos *c, const char *fmt, ...)
{
    redisContext *link = link_to(c);
    va_list ap;
    if (!link)
        return NULL;
    va_start(ap, fmt);
    redisReply *reply = redisvCommand(link, fmt, ap);
    va_end(ap);
    return reply;
}

long long chaos_number(struct chaos *c, const char *fmt, ...)
{
    redisContext *link = link_to(c);
    va_list ap;
    if (!link)
        fail_msg("Redis is away for: %s", fmt);
    va_start(ap, fmt);
    redisReply *reply = redisvCommand(link, fmt, ap);
    va_end(ap);
    if (!reply || (reply->type != REDIS_REPLY_INTEGER && reply->type != REDIS_REPLY_STRING))
        fail_msg("%s: %s", fmt, reply && reply->str ? reply->str : "no integer");
    long long value = reply->type == REDIS_REPLY_INTEGER ? reply->integer : strtoll(reply->str, NULL, 10);
    freeReplyObject(reply);
    return value;
}

void chaos_redis_down(struct chaos *c, int signo)
{
    redisFree(c->link);
    c->link = NULL;
    c->is_redis_up = 0;
    test_child_signal(&c->fleet.redis.child, signo);
    test_child_wait(&c->fleet.redis.child, 20000);
}

void chaos_redis_up(struct chaos *c)
{
    test_redis_restart(&c->fleet.redis);
    c->is_redis_up = 1;
    c->back_ms = chaos_wall_ms();
}

/* ---- the feed ---------------------------------------------------------------- */

void chaos_id(int task, char out[32])
{
    snprintf(out, 32, "task-%06d", task);
}

int chaos_task_of(const char *id)
{
    return strncmp(id, "task-", 5) ? -1 : atoi(id + 5);
}

/* Worker ids are HOST-PID-HEX. */
static pid_t pid_of(const char *worker)
{
    const char *end = strrchr(worker, '-');
    while (end && end > worker && end[-1] != '-')
        end--;
    return end && end > worker ? atoi(end) : 0;
}

static const struct chaos_worker *worker_of(const struct chaos *c, pid_t pid)
{
    for (int i = 0; i < c->worker_count; i++)
        if (c->workers[i].child.pid == pid)
            return &c->workers[i];
    return NULL;
}

static int64_t grave_of(const struct chaos *c, pid_t pid)
{
    for (size_t i = c->grave_count; i-- > 0;)
        if (c->graves[i].pid == pid)
            return c->graves[i].ms;
    return 0;
}

static void note_begin(struct chaos *c, struct chaos_task *t, int attempt, pid_t pid, int64_t ms)
{
    if (t->lost_ms && attempt > t->attempt) {
        int64_t from = c->back_ms > t->lost_ms && c->back_ms <= ms ? c->back_ms : t->lost_ms;
        chaos_sample(t->was_stopped ? &c->stopped : &c->killed, (double)(ms - from));
    }
    t->lost_ms = 0;
    t->begins++;
    t->pid = pid;
    t->running_ms = ms;
    if (attempt > t->attempt)
        t->attempt = attempt;
}

static void note_state(struct chaos *c, struct chaos_task *t, enum orb_status status, int64_t ms)
{
    if (orb_status_is_final(t->status) && status != t->status)
        t->reverts++;
    t->completed += status == ORB_STATUS_COMPLETED;
    t->failed += status == ORB_STATUS_FAILED;
    t->cancelled += status == ORB_STATUS_CANCELLED;
    if (orb_status_is_final(status) && !t->final_ms) {
        t->final_ms = ms;
        c->finals++;
    }
    if (status != ORB_STATUS_RUNNING)
        t->lost_ms = 0;
    t->status = status;
}

static void note_tasks(struct chaos *c, const char *type, const char *worker, char *tasks, int64_t ms)
{
    enum orb_status status;
    char *word;
    if (strncmp(type, "task.", 5) || orb_status_parse(type + 5, &status))
        return;
    while ((word = strsep(&tasks, " "))) {
        char *colon = strrchr(word, ':');
        int task = chaos_task_of(word), attempt = colon ? atoi(colon + 1) : 0;
        if (task < 0 || task >= c->tasks_max)
            continue;
        pid_t pid = pid_of(worker);
        note_state(c, &c->tasks[task], status, ms);
        if (status == ORB_STATUS_RUNNING)
            note_begin(c, &c->tasks[task], attempt, pid, ms);
        if (c->on_feed)
            c->on_feed(c, status, task, pid, ms);
    }
}

static const char *entry_field(const redisReply *fields, const char *name)
{
    for (size_t i = 0; fields && i + 1 < fields->elements; i += 2)
        if (!strcmp(fields->element[i]->str, name))
            return fields->element[i + 1]->str;
    return "";
}

const char *chaos_field(const redisReply *hash, const char *name)
{
    return entry_field(hash, name);
}

static size_t read_feed(struct chaos *c)
{
    redisReply *reply = chaos_command(c, "XRANGE orbiter:feed (%s + COUNT %d", c->feed_id, FEED_BATCH);
    size_t count = reply && reply->type == REDIS_REPLY_ARRAY ? reply->elements : 0;
    for (size_t i = 0; i < count; i++) {
        const redisReply *entry = reply->element[i], *fields = entry->element[1];
        char *tasks = strdup(entry_field(fields, "tasks"));
        snprintf(c->feed_id, sizeof c->feed_id, "%s", entry->element[0]->str);
        note_tasks(c, entry_field(fields, "type"), entry_field(fields, "worker_id"), tasks, strtoll(c->feed_id, NULL, 10));
        free(tasks);
    }
    freeReplyObject(reply);
    if (count)
        c->moved_ms = test_now_ms();
    return count;
}

/* ---- processes ----------------------------------------------------------------- */

int chaos_pid_lives(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    char *text = test_file_read(path, NULL), *state = text ? strrchr(text, ')') : NULL;
    int lives = state && state[1] && state[2] != 'Z' && state[2] != 'X';
    free(text);
    return lives;
}

static void bury(struct chaos *c, pid_t pid)
{
    c->graves = grow(c->graves, c->grave_count, &c->grave_cap, sizeof *c->graves);
    c->graves[c->grave_count].pid = pid;
    c->graves[c->grave_count++].ms = chaos_wall_ms();
}

/* Tasks whose worker was killed or stopped, as far as the feed is read. */
static void look_for_lost(struct chaos *c)
{
    if (c->is_calm || test_now_ms() - c->look_ms < LOOK_MS)
        return;
    c->look_ms = test_now_ms();
    for (int i = 0; i < c->task_count; i++) {
        struct chaos_task *t = &c->tasks[i];
        if (t->status != ORB_STATUS_RUNNING || t->lost_ms || !t->pid)
            continue;
        const struct chaos_worker *w = worker_of(c, t->pid);
        int64_t ms = w ? w->stopped_ms : grave_of(c, t->pid);
        if (!w && !ms && !chaos_pid_lives(t->pid)) {
            bury(c, t->pid);
            ms = chaos_wall_ms();
        }
        t->was_stopped = w && ms;
        t->lost_ms = ms;
    }
}

int chaos_is_serving(struct chaos_worker *w)
{
    char *text = w->child.output[0] ? test_child_output(&w->child) : NULL;
    int yes = text && strstr(text, "serves queue");
    free(text);
    return yes;
}

void chaos_worker_start(struct chaos *c, int w)
{
    struct chaos_worker *worker = &c->workers[w];
    char program[TEST_PATH_MAX];
    const char *argv[32] = { program, "--redis-url", c->fleet.redis.url };
    int n = 3;
    memset(worker, 0, sizeof *worker);
    test_build_path("orbiter-worker", program);
    for (const char *const *arg = c->args; arg && *arg; arg++)
        argv[n++] = *arg;
    test_child_start(&worker->child, c->fleet.redis.dir, argv, c->env);
    worker->pid = worker->child.pid;
    if (w >= c->worker_count)
        c->worker_count = w + 1;
}

/* Its log is read once, when it has ended. */
static void read_log(struct chaos *c, struct chaos_worker *w)
{
    if (!w->child.output[0])
        return;
    char *text = test_child_output(&w->child);
    for (char *at = text; (at = strstr(at, "another worker owns")); at++)
        c->stale++;
    free(text);
    w->child.output[0] = '\0';
}

static void print_tail(const struct chaos_worker *w)
{
    char *text = test_child_output(&w->child);
    size_t n = strlen(text);
    printf("  its log ends: %s\n", n > 1500 ? text + n - 1500 : text);
    free(text);
}

static void tend_workers(struct chaos *c)
{
    for (int i = 0; i < c->worker_count; i++) {
        struct chaos_worker *w = &c->workers[i];
        if (!w->child.pid || !test_child_has_ended(&w->child))
            continue;
        bury(c, w->pid);
        if (!w->term_ms && !c->may_die && c->is_redis_up && chaos_is_serving(w)) {
            chaos_expect(c, 0, "worker %d (pid %d) ended by itself with status %d", i, (int)w->pid, w->child.status);
            print_tail(w);
        }
        if (!w->term_ms && c->is_redis_up && !chaos_is_serving(w) && ++c->early > 20) {
            print_tail(w);
            fail_msg("workers end before they serve");
        }
        int was_told = w->term_ms != 0;
        read_log(c, w);
        if (!was_told && c->is_redis_up)
            chaos_worker_start(c, i);
    }
    for (int i = 0; c->is_redis_up && i < c->worker_count; i++)
        if (!c->workers[i].child.pid && !c->workers[i].term_ms && !c->workers[i].child.output[0])
            chaos_worker_start(c, i);
}

void chaos_worker_replace(struct chaos *c, int i, int signo)
{
    struct chaos_worker *w = &c->workers[i];
    if (w->child.pid) {
        kill(w->child.pid, signo);
        bury(c, w->pid);
        test_child_kill(&w->child);
        read_log(c, w);
    }
    if (c->is_redis_up)
        chaos_worker_start(c, i);
}

void chaos_worker_stop(struct chaos *c, int i)
{
    if (!c->workers[i].child.pid)
        return;
    c->workers[i].stopped_ms = chaos_wall_ms();
    test_child_signal(&c->workers[i].child, SIGSTOP);
}

void chaos_worker_cont(struct chaos *c, int i)
{
    struct chaos_worker *w = &c->workers[i];
    if (!w->stopped_ms || !w->child.pid)
        return;
    test_child_signal(&w->child, SIGCONT);
    w->stopped_ms = 0;
    for (int t = 0; t < c->task_count; t++)
        if (c->tasks[t].pid == w->pid && c->tasks[t].was_stopped)
            c->tasks[t].lost_ms = 0;
}

/* Numbers of processes are used again: only one whose log is in our folder is ours. */
static int is_ours(const struct chaos *c, pid_t pid)
{
    char path[64], log[TEST_PATH_MAX];
    snprintf(path, sizeof path, "/proc/%d/fd/2", (int)pid);
    ssize_t n = readlink(path, log, sizeof log - 1);
    log[n > 0 ? n : 0] = '\0';
    return strncmp(log, c->fleet.redis.dir, strlen(c->fleet.redis.dir)) == 0;
}

void chaos_kill_pid(struct chaos *c, pid_t pid)
{
    for (int i = 0; i < c->worker_count; i++)
        if (c->workers[i].child.pid == pid) {
            chaos_worker_replace(c, i, SIGKILL);
            return;
        }
    if (is_ours(c, pid)) {
        kill(pid, SIGKILL);
        bury(c, pid);
    }
}

void chaos_workers_end(struct chaos *c)
{
    for (int i = 0; i < c->worker_count; i++) {
        chaos_worker_cont(c, i);
        c->workers[i].term_ms = chaos_wall_ms();
        test_child_signal(&c->workers[i].child, SIGTERM);
    }
    for (int i = 0; i < c->worker_count; i++) {
        struct chaos_worker *w = &c->workers[i];
        if (w->child.pid)
            chaos_expect(c, test_child_wait(&w->child, 20000) == 0, "worker %d ended with status %d after SIGTERM", i, w->child.status);
        read_log(c, w);
    }
    c->worker_count = 0;
}

/* ---- submitting ------------------------------------------------------------------ */

struct submit {
    struct chaos *c;
    int task, tries;
};

static void send_submit(struct submit *s);

static void on_submitted(void *arg, struct orb_task_handle *handle, const struct orb_error *err)
{
    struct submit *s = arg;
    struct chaos *c = s->c;
    orb_task_handle_free(handle);
    c->in_flight--;
    if (err && (err->code == ORB_E_UNREACHABLE || err->code == ORB_E_BACKLOG)) {
        c->again[c->again_count++] = s->task;
    } else if (err && err->code != ORB_E_EXISTS && err->code != ORB_E_CANCELLED) {
        chaos_expect(c, 0, "submit of task %d: %s", s->task, orb_error_message(err));
    }
    free(s);
}

static void send_submit(struct submit *s)
{
    struct chaos *c = s->c;
    char id[32], model[256] = "sim:", config[512];
    struct orb_error err;
    struct orb_task_spec spec = {.timeout_seconds = -1, .input = "hello", .input_len = 5};
    chaos_id(s->task, id);
    c->spec(c, s->task, &spec, model);
    snprintf(config, sizeof config, "{\"name\": \"bot\", \"model\": \"%s\"}", model);
    spec.task_id = id;
    spec.agent_config = spec.agent_config ? spec.agent_config : config;
    c->in_flight++;
    if (orb_distributed(c->fleet.client, &spec, on_submitted, s, &err) == 0)
        return;
    c->in_flight--;
    if (err.code != ORB_E_UNREACHABLE && err.code != ORB_E_BACKLOG)
        fail_msg("submit: %s", err.text);
    c->again[c->again_count++] = s->task;
    free(s);
}

void chaos_submit(struct chaos *c, int task)
{
    struct submit *s = calloc(1, sizeof *s);
    assert_non_null(s);
    assert_in_range(task, 0, c->tasks_max - 1);
    s->c = c;
    s->task = task;
    if (task >= c->task_count)
        c->task_count = task + 1;
    send_submit(s);
}

static void submit_again(struct chaos *c)
{
    if (!c->is_redis_up)
        return;
    int count = c->again_count;
    int *list = c->again;
    if (!count)
        return;
    c->again = calloc((size_t)c->tasks_max + 1, sizeof *c->again);
    c->again_count = 0;
    for (int i = 0; i < count; i++)
        chaos_submit(c, list[i]);
    free(list);
}

int chaos_none_in_flight(struct chaos *c)
{
    return c->in_flight == 0 && c->again_count == 0;
}

void chaos_submit_all(struct chaos *c, int from, int to)
{
    for (int i = from; i < to; i++) {
        while (c->in_flight >= IN_FLIGHT)
            chaos_turn(c);
        chaos_submit(c, i);
    }
    chaos_until(c, "the submits", chaos_none_in_flight, 30000);
}

/* ---- turns ------------------------------------------------------------------------- */

void chaos_turn(struct chaos *c)
{
    assert_int_equal(orb_loop_turn(c->fleet.loop, 5), 0);
    while (c->is_redis_up && read_feed(c) == FEED_BATCH)
        ;
    tend_workers(c);
    look_for_lost(c);
    submit_again(c);
}

void chaos_pass(struct chaos *c, int ms)
{
    int64_t end = test_now_ms() + ms;
    while (test_now_ms() < end)
        chaos_turn(c);
}

int chaos_all_final(struct chaos *c)
{
    return c->finals >= c->task_count;
}

static void print_reply(struct chaos *c, const char *what, redisReply *reply)
{
    (void)c;
    printf("  %s:", what);
    for (size_t i = 0; reply && reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        const redisReply *e = reply->element[i];
        if (e->type == REDIS_REPLY_INTEGER)
            printf(" %lld", e->integer);
        else if (e->type == REDIS_REPLY_ARRAY)
            printf(" [%zu]", e->elements);
        else
            printf(" %.300s", e->str ? e->str : "(nil)");
    }
    if (reply && reply->type == REDIS_REPLY_INTEGER)
        printf(" %lld", reply->integer);
    printf("\n");
    freeReplyObject(reply);
}

void chaos_print(struct chaos *c)
{
    printf("%d of %d tasks have a final state\n", c->finals, c->task_count);
    print_reply(c, "XLEN", chaos_command(c, "XLEN " CHAOS_QUEUE));
    print_reply(c, "XPENDING", chaos_command(c, "XPENDING " CHAOS_QUEUE " " CHAOS_QUEUE ":group"));
    print_reply(c, "delayed", chaos_command(c, "ZRANGE " CHAOS_QUEUE ":delayed 0 9 WITHSCORES"));
    print_reply(c, "sweep", chaos_command(c, "HGETALL " CHAOS_QUEUE ":sweep"));
    print_reply(c, "leases", chaos_command(c, "KEYS orbiter:lease:*"));
    for (int i = 0, shown = 0; i < c->task_count && shown < 5; i++) {
        char id[32];
        if (orb_status_is_final(c->tasks[i].status))
            continue;
        chaos_id(i, id);
        printf("  %s: the feed says %s, attempt %d by pid %d\n", id, orb_status_word(c->tasks[i].status), c->tasks[i].attempt, (int)c->tasks[i].pid);
        print_reply(c, "hash", chaos_command(c, "HGETALL orbiter:task:%s", id));
        shown++;
    }
    for (int i = 0; i < c->worker_count; i++)
        if (c->workers[i].child.output[0])
            print_tail(&c->workers[i]);
    fflush(stdout);
}

void chaos_until(struct chaos *c, const char *what, int (*ready)(struct chaos *c), int stall_ms)
{
    c->moved_ms = test_now_ms();
    while (!ready(c)) {
        chaos_turn(c);
        if (test_now_ms() - c->moved_ms > test_patience(stall_ms)) {
            chaos_print(c);
            fail_msg("nothing moves any more: %s (seed %llu)", what, (unsigned long long)c->seed);
        }
    }
}

/* ---- looking at what was stored ------------------------------------------------------ */

static void add_event(struct chaos *c, struct chaos_stream *s, int64_t *seq, const char *json, size_t len)
{
    struct orb_event e;
    struct orb_error err;
    json_t *root;
    if (orb_event_read(json, len, &e, &root, &err)) {
        chaos_expect(c, 0, "%s: %.*s", err.text, (int)len, json);
        return;
    }
    if (e.attempt > s->attempt) {
        s->attempt = (int)e.attempt;
        s->len = 0;
        s->last_gaps = s->last_repeats = 0;
        *seq = 0;
    }
    if (e.attempt == s->attempt) {
        s->gaps += e.seq > *seq + 1;
        s->repeats += e.seq <= *seq;
        s->last_gaps += e.seq > *seq + 1;
        s->last_repeats += e.seq <= *seq;
        *seq = e.seq;
        if (e.type == ORB_EVENT_TEXT) {
            s->text = realloc(s->text, s->len + e.text_len + 1);
            assert_non_null(s->text);
            memcpy(s->text + s->len, e.text, e.text_len + 1);
            s->len += e.text_len;
        }
        s->terminals += e.is_last || (e.type == ORB_EVENT_STATUS &&
                        (!strcmp(e.word, "completed") || !strcmp(e.word, "error") || !strcmp(e.word, "cancelled")));
    }
    json_decref(root);
}

static void look_at_one(struct chaos *c, int task, chaos_look_fn look, redisReply *hash, redisReply *entries)
{
    struct chaos_stream s = {0};
    int64_t seq = 0;
    if (!hash || !entries || entries->type != REDIS_REPLY_ARRAY)
        fail_msg("task %d cannot be read", task);
    for (size_t i = 0; i < entries->elements; i++) {
        const char *json = entry_field(entries->element[i]->element[1], "event");
        add_event(c, &s, &seq, json, strlen(json));
    }
    look(c, task, hash, &s);
    free(s.text);
}

void chaos_look(struct chaos *c, int from, int to, chaos_look_fn look)
{
    enum { BATCH = 64 };
    for (int at = from; at < to; at += BATCH) {
        int end = at + BATCH < to ? at + BATCH : to;
        redisContext *link = link_to(c);
        assert_non_null(link);
        for (int i = at; i < end; i++) {
            char id[32];
            chaos_id(i, id);
            redisAppendCommand(link, "HGETALL orbiter:task:%s", id);
            redisAppendCommand(link, "XRANGE orbiter:stream:%s - +", id);
        }
        for (int i = at; i < end; i++) {
            void *hash = NULL, *entries = NULL;
            redisGetReply(link, &hash);
            redisGetReply(link, &entries);
            look_at_one(c, i, look, hash, entries);
            freeReplyObject(hash);
            freeReplyObject(entries);
        }
    }
}

int chaos_has_drained(struct chaos *c)
{
    redisReply *pending = chaos_command(c, "XPENDING " CHAOS_QUEUE " " CHAOS_QUEUE ":group");
    long long left = pending && pending->type == REDIS_REPLY_ARRAY ? pending->element[0]->integer : 1;
    freeReplyObject(pending);
    return left + chaos_number(c, "XLEN " CHAOS_QUEUE) + chaos_number(c, "ZCARD " CHAOS_QUEUE ":delayed") +
        chaos_number(c, "ZCARD orbiter:index:" CHAOS_QUEUE ":open") + chaos_number(c, "ZCARD orbiter:index:" CHAOS_QUEUE ":retrying") == 0;
}

void chaos_expect_drained(struct chaos *c)
{
    int64_t end = test_now_ms() + test_patience(5000);
    while (!chaos_has_drained(c) && test_now_ms() < end)
        chaos_turn(c);
    redisReply *pending = chaos_command(c, "XPENDING " CHAOS_QUEUE " " CHAOS_QUEUE ":group");
    chaos_expect(c, pending && pending->type == REDIS_REPLY_ARRAY && pending->element[0]->integer == 0, "entries are pending");
    freeReplyObject(pending);
    static const char *const counts[] = {
        "XLEN " CHAOS_QUEUE, "ZCARD " CHAOS_QUEUE ":delayed", "ZCARD orbiter:index:" CHAOS_QUEUE ":open", "ZCARD orbiter:index:" CHAOS_QUEUE ":retrying",
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        redisReply *reply = chaos_command(c, counts[i], NULL);
        chaos_expect(c, reply && reply->type == REDIS_REPLY_INTEGER && reply->integer == 0, "%s is %lld", counts[i], reply ? reply->integer : -1);
        freeReplyObject(reply);
    }
}

/* ---- beginning and ending ---------------------------------------------------------------- */

void chaos_seed(struct chaos *c, const char *name)
{
    const char *seed = getenv("SEED"), *full = getenv("CHAOS_FULL");
    signal(SIGPIPE, SIG_IGN); /* hiredis' own writes, when Redis has closed the connection */
    c->name = name;
    c->seed = seed && *seed ? strtoull(seed, NULL, 10) : 1;
    c->random = c->seed * 0x2545f4914f6cdd1du;
    c->is_full = full && *full && strcmp(full, "0") != 0;
    printf("chaos %s: SEED=%llu, %s form\n", name, (unsigned long long)c->seed, c->is_full ? "full" : "short");
    fflush(stdout);
    c->tasks = calloc((size_t)c->tasks_max + 1, sizeof *c->tasks);
    c->again = calloc((size_t)c->tasks_max + 1, sizeof *c->again);
    assert_true(c->tasks && c->again);
    strcpy(c->feed_id, "0-0");
    c->is_redis_up = 1;
}

void chaos_begin(struct chaos *c, const char *name)
{
    chaos_seed(c, name);
    if (c->is_durable)
        c->fleet.redis.config = "appendonly yes\nappendfsync always\n";
    test_fleet_start(&c->fleet);
}

void chaos_abandon(struct chaos *c)
{
    for (int i = 0; i < c->worker_count; i++)
        test_child_kill(&c->workers[i].child);
    c->worker_count = 0;
    redisFree(c->link);
    c->link = NULL;
    if (c->fleet.loop)
        test_fleet_stop(&c->fleet);
    free(c->tasks);
    free(c->again);
    free(c->graves);
    free(c->killed.at);
    free(c->stopped.at);
    c->tasks = NULL;
    c->again = NULL;
    c->graves = NULL;
    memset(&c->killed, 0, sizeof c->killed);
    memset(&c->stopped, 0, sizeof c->stopped);
}

/* Processes that workers started end with them. */
static void expect_no_strays(struct chaos *c)
{
    int64_t end = test_now_ms() + test_patience(5000);
    for (int i = 0; i < c->task_count; i++) {
        pid_t pid = c->tasks[i].pid;
        while (pid && !grave_of(c, pid) && chaos_pid_lives(pid) && is_ours(c, pid)) {
            if (test_now_ms() > end) {
                chaos_expect(c, 0, "process %d, which ran task %d, is still there", (int)pid, i);
                chaos_kill_pid(c, pid);
                break;
            }
            orb_loop_turn(c->fleet.loop, 5);
        }
    }
}

void chaos_end(struct chaos *c)
{
    if (c->worker_count)
        chaos_workers_end(c);
    expect_no_strays(c);
    int misses = c->misses;
    chaos_abandon(c);
    if (misses)
        fail_msg("%d misses; again with: SEED=%llu make chaos PROOFS=%s", misses, (unsigned long long)c->seed, c->name);
}
