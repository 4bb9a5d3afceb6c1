/* Dead letters: a walk over the queues' streams, in pages, that gives, replays or deletes what it meets. What one
 * page has is done before the next one is asked for, all of it at once unless a pace was asked for. */
#include "client/actor.h"
#include "client/again.h"
#include "client/letter.h"
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Letters per page: more while they are small. */
enum { PAGE_MIN = 1, PAGE_FIRST = 16, PAGE_MAX = 128, PAGE_SMALL = 256 * 1024, PAGE_LARGE = 4 * 1024 * 1024 };
enum { QUEUES_MAX = 1000 };
enum { CATCH_UP_MS = 100 }; /* of a pace, by which a late timer may be made good */

enum what { LIST, REPLAY, PURGE };

/* A letter that something is done with. */
struct job {
    struct job *next;
    struct dead_walk *walk;
    struct orb_letter_copy copy;
    char new_id[33];
};

struct dead_walk {
    struct dead_walk *next, **link;  /* of the client's */
    struct orb_client *client;
    enum what what;
    orb_dead_cb cb;
    void *arg;
    struct orb_letter_match match;
    int limit, given;                /* given: of this queue */
    char **queues;
    size_t nqueues, at;              /* at: the queue behind the one that is being read */
    const char *queue;
    int is_upward, is_queue_done;
    char cursor[48], last[48];       /* the letter read last; upward: where it ends */
    int page;                        /* letters to ask for */
    int is_asked;                    /* an answer is to come */
    struct job *jobs, **jobs_end;    /* not sent yet */
    size_t in_flight;
    struct orb_batch *batch;
    double interval_ms, next_ms;     /* 0 = at once */
    struct orb_timer *timer;
    struct orb_error stop;           /* why nothing more is done */
    struct orb_error bad;            /* what was left out */
    size_t nclosed;                  /* queues that this user may not read, among all */
    struct orb_error closed;
};

static void pump(void *arg);
static void next_queue(struct dead_walk *w);

/* ---- the end -------------------------------------------------------------- */

static void job_free(struct job *job)
{
    orb_letter_done(&job->copy);
    free(job);
}

static void drop_jobs(struct dead_walk *w)
{
    while (w->jobs) {
        struct job *job = w->jobs;
        w->jobs = job->next;
        job_free(job);
    }
    w->jobs_end = &w->jobs;
}

static void walk_end(struct dead_walk *w)
{
    *w->link = w->next;
    if (w->next)
        w->next->link = w->link;
    orb_loop_forget(w->client->loop, w);
    const struct orb_error *closed = w->nclosed && w->nclosed == w->nqueues ? &w->closed : NULL;
    w->cb(w->arg, NULL, NULL, w->stop.code ? &w->stop : w->bad.code ? &w->bad : closed);
    drop_jobs(w);
    orb_batch_free(w->batch);
    orb_timer_free(w->timer);
    orb_letter_match_done(&w->match);
    for (size_t i = 0; i < w->nqueues; i++)
        free(w->queues[i]);
    free(w->queues);
    free(w);
}

void orb_dead_close(struct orb_client *client)
{
    for (struct dead_walk *w = client->dead, *next; w; w = next) {
        next = w->next;
        orb_error_set(&w->stop, ORB_E_CANCELLED, "the client was freed");
        drop_jobs(w);
        orb_batch_free(w->batch);
        w->batch = NULL;
        orb_timer_free(w->timer);
        w->timer = NULL;
        if (!w->is_asked && !w->in_flight)
            walk_end(w);
        /* else with the answers that will not come */
    }
}

/* ---- reading -------------------------------------------------------------- */

static void on_answer(struct dead_walk *w, const struct orb_error *err)
{
    w->is_asked = 0;
    if (err && !w->stop.code)
        w->stop = *err;
}

static int ask(struct dead_walk *w, struct orb_buf *b, orb_redis_cb cb)
{
    int rc = orb_client_send(w->client, b, 1, cb, w);
    w->is_asked = !rc;
    return rc;
}

