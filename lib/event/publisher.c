#include "event/publisher.h"
#include "base/base.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

#define REARM_MS (5 * 60 * 1000) /* the stream's expiry, while the task runs */
#define FLUSH_BYTES (256 * 1024)
/* The next write comes so long after one that was of many tasks: few large ones cost Redis, and the worker, less than many
 * small ones. Of few tasks each goes out at once. */
#define PACE_US 1000
#define MANY 8
#define WAITING_MAX (64 * 1024 * 1024)

/* What Redis has stored of a stream, which those sends know that are not answered yet, too. */
struct orb_acked {
    int64_t seq;
    unsigned refs;
};

/* One send: the streams that it has events of, each with the last. */
struct sent {
    struct orb_publisher *publisher;
    size_t count, cap;
    struct {
        struct orb_acked *acked;
        int64_t seq;
    } *of;
};

/* An event that waits to be written: for the next write, or until the worker is known to hold its lease. Before its JSON. */
struct entry {
    struct orb_event_stream *stream; /* NULL: nobody wants it any more */
    int64_t seq;
    size_t len;
    int is_stored;
};

struct orb_publisher {
    struct orb_loop *loop;
    struct orb_store *store;
    orb_publisher_fn fn;          /* takes the events in its place */
    void *arg;
    struct orb_buf entries;       /* each a struct entry and its JSON */
    struct orb_buf out;           /* commands: what is to go out in any case */
    unsigned commands;
    struct sent *sent;            /* what is in them */
    struct orb_buf json;          /* scratch */
    struct orb_event_stream *waiting, **tail; /* in the order their text came: each is due within ORB_COALESCE_MS */
    struct orb_timer *timer;
    struct orb_timer *pace;
    int is_due;
    int64_t paced_until_us;
    int64_t trusted_until_ms;
    int64_t refused;
    struct orb_error why;
};

static void drop_acked(struct orb_acked *acked)
{
    if (!--acked->refs)
        free(acked);
}

static void note_stored(struct orb_event_stream *s, int64_t seq)
{
    struct sent *sent = s->publisher->sent;
    if (sent->count && sent->of[sent->count - 1].acked == s->acked) {
        sent->of[sent->count - 1].seq = seq;
        return;
    }
    if (sent->count == sent->cap) {
        sent->cap = sent->cap ? 2 * sent->cap : 8;
        sent->of = realloc(sent->of, sent->cap * sizeof *sent->of);
        ORB_ASSERT(sent->of);
    }
    s->acked->refs++;
    sent->of[sent->count].acked = s->acked;
    sent->of[sent->count++].seq = seq;
}

static void sent_free(struct sent *sent, int is_stored)
{
    for (size_t i = 0; i < sent->count; i++) {
        if (is_stored)
            sent->of[i].acked->seq = sent->of[i].seq;
        drop_acked(sent->of[i].acked);
    }
    free(sent->of);
    free(sent);
}

static struct sent *sent_new(struct orb_publisher *p)
{
    struct sent *sent = orb_alloc(sizeof *sent);
    sent->publisher = p;
    return sent;
}

static void on_sent(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct sent *sent = arg;
    struct orb_publisher *p = sent->publisher;
    (void)reply;
    sent_free(sent, !err);
    if (!err || err->code == ORB_E_CANCELLED)
        return;
    p->refused++;
    p->why = *err;
}

/* What was written before may be in the streams already: it goes through a script
 * that looks. What was only published is not said twice. */
static unsigned write_again(void *arg, const struct orb_reply *const commands[], unsigned count, struct orb_buf *b)
{
    const struct orb_publisher *p = ((const struct sent *)arg)->publisher;
    const struct orb_reply *added = NULL; /* the XADD whose PUBLISH is still to come */
    unsigned wanted = 0;
    for (unsigned i = 0; i < count; i++) {
        const char *name = orb_reply_str(orb_reply_at(commands[i], 0), NULL);
        size_t len;
        if (!strcmp(name, "XADD"))
            added = commands[i];
        if (strcmp(name, "PUBLISH") || !added)
            continue;
        const char *json = orb_reply_str(orb_reply_at(added, 4), &len);
        orb_cmd_start(b, 8);
        orb_cmd_str(b, "EVALSHA");
        orb_cmd_str(b, orb_script_replay.sha1);
        orb_cmd_str(b, "1");
        orb_cmd_str(b, orb_reply_str(orb_reply_at(added, 1), NULL));
        orb_cmd_str(b, orb_store_key_prefix(p->store));
        orb_cmd_str(b, orb_reply_str(orb_reply_at(commands[i], 1), NULL));
        orb_cmd_arg(b, json, len);
        orb_cmd_int(b, ORB_EVENT_TTL_S);
        wanted++;
        added = NULL;
    }
    return wanted;
}

