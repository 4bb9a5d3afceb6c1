/* The conversation as the Messages API wants it: system text apart, turns that alternate, all results of a turn first
 * in one user message, thinking back where it stood, and no block without text, which the API rejects. Source: its
 * reference, Messages. */
#include "base/base.h"
#include "base/utf8.h"
#include "model/anthropic.h"
#include "model/write.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct writer {
    const struct orb_provider *provider;
    struct orb_buf *b;
    const char *role;  /* of the turn that is open; NULL = none */
    size_t turns, blocks;
    size_t user_end;   /* offset of the brace that ends the last block of a user; 0 = none yet */
    json_t *used;      /* ids of calls so far, each with the number that was last put behind it */
    json_t *asked;     /* of the open turn of the assistant, by the conversation's ids: arrays of the ids as written */
};

/* ---- turns and blocks ---- */

static void end_turn(struct writer *w)
{
    if (w->role)
        orb_buf_str(w->b, "]}");
    w->role = NULL;
}

/* Begins a block with its type; what has the same role as the last joins its turn. */
static void begin_block(struct writer *w, const char *role, const char *type)
{
    if (!w->role || strcmp(w->role, role)) {
        end_turn(w);
        orb_buf_printf(w->b, "%s{\"role\": \"%s\", \"content\": [", w->turns++ ? ", " : "", role);
        w->role = role;
        w->blocks = 0;
    }
    orb_buf_str(w->b, w->blocks++ ? ", " : "");
    if (type)
        orb_buf_printf(w->b, "{\"type\": \"%s\"", type);
}

static void end_block(struct writer *w)
{
    if (strcmp(w->role, "user") == 0)
        w->user_end = w->b->len;
    orb_buf_char(w->b, '}');
}

static int is_blank(const char *text, size_t len)
{
    while (len > 0 && isspace((unsigned char)*text)) {
        text++;
        len--;
    }
    return len == 0;
}

static void put_text(struct writer *w, const char *role, const char *text, size_t len)
{
    if (is_blank(text, len))
        return;
    begin_block(w, role, "text");
    orb_buf_str(w->b, ", \"text\": ");
    orb_json_str(w->b, text, len);
    end_block(w);
}

/* ---- media ---- */

static void put_base64(struct orb_buf *b, const char *media_type, size_t type_len, const json_t *data, size_t skip)
{
    size_t len = json_string_length(data);
    orb_buf_str(b, "\"source\": {\"type\": \"base64\", \"media_type\": ");
    orb_json_str(b, media_type, type_len);
    orb_buf_str(b, ", \"data\": ");
    orb_json_str(b, len > skip ? json_string_value(data) + skip : "", len > skip ? len - skip : 0);
    orb_buf_char(b, '}');
}

/* An image's place on the web, or a data URL, which this API wants in parts. */
static void put_image_url(struct orb_buf *b, const json_t *url)
{
    const char *text = json_is_string(url) ? json_string_value(url) : "";
    const char *base64 = strncasecmp(text, "data:", 5) == 0 ? strstr(text, ";base64,") : NULL;
    if (base64) {
        put_base64(b, text + 5, strcspn(text + 5, ";"), url, (size_t)(base64 - text) + strlen(";base64,"));
        return;
    }
    orb_buf_str(b, "\"source\": {\"type\": \"url\", \"url\": ");
    orb_put_str(b, text);
    orb_buf_char(b, '}');
}

static int is_pdf(const json_t *block)
{
    return strcmp(orb_json_get_str(block, "media_type", "application/pdf"), "application/pdf") == 0;
}

/* What the API calls a media block; NULL when it has none for it. */
static const char *media_type_of(const json_t *block)
{
    const char *type = orb_json_get_str(block, "type", "");
    struct orb_buf text;
    if (strcmp(type, "image_url") == 0 || strcmp(type, "image_data") == 0)
        return "image";
    orb_buf_init(&text, ORB_REQUEST_BODY_MAX);
    int is_document = strcmp(type, "document") == 0 && (is_pdf(block) || orb_document_text(block, &text));
    orb_buf_done(&text);
    return is_document ? "document" : NULL;
}

