/* The lifecycle feed, followed: a blocking read behind the entry seen last, again and again, on a connection of its own. Where what
 * was seen last may have been trimmed meanwhile (a new connection, or this process was late), the stream is looked at first. */
#include "client/client.h"
#include "base/base.h"
#include <orbiter/watch.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_MS 400           /* so that a dead link is known soon */
#define GRACE_MS 300           /* and so much later an answer is late: Redis ends a blocking read up to 100 ms late by itself */
#define FIRST_GRACE_MS 1000    /* how long the way takes is not known yet */
#define PATIENCE_MS (BLOCK_MS + 1100)
#define BACKOFF_MAX_MS 200     /* one program, not a fleet: it may come back soon */
#define APART_MS 20            /* of two reads: what happens fast comes together */
#define AGAIN_MS 1000          /* after a refusal */
#define BACK_MAX 10000
#define LATE_MS 2000           /* an answer that comes so late may have waited here: its place may be trimmed already */

struct orb_feed {
    struct orb_feed *next;         /* of the client's */
    struct orb_client *client;
    struct orb_loop *loop;
    struct orb_redis *redis;
    struct orb_timer *timer;       /* the next step */
    void (*step)(struct orb_feed *feed);
    orb_feed_cb cb;
    void *arg;
    char position[48];             /* "": not known yet */
    int64_t back;                  /* so many of the last entries are to be told first, once it is known where they begin */
    int is_up, is_silent, is_late; /* late: the answer that is due now */
    int64_t asked_ms, heard_ms;    /* the last question, and the last answer */
    int64_t trip_ms;               /* the least that an answer has taken on this connection; -1 = none has come */
    unsigned refs;                 /* the owner, an answer to come, a callback that runs */
    int is_freed;
};

static void check(struct orb_feed *f);
static void read_on(struct orb_feed *f);

static void unref(struct orb_feed *f)
{
    if (!--f->refs)
        orb_loop_defer(f->loop, free, f);
}

/* ---- entry ids ------------------------------------------------------------ */

struct place { uint64_t ms, seq; };

/* Whole; "5" is "5-0", as Redis takes it. */
static int place_read(const char *id, struct place *out)
{
    char *end;
    size_t n = strspn(id, "0123456789-");
    if (id[n] || n == 0 || n >= sizeof ((struct orb_feed *)0)->position || *id == '-')
        return -1;
    out->ms = strtoull(id, &end, 10);
    out->seq = 0;
    if (!*end)
        return 0;
    if (end[1] < '0' || end[1] > '9')
        return -1;
    out->seq = strtoull(end + 1, &end, 10);
    return *end ? -1 : 0;
}

static int place_compare(struct place a, struct place b)
{
    return a.ms != b.ms ? (a.ms < b.ms ? -1 : 1) : a.seq != b.seq ? (a.seq < b.seq ? -1 : 1) : 0;
}

/* ---- telling -------------------------------------------------------------- */

static void tell(struct orb_feed *f, struct orb_feed_batch *batch, const struct orb_error *err)
{
    if (f->is_freed)
        return;
    batch->position = f->position;
    batch->is_up = f->is_up;
    batch->silent_ms = f->is_silent ? orb_loop_now_ms(f->loop) - f->heard_ms : 0;
    batch->silent_ms += f->is_silent && !batch->silent_ms;
    f->refs++;
    f->cb(f->arg, batch, err);
    unref(f);
}

static void next(struct orb_feed *f, void (*step)(struct orb_feed *), int64_t delay_ms)
{
    f->step = step;
    orb_timer_start(f->timer, delay_ms > 0 ? delay_ms : 0);
}

static void on_timer(void *arg)
{
    struct orb_feed *f = arg;
    f->step(f);
}

/* ---- silence -------------------------------------------------------------- */

/* Nothing was heard for longer than an answer takes: a link may be cut without a word. */
static void fall_silent(struct orb_feed *f)
{
    int is_new = !f->is_silent;
    f->is_silent = f->is_late = 1;
    if (is_new)
        tell(f, &(struct orb_feed_batch){ 0 }, NULL);
}

/* An answer has come, for which Redis has waited wait_ms, -1 = it is not known how long. 1: a silence is over, which one that comes in
 * time ends. */