static void send_out(struct orb_publisher *p)
{
    if (!p->commands)
        return;
    unsigned commands = p->commands;
    struct sent *sent = p->sent;
    p->commands = 0;
    p->sent = sent_new(p);
    p->paced_until_us = sent->count >= MANY ? orb_mono_us() + PACE_US : 0;
    int rc = orb_redis_send_again(orb_store_redis(p->store), &p->out, commands, write_again, on_sent, sent);
    if (rc) {
        sent_free(sent, 0);
        p->refused++;
        orb_error_set(&p->why, rc, "%s", orb_error_text(rc));
    }
    orb_buf_done(&p->out);
    orb_buf_init(&p->out, 64 * 1024 * 1024);
}

static void arm_expiry(struct orb_event_stream *s)
{
    struct orb_publisher *p = s->publisher;
    char key[ORB_KEY_MAX];
    s->armed_ms = orb_loop_now_ms(p->loop);
    orb_cmd_start(&p->out, 3);
    orb_cmd_arg(&p->out, "EXPIRE", 6);
    orb_cmd_str(&p->out, orb_store_key(p->store, "orbiter:stream:", s->task_id, key));
    orb_cmd_int(&p->out, ORB_EVENT_TTL_S);
    p->commands++;
}

static int is_rearm_due(const struct orb_event_stream *s)
{
    return orb_loop_now_ms(s->publisher->loop) - s->armed_ms > REARM_MS;
}

/* XADD, PUBLISH and now and then EXPIRE. */
static void write_commands(struct orb_publisher *p, const struct entry *e, const char *json)
{
    struct orb_event_stream *s = e->stream;
    char key[ORB_KEY_MAX];
    if (e->is_stored) {
        orb_store_key(p->store, "orbiter:stream:", s->task_id, key);
        orb_cmd_start(&p->out, 5);
        orb_cmd_arg(&p->out, "XADD", 4);
        orb_cmd_str(&p->out, key);
        orb_cmd_arg(&p->out, "*", 1);
        orb_cmd_arg(&p->out, "event", 5);
        orb_cmd_arg(&p->out, json, e->len);
        p->commands++;
        note_stored(s, e->seq);
        if (!s->is_armed || is_rearm_due(s)) {
            s->is_armed = 1;
            arm_expiry(s);
        }
    }
    orb_store_key(p->store, "orbiter:events:", s->task_id, key);
    orb_cmd_start(&p->out, 3);
    orb_cmd_arg(&p->out, "PUBLISH", 7);
    orb_cmd_str(&p->out, key);
    orb_cmd_arg(&p->out, json, e->len);
    p->commands++;
}

int orb_publisher_is_held(const struct orb_publisher *p)
{
    return orb_loop_now_ms(p->loop) > p->trusted_until_ms;
}

/* What waits becomes commands, if it may be written now: those go out whatever comes. */
static void commit(struct orb_publisher *p)
{
    struct entry e;
    if (!p->entries.len || orb_publisher_is_held(p))
        return;
    if (!p->out.len)
        orb_buf_reserve(&p->out, 3 * p->entries.len < 2 * FLUSH_BYTES ? 3 * p->entries.len : 2 * FLUSH_BYTES);
    for (size_t at = 0; at < p->entries.len; at += sizeof e + e.len) {
        memcpy(&e, p->entries.data + at, sizeof e);
        if (e.stream) {
            e.stream->unwritten--;
            write_commands(p, &e, p->entries.data + at + sizeof e);
        }
        if (p->out.len > FLUSH_BYTES)
            send_out(p);
    }
    if (p->entries.cap > 4 * FLUSH_BYTES)
        orb_buf_done(&p->entries);
    orb_buf_reset(&p->entries);
}

void orb_publisher_flush(struct orb_publisher *p)
{
    commit(p);
    send_out(p);
}

static void flush_due(void *arg)
{
    struct orb_publisher *p = arg;
    p->is_due = 0;
    orb_publisher_flush(p);
}

/* At the end of this turn, or a moment later. */
static void need_flush(struct orb_publisher *p)
{
    if (p->is_due)
        return;
    p->is_due = 1;
    if (p->paced_until_us && orb_mono_us() < p->paced_until_us)
        orb_timer_start(p->pace, PACE_US / 1000);
    else
        orb_loop_defer(p->loop, flush_due, p);
}

void orb_publisher_trust(struct orb_publisher *p, int64_t until_ms)
{
    p->trusted_until_ms = until_ms;
    if (p->entries.len)
        need_flush(p);
}