static void ask_or_end(struct dead_walk *w, struct orb_buf *b, orb_redis_cb cb)
{
    int rc = ask(w, b, cb);
    if (!rc)
        return;
    orb_error_set(&w->stop, rc, "%s", orb_error_text(rc));
    walk_end(w);
}

/* XRANGE or XREVRANGE over the queue's dead letters. */
static void ask_range(struct dead_walk *w, int is_upward, const char *from, const char *to, int count, orb_redis_cb cb)
{
    struct orb_buf b;
    char key[ORB_KEY_MAX], name[ORB_KEY_MAX];
    snprintf(name, sizeof name, "%s:dead", w->queue);
    orb_buf_init(&b, 4096);
    orb_cmd_start(&b, 6);
    orb_cmd_str(&b, is_upward ? "XRANGE" : "XREVRANGE");
    orb_cmd_str(&b, orb_store_key(w->client->store, name, "", key));
    orb_cmd_str(&b, from);
    orb_cmd_str(&b, to);
    orb_cmd_str(&b, "COUNT");
    orb_cmd_int(&b, count);
    ask_or_end(w, &b, cb);
}

static void job_add(struct dead_walk *w, const struct orb_dead_letter *letter)
{
    struct job *job = orb_alloc(sizeof *job);
    job->walk = w;
    orb_letter_dup(letter, &job->copy);
    *w->jobs_end = job;
    w->jobs_end = &job->next;
}

static int is_enough(const struct dead_walk *w)
{
    return (w->match.id_count && !w->match.open) || (w->limit && w->given == w->limit);
}

/* Reads a page; its size in bytes. */
static size_t read_page(struct dead_walk *w, const struct orb_reply *page)
{
    size_t bytes = 0;
    for (size_t i = 0; i < orb_reply_count(page) && !is_enough(w); i++) {
        struct orb_dead_letter letter;
        bytes += orb_letter_read(orb_reply_at(page, i), w->queue, &letter);
        snprintf(w->cursor, sizeof w->cursor, "(%s", letter.id);
        if (!orb_letter_is_match(&w->match, &letter))
            continue;
        w->given++;
        if (w->what == LIST)
            w->cb(w->arg, &letter, NULL, NULL);
        else
            job_add(w, &letter);
    }
    return bytes;
}

static void on_page(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct dead_walk *w = arg;
    if (err && strstr(err->text, "WRONGTYPE")) {
        orb_error_set(&w->bad, ORB_E_PROTOCOL, "the key %.200s:dead in Redis is no stream, so that the dead letters of this queue cannot be "
                      "read or kept; see what it is with TYPE, and rename or delete it", w->queue);
        err = NULL;
    }
    if (err && err->code == ORB_E_REFUSED && !w->match.queue) { /* the others may be open to this user */
        w->closed = *err;
        w->nclosed++;
        err = NULL;
    }
    on_answer(w, err);
    if (w->stop.code) {
        walk_end(w);
        return;
    }
    size_t bytes = read_page(w, reply);
    w->is_queue_done = (int)orb_reply_count(reply) < w->page || is_enough(w);
    if (bytes < PAGE_SMALL && w->page < PAGE_MAX)
        w->page *= 2;
    else if (bytes > PAGE_LARGE && w->page > PAGE_MIN)
        w->page = w->page > 8 ? w->page / 8 : PAGE_MIN;
    pump(w);
}

static void next_page(struct dead_walk *w)
{
    ask_range(w, w->is_upward, w->cursor, w->is_upward ? w->last : "-", w->page, on_page);
}

/* The end of a walk upwards: what comes meanwhile, such as a replayed task that has failed again, is not for it. */
static void on_newest(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct dead_walk *w = arg;
    const char *last = orb_reply_str(orb_reply_at(orb_reply_at(reply, 0), 0), NULL);
    if (err || !*last) {
        on_page(w, reply, err);
        return;
    }
    on_answer(w, NULL);
    snprintf(w->last, sizeof w->last, "%s", last);
    if (w->stop.code)
        walk_end(w);
    else
        next_page(w);
}