static int hear(struct orb_feed *f, int64_t wait_ms)
{
    int was_silent = f->is_silent;
    f->heard_ms = orb_loop_now_ms(f->loop);
    int64_t trip_ms = f->heard_ms - f->asked_ms - wait_ms;
    trip_ms = trip_ms > 0 ? trip_ms : 0;
    if (wait_ms >= 0 && (f->trip_ms < 0 || trip_ms < f->trip_ms))
        f->trip_ms = trip_ms;
    f->is_silent = f->is_late;
    return was_silent && !f->is_silent;
}

/* Redis refuses, and may do so later, too. A lost connection is told by on_state. */
static void fail(struct orb_feed *f, const struct orb_error *err)
{
    if (err->code == ORB_E_CANCELLED || f->is_freed || !orb_redis_is_up(f->redis))
        return;
    f->is_up = f->is_silent = 0;
    next(f, check, AGAIN_MS);
    tell(f, &(struct orb_feed_batch){ 0 }, err);
}

/* ---- events --------------------------------------------------------------- */

struct reading {
    struct orb_feed_event *events;
    size_t count;
    char *text;                    /* of the words in "tasks", cut at blanks and colons */
};

static const char *field(const struct orb_reply *entry, const char *name)
{
    return orb_reply_str(orb_reply_field(orb_reply_at(entry, 1), name), NULL);
}

static int status_of(const char *type)
{
    enum orb_status status;
    return !strncmp(type, "task.", 5) && !orb_status_parse(type + 5, &status) ? (int)status : -1;
}

/* "id:attempt id:attempt ...". */
static void read_tasks(struct reading *r, const struct orb_feed_event *of_entry, char *words)
{
    char *rest = words, *word;
    while ((word = strtok_r(rest, " ", &rest))) {
        char *colon = strchr(word, ':');
        if (colon)
            *colon = '\0';
        if (!orb_id_is_valid(word))
            continue;
        struct orb_feed_event *e = &r->events[r->count++];
        *e = *of_entry;
        e->task_id = word;
        e->attempt = colon ? strtoll(colon + 1, NULL, 10) : 0;
    }
}

static void read_entries(struct reading *r, const struct orb_reply *entries)
{
    size_t bytes = 0, words = 0, n = orb_reply_count(entries);
    for (size_t i = 0; i < n; i++) {
        const char *tasks = field(orb_reply_at(entries, i), "tasks");
        bytes += strlen(tasks) + 1;
        words++;
        for (const char *p = tasks; *p; p++)
            words += *p == ' ';
    }
    r->events = orb_alloc((words + 1) * sizeof *r->events);
    char *at = r->text = orb_alloc(bytes + 1);
    for (size_t i = 0; i < n; i++) {
        const struct orb_reply *entry = orb_reply_at(entries, i);
        struct orb_feed_event e = { .entry_id = orb_reply_str(orb_reply_at(entry, 0), NULL), .type = field(entry, "type"),
                                    .queue = field(entry, "queue"), .worker_id = field(entry, "worker_id") };
        e.at_ms = strtoll(e.entry_id, NULL, 10);
        e.status = status_of(e.type);
        strcpy(at, field(entry, "tasks"));
        size_t len = strlen(at);
        read_tasks(r, &e, at);
        at += len + 1;
    }
}

static void take(struct orb_feed *f, const struct orb_reply *entries, int is_late)
{
    struct reading r = { 0 };
    size_t n = orb_reply_count(entries);
    const char *last = orb_reply_str(orb_reply_at(orb_reply_at(entries, n - 1), 0), NULL);
    struct place place;
    if (place_read(last, &place)) {
        struct orb_error err;
        orb_error_set(&err, ORB_E_PROTOCOL, "Redis sent an entry of the feed that has no id");
        fail(f, &err);
        return;
    }
    read_entries(&r, entries);
    snprintf(f->position, sizeof f->position, "%s", last);
    int is_behind = n == ORB_FEED_ENTRIES_MAX;
    next(f, is_late || is_behind ? check : read_on, is_behind ? 0 : f->asked_ms + APART_MS - orb_loop_now_ms(f->loop));
    if (r.count)
        tell(f, &(struct orb_feed_batch){ .events = r.events, .count = r.count, .is_behind = is_behind }, NULL);
    free(r.events);
    free(r.text);
}

