#include "event/subscriber.h"
#include "base/base.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#define BUCKETS 4096

struct channel {
    struct channel *next;
    struct orb_listener *listeners;
    char task_id[];
};

struct orb_subscriber {
    struct orb_loop *loop;
    struct orb_redis *redis;
    char prefix[128];              /* of the channels: {ns}:orbiter:events: */
    struct channel *buckets[BUCKETS];
    struct orb_listener *walking;  /* next of a walk under way; moves when that one is removed */
};

static struct channel **find(struct orb_subscriber *s, const char *id)
{
    uint32_t h = 2166136261u;
    for (const char *p = id; *p; p++)
        h = (h ^ (unsigned char)*p) * 16777619u;
    struct channel **link = &s->buckets[h % BUCKETS];
    while (*link && strcmp((*link)->task_id, id))
        link = &(*link)->next;
    return link;
}

static void send_one(struct orb_subscriber *s, const char *command, const char *id)
{
    struct orb_buf b;
    char channel[512];
    snprintf(channel, sizeof channel, "%s%s", s->prefix, id);
    orb_buf_init(&b, 2048);
    orb_cmd_start(&b, 2);
    orb_cmd_str(&b, command);
    orb_cmd_str(&b, channel);
    /* Never fails: nothing is queued on a Pub/Sub connection. */
    int rc = orb_redis_send(s->redis, &b, 1, 0, NULL, NULL);
    ORB_ASSERT(!rc || rc == ORB_E_CANCELLED);
    orb_buf_done(&b);
}

static void wake_all(struct orb_subscriber *s, struct channel *channel, enum orb_wake why)
{
    struct orb_listener *l = channel->listeners;
    while (l) {
        s->walking = l->next;
        l->wake(l->arg, why);
        l = s->walking;
    }
    s->walking = NULL;
}

/* Is it worth looking at the hash at once? A hint: what the hash says counts. */
static int looks_last(const char *json, size_t len)
{
    static const char *const words[] = { "\"status\": \"completed\"", "\"status\": \"error\"", "\"status\": \"cancelled\"" };
    static const char start[] = "{\"type\": \"status\"";
    if (len < sizeof start || memcmp(json, start, sizeof start - 1))
        return 0;
    for (size_t i = 0; i < ORB_COUNT(words); i++)
        if (memmem(json, len < 64 ? len : 64, words[i], strlen(words[i])))
            return 1;
    return 0;
}

static void on_push(void *arg, const struct orb_reply *reply)
{
    struct orb_subscriber *s = arg;
    const char *kind = orb_reply_str(orb_reply_at(reply, 0), NULL);
    const char *name = orb_reply_str(orb_reply_at(reply, 1), NULL);
    size_t skip = strlen(s->prefix), len;
    if (strlen(name) <= skip)
        return;
    struct channel *channel = *find(s, name + skip);
    if (!channel)
        return;
    if (!strcmp(kind, "subscribe")) {
        wake_all(s, channel, ORB_WAKE_LISTENING);
    } else if (!strcmp(kind, "message")) {
        const char *json = orb_reply_str(orb_reply_at(reply, 2), &len);
        wake_all(s, channel, looks_last(json, len) ? ORB_WAKE_LAST : ORB_WAKE_EVENT);
    }
}

static void on_state(void *arg, int is_up, const struct orb_error *err)
{
    struct orb_subscriber *s = arg;
    (void)err;
    for (size_t i = 0; is_up && i < BUCKETS; i++)
        for (struct channel *channel = s->buckets[i]; channel; channel = channel->next)
            send_one(s, "SUBSCRIBE", channel->task_id);
}

struct orb_subscriber *orb_subscriber_new(struct orb_loop *loop, const struct orb_redis_config *config, const char *prefix)
{
    struct orb_subscriber *s = orb_alloc(sizeof *s);
    s->loop = loop;
    snprintf(s->prefix, sizeof s->prefix, "%sorbiter:events:", prefix);
    struct orb_redis_config mine = *config;
    mine.reconnect = 1;
    mine.reply_timeout_ms = 0;
    mine.push = on_push;
    mine.state = on_state;
    mine.arg = s;
    s->redis = orb_redis_new(loop, &mine);
    return s;
}

void orb_subscriber_hurry(struct orb_subscriber *s, const struct orb_redis *risen)
{
    orb_redis_hurry(s->redis, risen);
}

void orb_subscriber_doubt(struct orb_subscriber *s)
{
    orb_redis_doubt(s->redis);
}

void orb_subscriber_free(struct orb_subscriber *s)
{
    if (!s)
        return;
    orb_redis_free(s->redis);
    for (size_t i = 0; i < BUCKETS; i++)
        while (s->buckets[i]) {
            struct channel *channel = s->buckets[i];
            s->buckets[i] = channel->next;
            free(channel);
        }
    free(s);
}

void orb_subscriber_add(struct orb_subscriber *s, struct orb_listener *listener)
{
    struct channel **link = find(s, listener->task_id);
    if (!*link) {
        struct channel *channel = orb_alloc(sizeof *channel + strlen(listener->task_id) + 1);
        strcpy(channel->task_id, listener->task_id);
        *link = channel;
    }
    struct channel *channel = *link;
    listener->next = channel->listeners;
    channel->listeners = listener;
    /* Again, also when it is subscribed already: the answer wakes the new one. */
    send_one(s, "SUBSCRIBE", listener->task_id);
}

void orb_subscriber_remove(struct orb_subscriber *s, struct orb_listener *listener)
{
    struct channel **link = find(s, listener->task_id);
    if (!*link)
        return;
    if (s->walking == listener)
        s->walking = listener->next;
    struct orb_listener **l = &(*link)->listeners;
    while (*l && *l != listener)
        l = &(*l)->next;
    if (*l)
        *l = listener->next;
    if ((*link)->listeners)
        return;
    struct channel *channel = *link;
    *link = channel->next;
    send_one(s, "UNSUBSCRIBE", listener->task_id);
    free(channel);
}
