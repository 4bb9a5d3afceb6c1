#include "client/letter.h"
#include "base/base.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The texts of a letter, in one order for all that is done with each of them. */
#define TEXTS(X) X(task_id) X(reason) X(error_type) X(agent) X(worker_id) X(entry_id) X(resubmit_of)

static int count_of(const struct orb_reply *fields, const char *name)
{
    int64_t n = orb_reply_int(orb_reply_field(fields, name));
    return n < 0 ? 0 : n > INT_MAX ? INT_MAX : (int)n;
}

size_t orb_letter_read(const struct orb_reply *entry, const char *queue, struct orb_dead_letter *out)
{
    const struct orb_reply *fields = orb_reply_at(entry, 1);
    size_t size = 0, len;
    *out = (struct orb_dead_letter){ .id = orb_reply_str(orb_reply_at(entry, 0), NULL), .queue = queue };
#define READ(name) out->name = orb_reply_str(orb_reply_field(fields, #name), &len); size += len;
    TEXTS(READ)
#undef READ
    out->payload = orb_reply_str(orb_reply_field(fields, "payload"), &out->payload_len);
    out->attempt = count_of(fields, "attempt");
    out->retries = count_of(fields, "retries");
    out->recoveries = count_of(fields, "recoveries");
    out->dead_at = orb_reply_real(orb_reply_field(fields, "dead_at"));
    return size + out->payload_len;
}

/* Adds the text to the memory, and points to it there. */
static const char *keep(char **at, const char *text, size_t len)
{
    char *here = *at;
    memcpy(here, text, len);
    here[len] = '\0';
    *at += len + 1;
    return here;
}

void orb_letter_dup(const struct orb_dead_letter *letter, struct orb_letter_copy *out)
{
    size_t size = strlen(letter->id) + strlen(letter->queue) + letter->payload_len + 3;
#define SIZE(name) size += strlen(letter->name) + 1;
    TEXTS(SIZE)
#undef SIZE
    char *at = out->memory = orb_alloc(size);
    out->letter = *letter;
    out->letter.id = keep(&at, letter->id, strlen(letter->id));
    out->letter.queue = keep(&at, letter->queue, strlen(letter->queue));
    out->letter.payload = keep(&at, letter->payload, letter->payload_len);
#define KEEP(name) out->letter.name = keep(&at, letter->name, strlen(letter->name));
    TEXTS(KEEP)
#undef KEEP
}

void orb_letter_done(struct orb_letter_copy *copy)
{
    free(copy->memory);
    copy->memory = NULL;
}

void orb_letter_match_init(struct orb_letter_match *m, const struct orb_dead_filter *filter)
{
    *m = (struct orb_letter_match){ .id_count = filter->id_count, .open = filter->id_count };
    m->queue = filter->queue ? orb_strdup(filter->queue) : NULL;
    m->reason = filter->reason ? orb_strdup(filter->reason) : NULL;
    m->ids = orb_alloc(m->id_count * sizeof *m->ids + 1);
    m->is_found = orb_alloc(m->id_count + 1);
    for (size_t i = 0; i < m->id_count; i++)
        m->ids[i] = orb_strdup(filter->ids[i]);
}

void orb_letter_match_done(struct orb_letter_match *m)
{
    for (size_t i = 0; i < m->id_count; i++)
        free(m->ids[i]);
    free(m->ids);
    free(m->is_found);
    free(m->queue);
    free(m->reason);
}

int orb_letter_is_match(struct orb_letter_match *m, const struct orb_dead_letter *letter)
{
    int is_meant = !m->id_count;
    if (m->reason && strcasecmp(letter->error_type, m->reason) && !strcasestr(letter->reason, m->reason))
        return 0;
    for (size_t i = 0; i < m->id_count; i++) {
        if (m->is_found[i] || (strcmp(letter->id, m->ids[i]) && strcmp(letter->task_id, m->ids[i])))
            continue;
        m->is_found[i] = 1;
        m->open--;
        is_meant = 1;
    }
    return is_meant;
}
