#include "agent/doc.h"
#include "base/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- findings --------------------------------------------------------- */

static void ORB_PRINTF(4, 0) add_finding(struct orb_doc *doc, int is_warning, struct orb_place at, const char *fmt, va_list ap)
{
    struct orb_error err;
    char text[sizeof err.text];
    doc->errors += !is_warning;
    if (doc->finding_count == ORB_FINDINGS_MAX)
        return;
    vsnprintf(text, sizeof text, fmt, ap);
    (void)orb_error_set(&err, ORB_E_INVALID, "%s", text);
    for (size_t i = 0; i < doc->finding_count; i++) /* a part that is there several times, as aliases and handoffs are */
        if (doc->findings[i].at.line == at.line && doc->findings[i].at.column == at.column && !strcmp(doc->findings[i].text, err.text))
            return;
    if (doc->finding_count == ORB_FINDINGS_MAX - 1)
        (void)orb_error_set(&err, ORB_E_INVALID, "there is more: mend the rest first");
    doc->findings[doc->finding_count++] = (struct orb_doc_finding){ is_warning, at, orb_strdup(err.text) };
}

void orb_doc_error(struct orb_doc *doc, struct orb_place at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add_finding(doc, 0, at, fmt, ap);
    va_end(ap);
}

void orb_doc_warning(struct orb_doc *doc, struct orb_place at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add_finding(doc, 1, at, fmt, ap);
    va_end(ap);
}

struct orb_place orb_doc_place(const struct orb_doc_node *node)
{
    return node->key ? node->key_at : node->at;
}

static int is_before(const struct orb_doc_finding *a, const struct orb_doc_finding *b)
{
    return a->at.line < b->at.line || (a->at.line == b->at.line && a->at.column < b->at.column);
}

void orb_doc_tell(struct orb_doc *doc, orb_finding_cb cb, void *arg)
{
    for (size_t i = 1; i < doc->finding_count; i++)
        for (size_t k = i; k > 0 && is_before(&doc->findings[k], &doc->findings[k - 1]); k--) {
            struct orb_doc_finding swap = doc->findings[k];
            doc->findings[k] = doc->findings[k - 1];
            doc->findings[k - 1] = swap;
        }
    for (size_t i = 0; i < doc->finding_count; i++) {
        const struct orb_doc_finding *f = &doc->findings[i];
        const struct orb_finding finding = { .is_warning = f->is_warning, .line = f->at.line, .column = f->at.column, .text = f->text };
        cb(arg, &finding);
    }
}

/* ---- making ----------------------------------------------------------- */

static int is_room(struct orb_doc *doc, size_t bytes, struct orb_place at)
{
    if (doc->is_over)
        return 0;
    doc->bytes += bytes;
    if (doc->nodes < ORB_DOC_NODES_MAX && doc->bytes <= ORB_DOC_BYTES_MAX)
        return 1;
    doc->is_over = 1;
    if (doc->nodes == ORB_DOC_NODES_MAX)
        orb_doc_error(doc, at, "it has over %d values, with those that aliases and variables repeat: make it smaller", ORB_DOC_NODES_MAX);
    else
        orb_doc_error(doc, at, "it has over %d bytes of text, with what aliases and variables repeat: make it smaller", ORB_DOC_BYTES_MAX);
    return 0;
}

static struct orb_doc_node *new_node(struct orb_doc *doc, enum orb_doc_type type, size_t bytes, struct orb_place at)
{
    if (!is_room(doc, bytes, at))
        return NULL;
    struct orb_doc_node *node = orb_alloc(sizeof *node);
    node->type = type;
    node->at = at;
    node->made_before = doc->latest;
    doc->latest = node;
    doc->nodes++;
    return node;
}

struct orb_doc_node *orb_doc_scalar(struct orb_doc *doc, json_t *value_take, struct orb_place at)
{
    struct orb_doc_node *node = new_node(doc, ORB_DOC_SCALAR, json_string_length(value_take), at);
    if (node)
        node->value = value_take;
    else
        json_decref(value_take);
    return node;
}

struct orb_doc_node *orb_doc_text(struct orb_doc *doc, const char *text, struct orb_place at)
{
    return orb_doc_scalar(doc, json_string(text), at);
}

struct orb_doc_node *orb_doc_container(struct orb_doc *doc, enum orb_doc_type type, struct orb_place at)
{
    return new_node(doc, type, 0, at);
}

void orb_doc_append(struct orb_doc_node *parent, struct orb_doc_node *child)
{
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
    child->next = NULL;
}