static void put_text_source(struct orb_buf *b, const json_t *block)
{
    struct orb_buf text;
    orb_buf_init(&text, ORB_REQUEST_BODY_MAX);
    orb_document_text(block, &text);
    orb_buf_str(b, "\"source\": {\"type\": \"text\", \"media_type\": \"text/plain\", \"data\": ");
    orb_json_str(b, text.data ? text.data : "", text.len);
    orb_buf_char(b, '}');
    orb_buf_done(&text);
}

static void put_media(struct orb_buf *b, const json_t *block)
{
    const char *type = orb_json_get_str(block, "type", "");
    const char *title = orb_json_get_str(block, "title", "");
    const char *media = orb_json_get_str(block, "media_type", strcmp(type, "document") ? "image/jpeg" : "application/pdf");
    if (strcmp(type, "image_url") == 0)
        put_image_url(b, json_object_get(block, "url"));
    else if (strcmp(type, "document") == 0 && !is_pdf(block))
        put_text_source(b, block);
    else
        put_base64(b, media, strlen(media), json_object_get(block, "data"), 0);
    if (strcmp(type, "document") == 0 && *title) {
        orb_buf_str(b, ", \"title\": ");
        orb_put_str(b, title);
    }
}

/* ---- user ---- */

static void put_user_block(struct writer *w, const json_t *block)
{
    const json_t *text = json_object_get(block, "text");
    const char *media = media_type_of(block);
    if (media) {
        begin_block(w, "user", media);
        orb_buf_str(w->b, ", ");
        put_media(w->b, block);
        end_block(w);
    } else if (strcmp(orb_json_get_str(block, "type", ""), "text") == 0) {
        put_text(w, "user", json_is_string(text) ? json_string_value(text) : "", json_string_length(text));
    } else {
        begin_block(w, "user", "text");
        orb_buf_str(w->b, ", \"text\": ");
        orb_put_missing_block(w->b, block); /* the model is told that something is missing here */
        end_block(w);
    }
}

static void put_user(struct writer *w, const json_t *content)
{
    if (json_is_string(content))
        put_text(w, "user", json_string_value(content), json_string_length(content));
    for (size_t i = 0; i < json_array_size(content); i++)
        put_user_block(w, json_array_get(content, i));
}

/* ---- tools ---- */

static char *clean_id(const char *id)
{
    char *text = orb_strdup(*id ? id : "_");
    for (char *p = text; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '_' && *p != '-')
            *p = '_';
    return text;
}

/* The id of a call. The API takes only some characters, and no id twice; ids of other providers have others, and may begin
 * anew with every reply. */
static void put_call_id(struct writer *w, const char *id)
{
    char *clean = clean_id(id);
    size_t cap = strlen(clean) + 24;
    char *text = orb_alloc(cap);
    json_int_t n = json_integer_value(json_object_get(w->used, clean));
    json_t *written = json_object_get(w->asked, id);
    snprintf(text, cap, "%s", clean);
    while (json_object_get(w->used, text))
        snprintf(text, cap, "%s_%lld", clean, (long long)++n);
    json_object_set_new(w->used, text, json_integer(1));
    json_object_set_new(w->used, clean, json_integer(n > 0 ? n : 1));
    if (!written)
        json_object_set_new(w->asked, id, written = json_array());
    json_array_append_new(written, json_string(text));
    orb_put_str(w->b, text);
    free(text);
    free(clean);
}

/* Of several calls with one id the first that has no answer yet. */
static void put_answer_id(struct writer *w, const char *id)
{
    json_t *written = json_object_get(w->asked, id);
    char *clean = clean_id(id);
    orb_put_str(w->b, written ? json_string_value(json_array_get(written, 0)) : clean);
    if (json_array_size(written) > 1)
        json_array_remove(written, 0);
    free(clean);
}

