/* Readers that are cut again and again, while workers are killed: each of them has, at the end of
 * its task, every byte of the last attempt, once. */
#include "chaos/chaos.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct chaos chaos;
static struct test_fake fake;

struct size {
    int tasks, deltas, rate, readers, workers, cut_ms, kill_every_ms, kills;
    const char *slots;
};
static const struct size small = {.tasks = 20, .deltas = 60, .rate = 30, .readers = 20, .workers = 2, .slots = "10", .cut_ms = 300, .kill_every_ms = 1000, .kills = 1};
static const struct size large = {.tasks = 1000, .deltas = 300, .rate = 30, .readers = 200, .workers = 8, .slots = "25", .cut_ms = 1000, .kill_every_ms = 3000, .kills = 20};
static const struct size *size;

static void spec(struct chaos *c, int task, struct orb_task_spec *out, char model[256])
{
    static char input[32];
    (void)c;
    chaos_id(task, input);
    out->input = input;
    out->input_len = strlen(input);
    out->detailed = task % 2;
    snprintf(model, 256, "openai:fake?tokens=%d&rate=%d", size->deltas, size->rate);
}

/* ---- readers ---------------------------------------------------------------- */

/* What a reader has of its task: only what a program that was cut keeps. */
struct reader {
    struct orb_task_handle *handle;
    int task;                 /* -1 = none yet */
    char last_id[48];
    int64_t attempt, seq;
    char *text;               /* of the attempt */
    size_t len, cap;
    int has_ended, error;
    int64_t ended_ms, began_ms, cut_ms;
};
static struct reader readers[256];
static int gaps, repeats, overtaken, cuts, unequal, errors, next_task, done_tasks;
static struct chaos_samples lags; /* ms from the end of the task to the end of its reader */
static char (*sums)[65];          /* of the text that every task's last reply had, by the ledger */
static char (*reads)[65];         /* of the text that its reader had */

static void add_text(struct reader *r, const struct orb_event *e)
{
    if (r->len + e->text_len + 1 > r->cap) {
        r->cap = 2 * (r->len + e->text_len + 1);
        r->text = realloc(r->text, r->cap);
        if (!r->text)
            abort();
    }
    memcpy(r->text + r->len, e->text, e->text_len);
    r->len += e->text_len;
}

static void on_event(void *arg, const struct orb_event *e, const struct orb_error *err)
{
    struct reader *r = arg;
    if (!e) {
        if (err && err->code == ORB_E_CANCELLED)
            return; /* this one was cut */
        r->has_ended = 1;
        r->error = err ? err->code : 0;
        r->ended_ms = chaos_wall_ms();
        return;
    }
    snprintf(r->last_id, sizeof r->last_id, "%s", e->stream_id);
    if (e->attempt < r->attempt) {
        overtaken++;
        return;
    }
    if (e->attempt > r->attempt) {
        r->attempt = e->attempt;
        r->seq = 0;
        r->len = 0;
    }
    gaps += e->seq > r->seq + 1;
    repeats += e->seq <= r->seq;
    if (e->seq > r->seq)
        r->seq = e->seq;
    if (e->type == ORB_EVENT_TEXT)
        add_text(r, e);
}

static void listen_on(struct chaos *c, struct reader *r)
{
    char id[32];
    struct orb_error err;
    chaos_id(r->task, id);
    r->handle = orb_task_handle_new(c->fleet.client, id);
    if (orb_task_handle_stream(r->handle, *r->last_id ? r->last_id : NULL, on_event, r, &err))
        fail_msg("stream: %s", err.text);
    r->cut_ms = test_now_ms() + size->cut_ms + chaos_random(c, 2 * size->cut_ms);
}

static void take_next(struct chaos *c, struct reader *r)
{
    r->task = next_task < size->tasks ? next_task++ : -1;
    r->last_id[0] = '\0';
    r->attempt = r->seq = 0;
    r->len = 0;
    r->has_ended = 0;
    r->began_ms = chaos_wall_ms();
    if (r->task >= 0)
        listen_on(c, r);
}

static void sum_of(const char *text, size_t len, char out[65])
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    EVP_Digest(text, len, sum, &n, EVP_sha256(), NULL);
    for (unsigned i = 0; i < 32; i++)
        sprintf(out + 2 * i, "%02x", sum[i]);
}

static void close_reader(struct chaos *c, struct reader *r)
{
    const struct chaos_task *t = &c->tasks[r->task];
    if (!t->final_ms)
        return; /* the feed has not been read so far */
    int64_t from = t->final_ms > r->began_ms ? t->final_ms : r->began_ms;
    chaos_sample(&lags, (double)(r->ended_ms - from));
    errors += r->error != 0;
    chaos_expect(c, !r->error, "the reader of task %d ended: %s", r->task, orb_error_text(r->error));
    sum_of(r->text ? r->text : "", r->len, reads[r->task]);
    orb_task_handle_free(r->handle);
    r->handle = NULL;
    done_tasks++;
    take_next(c, r);
}

static void tend_readers(struct chaos *c)
{
    for (int i = 0; i < size->readers; i++) {
        struct reader *r = &readers[i];
        if (r->task < 0)
            continue;
        if (r->has_ended) {
            close_reader(c, r);
        } else if (test_now_ms() >= r->cut_ms) {
            orb_task_handle_free(r->handle);
            cuts++;
            listen_on(c, r);
        }
    }
}

