/* JSON text as a document. lib/base/json_read.c has checked it before, so that here is
 * only to be seen where everything stands. */
#include "agent/doc.h"
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scan {
    struct orb_doc *doc;
    const char *p, *end;
    struct orb_place at;
};

static struct orb_doc_node *read_value(struct scan *s);

static void step(struct scan *s)
{
    if (*s->p == '\n')
        s->at = (struct orb_place){ s->at.line + 1, 1 };
    else
        s->at.column += ((unsigned char)*s->p & 0xc0) != 0x80;
    s->p++;
}

static void skip_blank(struct scan *s)
{
    while (s->p < s->end && strchr(" \t\r\n", *s->p))
        step(s);
}

/* The string, number or word at p. */
static json_t *read_token(struct scan *s)
{
    const char *start = s->p;
    if (*s->p == '"') {
        for (step(s); *s->p != '"'; step(s))
            if (*s->p == '\\')
                step(s);
        step(s);
    } else {
        while (s->p < s->end && !strchr(" \t\r\n,]}", *s->p))
            step(s);
    }
    return orb_json_parse(start, (size_t)(s->p - start), &orb_json_limits_default, NULL);
}

static struct orb_doc_node *read_array(struct scan *s)
{
    struct orb_doc_node *array = orb_doc_container(s->doc, ORB_DOC_ARRAY, s->at);
    step(s);
    skip_blank(s);
    while (array && *s->p != ']') {
        struct orb_doc_node *item = read_value(s);
        if (!item)
            return NULL;
        orb_doc_append(array, item);
        if (*s->p == ',')
            step(s);
        skip_blank(s);
    }
    if (array)
        step(s);
    return array;
}

static int read_member(struct scan *s, struct orb_doc_node *object, json_t *seen)
{
    struct orb_place at = s->at;
    json_t *name = read_token(s);
    char *key = orb_strdup(json_string_value(name) ? json_string_value(name) : "");
    json_decref(name);
    skip_blank(s);
    step(s); /* the colon */
    struct orb_doc_node *value = read_value(s);
    int rc = 0;
    if (value && json_object_get(seen, key))
        orb_doc_error(s->doc, at, "'%.60s' is there twice: remove one of them", key);
    else
        rc = orb_doc_set(s->doc, object, key, value, at);
    json_object_set_new(seen, key, json_true());
    free(key);
    return rc;
}

static struct orb_doc_node *read_object(struct scan *s)
{
    struct orb_doc_node *object = orb_doc_container(s->doc, ORB_DOC_OBJECT, s->at);
    json_t *seen = json_object();
    step(s);
    skip_blank(s);
    while (object && *s->p != '}') {
        if (read_member(s, object, seen)) {
            object = NULL;
            break;
        }
        if (*s->p == ',')
            step(s);
        skip_blank(s);
    }
    if (object)
        step(s);
    json_decref(seen);
    return object;
}

/* And the blanks around it. */
static struct orb_doc_node *read_value(struct scan *s)
{
    struct orb_doc_node *node;
    skip_blank(s);
    if (*s->p == '{' || *s->p == '[') {
        node = *s->p == '{' ? read_object(s) : read_array(s);
    } else {
        struct orb_place at = s->at;
        node = orb_doc_scalar(s->doc, read_token(s), at);
    }
    if (node)
        skip_blank(s);
    return node;
}

struct orb_doc_node *orb_doc_read_json(struct orb_doc *doc, const char *text, size_t len)
{
    const struct orb_json_limits limits = { ORB_AGENT_FILE_MAX, ORB_DOC_NODES_MAX, ORB_DOC_DEPTH_MAX };
    struct scan s = { .doc = doc, .p = text, .end = text + len, .at = { 1, 1 } };
    struct orb_error err = { 0 };
    json_t *value = orb_json_parse(text, len, &limits, &err);
    if (!value) {
        /* "JSON, line 1, column 2 (byte 1): what is wrong" */
        struct orb_place at = { 0, 0 };
        int used = 0;
        if (sscanf(err.text, "JSON, line %d, column %d (byte %*u): %n", &at.line, &at.column, &used) < 2 || !used)
            used = 0;
        orb_doc_error(doc, at, "%s", err.text + used);
        return NULL;
    }
    json_decref(value);
    return read_value(&s);
}