/* ---- asking --------------------------------------------------------------- */

/* wait_ms: so long Redis may wait itself. */
static void ask(struct orb_feed *f, struct orb_buf *b, int64_t wait_ms, orb_redis_cb cb)
{
    f->asked_ms = orb_loop_now_ms(f->loop);
    f->is_late = 0;
    f->refs++;
    next(f, fall_silent, wait_ms + (f->trip_ms < 0 ? FIRST_GRACE_MS : GRACE_MS + 2 * f->trip_ms));
    int rc = orb_redis_send(f->redis, b, 1, 0, cb, f);
    ORB_ASSERT(!rc); /* one short command at a time */
    orb_buf_done(b);
}

static void on_read(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct orb_feed *f = arg;
    const struct orb_reply *entries = orb_reply_at(orb_reply_at(reply, 0), 1);
    int64_t waited = orb_loop_now_ms(f->loop) - f->asked_ms;
    int was_silent = !f->is_freed && !err && hear(f, orb_reply_count(entries) ? -1 : BLOCK_MS);
    if (f->is_freed)
        ;
    else if (err)
        fail(f, err);
    else if (orb_reply_count(entries))
        take(f, entries, waited > LATE_MS);
    else
        next(f, waited > LATE_MS ? check : read_on, APART_MS - waited);
    if (was_silent)
        tell(f, &(struct orb_feed_batch){ 0 }, NULL);
    unref(f);
}

static void read_on(struct orb_feed *f)
{
    struct orb_buf b;
    orb_buf_init(&b, 4096);
    orb_cmd_start(&b, 8);
    orb_cmd_str(&b, "XREAD");
    orb_cmd_str(&b, "COUNT");
    orb_cmd_int(&b, ORB_FEED_ENTRIES_MAX);
    orb_cmd_str(&b, "BLOCK");
    orb_cmd_int(&b, BLOCK_MS);
    orb_cmd_str(&b, "STREAMS");
    orb_store_key_arg(f->client->store, &b, "orbiter:feed", "");
    orb_cmd_str(&b, f->position);
    ask(f, &b, BLOCK_MS, on_read);
}

/* Where the stream stands says whether all that came behind the position is still there. Goes on from where it is not. */
static int find_gap(struct orb_feed *f, const struct orb_reply *info)
{
    struct place at, first, last = { 0 };
    const char *last_id = orb_reply_str(orb_reply_field(info, "last-generated-id"), NULL);
    const char *first_id = orb_reply_str(orb_reply_at(orb_reply_field(info, "first-entry"), 0), NULL);
    if (place_read(last_id, &last))
        last_id = "0-0"; /* there is no stream yet */
    if (!*f->position || place_read(f->position, &at)) {
        snprintf(f->position, sizeof f->position, "%s", last_id);
        return 0;
    }
    int order = place_compare(last, at);
    if (order <= 0) {
        if (order < 0) /* another stream: data was lost */
            snprintf(f->position, sizeof f->position, "%s", last_id);
        return order < 0;
    }
    if (!at.ms && !at.seq) /* from its beginning: has anything been there that is not? */
        return orb_reply_int(orb_reply_field(info, "entries-added")) > orb_reply_int(orb_reply_field(info, "length"));
    return place_read(first_id, &first) || place_compare(first, at) > 0;
}

static int is_behind(const struct orb_feed *f, const struct orb_reply *info)
{
    struct place at, last;
    return !place_read(orb_reply_str(orb_reply_field(info, "last-generated-id"), NULL), &last) && !place_read(f->position, &at) && place_compare(last, at) > 0;
}

static void on_info(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct orb_feed *f = arg;
    if (f->is_freed) {
        ;
    } else if (err && !strstr(err->text, "no such key")) {
        fail(f, err);
    } else {
        int was_silent = hear(f, 0), is_gap = find_gap(f, reply), is_new = !f->is_up || was_silent;
        f->is_up = 1;
        next(f, read_on, 0);
        if (is_gap || is_new)
            tell(f, &(struct orb_feed_batch){ .is_gap = is_gap, .is_behind = is_behind(f, reply) }, NULL);
    }
    unref(f);
}

