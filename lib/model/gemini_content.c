/* A conversation in Gemini's form: turns of a user and a model, made of parts. */
#include "base/base.h"
#include "model/gemini.h"
#include "model/rules.h"
#include "model/write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What stands for the signature of a call that another model made. */
#define FOREIGN_SIGNATURE "skip_thought_signature_validator"

static void put_text(struct orb_buf *b, const char *text, size_t len)
{
    orb_buf_str(b, "{\"text\": ");
    orb_json_str(b, text, len);
    orb_buf_char(b, '}');
}

/* ---- media ---- */

/* By the ending of the URL's path, else the kind's usual one. */
static const char *type_of_url(const char *url, const char *def)
{
    static const struct {
        const char *ending, *type;
    } types[] = {
        { ".png", "image/png" }, { ".jpg", "image/jpeg" }, { ".jpeg", "image/jpeg" }, { ".webp", "image/webp" }, { ".heic", "image/heic" },
        { ".gif", "image/gif" }, { ".mp4", "video/mp4" }, { ".webm", "video/webm" }, { ".mov", "video/quicktime" }, { ".pdf", "application/pdf" },
    };
    size_t len = strcspn(url, "?#");
    for (size_t i = 0; i < ORB_COUNT(types); i++) {
        size_t n = strlen(types[i].ending);
        if (len > n && strncasecmp(url + len - n, types[i].ending, n) == 0)
            return types[i].type;
    }
    return def;
}

static void put_inline(struct orb_buf *b, const char *type, const char *data, size_t len)
{
    orb_buf_str(b, "{\"inlineData\": {\"mimeType\": ");
    orb_put_str(b, type);
    orb_buf_str(b, ", \"data\": ");
    orb_json_str(b, data, len);
    orb_buf_str(b, "}}");
}

static void put_url(struct orb_buf *b, const json_t *block, const char *def)
{
    const char *url = orb_json_get_str(block, "url", ""), *base64 = strstr(url, ";base64,");
    char type[128];
    if (strncmp(url, "data:", 5) == 0 && base64 && base64 - url - 5 < (ptrdiff_t)sizeof(type)) {
        snprintf(type, sizeof(type), "%.*s", (int)(base64 - url - 5), url + 5);
        put_inline(b, *type ? type : def, base64 + 8, strlen(base64 + 8));
        return;
    }
    orb_buf_str(b, "{\"fileData\": {\"mimeType\": ");
    orb_put_str(b, orb_json_get_str(block, "media_type", type_of_url(url, def)));
    orb_buf_str(b, ", \"fileUri\": ");
    orb_put_str(b, url);
    orb_buf_str(b, "}}");
}

static void put_media(struct orb_buf *b, const json_t *block, const char *def)
{
    const json_t *data = json_object_get(block, "data");
    if (json_is_string(data))
        put_inline(b, orb_json_get_str(block, "media_type", def), json_string_value(data), json_string_length(data));
    else
        put_url(b, block, def);
}

static void put_block(struct orb_buf *b, const json_t *block)
{
    static const struct {
        const char *type, *media_type;
    } kinds[] = {
        { "image_url", "image/jpeg" }, { "image_data", "image/jpeg" }, { "video", "video/mp4" }, { "document", "application/pdf" },
    };
    const char *type = orb_json_get_str(block, "type", "");
    const json_t *text = json_object_get(block, "text");
    char audio[64];
    snprintf(audio, sizeof(audio), "audio/%.40s", orb_json_get_str(block, "format", "mp3"));
    if (strcmp(type, "text") == 0) {
        put_text(b, json_is_string(text) ? json_string_value(text) : "", json_string_length(text));
        return;
    }
    if (strcmp(type, "audio") == 0) {
        put_media(b, block, audio);
        return;
    }
    for (size_t i = 0; i < ORB_COUNT(kinds); i++)
        if (strcmp(type, kinds[i].type) == 0) {
            put_media(b, block, kinds[i].media_type);
            return;
        }
    orb_buf_str(b, "{\"text\": ");
    orb_put_missing_block(b, block); /* the model is told that something is missing here */
    orb_buf_char(b, '}');
}

/* ---- turns ---- */

/* The conversation being written, and the model's turn of it that is at hand. */
struct turn {
    struct orb_buf *b;
    size_t contents;        /* written so far */
    const json_t *calls;
    const json_t **of_call; /* what is kept for each call, or NULL */
    const json_t *kept;     /* ours, or NULL */
    size_t parts;
};

static void open_content(struct turn *t, const char *role)
{
    orb_buf_str(t->b, t->contents++ ? ", " : "");
    orb_buf_printf(t->b, "{\"role\": \"%s\", \"parts\": [", role);
}

