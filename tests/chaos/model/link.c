#include "chaos/model/model.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char *const queues[QUEUES] = { "orbiter:tasks", "parked" };
static const char *const streams[QUEUES][LANES] = {
    { NS "orbiter:tasks:p9", NS "orbiter:tasks", NS "orbiter:tasks:p0" },
    { NS "parked:p9", NS "parked", NS "parked:p0" },
};
static const char *const indexes[] = { "open", "retrying", "completed", "failed", "cancelled" };

const char *queue_name(int queue)
{
    return queues[queue];
}

const char *stream_key(int queue, int lane)
{
    return streams[queue][lane];
}

void link_put(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (redisvAppendCommand(m.link, fmt, ap) != REDIS_OK)
        wrong(NULL, NULL, "%s cannot be sent: %s", fmt, m.link->errstr);
    va_end(ap);
}

redisReply *link_get(void)
{
    void *reply = NULL;
    if (redisGetReply(m.link, &reply) != REDIS_OK)
        wrong(NULL, NULL, "Redis is gone: %s", m.link->errstr);
    return reply;
}

void link_run(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    redisReply *r = redisvCommand(m.link, fmt, ap);
    va_end(ap);
    if (!r || r->type == REDIS_REPLY_ERROR)
        wrong(NULL, NULL, "%s: %s", fmt, r ? r->str : m.link->errstr);
    freeReplyObject(r);
}

void link_eval(const struct orb_script *script, const char *key, const char *const *args)
{
    const char *argv[32] = { "EVALSHA", script->sha1, key ? "1" : "0" };
    int n = 3;
    if (key)
        argv[n++] = key;
    argv[n++] = NS;
    for (; *args; args++)
        argv[n++] = *args;
    redisAppendCommandArgv(m.link, n, argv, NULL);
}

void link_clock(int64_t *ms)
{
    redisReply *r = link_get();
    *ms = strtoll(r->element[0]->str, NULL, 10) * 1000 + strtoll(r->element[1]->str, NULL, 10) / 1000;
    freeReplyObject(r);
}

const char *flatten(const redisReply *r, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    if (r->type == REDIS_REPLY_INTEGER)
        snprintf(out, size, "%lld", r->integer);
    else if (r->type != REDIS_REPLY_ARRAY)
        snprintf(out, size, "%s", r->type == REDIS_REPLY_NIL ? "(nil)" : r->str);
    else
        for (size_t i = 0; i < r->elements && n + 2 < size; i++) {
            if (i)
                out[n++] = ' ';
            flatten(r->element[i], out + n, size - n);
            n += strlen(out + n);
        }
    return out;
}

/* ---- a task as it is ------------------------------------------------------ */

void view_put(const struct task *t)
{
    const char *queue = queues[t->queue];
    link_put("HGETALL " NS "orbiter:task:%s", t->id);
    link_put("GET " NS "orbiter:payload:%s", t->id);
    link_put("ZSCORE " NS "%s:delayed %s", queue, t->id);
    for (int i = 0; i < 5; i++)
        link_put("ZSCORE " NS "orbiter:index:%s:%s %s", queue, indexes[i], t->id);
    link_put("XLEN " NS "orbiter:stream:%s", t->id);
    link_put("XREVRANGE " NS "orbiter:stream:%s + - COUNT 1", t->id);
}

static int worker_of(const char *name)
{
    for (int w = 0; w < WORKERS; w++)
        if (!strcmp(m.workers[w].name, name))
            return w;
    return -1;
}

static enum state state_of(const char *word)
{
    for (int s = PENDING; s <= CANCELLED; s++)
        if (!strcmp(word, state_words[s]))
            return (enum state)s;
    return ABSENT;
}

static void take_field(struct view *v, const char *name, const char *value)
{
    if (!strcmp(name, "status"))
        v->state = state_of(value);
    else if (!strcmp(name, "completed_at"))
        v->is_ended = *value != '\0';
    else if (!strcmp(name, "attempt"))
        v->attempt = atoi(value);
    else if (!strcmp(name, "retries"))
        v->retries = atoi(value);
    else if (!strcmp(name, "rate_waits"))
        v->waits = atoi(value);
    else if (!strcmp(name, "recoveries"))
        v->recoveries = atoi(value);
    else if (!strcmp(name, "worker_id"))
        v->worker = worker_of(value);
    else if (!strcmp(name, "owner"))
        snprintf(v->owner, sizeof v->owner, "%s", value);
    else if (!strcmp(name, "deadline"))
        v->deadline_ms = (int64_t)(atof(value) * 1000 + 0.5);
    else if (!strcmp(name, "started_at"))
        v->started_ms = (int64_t)(atof(value) * 1000);
    else if (!strcmp(name, "created_at"))
        v->has_created = 1;
    else if (!strcmp(name, "result"))
        v->has_result = *value != '\0';
    else if (!strcmp(name, "entry_id")) {
        v->has_entry_id = 1;
        snprintf(v->entry_id, sizeof v->entry_id, "%s", value);
    }
}

