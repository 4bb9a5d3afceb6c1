#include "broker/claim.h"
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_MS 1000     /* so that a dead link is known soon */
#define BATCH_MAX 64 /* entries of one read: 64 MiB, if each is as large as it may be */
#define UNBLOCK_MS 10
#define AGAIN_MIN_MS 100
#define AGAIN_MAX_MS 2000

struct orb_claim {
    struct orb_loop *loop;
    struct orb_redis *redis;
    struct orb_store *store;
    struct orb_broker *broker;
    const char *stream, *worker_id;
    char *group, *wanted, *holder;
    struct orb_claim_callbacks cb;
    void *arg;
    struct orb_timer *again;
    int64_t client_id;
    int again_ms;
    int is_ready, is_stopped;
    enum { IDLE, BLOCKING, LOOKING_BACK, RECOVERING, LOOKING_AROUND } reading;
    int must_look_back;    /* first read what is pending on us already, page by page */
    char back_id[48];      /* the place that page begins behind */
    int must_start_over;   /* a look back was asked for while its page was on the way */
    int must_recover;      /* dead workers have left something */
    int must_look_around;  /* there may be entries of other priorities: ask for all before blocking */
    int has_priorities;
    int is_paused;         /* also until somebody has told */
    int is_wanted_taken;
    int must_unblock;      /* the blocking read is to end, and has not been seen to */
    int must_load;         /* Redis does not know the scripts: send the text */
    int64_t taken;
    int asked;             /* entries, by the read under way */
    int is_due;            /* a read is to be sent at the end of this turn */
};

static void read_more(struct orb_claim *c);

static int take_entry(struct orb_claim *c, const struct orb_reply *entry, int is_again)
{
    const struct orb_reply *fields = orb_reply_at(entry, 1);
    struct orb_delivery d = { .entry = orb_reply_str(orb_reply_at(entry, 0), NULL), .is_again = is_again };
    const struct orb_reply *payload = orb_reply_field(fields, "payload");
    if (payload)
        d.payload = orb_reply_str(payload, &d.len);
    d.has_task_id = orb_reply_field(fields, "task_id") != NULL;
    d.is_gone = orb_reply_type(fields) == ORB_REPLY_NIL;
    return c->cb.delivered(c->arg, &d);
}

/* A page of what was pending already; the last one is empty. */
static void take_page(struct orb_claim *c, const struct orb_reply *entries)
{
    if (c->must_start_over) {
        c->must_start_over = 0;
        return;
    }
    c->must_look_back = orb_reply_count(entries) > 0;
    for (size_t i = 0; i < orb_reply_count(entries); i++) {
        const struct orb_reply *entry = orb_reply_at(entries, i);
        if (take_entry(c, entry, 1))
            break;
        snprintf(c->back_id, sizeof c->back_id, "%s", orb_reply_str(orb_reply_at(entry, 0), NULL));
    }
}

static void trouble(struct orb_claim *c, const struct orb_error *err)
{
    c->cb.trouble(c->arg, err);
    if (c->is_stopped)
        return;
    c->again_ms = c->again_ms ? c->again_ms * 2 : AGAIN_MIN_MS;
    if (c->again_ms > AGAIN_MAX_MS)
        c->again_ms = AGAIN_MAX_MS;
    orb_timer_start(c->again, c->again_ms / 2 + (int64_t)(orb_random_unit() * c->again_ms / 2));
}

static void make_group(struct orb_claim *c);

static void take_entries(struct orb_claim *c, const struct orb_reply *entries, int is_again)
{
    for (size_t i = 0; i < orb_reply_count(entries); i++)
        take_entry(c, orb_reply_at(entries, i), is_again);
    c->taken += (int64_t)orb_reply_count(entries);
}

static void take_reply(struct orb_claim *c, int how, const struct orb_reply *reply)
{
    switch (how) {
    case BLOCKING:
        c->must_look_around = c->has_priorities;
        take_entries(c, orb_reply_at(orb_reply_at(reply, 0), 1), 0);
        break;
    case LOOKING_BACK:
        take_page(c, reply);
        break;
    case RECOVERING:
        /* There may be more where a whole batch came from: before anything new is begun. */
        c->must_recover = orb_reply_count(reply) >= (size_t)c->asked;
        c->is_wanted_taken = c->wanted != NULL;
        take_entries(c, reply, 0);
        if (c->wanted && !orb_reply_count(reply))
            c->cb.missing(c->arg);
        break;
    case LOOKING_AROUND:
        c->must_look_around = orb_reply_count(reply) > 0;
        take_entries(c, reply, 0);
        break;
    }
}

