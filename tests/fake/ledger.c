#include "fake.h"

#include <time.h>

static FILE *file;

int ledger_open(const char *path)
{
    file = fopen(path, "we");
    return file ? 0 : -1;
}

void ledger_close(void)
{
    if (file)
        fclose(file);
    file = NULL;
}

/* Takes the line. */
static void put(json_t *line)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    json_object_set_new(line, "t", json_real((double)t.tv_sec + (double)t.tv_nsec / 1e9));
    json_dumpf(line, file, JSON_COMPACT);
    fputc('\n', file);
    fflush(file);
    json_decref(line);
}

static json_t *text_or_null(const char *s)
{
    json_t *value = s ? json_string(s) : NULL;
    return value ? value : json_null();
}

void ledger_request(int64_t n, const char *path, const char *authorization, const char *organization, const char *key, const char *model, json_t *body)
{
    if (!file)
        return;
    put(json_pack("{s:I, s:s, s:o, s:o, s:o, s:o, s:o, s:O}", "n", (json_int_t)n, "event", "request", "path", text_or_null(path),
                  "authorization", text_or_null(authorization), "organization", text_or_null(organization), "key", text_or_null(key), "model",
                  text_or_null(model), "body", body));
}

void ledger_end(int64_t n, const char *reason, int64_t tokens, const char *sha256, const char *text, json_t *bill)
{
    if (!file) {
        json_decref(bill);
        return;
    }
    put(json_pack("{s:I, s:s, s:s, s:I, s:s, s:o, s:o}", "n", (json_int_t)n, "event", "end", "reason", reason, "tokens",
                  (json_int_t)tokens, "text_sha256", sha256, "text", text_or_null(text), "bill", bill));
}
