/* reasoning_details, as OpenRouter streams them: pieces of items, which must go back whole with the turn. */
#include "model/openai.h"
#include "base/base.h"

#include <string.h>

static int is_same(const json_t *a, const json_t *b, const char *key)
{
    const json_t *x = json_object_get(a, key), *y = json_object_get(b, key);
    return x == y || !x || !y || json_equal((json_t *)(uintptr_t)x, (json_t *)(uintptr_t)y);
}

/* The item that a piece goes on with: the last one, of the same type and index, when both are text. */
static json_t *item_of(const json_t *details, const json_t *piece)
{
    json_t *last = json_array_get(details, json_array_size(details) - 1);
    const char *type = orb_json_get_str(piece, "type", "");
    if (strcmp(type, "reasoning.text") != 0 && strcmp(type, "reasoning.summary") != 0)
        return NULL;
    return last && is_same(last, piece, "type") && is_same(last, piece, "index") && is_same(last, piece, "id") ? last : NULL;
}

/* The text of the item that is still growing gets into it. */
static void settle(struct orb_openai_state *st)
{
    json_t *last = json_array_get(st->details, json_array_size(st->details) - 1);
    if (st->detail_key && st->detail_text.len)
        json_object_set_new(last, st->detail_key, json_stringn(st->detail_text.data, st->detail_text.len));
    st->detail_key = NULL;
}

/* The bytes that were kept. */
static size_t go_on(struct orb_openai_state *st, json_t *item, const json_t *piece)
{
    const char *key;
    json_t *value;
    size_t n = 0;
    json_object_foreach ((json_t *)(uintptr_t)piece, key, value) {
        if (strcmp(key, st->detail_key) == 0 && json_is_string(value)) {
            n = json_string_length(value);
            orb_buf_add(&st->detail_text, json_string_value(value), n);
        } else if (!json_is_null(value) || !json_object_get(item, key)) {
            json_object_set(item, key, value);
        }
    }
    return n;
}

static void begin(struct orb_openai_state *st, const json_t *piece)
{
    const json_t *text;
    settle(st);
    json_array_append_new(st->details, json_copy((json_t *)(uintptr_t)piece));
    st->detail_key = strcmp(orb_json_get_str(piece, "type", ""), "reasoning.summary") == 0 ? "summary" : "text";
    text = json_object_get(piece, st->detail_key);
    orb_buf_done(&st->detail_text);
    orb_buf_init(&st->detail_text, ORB_OPENAI_DETAILS_BYTES + ORB_OPENAI_CHUNK_MAX);
    if (json_is_string(text))
        orb_buf_add(&st->detail_text, json_string_value(text), json_string_length(text));
}

int orb_openai_take_details(struct orb_openai_state *st, const json_t *details, size_t len, struct orb_error *err)
{
    if (json_array_size(details) > 0 && !st->details)
        st->details = json_array();
    for (size_t i = 0; i < json_array_size(details); i++) {
        json_t *piece = json_array_get(details, i), *item = item_of(st->details, piece);
        if (!json_is_object(piece))
            continue;
        if (!item && json_array_size(st->details) == ORB_OPENAI_DETAILS_MAX)
            return orb_error_set(err, ORB_E_PROTOCOL, "the provider sent more than %d reasoning details in one reply", ORB_OPENAI_DETAILS_MAX);
        if (item) {
            st->details_bytes += go_on(st, item, piece);
        } else {
            begin(st, piece);
            st->details_bytes += len;
        }
        if (st->details_bytes > ORB_OPENAI_DETAILS_BYTES)
            return orb_error_set(err, ORB_E_PROTOCOL, "the provider sent reasoning details over %d MiB in one reply",
                                 ORB_OPENAI_DETAILS_BYTES / 1024 / 1024);
    }
    return 0;
}

void orb_openai_give_details(struct orb_openai_state *st, orb_delta_fn fn, void *arg)
{
    settle(st);
    for (size_t i = 0; i < json_array_size(st->details); i++) {
        struct orb_delta d = { .type = ORB_DELTA_KEEP, .keep = json_array_get(st->details, i) };
        fn(arg, &d);
    }
}