static void put_user(struct turn *t, const json_t *message)
{
    const json_t *content = json_object_get(message, "content");
    size_t n = json_array_size(content);
    open_content(t, "user");
    if (n == 0)
        put_text(t->b, json_is_string(content) ? json_string_value(content) : "", json_string_length(content));
    for (size_t i = 0; i < n; i++) {
        if (i)
            orb_buf_str(t->b, ", ");
        put_block(t->b, json_array_get(content, i));
    }
    orb_buf_str(t->b, "]}");
}

static void next_part(struct turn *t)
{
    if (t->parts++)
        orb_buf_str(t->b, ", ");
}

static void put_signature(struct orb_buf *b, const char *signature)
{
    orb_buf_str(b, ", \"thoughtSignature\": ");
    orb_put_str(b, signature);
}

static void put_text_part(struct turn *t, const char *text, size_t len, const char *signature)
{
    if (len == 0 && !signature)
        return;
    next_part(t);
    orb_buf_str(t->b, "{\"text\": ");
    orb_json_str(t->b, text, len);
    if (signature)
        put_signature(t->b, signature);
    orb_buf_char(t->b, '}');
}

/* The text, cut into parts again where signatures belong to some of it. */
static void put_texts(struct turn *t, const char *text, size_t len)
{
    size_t done = 0;
    for (size_t i = 0; i < json_array_size(t->kept); i++) {
        const json_t *item = json_array_get(t->kept, i);
        const char *signature = orb_json_get_str(item, "thoughtSignature", NULL);
        int64_t from = orb_json_get_int(item, "from", -1), to = orb_json_get_int(item, "to", -1);
        if (!signature || from < (int64_t)done || to < from || (uint64_t)to > len)
            continue;
        put_text_part(t, text + done, (size_t)from - done, NULL);
        put_text_part(t, text + from, (size_t)(to - from), signature);
        done = (size_t)to;
    }
    put_text_part(t, text + done, len - done, NULL);
}

static void put_args(struct orb_buf *b, const json_t *call)
{
    const char *text = orb_json_get_str(call, "arguments", "");
    json_t *args = orb_json_parse(text, strlen(text), &orb_json_limits_default, NULL);
    if (json_is_object(args))
        orb_json_dump(b, args);
    else
        orb_buf_str(b, "{}");
    json_decref(args);
}

static void put_calls(struct turn *t, int needs_signature)
{
    for (size_t i = 0; i < json_array_size(t->calls); i++) {
        const json_t *call = json_array_get(t->calls, i), *kept = t->of_call[i];
        const char *id = orb_json_get_str(kept, "id", NULL), *signature = orb_json_get_str(kept, "thoughtSignature", NULL);
        next_part(t);
        orb_buf_str(t->b, "{\"functionCall\": {");
        if (id) { /* only what the server called it itself */
            orb_put_member(t->b, "id", kept, "id", "");
            orb_buf_str(t->b, ", ");
        }
        orb_put_member(t->b, "name", call, "name", "");
        orb_buf_str(t->b, ", \"args\": ");
        put_args(t->b, call);
        orb_buf_char(t->b, '}');
        /* Of calls made at once only the first has one. */
        if (!signature && i == 0 && needs_signature)
            signature = FOREIGN_SIGNATURE;
        if (signature)
            put_signature(t->b, signature);
        orb_buf_char(t->b, '}');
    }
}

/* A turn in which nothing was said is left out: it may not be empty. */
static void put_model(struct turn *t, const json_t *message, int needs_signature)
{
    struct orb_buf text;
    orb_buf_init(&text, ORB_REQUEST_BODY_MAX);
    orb_content_text(json_object_get(message, "content"), &text);
    if (text.len || json_array_size(t->calls)) {
        open_content(t, "model");
        put_texts(t, text.data ? text.data : "", text.len);
        put_calls(t, needs_signature);
        orb_buf_str(t->b, "]}");
    }
    if (text.err)
        t->b->err = text.err;
    orb_buf_done(&text);
}

/* ---- answers of tools ---- */

static void put_answer(struct orb_buf *b, const json_t *message, const char *id, const char *name)
{
    const json_t *error = json_object_get(message, "error");
    orb_buf_str(b, "{\"functionResponse\": {");
    if (id) {
        orb_buf_str(b, "\"id\": ");
        orb_put_str(b, id);
        orb_buf_str(b, ", ");
    }
    orb_put_member(b, "name", message, "tool_name", name);
    orb_buf_str(b, json_is_string(error) || !message ? ", \"response\": {\"error\": " : ", \"response\": {\"result\": ");
    if (message)
        orb_put_text(b, json_is_string(error) ? error : json_object_get(message, "content"));
    else
        orb_put_str(b, "there is no result");
    orb_buf_str(b, "}}}");
}

/* The tool messages of a turn, from `at` to before `end`. */
struct answers {
    const json_t *messages;
    size_t at, end;
    unsigned char *is_put;
};