int orb_doc_set(struct orb_doc *doc, struct orb_doc_node *object, const char *key, struct orb_doc_node *child, struct orb_place key_at)
{
    if (!child || !is_room(doc, strlen(key), key_at))
        return -1;
    char *copy = orb_strdup(key); /* key may be the child's own */
    free(child->key);
    child->key = copy;
    child->key_at = key_at;
    orb_doc_append(object, child);
    return 0;
}

struct orb_doc_node *orb_doc_copy(struct orb_doc *doc, const struct orb_doc_node *node)
{
    struct orb_doc_node *copy = new_node(doc, node->type, json_string_length(node->value), node->at);
    if (!copy)
        return NULL;
    copy->value = json_incref(node->value);
    for (const struct orb_doc_node *child = node->first; child; child = child->next) {
        struct orb_doc_node *one = orb_doc_copy(doc, child);
        if (!one || (child->key && orb_doc_set(doc, copy, child->key, one, child->key_at)))
            return NULL;
        if (!child->key)
            orb_doc_append(copy, one);
    }
    return copy;
}

struct orb_doc_node *orb_doc_take(struct orb_doc_node *object, const char *key)
{
    struct orb_doc_node *before = NULL, *node = object->first;
    while (node && strcmp(node->key, key)) {
        before = node;
        node = node->next;
    }
    if (!node)
        return NULL;
    if (before)
        before->next = node->next;
    else
        object->first = node->next;
    if (object->last == node)
        object->last = before;
    node->next = NULL;
    return node;
}

void orb_doc_done(struct orb_doc *doc)
{
    while (doc->latest) {
        struct orb_doc_node *node = doc->latest;
        doc->latest = node->made_before;
        json_decref(node->value);
        free(node->key);
        free(node);
    }
    for (size_t i = 0; i < doc->finding_count; i++)
        free(doc->findings[i].text);
}

/* ---- looking ---------------------------------------------------------- */

struct orb_doc_node *orb_doc_get(const struct orb_doc_node *object, const char *key)
{
    struct orb_doc_node *node = object && object->type == ORB_DOC_OBJECT ? object->first : NULL;
    while (node && strcmp(node->key, key))
        node = node->next;
    return node;
}

const char *orb_doc_str(const struct orb_doc_node *node)
{
    return node ? json_string_value(node->value) : NULL;
}

const char *orb_doc_type_name(const struct orb_doc_node *node)
{
    if (node->type != ORB_DOC_SCALAR)
        return node->type == ORB_DOC_ARRAY ? "list" : "dict";
    switch (json_typeof(node->value)) {
    case JSON_STRING: return "str";
    case JSON_INTEGER: return "int";
    case JSON_REAL: return "float";
    case JSON_NULL: return "NoneType";
    default: return "bool";
    }
}

/* Is key what the pointer's next word, of so many bytes, says? */
static int is_word(const char *word, size_t len, const char *key)
{
    size_t i = 0;
    for (; *key && i < len; key++, i++) {
        char c = word[i];
        if (c == '~' && i + 1 < len)
            c = word[++i] == '0' ? '~' : '/';
        if (c != *key)
            return 0;
    }
    return !*key && i == len;
}

const struct orb_doc_node *orb_doc_at(const struct orb_doc_node *root, const char *pointer)
{
    const struct orb_doc_node *node = root;
    while (*pointer == '/') {
        size_t len = strcspn(++pointer, "/");
        const struct orb_doc_node *child = node->first;
        size_t index = node->type == ORB_DOC_ARRAY ? strtoul(pointer, NULL, 10) : 0;
        while (child && (node->type == ORB_DOC_ARRAY ? index-- > 0 : !is_word(pointer, len, child->key)))
            child = child->next;
        if (!child)
            break;
        node = child;
        pointer += len;
    }
    return node;
}

json_t *orb_doc_json(const struct orb_doc_node *node)
{
    if (node->type == ORB_DOC_SCALAR)
        return json_incref(node->value);
    json_t *out = node->type == ORB_DOC_ARRAY ? json_array() : json_object();
    for (const struct orb_doc_node *child = node->first; child; child = child->next) {
        json_t *value = orb_doc_json(child);
        if (node->type == ORB_DOC_ARRAY ? json_array_append_new(out, value) : json_object_set_new(out, child->key, value))
            orb_bug(__FILE__, __LINE__, "a key that is not UTF-8, or no memory"); /* keys were read as UTF-8 */
    }
    return out;
}