/* The JSON in p->json. */
static void publish(struct orb_event_stream *s, int is_stored)
{
    struct orb_publisher *p = s->publisher;
    if (p->fn) {
        p->fn(p->arg, p->json.data, p->json.len);
        return;
    }
    const struct entry e = { .stream = s, .seq = s->seq, .len = p->json.len, .is_stored = is_stored };
    if (is_stored) {
        s->entries++;
        s->bytes += (int64_t)p->json.len;
    }
    if (p->entries.len + sizeof e + e.len > WAITING_MAX) {
        p->refused++;
        orb_error_set(&p->why, ORB_E_BACKLOG, "too many events wait for the worker's lease");
        return;
    }
    s->unwritten++;
    orb_buf_add(&p->entries, &e, sizeof e);
    orb_buf_add(&p->entries, p->json.data, e.len);
    if (p->entries.err) { /* no memory: all that waited is lost */
        p->refused++;
        orb_error_set(&p->why, p->entries.err, "%s", orb_error_text(p->entries.err));
        orb_buf_reset(&p->entries);
    }
    if (p->entries.len > FLUSH_BYTES && !orb_publisher_is_held(p))
        orb_publisher_flush(p);
    else
        need_flush(p);
}

/* Nobody wants to write what still waits. */
static void forget_entries(struct orb_event_stream *s)
{
    struct orb_publisher *p = s->publisher;
    struct entry e;
    for (size_t at = 0; s->unwritten && at < p->entries.len; at += sizeof e + e.len) {
        memcpy(&e, p->entries.data + at, sizeof e);
        if (e.stream != s)
            continue;
        e.stream = NULL;
        memcpy(p->entries.data + at, &e, sizeof e);
        s->unwritten--;
    }
}

static int is_full(const struct orb_event_stream *s)
{
    return s->entries >= ORB_STREAM_ENTRIES_MAX || s->bytes >= ORB_STREAM_BYTES_MAX;
}

static void write_event(struct orb_event_stream *s, const struct orb_event_out *event)
{
    struct orb_publisher *p = s->publisher;
    int is_text = event->type == ORB_EVENT_TEXT || event->type == ORB_EVENT_REASONING;
    struct orb_event_out small;
    if (event->type == ORB_EVENT_TOOL_RESULT && is_full(s)) {
        small = *event;
        small.arguments = NULL;
        small.text_len = orb_utf8_truncate(event->text, event->text_len, ORB_STREAM_RESULT_MAX);
        event = &small;
    }
    if (is_text && !s->is_truncated && is_full(s)) {
        static const char message[] = "The event stream is full: text is no longer stored, only published live";
        s->is_truncated = 1;
        write_event(s, &(struct orb_event_out){ .type = ORB_EVENT_STATUS, .word = "running", .agent_name = event->agent_name,
                                                .text = message, .text_len = sizeof message - 1, .is_truncated = 1 });
    }
    orb_buf_reset(&p->json);
    orb_event_write(&p->json, event, ++s->seq, s->attempt);
    if (!p->json.err)
        publish(s, !is_text || !s->is_truncated);
}

static void write_text(struct orb_event_stream *s, const char *text, size_t len, int is_reasoning, const char *agent)
{
    s->flushed_ms = orb_loop_now_ms(s->publisher->loop);
    write_event(s, &(struct orb_event_out){ .type = is_reasoning ? ORB_EVENT_REASONING : ORB_EVENT_TEXT, .agent_name = agent,
                                            .text = text, .text_len = len });
}

static void forget_waiting(struct orb_event_stream *s)
{
    struct orb_publisher *p = s->publisher;
    *s->link = s->next;
    if (s->next)
        s->next->link = s->link;
    else
        p->tail = s->link;
    s->next = NULL;
    s->is_waiting = 0;
}

static void flush_text(struct orb_event_stream *s)
{
    if (!s->is_waiting)
        return;
    forget_waiting(s);
    write_text(s, s->text.data, s->text.len, s->text_is_reasoning, s->text_agent);
    if (s->text.cap > 4096)
        orb_buf_done(&s->text);
    orb_buf_reset(&s->text);
}

static void arm(struct orb_publisher *p)
{
    if (p->waiting && !orb_timer_is_started(p->timer))
        orb_timer_start(p->timer, p->waiting->flushed_ms + ORB_COALESCE_MS - orb_loop_now_ms(p->loop));
}

static void on_timer(void *arg)
{
    struct orb_publisher *p = arg;
    int64_t now = orb_loop_now_ms(p->loop);
    while (p->waiting && p->waiting->flushed_ms + ORB_COALESCE_MS <= now)
        flush_text(p->waiting);
    arm(p);
}

