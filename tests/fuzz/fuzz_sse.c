/* A reply of chat completions, and the server-sent events that it is made of. */
#include "fuzz/model_reply.h"

/* The same events by the letter of the standard, from the whole text at once. */
struct model {
    struct orb_buf *out, data;
    char event[64];
};

static int has_name(const char *line, size_t name_len, const char *name)
{
    return name_len == strlen(name) && !memcmp(line, name, name_len);
}

static void model_line(struct model *m, const char *line, size_t len)
{
    if (!len) {
        if (m->data.len)
            fuzz_note_event(m->out, m->event, m->data.data, m->data.len - 1);
        orb_buf_reset(&m->data);
        m->event[0] = '\0';
        return;
    }
    size_t name_len = 0;
    while (name_len < len && line[name_len] != ':')
        name_len++;
    size_t from = name_len < len ? name_len + 1 : len;
    if (from < len && line[from] == ' ')
        from++;
    if (has_name(line, name_len, "data")) {
        orb_buf_add(&m->data, line + from, len - from);
        orb_buf_char(&m->data, '\n');
    } else if (has_name(line, name_len, "event")) {
        size_t n = len - from < sizeof m->event - 1 ? len - from : sizeof m->event - 1;
        memcpy(m->event, line + from, n);
        m->event[n] = '\0';
    }
}

static void check_model(const struct fuzz_reply *r, const char *body, size_t len)
{
    struct orb_buf out;
    struct model m = { .out = &out };
    size_t from = len >= 3 && !memcmp(body, "\xef\xbb\xbf", 3) ? 3 : 0;
    orb_buf_init(&out, FUZZ_TEXT_MAX);
    orb_buf_init(&m.data, FUZZ_TEXT_MAX);
    for (size_t at = from; at < len; at++) {
        if (body[at] != '\n' && body[at] != '\r')
            continue;
        model_line(&m, body + from, at - from);
        if (body[at] == '\r' && at + 1 < len && body[at + 1] == '\n')
            at++;
        from = at + 1;
    }
    if (from < len)
        model_line(&m, body + from, len - from);
    model_line(&m, "", 0);
    ORB_ASSERT(fuzz_is_same(&out, &r->events));
    orb_buf_done(&m.data);
    orb_buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_reply(&orb_provider_openai, data, size, check_model);
}