/* The arguments as an object. What a model wrote that is none goes back as text: the answer to it says what was wrong. */
static void put_input(struct orb_buf *b, const json_t *arguments)
{
    const char *text = json_is_string(arguments) ? json_string_value(arguments) : "";
    size_t len = json_string_length(arguments);
    json_t *input = is_blank(text, len) ? json_object() : orb_json_parse(text, len, &orb_json_limits_default, NULL);
    if (json_is_object(input)) {
        orb_json_dump(b, input);
    } else {
        orb_buf_str(b, "{\"arguments\": ");
        orb_json_str(b, text, len);
        orb_buf_char(b, '}');
    }
    json_decref(input);
}

static void put_call(struct writer *w, const json_t *call)
{
    begin_block(w, "assistant", "tool_use");
    orb_buf_str(w->b, ", \"id\": ");
    put_call_id(w, orb_json_get_str(call, "id", ""));
    orb_buf_str(w->b, ", ");
    orb_put_member(w->b, "name", call, "name", "");
    orb_buf_str(w->b, ", \"input\": ");
    put_input(w->b, json_object_get(call, "arguments"));
    end_block(w);
}

/* One block in a result; 1 when it was written. */
static int put_result_block(struct orb_buf *b, const json_t *block, int is_first)
{
    const json_t *text = json_object_get(block, "text");
    const char *media = media_type_of(block);
    int is_text = strcmp(orb_json_get_str(block, "type", ""), "text") == 0;
    if (is_text && is_blank(json_is_string(text) ? json_string_value(text) : "", json_string_length(text)))
        return 0;
    orb_buf_str(b, is_first ? "" : ", ");
    orb_buf_printf(b, "{\"type\": \"%s\", ", media ? media : "text");
    if (media) {
        put_media(b, block);
    } else {
        orb_buf_str(b, "\"text\": ");
        if (is_text)
            orb_put_value(b, text);
        else
            orb_put_missing_block(b, block);
    }
    orb_buf_char(b, '}');
    return 1;
}

static void put_result(struct writer *w, const json_t *message)
{
    const json_t *error = json_object_get(message, "error"), *content = json_object_get(message, "content");
    int count = 0;
    begin_block(w, "user", "tool_result");
    orb_buf_str(w->b, ", \"tool_use_id\": ");
    put_answer_id(w, orb_json_get_str(message, "tool_call_id", ""));
    if (json_is_string(error)) {
        orb_buf_str(w->b, ", \"content\": ");
        orb_put_str(w->b, is_blank(json_string_value(error), json_string_length(error)) ? "error" : json_string_value(error));
        orb_buf_str(w->b, ", \"is_error\": true");
    } else if (json_is_string(content) && json_string_length(content)) {
        orb_buf_str(w->b, ", \"content\": ");
        orb_put_value(w->b, content);
    } else if (json_array_size(content)) {
        orb_buf_str(w->b, ", \"content\": [");
        for (size_t i = 0; i < json_array_size(content); i++)
            count += put_result_block(w->b, json_array_get(content, i), !count);
        orb_buf_char(w->b, ']');
    }
    end_block(w);
}

/* ---- assistant ---- */

static const json_t *kept_of(const struct orb_provider *provider, const json_t *message)
{
    if (strcmp(orb_json_get_str(message, "kept_by", ""), provider->info.name))
        return NULL;
    return json_object_get(message, "kept");
}

/* What stood before a kept block, then the block itself, unchanged. */
static void put_assistant(struct writer *w, const json_t *message)
{
    const json_t *calls = json_object_get(message, "tool_calls"), *kept = kept_of(w->provider, message);
    size_t said = 0, called = 0;
    struct orb_buf text;
    if (w->role && strcmp(w->role, "user") == 0)
        json_object_clear(w->asked);
    orb_buf_init(&text, ORB_REQUEST_BODY_MAX);
    orb_content_text(json_object_get(message, "content"), &text);
    const char *words = text.data ? text.data : "";
    for (size_t i = 0; i < json_array_size(kept); i++) {
        const json_t *item = json_array_get(kept, i), *block = json_object_get(item, "block");
        int64_t want = block ? orb_json_get_int(item, "text", 0) : 0;
        int64_t want_calls = block ? orb_json_get_int(item, "calls", 0) : 0;
        size_t to = orb_utf8_truncate(words, text.len, want > 0 ? (size_t)want : 0);
        if (to > said) {
            put_text(w, "assistant", words + said, to - said);
            said = to;
        }
        for (; (int64_t)called < want_calls && called < json_array_size(calls); called++)
            put_call(w, json_array_get(calls, called));
        begin_block(w, "assistant", NULL);
        orb_json_dump(w->b, block ? block : item);
    }
    put_text(w, "assistant", words + said, text.len - said);
    for (; called < json_array_size(calls); called++)
        put_call(w, json_array_get(calls, called));
    if (text.err)
        w->b->err = text.err;
    orb_buf_done(&text);
}

