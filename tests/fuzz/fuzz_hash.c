/* A task hash as HGETALL gives it: lines of a field's name, a blank and its value. */
#include "fuzz/fuzz.h"
#include "task/hash.h"

#include <hiredis/hiredis.h>

#define FIELDS_MAX 64

struct field {
    const char *name, *value;
    size_t name_len, value_len;
};

static size_t split(const char *text, size_t len, struct field *out)
{
    size_t count = 0;
    for (const char *p = text, *end = text + len; p < end && count < FIELDS_MAX; count++) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        stop = stop ? stop : end;
        const char *blank = memchr(p, ' ', (size_t)(stop - p));
        const char *name_end = blank ? blank : stop, *value = blank ? blank + 1 : stop;
        out[count] = (struct field){ p, value, (size_t)(name_end - p), (size_t)(stop - value) };
        p = stop + 1;
    }
    return count;
}

static void *make_reply(const struct field *fields, size_t count)
{
    struct orb_buf b;
    void *reply = NULL;
    orb_buf_init(&b, 16 * 1024 * 1024);
    orb_cmd_start(&b, 2 * count);
    for (size_t i = 0; i < count; i++) {
        orb_cmd_arg(&b, fields[i].name, fields[i].name_len);
        orb_cmd_arg(&b, fields[i].value, fields[i].value_len);
    }
    redisReader *reader = redisReaderCreate();
    redisReaderFeed(reader, b.data, b.len);
    ORB_ASSERT(redisReaderGetReply(reader, &reply) == REDIS_OK && reply);
    redisReaderFree(reader);
    orb_buf_done(&b);
    return reply;
}

/* The first field of that name is the one that counts; it ends at a NUL. */
static int is_field(const struct field *fields, size_t count, const char *name, const char *value)
{
    for (size_t i = 0; i < count; i++) {
        size_t n = strnlen(fields[i].name, fields[i].name_len);
        if (n == strlen(name) && !memcmp(fields[i].name, name, n)) {
            n = strnlen(fields[i].value, fields[i].value_len);
            return strlen(value) == n && !memcmp(value, fields[i].value, n);
        }
    }
    return !*value;
}

static void check(const struct orb_task_info *i, const struct field *fields, size_t count)
{
    ORB_ASSERT(!strcmp(i->id, "an-id"));
    const struct { const char *name, *value; } texts[] = {
        { "queue", i->queue }, { "agent", i->agent }, { "worker_id", i->worker_id }, { "error", i->error },
        { "error_type", i->error_type }, { "partial", i->partial }, { "usage", i->usage }, { "result", i->result },
    };
    for (size_t k = 0; k < ORB_COUNT(texts); k++)
        ORB_ASSERT(is_field(fields, count, texts[k].name, texts[k].value));
    ORB_ASSERT((unsigned)i->status < ORB_STATUS_COUNT && *orb_status_word(i->status));
    const double times[] = { i->created_at, i->started_at, i->completed_at };
    for (size_t k = 0; k < ORB_COUNT(times); k++)
        ORB_ASSERT(times[k] - times[k] == 0); /* finite */
    ORB_ASSERT(orb_utf8_is_valid(i->output, strlen(i->output)));
    ORB_ASSERT(*i->result || !*i->output);
    if (orb_task_has_ended(i->status, i->completed_at, i->worker_id))
        ORB_ASSERT(orb_status_is_final(i->status));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct field fields[FIELDS_MAX];
    size_t count = split((const char *)data, size, fields);
    void *raw = make_reply(fields, count);
    const struct orb_reply *reply = raw;
    struct orb_task_hash hash, again;
    int rc = orb_task_hash_read(reply, "an-id", &hash);
    ORB_ASSERT(rc == (count ? 0 : ORB_E_NOT_FOUND));
    if (!rc) {
        check(&hash.info, fields, count);
        ORB_ASSERT(!orb_task_hash_read(reply, "an-id", &again)); /* reading changes nothing */
        ORB_ASSERT(again.info.status == hash.info.status && !strcmp(again.info.output, hash.info.output));
        orb_task_hash_done(&again);
        orb_task_hash_done(&hash);
    }
    freeReplyObject(raw);
    return 0;
}
