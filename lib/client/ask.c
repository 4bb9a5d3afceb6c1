#include "client/ask.h"
#include "base/base.h"

#include <stdlib.h>
#include <string.h>

struct question {
    struct orb_ask *ask;
    orb_ask_fn read;
    size_t which;
    int flags;
};

/* Whoever may write to Redis may have put anything where something is expected. */
static int is_absence(const struct orb_error *err)
{
    return strstr(err->text, "WRONGTYPE") || strstr(err->text, "no such key") || strstr(err->text, "NOGROUP");
}

static void on_answer(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct question *q = arg;
    struct orb_ask *ask = q->ask;
    if (!err || is_absence(err) || (q->flags & ORB_ASK_CLOSED && err->code == ORB_E_REFUSED))
        q->read(ask->arg, q->which, err ? NULL : reply, err);
    else
        ask->err = *err;
    free(q);
    if (!--ask->pending)
        ask->done(ask->arg);
}

void orb_ask(struct orb_ask *ask, struct orb_buf *b, orb_ask_fn read, size_t which, int flags)
{
    struct question *q = orb_alloc(sizeof *q);
    *q = (struct question){ .ask = ask, .read = read, .which = which, .flags = flags };
    int rc = orb_client_send(ask->client, b, 1, on_answer, q);
    if (!rc) {
        ask->pending++;
        return;
    }
    free(q);
    orb_error_set(&ask->err, rc, "%s", orb_error_text(rc));
}

void orb_ask_words(struct orb_ask *ask, orb_ask_fn read, size_t which, int flags, const char *const *words)
{
    struct orb_buf b;
    size_t count = 0;
    while (words[count])
        count++;
    orb_buf_init(&b, 8192);
    orb_cmd_start(&b, count);
    for (size_t i = 0; i < count; i++)
        orb_cmd_str(&b, words[i]);
    orb_ask(ask, &b, read, which, flags);
}

static void nothing_asked(void *arg)
{
    struct orb_ask *ask = arg;
    if (ask->client->is_freed && !ask->err.code)
        orb_error_set(&ask->err, ORB_E_CANCELLED, "the client was freed");
    ask->done(ask->arg);
}

void orb_ask_end(struct orb_ask *ask)
{
    if (!ask->pending)
        orb_loop_defer(ask->client->loop, nothing_asked, ask);
}