/* ---- doing ---------------------------------------------------------------- */

static void on_done(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct job *job = arg;
    struct dead_walk *w = job->walk;
    struct orb_error why;
    const struct orb_dead_letter *letter = &job->copy.letter;
    w->in_flight--;
    if (err && !w->stop.code)
        w->stop = *err;
    if (!err && w->what == REPLAY && orb_again_answer(reply, letter->id, &why))
        err = &why;
    if (!err && w->what == PURGE && !orb_reply_int(reply)) {
        orb_error_set(&why, ORB_E_NOT_FOUND, "dead letter %s is gone: it was replayed or purged meanwhile", letter->id);
        err = &why;
    }
    w->cb(w->arg, letter, err || w->what == PURGE ? NULL : job->new_id, err);
    job_free(job);
    if (!w->in_flight)
        pump(w);
}

/* 0, or why nothing was sent. */
static int send_job(struct job *job, struct orb_error *err)
{
    struct dead_walk *w = job->walk;
    const struct orb_dead_letter *letter = &job->copy.letter;
    size_t payload_len = letter->payload_len;
    job->copy.letter.payload_len = 0;
    const char *payload = letter->payload;
    job->copy.letter.payload = "";
    if (w->what == PURGE) {
        orb_cmd_str(orb_batch_add(w->batch, 1, on_done, job), letter->id);
        return 0;
    }
    if (!orb_id_is_valid(letter->task_id))
        return orb_error_set(err, ORB_E_INVALID, "dead letter %s cannot be replayed, and is kept: it names no task (%s)", letter->id,
                             *letter->reason ? letter->reason : "no reason is known");
    orb_id_new(job->new_id);
    struct orb_error why;
    int rc = orb_again_add(w->batch, &(struct orb_again){ .id = job->new_id, .resubmit_of = letter->task_id, .letter = letter->id, .seen = "",
                           .payload = payload, .payload_len = payload_len }, on_done, job, &why);
    return rc ? orb_error_set(err, rc, "dead letter %s cannot be replayed, and is kept: %s", letter->id, why.text) : 0;
}

static void do_first(struct dead_walk *w)
{
    struct orb_error err;
    struct job *job = w->jobs;
    w->jobs = job->next;
    if (!w->jobs)
        w->jobs_end = &w->jobs;
    if (!send_job(job, &err)) {
        w->in_flight++;
        return;
    }
    w->cb(w->arg, &job->copy.letter, NULL, &err);
    job_free(job);
}

/* Sends what is due; goes on when this page is done. */
static void pump(void *arg)
{
    struct dead_walk *w = arg;
    double now = (double)orb_mono_us() / 1000;
    if (w->stop.code)
        drop_jobs(w);
    while (w->jobs && (!w->interval_ms || w->next_ms <= now)) {
        do_first(w);
        w->next_ms = (w->next_ms > now - CATCH_UP_MS ? w->next_ms : now - CATCH_UP_MS) + w->interval_ms;
    }
    if (w->jobs)
        orb_timer_start(w->timer, (int64_t)(w->next_ms - now) + 1);
    else if (w->in_flight)
        return;
    else if (w->stop.code)
        walk_end(w);
    else if (w->is_queue_done)
        next_queue(w);
    else
        next_page(w);
}

/* ---- queues --------------------------------------------------------------- */

static struct orb_batch *batch_of(struct dead_walk *w)
{
    char key[ORB_KEY_MAX], nonce[33];
    if (w->what == REPLAY)
        return orb_again_batch_new(w->client, w->queue);
    orb_id_new(nonce);
    const char *const args[] = { w->queue, orb_actor_who(), orb_actor_from(), nonce };
    return orb_batch_new(w->client->store, &orb_script_purge_dead, orb_store_key(w->client->store, w->queue, "", key), args, ORB_COUNT(args));
}