static uint64_t hash_of(uint64_t sum, const char *text)
{
    for (; *text; text++)
        sum = (sum ^ (unsigned char)*text) * 1099511628211u;
    return sum * 31;
}

/* The next reply as text, which the digest takes in. */
static const char *next_text(struct view *v, char *out, size_t size)
{
    redisReply *r = link_get();
    flatten(r, out, size);
    freeReplyObject(r);
    v->digest = hash_of(v->digest, out);
    return out;
}

void view_get(const struct task *t, struct view *v)
{
    char text[1024];
    memset(v, 0, sizeof *v);
    v->worker = -1;
    redisReply *r = link_get();
    v->is_there = r->elements > 0;
    for (size_t i = 0; i + 1 < r->elements; i += 2) {
        take_field(v, r->element[i]->str, r->element[i + 1]->str);
        v->digest += hash_of(hash_of(1, r->element[i]->str), r->element[i + 1]->str); /* in whatever order */
    }
    freeReplyObject(r);
    v->has_payload = !strcmp(next_text(v, text, sizeof text), t->payload);
    if (!v->has_payload && strcmp(text, "(nil)"))
        wrong(t, v, "the payload of %s is now: %s", t->id, text);
    next_text(v, text, sizeof text);
    v->due_ms = strcmp(text, "(nil)") ? strtoll(text, NULL, 10) : 0;
    for (int i = 0; i < 5; i++)
        v->indexes |= strcmp(next_text(v, text, sizeof text), "(nil)") ? 1 << i : 0;
    v->events = atol(next_text(v, text, sizeof text));
    next_text(v, text, sizeof text);
    const char *last = strchr(text, '{');
    snprintf(v->last, sizeof v->last, "%.*s", 255, last ? last : "");
}

/* ---- a call ---------------------------------------------------------------- */

static void put_once(const struct task *t, const struct orb_script *script, const char *key, const char *const *args)
{
    link_put("TIME");
    link_eval(script, key, args);
    link_put("TIME");
    if (t)
        view_put(t);
    for (int i = 0; i < QUEUES * LANES; i++)
        link_put("XLEN %s", stream_key(i / LANES, i % LANES));
}

static void get_once(const struct task *t, struct view *v, char *out, size_t size)
{
    char text[32];
    link_clock(&m.before_ms);
    redisReply *r = link_get();
    flatten(r, out, size);
    freeReplyObject(r);
    link_clock(&m.after_ms);
    if (t)
        view_get(t, v);
    else
        memset(v, 0, sizeof *v);
    for (int i = 0; i < QUEUES * LANES; i++)
        next_text(v, text, sizeof text);
    m.calls++;
}

void call(struct task *t, struct view *v, int is_repeated, const struct orb_script *script, const char *key, const char *const *args)
{
    static char again[sizeof m.reply];
    struct view second, unused;
    put_once(t, script, key, args);
    if (is_repeated)
        put_once(t, script, key, args);
    get_once(t, v ? v : &unused, m.reply, sizeof m.reply);
    if (!is_repeated)
        return;
    int64_t before_ms = m.before_ms, after_ms = m.after_ms;
    get_once(t, &second, again, sizeof again);
    m.before_ms = before_ms, m.after_ms = after_ms;
    m.repeats++;
    if (v && second.digest != v->digest)
        wrong(t, &second, "%s sent twice: the second one (%s, then %s) changed something", script->name, m.reply, again);
    /* Of a begin the time to the deadline, its fifth word, moves on. */
    size_t same = strlen(m.reply);
    if (!strncmp(m.reply, "run ", 4)) {
        const char *word = m.reply;
        for (int i = 0; i < 4 && word; i++)
            word = strchr(word + (i > 0), ' ');
        same = word ? (size_t)(word - m.reply) : same;
    }
    /* A begin that ended a task finds it ended: nothing to run, either way. */
    if (script == &orb_script_begin && !strncmp(m.reply, "cancelled ", 10) && !strncmp(again, "done ", 5))
        return;
    if (script == &orb_script_poison && !strcmp(again, "0")) /* it is not this worker's any more */
        return;
    if (strncmp(again, m.reply, same) || !again[same] != !m.reply[same])
        wrong(t, &second, "%s sent twice: first %s, then %s", script->name, m.reply, again);
}