/* The first answer to this id that was not put yet; ids may come more than once. NULL: there is none. */
static const json_t *take_answer(struct answers *a, const char *id)
{
    for (size_t i = a->at; i < a->end; i++) {
        const json_t *message = json_array_get(a->messages, i);
        if (a->is_put[i - a->at] || strcmp(orb_json_get_str(message, "tool_call_id", ""), id))
            continue;
        a->is_put[i - a->at] = 1;
        return message;
    }
    return NULL;
}

/* What an answer cannot hold stands behind all of them. */
static void put_media_of_answers(struct turn *t, const struct answers *a)
{
    for (size_t i = a->at; i < a->end; i++) {
        const json_t *block;
        size_t next = 0;
        while ((block = orb_tool_media(json_array_get(a->messages, i), &next))) {
            orb_buf_str(t->b, ", ");
            put_block(t->b, block);
        }
    }
}

/* The tool messages from `at` on, as one turn: an answer to each call of the model's turn before, in its order, then the rest.
 * Returns the index after them. */
static size_t put_answers(struct turn *t, const json_t *messages, size_t at)
{
    struct answers a = { messages, at, at, NULL };
    size_t count = 0;
    const json_t *m;
    while ((m = json_array_get(messages, a.end)) && strcmp(orb_json_get_str(m, "role", ""), "tool") == 0)
        a.end++;
    a.is_put = orb_alloc(a.end - at + 1);
    open_content(t, "user");
    for (size_t i = 0; i < json_array_size(t->calls); i++) {
        const json_t *call = json_array_get(t->calls, i);
        orb_buf_str(t->b, count++ ? ", " : "");
        put_answer(t->b, take_answer(&a, orb_json_get_str(call, "id", "")), orb_json_get_str(t->of_call[i], "id", NULL), orb_json_get_str(call, "name", ""));
    }
    for (size_t i = at; i < a.end; i++) {
        if (a.is_put[i - at])
            continue;
        orb_buf_str(t->b, count++ ? ", " : "");
        put_answer(t->b, json_array_get(messages, i), NULL, "");
    }
    put_media_of_answers(t, &a);
    orb_buf_str(t->b, "]}");
    free(a.is_put);
    return a.end;
}

/* ---- the conversation ---- */

/* What this provider kept of the model's turn, by the call that it belongs to. */
static void turn_begin(struct turn *t, const struct orb_provider *provider, const json_t *message)
{
    t->calls = json_object_get(message, "tool_calls");
    t->kept = NULL;
    t->parts = 0;
    size_t n = json_array_size(t->calls);
    t->of_call = orb_alloc((n + 1) * sizeof(*t->of_call));
    if (strcmp(orb_json_get_str(message, "kept_by", ""), provider->info.name) == 0)
        t->kept = json_object_get(message, "kept");
    for (size_t i = 0; i < json_array_size(t->kept); i++) {
        const json_t *item = json_array_get(t->kept, i);
        int64_t call = orb_json_get_int(item, "call", -1);
        if (call >= 0 && (uint64_t)call < n)
            t->of_call[call] = item;
    }
}

int orb_gemini_contents(const struct orb_provider *provider, const struct orb_model_call *call, struct orb_buf *b, struct orb_error *err)
{
    int needs_signature = (orb_model_rules_find(provider->family, call->model)->flags & ORB_RULE_SIGNATURES) != 0;
    const json_t *messages = call->messages;
    struct turn turn = { .b = b };
    size_t i = 0, n = json_array_size(messages);
    while (i < n) {
        const json_t *message = json_array_get(messages, i);
        const char *role = orb_json_get_str(message, "role", "");
        int is_model = strcmp(role, "assistant") == 0, is_tool = strcmp(role, "tool") == 0;
        if (!is_model && !is_tool && strcmp(role, "user") && strcmp(role, "system"))
            return orb_error_set(err, ORB_E_MODEL_INVALID, "Unknown message role: '%.40s'", role);
        turn_begin(&turn, provider, is_model ? message : NULL);
        if (is_model)
            put_model(&turn, message, needs_signature);
        else if (strcmp(role, "user") == 0)
            put_user(&turn, message);
        i += !is_tool;
        /* Calls must be answered at once; an answer without a call is the server's to judge. */
        if (is_tool || (json_array_size(turn.calls) && i < n))
            i = put_answers(&turn, messages, i);
        free(turn.of_call);
    }
    return 0;
}

int orb_gemini_system(const struct orb_model_call *call, struct orb_buf *b)
{
    int count = 0;
    for (size_t i = 0; i < json_array_size(call->messages); i++) {
        const json_t *message = json_array_get(call->messages, i);
        struct orb_buf text;
        if (strcmp(orb_json_get_str(message, "role", ""), "system") != 0)
            continue;
        orb_buf_init(&text, ORB_REQUEST_BODY_MAX);
        orb_content_text(json_object_get(message, "content"), &text);
        if (text.len) {
            orb_buf_str(b, count++ ? ", " : "");
            put_text(b, text.data, text.len);
        }
        if (text.err)
            b->err = text.err;
        orb_buf_done(&text);
    }
    return count;
}
