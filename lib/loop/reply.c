/* Redis replies as values, and commands as RESP bytes. */
#include "loop/redis.h"
#include "base/base.h"

#include <float.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

static const redisReply *raw(const struct orb_reply *r)
{
    return (const redisReply *)(const void *)r;
}

enum orb_reply_type orb_reply_type(const struct orb_reply *r)
{
    switch (r ? raw(r)->type : REDIS_REPLY_NIL) {
    case REDIS_REPLY_STRING: return ORB_REPLY_STRING;
    case REDIS_REPLY_INTEGER: return ORB_REPLY_INT;
    case REDIS_REPLY_ARRAY: return ORB_REPLY_ARRAY;
    case REDIS_REPLY_STATUS: return ORB_REPLY_STATUS;
    case REDIS_REPLY_ERROR: return ORB_REPLY_ERROR;
    default: return ORB_REPLY_NIL;
    }
}

size_t orb_reply_count(const struct orb_reply *r)
{
    return orb_reply_type(r) == ORB_REPLY_ARRAY ? raw(r)->elements : 0;
}

const struct orb_reply *orb_reply_at(const struct orb_reply *r, size_t i)
{
    return i < orb_reply_count(r) ? (const struct orb_reply *)(const void *)raw(r)->element[i] : NULL;
}

const char *orb_reply_str(const struct orb_reply *r, size_t *len)
{
    enum orb_reply_type type = orb_reply_type(r);
    int is_text = type == ORB_REPLY_STRING || type == ORB_REPLY_STATUS || type == ORB_REPLY_ERROR;
    if (len)
        *len = is_text ? (size_t)raw(r)->len : 0;
    return is_text ? raw(r)->str : "";
}

int64_t orb_reply_int(const struct orb_reply *r)
{
    if (orb_reply_type(r) == ORB_REPLY_INT)
        return raw(r)->integer;
    return strtoll(orb_reply_str(r, NULL), NULL, 10);
}

double orb_reply_real(const struct orb_reply *r)
{
    double v;
    return orb_parse_real(orb_reply_str(r, NULL), -DBL_MAX, DBL_MAX, &v) ? 0 : v;
}

const struct orb_reply *orb_reply_field(const struct orb_reply *r, const char *name)
{
    for (size_t i = 0; i + 1 < orb_reply_count(r); i += 2)
        if (!strcmp(orb_reply_str(orb_reply_at(r, i), NULL), name))
            return orb_reply_at(r, i + 1);
    return NULL;
}

static void header(struct orb_buf *b, char kind, size_t n)
{
    char text[24];
    char *p = text + sizeof text;
    *--p = '\n';
    *--p = '\r';
    do
        *--p = (char)('0' + n % 10);
    while (n /= 10);
    *--p = kind;
    orb_buf_add(b, p, (size_t)(text + sizeof text - p));
}

void orb_cmd_start(struct orb_buf *b, size_t argc)
{
    header(b, '*', argc);
}

void orb_cmd_arg(struct orb_buf *b, const void *p, size_t n)
{
    header(b, '$', n);
    orb_buf_add(b, p, n);
    orb_buf_add(b, "\r\n", 2);
}

void orb_cmd_str(struct orb_buf *b, const char *s)
{
    orb_cmd_arg(b, s, strlen(s));
}

void orb_cmd_int(struct orb_buf *b, int64_t v)
{
    char text[24];
    char *p = text + sizeof text;
    uint64_t n = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do
        *--p = (char)('0' + n % 10);
    while (n /= 10);
    if (v < 0)
        *--p = '-';
    orb_cmd_arg(b, p, (size_t)(text + sizeof text - p));
}