static void put_text(struct orb_event_stream *s, const struct orb_event_out *e)
{
    struct orb_publisher *p = s->publisher;
    int is_reasoning = e->type == ORB_EVENT_REASONING;
    const char *agent = e->agent_name ? e->agent_name : "";
    if (s->is_waiting && (s->text_is_reasoning != is_reasoning || strcmp(s->text_agent, agent) || s->text.len > 64 * 1024))
        flush_text(s);
    if (!s->is_waiting && orb_loop_now_ms(p->loop) - s->flushed_ms >= ORB_COALESCE_MS) {
        write_text(s, e->text, e->text_len, is_reasoning, agent);
        return;
    }
    orb_buf_add(&s->text, e->text, e->text_len);
    if (s->is_waiting)
        return;
    s->is_waiting = 1;
    s->text_is_reasoning = is_reasoning;
    if (!s->text_agent || strcmp(s->text_agent, agent)) {
        free(s->text_agent);
        s->text_agent = orb_strdup(agent);
    }
    s->link = p->tail;
    *p->tail = s;
    p->tail = &s->next;
    arm(p);
}

void orb_event_stream_put(struct orb_event_stream *s, const struct orb_event_out *event)
{
    if (event->type == ORB_EVENT_TEXT || event->type == ORB_EVENT_REASONING) {
        put_text(s, event);
        return;
    }
    flush_text(s);
    write_event(s, event);
}

void orb_event_stream_init(struct orb_event_stream *s, struct orb_publisher *publisher, const char *task_id, int attempt)
{
    memset(s, 0, sizeof *s);
    s->publisher = publisher;
    s->task_id = task_id;
    s->attempt = attempt;
    s->armed_ms = orb_loop_now_ms(publisher->loop);
    orb_buf_init(&s->text, ORB_STREAM_BYTES_MAX);
    s->acked = orb_alloc(sizeof *s->acked);
    s->acked->refs = 1;
}

void orb_event_stream_done(struct orb_event_stream *s)
{
    if (s->publisher) {
        flush_text(s);
        if (s->unwritten)
            commit(s->publisher);
        forget_entries(s);
    }
    orb_buf_done(&s->text);
    free(s->text_agent);
    s->text_agent = NULL;
    if (s->acked)
        drop_acked(s->acked);
    s->acked = NULL;
}

void orb_event_stream_touch(struct orb_event_stream *s)
{
    if (!is_rearm_due(s))
        return;
    arm_expiry(s);
    need_flush(s->publisher);
}

int orb_event_stream_is_fresh(const struct orb_event_stream *s)
{
    return s->is_armed && orb_loop_now_ms(s->publisher->loop) - s->armed_ms < ORB_EVENT_TTL_S * 10;
}

int64_t orb_event_stream_acked(const struct orb_event_stream *s)
{
    return s->is_truncated ? 0 : s->acked->seq;
}

int64_t orb_event_stream_last_seq(struct orb_event_stream *s)
{
    flush_text(s);
    commit(s->publisher);
    return s->seq + 1;
}

struct orb_publisher *orb_publisher_new(struct orb_loop *loop, struct orb_store *store)
{
    struct orb_publisher *p = orb_alloc(sizeof *p);
    p->loop = loop;
    p->store = store;
    if (store)
        orb_store_need(store, &orb_script_replay);
    p->tail = &p->waiting;
    p->sent = sent_new(p);
    p->trusted_until_ms = INT64_MAX;
    p->timer = orb_timer_new(loop, on_timer, p);
    p->pace = orb_timer_new(loop, flush_due, p);
    orb_buf_init(&p->entries, WAITING_MAX);
    orb_buf_init(&p->out, 64 * 1024 * 1024);
    orb_buf_init(&p->json, ORB_STREAM_BYTES_MAX * 8);
    return p;
}

struct orb_publisher *orb_publisher_new_local(struct orb_loop *loop, orb_publisher_fn fn, void *arg)
{
    struct orb_publisher *p = orb_publisher_new(loop, NULL);
    p->fn = fn;
    p->arg = arg;
    return p;
}

void orb_publisher_free(struct orb_publisher *p)
{
    if (!p)
        return;
    orb_publisher_flush(p);
    orb_loop_forget(p->loop, p);
    orb_timer_free(p->timer);
    orb_timer_free(p->pace);
    orb_buf_done(&p->entries);
    orb_buf_done(&p->out);
    orb_buf_done(&p->json);
    sent_free(p->sent, 0);
    free(p);
}

int64_t orb_publisher_take_refused(struct orb_publisher *p, struct orb_error *why)
{
    int64_t n = p->refused;
    *why = p->why;
    p->refused = 0;
    return n;
}