static void on_read(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct orb_claim *c = arg;
    int how = c->reading;
    c->reading = IDLE;
    if (c->must_unblock)
        orb_timer_stop(c->again);
    c->must_unblock = 0;
    if (err) {
        if (err->code == ORB_E_CANCELLED)
            return;
        if (strstr(err->text, "NOSCRIPT") && !c->must_load)
            c->must_load = 1;
        /* The link is the connection's to mend; the rest, as NOGROUP, UNBLOCKED and NOPERM, is ours. */
        else if (err->code != ORB_E_UNREACHABLE)
            trouble(c, err);
        if (c->is_stopped)
            c->cb.idle(c->arg);
        else
            read_more(c);
        return;
    }
    c->again_ms = c->must_load = 0;
    take_reply(c, how, reply);
    if (c->is_stopped)
        c->cb.idle(c->arg);
    else
        read_more(c);
}

static void write_blocking_read(struct orb_claim *c, struct orb_buf *b, int count)
{
    orb_cmd_start(b, 11);
    orb_cmd_str(b, "XREADGROUP");
    orb_cmd_str(b, "GROUP");
    orb_cmd_str(b, c->group);
    orb_cmd_str(b, c->worker_id);
    orb_cmd_str(b, "COUNT");
    orb_cmd_int(b, count);
    orb_cmd_str(b, "BLOCK");
    orb_cmd_int(b, BLOCK_MS);
    orb_cmd_str(b, "STREAMS");
    orb_cmd_str(b, c->stream);
    orb_cmd_str(b, ">");
}

/* What to read next, or IDLE: nothing for now. */
static int choose(const struct orb_claim *c)
{
    if (c->must_look_back)
        return LOOKING_BACK;
    if (c->wanted)
        return c->is_wanted_taken ? IDLE : RECOVERING;
    if (c->is_paused)
        return IDLE;
    return c->must_recover ? RECOVERING : c->must_look_around ? LOOKING_AROUND : BLOCKING;
}

/* One read at a time, so that what is delivered never is more than there is room for. */
static void read_more(struct orb_claim *c)
{
    /* While `again` runs something has gone wrong: not before its time. */
    if (c->reading || c->is_stopped || !c->is_ready || orb_timer_is_started(c->again) || !orb_redis_is_up(c->redis))
        return;
    int how = choose(c), room = c->cb.room(c->arg);
    if (room <= 0 || how == IDLE)
        return;
    int count = room < BATCH_MAX ? room : BATCH_MAX;
    struct orb_buf b;
    orb_buf_init(&b, 256 * 1024);
    if (how == BLOCKING)
        write_blocking_read(c, &b, count);
    else if (how == RECOVERING)
        orb_broker_write_recover(c->broker, &b, c->must_load, count, c->wanted, c->holder);
    else
        orb_broker_write_claim(c->broker, &b, c->must_load, how == LOOKING_BACK ? BATCH_MAX : count, c->taken,
                               how == LOOKING_BACK ? c->back_id : "");
    c->asked = count;
    if (!orb_redis_send(c->redis, &b, 1, 0, on_read, c))
        c->reading = how;
    orb_buf_done(&b);
}

static void look_back(struct orb_claim *c)
{
    c->must_look_back = 1;
    c->must_start_over = c->reading == LOOKING_BACK;
    strcpy(c->back_id, "0");
}

static void on_client_id(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct orb_claim *c = arg;
    if (!err)
        c->client_id = orb_reply_int(reply);
}

static void on_group(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct orb_claim *c = arg;
    (void)reply;
    if (err && err->code == ORB_E_CANCELLED)
        return;
    if (err && !strstr(err->text, "BUSYGROUP")) {
        trouble(c, err);
        return;
    }
    if (!c->is_ready) {
        c->is_ready = 1;
        c->cb.ready(c->arg);
    }
    read_more(c);
}

static void make_group(struct orb_claim *c)
{
    struct orb_buf b;
    orb_buf_init(&b, 4096);
    orb_cmd_start(&b, 6);
    orb_cmd_str(&b, "XGROUP");
    orb_cmd_str(&b, "CREATE");
    orb_cmd_str(&b, c->stream);
    orb_cmd_str(&b, c->group);
    orb_cmd_str(&b, "0");
    orb_cmd_str(&b, "MKSTREAM");
    if (orb_redis_send(c->redis, &b, 1, 0, on_group, c))
        orb_timer_start(c->again, AGAIN_MAX_MS);
    orb_buf_done(&b);
}

/* The wake-up may come before the read that it is for: then it is sent again. */
static void on_unblocked(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct orb_claim *c = arg;
    if (!err && !orb_reply_int(reply) && c->reading == BLOCKING && c->again && c->must_unblock)
        orb_timer_start(c->again, UNBLOCK_MS);
}

static void unblock(struct orb_claim *c)
{
    if (!c->client_id)
        return;
    c->must_unblock = 1;
    struct orb_buf b;
    orb_buf_init(&b, 256);
    orb_cmd_start(&b, 3);
    orb_cmd_str(&b, "CLIENT");
    orb_cmd_str(&b, "UNBLOCK");
    orb_cmd_int(&b, c->client_id);
    if (orb_redis_send(orb_store_redis(c->store), &b, 1, 0, on_unblocked, c))
        c->client_id = 0;
    orb_buf_done(&b);
}