static const char *role_of(const json_t *message)
{
    return orb_json_get_str(message, "role", "");
}

/* 1 when the first turn after the last words of the user was not begun by another provider, or there is none yet. */
int orb_anthropic_may_think(const struct orb_provider *provider, const json_t *messages)
{
    size_t i = json_array_size(messages);
    const json_t *first = NULL;
    while (i-- > 0 && strcmp(role_of(json_array_get(messages, i)), "user"))
        if (strcmp(role_of(json_array_get(messages, i)), "assistant") == 0)
            first = json_array_get(messages, i);
    return !first || json_array_size(kept_of(provider, first)) > 0;
}

/* ---- the whole ---- */

/* All system messages, in one text. */
static void put_system(struct orb_buf *b, const json_t *messages, const char *more, int is_cached)
{
    struct orb_buf text;
    orb_buf_init(&text, ORB_REQUEST_BODY_MAX);
    for (size_t i = 0; i < json_array_size(messages); i++) {
        const json_t *message = json_array_get(messages, i), *content = json_object_get(message, "content");
        if (strcmp(role_of(message), "system"))
            continue;
        if (text.len && json_string_length(content))
            orb_buf_char(&text, '\n');
        orb_content_text(content, &text);
    }
    if (more && text.len)
        orb_buf_char(&text, '\n');
    if (more)
        orb_buf_str(&text, more);
    if (text.err)
        b->err = text.err;
    if (!is_blank(text.data ? text.data : "", text.len)) {
        orb_buf_str(b, is_cached ? "\"system\": [{\"type\": \"text\", \"text\": " : "\"system\": ");
        orb_json_str(b, text.data, text.len);
        orb_buf_str(b, is_cached ? ORB_ANTHROPIC_CACHE "}], " : ", ");
    }
    orb_buf_done(&text);
}

static void put_cache_hint(struct writer *w)
{
    if (w->b->err || !w->user_end)
        return;
    size_t len = w->b->len - w->user_end;
    char *rest = orb_memdup(w->b->data + w->user_end, len);
    w->b->len = w->user_end;
    orb_buf_str(w->b, ORB_ANTHROPIC_CACHE);
    orb_buf_add(w->b, rest, len);
    free(rest);
}

static int put_message(struct writer *w, const json_t *message, struct orb_error *err)
{
    const char *role = role_of(message);
    if (strcmp(role, "user") == 0)
        put_user(w, json_object_get(message, "content"));
    else if (strcmp(role, "assistant") == 0)
        put_assistant(w, message);
    else if (strcmp(role, "tool") == 0)
        put_result(w, message);
    else if (strcmp(role, "system"))
        return orb_error_set(err, ORB_E_MODEL_INVALID, "Unknown message role: '%.40s'", role);
    return 0;
}

int orb_anthropic_messages(const struct orb_provider *provider, struct orb_buf *b, const json_t *messages, const char *more_system, int is_cached,
                           struct orb_error *err)
{
    struct writer w = { .provider = provider, .b = b, .used = json_object(), .asked = json_object() };
    int rc = 0;
    put_system(b, messages, more_system, is_cached);
    orb_buf_str(b, "\"messages\": [");
    for (size_t i = 0; !rc && i < json_array_size(messages); i++)
        rc = put_message(&w, json_array_get(messages, i), err);
    end_turn(&w);
    orb_buf_char(b, ']');
    if (is_cached)
        put_cache_hint(&w);
    json_decref(w.used);
    json_decref(w.asked);
    return rc;
}
