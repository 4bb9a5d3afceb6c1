/* What given tasks said last: the ends of their streams. */
#include "client/ask.h"
#include "base/base.h"
#include "event/event.h"
#include <orbiter/watch.h>

#include <stdio.h>
#include <stdlib.h>

/* One task's. Events point into roots and texts. */
struct tail {
    char *id;
    struct orb_event *events;
    json_t **roots;
    char **texts;          /* each an entry's id and its JSON */
    size_t count, read;    /* told; of roots and texts */
};

struct tails {
    struct orb_ask ask;
    orb_tails_cb cb;
    void *arg;
    struct tail *all;
    size_t count;
};

static void tail_free(struct tail *t)
{
    for (size_t i = 0; i < t->read; i++) {
        json_decref(t->roots[i]);
        free(t->texts[i]);
    }
    free(t->roots);
    free(t->texts);
    free(t->events);
    free(t->id);
}

static void tails_done(void *arg)
{
    struct tails *t = arg;
    struct orb_tail *tails = orb_alloc(t->count * sizeof *tails);
    for (size_t i = 0; i < t->count; i++)
        tails[i] = (struct orb_tail){ .id = t->all[i].id, .events = t->all[i].events, .count = t->all[i].count };
    t->cb(t->arg, t->ask.err.code ? NULL : tails, t->ask.err.code ? 0 : t->count, t->ask.err.code ? &t->ask.err : NULL);
    for (size_t i = 0; i < t->count; i++)
        tail_free(&t->all[i]);
    free(t->all);
    free(tails);
    free(t);
}

/* A copy that lasts until all have come: the entry's id, and behind its end the JSON. */
static char *keep(const struct orb_reply *entry, const char **json, size_t *len)
{
    size_t id_len;
    const char *id = orb_reply_str(orb_reply_at(entry, 0), &id_len);
    const char *event = orb_reply_str(orb_reply_field(orb_reply_at(entry, 1), "event"), len);
    struct orb_buf b;
    orb_buf_init(&b, id_len + *len + 2);
    orb_buf_add(&b, id, id_len);
    orb_buf_add(&b, "", 1);
    orb_buf_add(&b, event, *len);
    char *text = orb_buf_take(&b);
    *json = text ? text + id_len + 1 : NULL;
    return text;
}

/* XREVRANGE: the newest first. */
static void read_tail(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err)
{
    struct tail *t = &((struct tails *)arg)->all[which];
    struct orb_event_order order = { 0 };
    size_t n = orb_reply_count(reply);
    (void)err; /* a key that is no stream says nothing */
    t->events = orb_alloc((n + 1) * sizeof *t->events);
    t->roots = orb_alloc((n + 1) * sizeof *t->roots);
    t->texts = orb_alloc((n + 1) * sizeof *t->texts);
    while (n--) {
        const char *json;
        size_t len;
        struct orb_event *event = &t->events[t->count];
        char *text = keep(orb_reply_at(reply, n), &json, &len);
        if (!text || orb_event_read(json, len, event, &t->roots[t->read], NULL)) {
            free(text); /* not an event: nothing to show */
            continue;
        }
        event->stream_id = t->texts[t->read++] = text;
        if (!orb_event_is_old(&order, event))
            t->count++;
    }
}

int orb_fleet_tails(struct orb_client *client, const char *const *ids, size_t count, int last, orb_tails_cb cb, void *arg, struct orb_error *err)
{
    char key[ORB_KEY_MAX], number[16];
    if (count < 1 || count > ORB_TAILS_MAX || last < 1 || last > ORB_TAIL_EVENTS_MAX)
        return orb_error_set(err, ORB_E_USAGE, "%d events of %zu tasks: ask for 1 to %d events of 1 to %d tasks", last, count,
                             ORB_TAIL_EVENTS_MAX, ORB_TAILS_MAX);
    struct tails *t = orb_alloc(sizeof *t);
    t->ask = (struct orb_ask){ .client = client, .done = tails_done, .arg = t };
    t->cb = cb;
    t->arg = arg;
    t->count = count;
    t->all = orb_alloc(count * sizeof *t->all);
    snprintf(number, sizeof number, "%d", last);
    for (size_t i = 0; i < count; i++) {
        t->all[i].id = orb_strdup(ids[i]);
        if (!orb_id_is_valid(ids[i]))
            continue;
        orb_store_key(client->store, "orbiter:stream:", ids[i], key);
        orb_ask_words(&t->ask, read_tail, i, 0, (const char *const[]){ "XREVRANGE", key, "+", "-", "COUNT", number, NULL });
    }
    orb_ask_end(&t->ask);
    return 0;
}
