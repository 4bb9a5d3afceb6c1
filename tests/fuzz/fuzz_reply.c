/* What Redis answers, from its bytes on: hiredis' reader, then all that reads a
 * reply of a script without a connection. How the bytes come makes no
 * difference. fuzz_link.c has the rest of what reads replies. */
#include "fuzz/fuzz.h"
#include "broker/broker.h"
#include "task/hash.h"

#include <hiredis/hiredis.h>

#define REPLIES_MAX 16

static size_t read_all(const uint8_t *data, size_t size, size_t piece, void *replies[REPLIES_MAX])
{
    redisReader *reader = redisReaderCreate();
    size_t count = 0;
    int rc = REDIS_OK;
    for (size_t at = 0; at < size && rc == REDIS_OK; at += piece) {
        redisReaderFeed(reader, (const char *)data + at, piece < size - at ? piece : size - at);
        while (count < REPLIES_MAX && (rc = redisReaderGetReply(reader, &replies[count])) == REDIS_OK && replies[count])
            count++;
    }
    redisReaderFree(reader);
    return count;
}

static void put_value(struct orb_buf *b, const struct orb_reply *r, int depth)
{
    size_t len;
    const char *text = orb_reply_str(r, &len);
    ORB_ASSERT(text && depth < 16 && !text[len]);
    switch (orb_reply_type(r)) {
    case ORB_REPLY_NIL:
        orb_buf_str(b, "nil");
        break;
    case ORB_REPLY_INT:
        ORB_ASSERT(!len && !orb_reply_count(r));
        orb_buf_int(b, orb_reply_int(r));
        break;
    case ORB_REPLY_ARRAY:
        ORB_ASSERT(!len && !orb_reply_int(r));
        orb_buf_char(b, '[');
        for (size_t i = 0; i < orb_reply_count(r); i++)
            put_value(b, orb_reply_at(r, i), depth + 1);
        ORB_ASSERT(!orb_reply_at(r, orb_reply_count(r)) && !orb_reply_at(r, SIZE_MAX));
        orb_buf_char(b, ']');
        break;
    case ORB_REPLY_STRING:
    case ORB_REPLY_STATUS:
    case ORB_REPLY_ERROR:
        ORB_ASSERT(!orb_reply_count(r) && !orb_reply_field(r, "x"));
        orb_buf_add(b, text, len);
        break;
    }
    double real = orb_reply_real(r);
    ORB_ASSERT(real - real == 0); /* finite */
    orb_buf_char(b, ' ');
}

/* Everything that reads replies may get one of another's. */
static void read_as_all(const struct orb_reply *r)
{
    static const char *const fields[] = { "status", "payload", "task_id", "event", "result", "" };
    struct orb_task_hash hash;
    ORB_ASSERT(orb_task_has_ended(ORB_STATUS_CANCELLED, orb_reply_real(r), orb_reply_str(r, NULL)) >= 0);
    for (size_t i = 0; i < ORB_COUNT(fields); i++)
        ORB_ASSERT(orb_reply_str(orb_reply_field(r, fields[i]), NULL) != NULL);
    if (!orb_task_hash_read(r, "an-id", &hash)) {
        ORB_ASSERT(orb_reply_count(r) && (unsigned)hash.info.status < ORB_STATUS_COUNT);
        ORB_ASSERT(hash.info.output && hash.info.error && hash.info.partial && hash.info.usage && hash.info.worker_id);
        orb_task_hash_done(&hash);
    }
    struct orb_begun begun;
    enum orb_begin what = orb_broker_begin_reply(r, &begun);
    ORB_ASSERT((unsigned)what <= ORB_BEGIN_ERROR);
    ORB_ASSERT(what != ORB_BEGIN_RUN || !strcmp(orb_reply_str(orb_reply_at(r, 0), NULL), "run"));
    for (size_t i = 0; i < orb_reply_count(r); i++)
        read_as_all(orb_reply_at(r, i));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    void *whole[REPLIES_MAX], *bytes[REPLIES_MAX];
    struct orb_buf a, b;
    if (!fuzz_is_modest(data, size))
        return 0;
    size_t count = read_all(data, size, size ? size : 1, whole);
    size_t count_bytes = read_all(data, size, 1, bytes);
    ORB_ASSERT(count == count_bytes);
    orb_buf_init(&a, 64 * 1024 * 1024);
    orb_buf_init(&b, 64 * 1024 * 1024);
    for (size_t i = 0; i < count; i++) {
        put_value(&a, whole[i], 0);
        put_value(&b, bytes[i], 0);
        read_as_all(whole[i]);
        freeReplyObject(whole[i]);
        freeReplyObject(bytes[i]);
    }
    ORB_ASSERT(a.len == b.len && (!a.len || !memcmp(a.data, b.data, a.len)));
    orb_buf_done(&a);
    orb_buf_done(&b);
    return 0;
}