/* One more than was asked for: behind that one they begin. */
static void on_back(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct orb_feed *f = arg;
    size_t n = orb_reply_count(reply);
    if (f->is_freed) {
        ;
    } else if (err) {
        fail(f, err);
    } else {
        const char *first = orb_reply_str(orb_reply_at(orb_reply_at(reply, n - 1), 0), NULL);
        f->heard_ms = orb_loop_now_ms(f->loop);
        snprintf(f->position, sizeof f->position, "%s", (int64_t)n > f->back ? first : "0-0");
        f->back = 0;
        check(f);
    }
    unref(f);
}

static void go_back(struct orb_feed *f)
{
    struct orb_buf b;
    orb_buf_init(&b, 4096);
    orb_cmd_start(&b, 6);
    orb_cmd_str(&b, "XREVRANGE");
    orb_store_key_arg(f->client->store, &b, "orbiter:feed", "");
    orb_cmd_str(&b, "+");
    orb_cmd_str(&b, "-");
    orb_cmd_str(&b, "COUNT");
    orb_cmd_int(&b, f->back + 1);
    ask(f, &b, 0, on_back);
}

static void check(struct orb_feed *f)
{
    struct orb_buf b;
    if (f->back) {
        go_back(f);
        return;
    }
    orb_buf_init(&b, 4096);
    orb_cmd_start(&b, 3);
    orb_cmd_str(&b, "XINFO");
    orb_cmd_str(&b, "STREAM");
    orb_store_key_arg(f->client->store, &b, "orbiter:feed", "");
    ask(f, &b, 0, on_info);
}

static void on_state(void *arg, int is_up, const struct orb_error *err)
{
    struct orb_feed *f = arg;
    orb_timer_stop(f->timer);
    if (is_up) {
        f->trip_ms = -1;
        next(f, check, 0);
        orb_client_hurry(f->client, f->redis);
        return;
    }
    f->is_silent |= f->is_up;
    f->is_up = 0;
    orb_redis_doubt(orb_store_redis(f->client->store));
    if (f->client->subscriber)
        orb_subscriber_doubt(f->client->subscriber);
    tell(f, &(struct orb_feed_batch){ 0 }, err);
}

void orb_feed_hurry(struct orb_feed *f, const struct orb_redis *risen)
{
    for (; f; f = f->next)
        if (f->redis != risen)
            orb_redis_hurry(f->redis, risen);
}

int orb_feed_follow(struct orb_client *client, const char *from_id, orb_feed_cb cb, void *arg, struct orb_feed **out, struct orb_error *err)
{
    struct place place;
    int64_t back = from_id && *from_id == '-' ? strtoll(from_id + 1, NULL, 10) : 0;
    if (from_id && ((*from_id == '-' && (back < 1 || back > BACK_MAX || from_id[1 + strspn(from_id + 1, "0123456789")])) || (*from_id != '-' && place_read(from_id, &place))))
        return orb_error_set(err, ORB_E_USAGE, "\"%s\" is no id of an entry of the feed: use one that the feed gave, 0, or -1 to -%d for the last ones", from_id, BACK_MAX);
    struct orb_feed *f = orb_alloc(sizeof *f);
    f->client = client;
    f->loop = client->loop;
    f->cb = cb;
    f->arg = arg;
    f->refs = 1;
    f->back = back;
    if (from_id && !back)
        snprintf(f->position, sizeof f->position, "%" PRIu64 "-%" PRIu64, place.ms, place.seq);
    f->timer = orb_timer_new(f->loop, on_timer, f);
    struct orb_redis_config mine = client->config;
    mine.name = "orbiter-feed";
    mine.reconnect = 1;
    mine.reply_timeout_ms = PATIENCE_MS;
    mine.backoff_max_ms = BACKOFF_MAX_MS;
    mine.is_hasty = 1;
    mine.state = on_state;
    mine.arg = f;
    f->redis = orb_redis_new(f->loop, &mine);
    f->next = client->feeds;
    client->feeds = f;
    *out = f;
    return 0;
}

void orb_feed_free(struct orb_feed *f)
{
    if (!f || f->is_freed)
        return;
    f->is_freed = 1;
    struct orb_feed **link = &f->client->feeds;
    while (*link != f)
        link = &(*link)->next;
    *link = f->next;
    orb_timer_free(f->timer);
    orb_redis_free(f->redis);
    unref(f);
}
