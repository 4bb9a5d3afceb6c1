/* What was sent over a connection to Redis, in order, until its reply comes; and what Redis refuses for now. */
#include "loop/redis_inner.h"

#include <stdlib.h>

#define HOLD_MS 250

void orb_sends_add(struct orb_redis *r, struct sent *s)
{
    s->next = NULL;
    *r->tail = s;
    r->tail = &s->next;
}

struct sent *orb_sends_pop(struct orb_redis *r)
{
    struct sent *s = r->head;
    r->head = s->next;
    if (!r->head)
        r->tail = &r->head;
    return s;
}

static void sent_free(struct orb_redis *r, struct sent *s)
{
    if (s->data)
        r->queued -= s->len;
    free(s->data);
    free(s->err);
    free(s);
}

static void fail_sent(struct orb_redis *r, struct sent *s, const struct orb_error *err)
{
    if (s->cb)
        s->cb(s->arg, NULL, err);
    sent_free(r, s);
}

/* Fail every send, or only those that must not run twice. */
void orb_sends_fail(struct orb_redis *r, const struct orb_error *err, int keep_retries)
{
    struct sent *s = r->head;
    r->head = NULL;
    r->tail = &r->head;
    struct sent *doomed = NULL, **doomed_tail = &doomed;
    while (s) {
        struct sent *next = s->next;
        if (keep_retries && s->flags & ORB_REDIS_RETRY) {
            s->left = s->count;
            free(s->err);
            s->err = NULL;
            orb_sends_add(r, s);
        } else {
            s->next = NULL;
            *doomed_tail = s;
            doomed_tail = &s->next;
        }
        s = next;
    }
    r->in_callbacks++;
    while (doomed) {
        struct sent *next = doomed->next;
        fail_sent(r, doomed, err);
        doomed = next;
    }
    r->in_callbacks--;
}

void orb_sends_fail_hopeless(void *arg)
{
    struct orb_redis *r = arg;
    orb_sends_fail(r, &r->hopeless, 0);
}

void orb_sends_write(struct orb_redis *r, struct sent *s)
{
    orb_buf_add(&r->out, s->data, s->len);
    s->flags |= WAS_WRITTEN;
    if (!(s->flags & ORB_REDIS_RETRY)) {
        r->queued -= s->len;
        free(s->data);
        s->data = NULL;
    }
    orb_link_need_flush(r);
}

void orb_sends_settle(struct orb_redis *r, struct sent *s, const redisReply *reply)
{
    if (s->cb) {
        r->in_callbacks++;
        s->cb(s->arg, s->err ? NULL : (const struct orb_reply *)(const void *)reply, s->err);
        r->in_callbacks--;
    }
    sent_free(r, s);
}

/* Commands are read as replies are: they are written the same. */
static unsigned write_again(const struct sent *s, struct orb_buf *b)
{
    redisReader *reader = redisReaderCreate();
    void **commands = orb_alloc(s->count * sizeof *commands);
    unsigned count = 0;
    redisReaderFeed(reader, s->data, s->len);
    while (count < s->count && redisReaderGetReply(reader, &commands[count]) == REDIS_OK && commands[count])
        count++;
    ORB_ASSERT(count == s->count);
    unsigned wanted = s->again(s->arg, (const struct orb_reply *const *)(const void *)commands, count, b);
    while (count)
        freeReplyObject(commands[--count]);
    free(commands);
    redisReaderFree(reader);
    return wanted;
}

/* 0: nothing is left to be sent, and s is gone. */
int orb_sends_reform(struct orb_redis *r, struct sent *s)
{
    struct orb_buf b;
    orb_buf_init(&b, 2 * r->config.max_queued_bytes);
    s->count = s->left = write_again(s, &b);
    s->again = NULL;
    if (b.err) {
        s->count = 0;
        s->err = orb_alloc(sizeof *s->err);
        orb_error_set(s->err, b.err, "%s", orb_error_text(b.err));
    }
    if (s->count) {
        r->queued -= s->len;
        free(s->data);
        s->len = b.len;
        s->data = orb_buf_take(&b);
        r->queued += s->len;
    }
    orb_buf_done(&b);
    int has_more = s->count > 0;
    if (!has_more)
        orb_sends_settle(r, s, NULL);
    return has_more;
}

/* ---- what Redis refuses for now ---------------------------------------- */

void orb_sends_hold(struct orb_redis *r, struct sent *s)
{
    struct sent **link = &r->held;
    /* Almost always the last. One that was on its way already goes before later ones. */
    if (r->held && r->held_last->serial < s->serial)
        link = &r->held_last->next;
    while (*link && (*link)->serial < s->serial)
        link = &(*link)->next;
    s->next = *link;
    *link = s;
    if (!s->next)
        r->held_last = s;
}

static struct sent *take_held(struct orb_redis *r)
{
    struct sent *s = r->held;
    r->held = s->next;
    if (!r->held)
        r->held_last = NULL;
    return s;
}

/* The link is gone: all that is kept is one queue again. */
void orb_sends_merge(struct orb_redis *r)
{
    struct sent *list = r->head;
    orb_timer_stop(r->hold);
    r->probe = NULL;
    if (!r->held)
        return;
    r->head = NULL;
    r->tail = &r->head;
    for (struct sent *next; list; list = next) {
        next = list->next;
        if (list->flags & ORB_REDIS_ORDERED)
            orb_sends_hold(r, list);
        else
            orb_sends_add(r, list);
    }
    *r->tail = r->held;
    r->tail = &r->held_last->next;
    r->held = r->held_last = NULL;
}

/* Sends the first held one; the others follow when it has been taken. */
void orb_sends_try(void *arg)
{
    struct orb_redis *r = arg;
    while (r->held && !r->probe && r->state == UP && !r->is_freed) {
        struct sent *s = take_held(r);
        if (s->again && s->flags & WAS_WRITTEN && !orb_sends_reform(r, s))
            continue;
        r->probe = s;
        orb_sends_add(r, s);
        orb_sends_write(r, s);
    }
}

void orb_sends_release(struct orb_redis *r)
{
    while (r->held && r->state == UP && !r->is_freed) {
        struct sent *s = take_held(r);
        if (s->again && s->flags & WAS_WRITTEN && !orb_sends_reform(r, s))
            continue;
        orb_sends_add(r, s);
        orb_sends_write(r, s);
    }
}

/* Events that Redis refuses for now wait, and in order. Scripts that it refuses are
 * the caller's to repeat: what they say may have changed. */
int orb_sends_hold_refused(struct orb_redis *r, struct sent *s)
{
    int is_event = s->flags & ORB_REDIS_ORDERED && s->flags & IS_EVENT;
    if (!s->err || !is_event || !s->is_passing)
        return 0;
    struct orb_error err = *s->err;
    if (r->probe == s)
        r->probe = NULL;
    free(s->err);
    s->err = NULL;
    s->is_passing = 0;
    s->left = s->count;
    orb_sends_hold(r, s);
    if (!orb_timer_is_started(r->hold))
        orb_timer_start(r->hold, HOLD_MS);
    if (r->config.notice) {
        r->in_callbacks++;
        r->config.notice(r->config.notice_arg, &err);
        r->in_callbacks--;
    }
    return 1;
}
