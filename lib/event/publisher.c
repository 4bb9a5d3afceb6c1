#include "event/publisher.h"
#include "base/base.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

#define REARM_MS (5 * 60 * 1000) /* the stream's expiry, while the task runs */
#define FLUSH_BYTES (256 * 1024)

#define HELD_MAX (64 * 1024 * 1024)

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

/* An event that waits until the worker is known to hold its lease. */
struct held {
    struct held *next;
    struct orb_event_stream *stream;
    int is_stored;
    int64_t seq;
    size_t len;
    char json[];
};

struct orb_publisher {
    struct orb_loop *loop;
    struct orb_store *store;
    orb_publisher_fn fn;          /* takes the events in its place */
    void *arg;
    struct orb_buf out;           /* commands of this turn */
    unsigned commands;
    struct sent *sent;            /* what is in them */
    struct orb_buf json;          /* scratch */
    struct orb_event_stream *waiting, **tail; /* in the order their text came: each is due within ORB_COALESCE_MS */
    struct orb_timer *timer;
    int is_due;
    int64_t trusted_until_ms;
    struct held *held, **held_tail;
    size_t held_bytes;
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

void orb_publisher_flush(struct orb_publisher *p)
{
    if (!p->commands)
        return;
    unsigned commands = p->commands;
    struct sent *sent = p->sent;
    p->commands = 0;
    p->sent = sent_new(p);
    int rc = orb_redis_send_again(orb_store_redis(p->store), &p->out, commands, write_again, on_sent, sent);
    if (rc) {
        sent_free(sent, 0);
        p->refused++;
        orb_error_set(&p->why, rc, "%s", orb_error_text(rc));
    }
    orb_buf_done(&p->out);
    orb_buf_init(&p->out, 64 * 1024 * 1024);
}

static void flush_due(void *arg)
{
    struct orb_publisher *p = arg;
    p->is_due = 0;
    orb_publisher_flush(p);
}

static void add_command(struct orb_publisher *p)
{
    p->commands++;
    if (!p->is_due) {
        p->is_due = 1;
        orb_loop_defer(p->loop, flush_due, p);
    }
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
    add_command(p);
}

static int is_rearm_due(const struct orb_event_stream *s)
{
    return orb_loop_now_ms(s->publisher->loop) - s->armed_ms > REARM_MS;
}

/* XADD, PUBLISH and now and then EXPIRE. */
static void send_event(struct orb_event_stream *s, int64_t seq, const char *json, size_t len, int is_stored)
{
    struct orb_publisher *p = s->publisher;
    char key[ORB_KEY_MAX];
    if (is_stored) {
        orb_store_key(p->store, "orbiter:stream:", s->task_id, key);
        orb_cmd_start(&p->out, 5);
        orb_cmd_arg(&p->out, "XADD", 4);
        orb_cmd_str(&p->out, key);
        orb_cmd_arg(&p->out, "*", 1);
        orb_cmd_arg(&p->out, "event", 5);
        orb_cmd_arg(&p->out, json, len);
        add_command(p);
        note_stored(s, seq);
        if (!s->is_armed || is_rearm_due(s)) {
            s->is_armed = 1;
            arm_expiry(s);
        }
    }
    orb_store_key(p->store, "orbiter:events:", s->task_id, key);
    orb_cmd_start(&p->out, 3);
    orb_cmd_arg(&p->out, "PUBLISH", 7);
    orb_cmd_str(&p->out, key);
    orb_cmd_arg(&p->out, json, len);
    add_command(p);
    if (p->out.len > FLUSH_BYTES)
        orb_publisher_flush(p);
}

int orb_publisher_is_held(const struct orb_publisher *p)
{
    return p->held || orb_loop_now_ms(p->loop) > p->trusted_until_ms;
}

static void hold_event(struct orb_event_stream *s, int is_stored)
{
    struct orb_publisher *p = s->publisher;
    if (p->held_bytes + p->json.len > HELD_MAX) {
        p->refused++;
        orb_error_set(&p->why, ORB_E_BACKLOG, "too many events wait for the worker's lease");
        return;
    }
    struct held *h = orb_alloc(sizeof *h + p->json.len);
    h->stream = s;
    h->is_stored = is_stored;
    h->seq = s->seq;
    h->len = p->json.len;
    memcpy(h->json, p->json.data, h->len);
    p->held_bytes += h->len;
    *p->held_tail = h;
    p->held_tail = &h->next;
}

/* Takes out the first that is of this stream, or any when it is NULL. */
static struct held *take_held(struct orb_publisher *p, const struct orb_event_stream *s)
{
    for (struct held **link = &p->held; *link; link = &(*link)->next) {
        struct held *h = *link;
        if (s && h->stream != s)
            continue;
        *link = h->next;
        if (!h->next)
            p->held_tail = link;
        p->held_bytes -= h->len;
        return h;
    }
    return NULL;
}

void orb_publisher_trust(struct orb_publisher *p, int64_t until_ms)
{
    struct held *h;
    p->trusted_until_ms = until_ms;
    while ((h = take_held(p, NULL))) {
        send_event(h->stream, h->seq, h->json, h->len, h->is_stored);
        free(h);
    }
}

/* The JSON in p->json. */
static void publish(struct orb_event_stream *s, int is_stored)
{
    struct orb_publisher *p = s->publisher;
    if (p->fn) {
        p->fn(p->arg, p->json.data, p->json.len);
        return;
    }
    if (is_stored) {
        s->entries++;
        s->bytes += (int64_t)p->json.len;
    }
    if (orb_publisher_is_held(p))
        hold_event(s, is_stored);
    else
        send_event(s, s->seq, p->json.data, p->json.len, is_stored);
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
    struct held *h;
    if (s->publisher)
        flush_text(s);
    while (s->publisher && s->publisher->held && (h = take_held(s->publisher, s)))
        free(h);
    orb_buf_done(&s->text);
    free(s->text_agent);
    s->text_agent = NULL;
    if (s->acked)
        drop_acked(s->acked);
    s->acked = NULL;
}

void orb_event_stream_touch(struct orb_event_stream *s)
{
    if (is_rearm_due(s))
        arm_expiry(s);
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
    p->held_tail = &p->held;
    p->trusted_until_ms = INT64_MAX;
    p->timer = orb_timer_new(loop, on_timer, p);
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
    struct held *h;
    orb_publisher_flush(p);
    while ((h = take_held(p, NULL)))
        free(h);
    orb_loop_forget(p->loop, p);
    orb_timer_free(p->timer);
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