static int all_read(struct chaos *c)
{
    tend_readers(c);
    return done_tasks == size->tasks && chaos_all_final(c);
}

/* ---- what it came to ---------------------------------------------------------- */

static int task_of_request(const json_t *line)
{
    const json_t *messages = json_object_get(json_object_get(line, "body"), "messages");
    const char *text = json_string_value(json_object_get(json_array_get(messages, json_array_size(messages) - 1), "content"));
    return text ? chaos_task_of(text) : -1;
}

/* The text of the newest reply that was sent whole. */
static int read_ledger(void)
{
    json_t *lines = test_fake_ledger(&fake), *line;
    size_t i, count = json_array_size(lines);
    int requests = 0, *tasks = calloc(count + 1, sizeof *tasks);
    assert_non_null(tasks);
    json_array_foreach (lines, i, line) {
        size_t n = (size_t)json_integer_value(json_object_get(line, "n"));
        assert_in_range(n, 0, count);
        if (!strcmp(json_string_value(json_object_get(line, "event")), "request")) {
            tasks[n] = task_of_request(line);
            assert_in_range(tasks[n], 0, size->tasks - 1);
            requests++;
        } else if (!strcmp(json_string_value(json_object_get(line, "reason")), "complete")) {
            snprintf(sums[tasks[n]], sizeof *sums, "%s", json_string_value(json_object_get(line, "text_sha256")));
        }
    }
    free(tasks);
    json_decref(lines);
    return requests;
}

static void look(struct chaos *c, int i, redisReply *hash, const struct chaos_stream *s)
{
    char stored[65];
    sum_of(s->text ? s->text : "", s->len, stored);
    int is_equal = *sums[i] && !strcmp(sums[i], reads[i]) && !strcmp(sums[i], stored);
    unequal += !is_equal;
    chaos_expect(c, is_equal, "task %d: the provider sent %.12s…, its reader has %.12s…, the stream %.12s… (%d attempts)", i, sums[i], reads[i], stored, c->tasks[i].attempt);
    chaos_expect(c, !strcmp(chaos_field(hash, "status"), "completed") && s->terminals == 1, "task %d is %s, %d ends", i, chaos_field(hash, "status"), s->terminals);
    gaps += s->gaps;
    repeats += s->repeats;
}

static void start(struct chaos *c)
{
    static char base[128];
    static const char *args[3] = {"--concurrency"}, *env[3] = {base, "OPENAI_API_KEY=sk-test", NULL};
    c->tasks_max = large.tasks;
    c->spec = spec;
    chaos_begin(c, "readers");
    size = c->is_full ? &large : &small;
    test_fake_start(&fake);
    snprintf(base, sizeof base, "OPENAI_BASE_URL=%s", fake.url);
    args[1] = size->slots;
    c->args = args;
    c->env = env;
    sums = calloc((size_t)size->tasks, sizeof *sums);
    reads = calloc((size_t)size->tasks, sizeof *reads);
    assert_true(sums && reads);
    for (int w = 0; w < size->workers; w++)
        chaos_worker_start(c, w);
}

static void every_reader_has_every_byte_once(void **state)
{
    (void)state;
    struct chaos *c = &chaos;
    start(c);
    chaos_submit_all(c, 0, size->tasks);
    for (int i = 0; i < size->readers; i++)
        take_next(c, &readers[i]);
    for (int i = 0; i < size->kills && !chaos_all_final(c); i++) {
        for (int64_t end = test_now_ms() + size->kill_every_ms; test_now_ms() < end; chaos_turn(c))
            tend_readers(c);
        chaos_worker_replace(c, chaos_random(c, size->workers), SIGKILL);
    }
    chaos_until(c, "all tasks to end and to be read", all_read, 30000);
    chaos_expect_drained(c);
    int requests = read_ledger();
    chaos_look(c, 0, size->tasks, look);
    chaos_figure(c, "readers_tasks", size->tasks, "tasks", NULL, 0);
    chaos_figure(c, "readers_cuts", cuts, "cuts", ">=", size->readers);
    chaos_figure(c, "readers_attempts_begun_again", requests - size->tasks, "attempts", ">=", 1);
    chaos_figure(c, "readers_unequal", unequal, "tasks", "=", 0);
    chaos_figure(c, "readers_gaps", gaps, "events", "=", 0);
    chaos_figure(c, "readers_repeats", repeats, "events", "=", 0);
    chaos_figure(c, "readers_errors", errors, "readers", "=", 0);
    chaos_figure(c, "readers_overtaken", overtaken, "events", NULL, 0);
    chaos_figure(c, "readers_end_p50", chaos_percentile(&lags, 50), "ms", NULL, 0);
    chaos_figure(c, "readers_end_max", chaos_percentile(&lags, 100), "ms", "<=", 1000);
    chaos_end(c);
}

static int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < 256; i++) {
        orb_task_handle_free(readers[i].handle);
        free(readers[i].text);
    }
    free(sums);
    free(reads);
    free(lags.at);
    chaos_abandon(&chaos);
    test_fake_stop(&fake);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(every_reader_has_every_byte_once, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