static void on_again(void *arg)
{
    struct orb_claim *c = arg;
    if (c->reading == BLOCKING && (c->must_unblock || choose(c) != BLOCKING))
        unblock(c);
    else if (!c->is_stopped && orb_redis_is_up(c->redis))
        make_group(c);
}

static void on_state(void *arg, int is_up, const struct orb_error *err)
{
    struct orb_claim *c = arg;
    if (!is_up) {
        c->client_id = 0;
        c->cb.trouble(c->arg, err);
        return;
    }
    orb_redis_hurry(orb_store_redis(c->store), c->redis);
    struct orb_buf b;
    orb_buf_init(&b, 256);
    orb_cmd_start(&b, 2);
    orb_cmd_str(&b, "CLIENT");
    orb_cmd_str(&b, "ID");
    if (orb_redis_send(c->redis, &b, 1, 0, on_client_id, c))
        c->client_id = 0;
    orb_buf_done(&b);
    c->must_recover = c->wanted != NULL; /* a sweep tells anew */
    look_back(c);
    orb_timer_stop(c->again);
    make_group(c);
}

struct orb_claim *orb_claim_new(struct orb_loop *loop, const struct orb_redis_config *config, struct orb_store *store,
                                struct orb_broker *broker, const char *wanted, const char *holder,
                                const struct orb_claim_callbacks *callbacks, void *arg)
{
    struct orb_claim *c = orb_alloc(sizeof *c);
    c->loop = loop;
    c->store = store;
    c->broker = broker;
    c->stream = orb_broker_stream(broker);
    c->worker_id = orb_broker_worker_id(broker);
    c->group = orb_alloc(strlen(c->stream) + sizeof ":group");
    sprintf(c->group, "%s:group", c->stream);
    c->wanted = wanted ? orb_strdup(wanted) : NULL;
    c->holder = holder ? orb_strdup(holder) : NULL;
    c->must_look_around = c->is_paused = 1;
    c->cb = *callbacks;
    c->arg = arg;
    c->again = orb_timer_new(loop, on_again, c);
    orb_store_need(store, &orb_script_claim);
    orb_store_need(store, &orb_script_recover);
    struct orb_redis_config mine = *config;
    mine.reply_timeout_ms = BLOCK_MS + 2000;
    mine.state = on_state;
    mine.arg = c;
    c->redis = orb_redis_new(loop, &mine);
    return c;
}

static void gone(void *arg)
{
    struct orb_claim *c = arg;
    free(c->group);
    free(c->wanted);
    free(c->holder);
    free(c);
}

void orb_claim_free(struct orb_claim *c)
{
    if (!c)
        return;
    c->is_stopped = 1;
    orb_loop_forget(c->loop, c);
    orb_timer_free(c->again);
    c->again = NULL;
    orb_redis_free(c->redis);
    /* Behind the connection's own end, whose callbacks still come here. */
    orb_loop_defer(c->loop, gone, c);
}

static void read_due(void *arg)
{
    struct orb_claim *c = arg;
    c->is_due = 0;
    read_more(c);
}

void orb_claim_wake(struct orb_claim *c)
{
    if (c->is_due || c->reading)
        return;
    /* At the end of the turn: what else becomes free until then is read for too. */
    c->is_due = 1;
    orb_loop_defer(c->loop, read_due, c);
}

void orb_claim_look_back(struct orb_claim *c)
{
    look_back(c);
    if (!c->is_stopped && !orb_timer_is_started(c->again))
        orb_timer_start(c->again, AGAIN_MIN_MS + (int64_t)(orb_random_unit() * 1000));
}

void orb_claim_stop(struct orb_claim *c)
{
    c->is_stopped = 1;
    orb_timer_stop(c->again);
    if (c->reading == BLOCKING)
        unblock(c);
}

void orb_claim_tell(struct orb_claim *c, int orphans, int has_priorities, int is_paused)
{
    c->must_recover = orphans > 0;
    c->has_priorities = has_priorities;
    c->must_look_around |= has_priorities;
    c->is_paused = is_paused;
    if (c->is_stopped || c->wanted)
        return;
    if (c->reading == BLOCKING && choose(c) != BLOCKING)
        unblock(c);
    orb_claim_wake(c);
}

void orb_claim_look_around(struct orb_claim *c)
{
    c->must_look_around = 1;
    if (c->reading == BLOCKING && !c->is_stopped)
        unblock(c);
}

void orb_claim_hurry(struct orb_claim *c, const struct orb_redis *risen)
{
    orb_redis_hurry(c->redis, risen);
}

int orb_claim_is_reading(const struct orb_claim *c)
{
    return c->reading != IDLE;
}