static void next_queue(struct dead_walk *w)
{
    if (w->at == w->nqueues || (w->match.id_count && !w->match.open)) {
        walk_end(w);
        return;
    }
    w->queue = w->queues[w->at++];
    w->given = 0;
    w->page = PAGE_FIRST;
    orb_batch_free(w->batch);
    w->batch = w->what == LIST ? NULL : batch_of(w);
    snprintf(w->cursor, sizeof w->cursor, "%s", w->is_upward ? "-" : "+");
    if (w->is_upward)
        ask_range(w, 0, "+", "-", 1, on_newest);
    else
        next_page(w);
}

static void add_queue(struct dead_walk *w, const char *name)
{
    for (size_t i = 0; i < w->nqueues; i++)
        if (!strcmp(w->queues[i], name))
            return;
    if (!orb_store_queue_check(name, NULL))
        w->queues[w->nqueues++] = orb_strdup(name);
}

static void on_queues(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct dead_walk *w = arg;
    size_t n = orb_reply_count(reply) < QUEUES_MAX ? orb_reply_count(reply) : QUEUES_MAX;
    on_answer(w, err);
    w->queues = orb_alloc((n + 1) * sizeof *w->queues);
    add_queue(w, ORB_QUEUE_DEFAULT);
    for (size_t i = 0; i < n; i++)
        add_queue(w, orb_reply_str(orb_reply_at(reply, i), NULL));
    if (w->stop.code)
        walk_end(w);
    else
        next_queue(w);
}

static void begin(void *arg)
{
    struct dead_walk *w = arg;
    struct orb_buf b;
    if (w->match.queue) { /* need not be known */
        w->queues = orb_alloc(sizeof *w->queues);
        add_queue(w, w->match.queue);
        next_queue(w);
        return;
    }
    orb_buf_init(&b, 4096);
    orb_cmd_start(&b, 2);
    orb_cmd_str(&b, "SMEMBERS");
    orb_store_key_arg(w->client->store, &b, "orbiter:queues", "");
    ask_or_end(w, &b, on_queues);
}

static int start(struct orb_client *client, const struct orb_dead_filter *filter, const struct dead_walk *walk, struct orb_error *err)
{
    int rc = filter->queue ? orb_store_queue_check(filter->queue, err) : 0;
    if (rc)
        return rc;
    struct dead_walk *w = orb_alloc(sizeof *w);
    *w = *walk;
    w->client = client;
    w->jobs_end = &w->jobs;
    orb_letter_match_init(&w->match, filter);
    if (w->interval_ms) {
        w->next_ms = (double)orb_mono_us() / 1000;
        w->timer = orb_timer_new(client->loop, pump, w);
    }
    w->next = client->dead;
    w->link = &client->dead;
    if (w->next)
        w->next->link = &w->next;
    client->dead = w;
    orb_loop_defer(client->loop, begin, w);
    return 0;
}

int orb_dead_list(struct orb_client *client, const struct orb_dead_filter *filter, orb_dead_cb cb, void *arg, struct orb_error *err)
{
    return start(client, filter, &(struct dead_walk){ .what = LIST, .cb = cb, .arg = arg, .limit = filter->limit }, err);
}

int orb_dead_replay(struct orb_client *client, const struct orb_dead_filter *filter, double per_second, orb_dead_cb cb, void *arg,
                    struct orb_error *err)
{
    if (!(per_second >= 0 && per_second <= ORB_DEAD_RATE_MAX) || (per_second > 0 && per_second < ORB_DEAD_RATE_MIN))
        return orb_error_set(err, ORB_E_USAGE, "%g replays per second: use %g to %g, or 0 for as many as can be", per_second,
                             ORB_DEAD_RATE_MIN, ORB_DEAD_RATE_MAX);
    return start(client, filter, &(struct dead_walk){ .what = REPLAY, .cb = cb, .arg = arg, .is_upward = !filter->id_count,
                 .interval_ms = per_second > 0 ? 1000 / per_second : 0 }, err);
}

int orb_dead_purge(struct orb_client *client, const struct orb_dead_filter *filter, orb_dead_cb cb, void *arg, struct orb_error *err)
{
    return start(client, filter, &(struct dead_walk){ .what = PURGE, .cb = cb, .arg = arg }, err);
}
