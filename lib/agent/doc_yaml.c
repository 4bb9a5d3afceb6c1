/* YAML text as a document: libyaml's events, scalars resolved as PyYAML does for the
 * kinds that JSON has (docs/agent-files.md). What aliases repeat is copied and
 * counted, so that a bomb of them ends at the limits of the document. */
#include "agent/doc.h"
#include "base/base.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define ANCHORS_MAX 1000
#define NAME_MAX_BYTES 256 /* of an anchor */

struct anchor {
    char *name;
    const struct orb_doc_node *node; /* NULL while it is being read */
};

struct reader {
    struct orb_doc *doc;
    yaml_parser_t parser;
    const char *text;
    size_t len;
    int line;                 /* of the text's first line */
    int depth;
    struct anchor anchors[ANCHORS_MAX];
    size_t anchor_count;
};

static struct orb_doc_node *read_node(struct reader *r, yaml_event_t *event);

static struct orb_place place(const struct reader *r, const yaml_mark_t *mark)
{
    return (struct orb_place){ (int)mark->line + r->line, (int)mark->column + 1 };
}

/* ---- what libyaml refuses --------------------------------------------- */

/* Of an error in the bytes libyaml gives an offset alone. */
static struct orb_place place_of_offset(const struct reader *r, size_t offset)
{
    struct orb_place at = { r->line, 1 };
    for (size_t i = 0; i < offset && i < r->len; i++)
        if (r->text[i] == '\n')
            at = (struct orb_place){ at.line + 1, 1 };
        else
            at.column += ((unsigned char)r->text[i] & 0xc0) != 0x80;
    return at;
}

static void say_refused(struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    if (p->error == YAML_READER_ERROR)
        orb_doc_error(r->doc, place_of_offset(r, p->problem_offset), "YAML: %s", p->problem);
    else if (p->context)
        orb_doc_error(r->doc, place(r, &p->problem_mark), "YAML: %s, %s (which began in line %d)", p->problem, p->context,
                      (int)p->context_mark.line + r->line);
    else
        orb_doc_error(r->doc, place(r, &p->problem_mark), "YAML: %s", p->problem ? p->problem : "it cannot be read");
}

static int next(struct reader *r, yaml_event_t *event)
{
    if (yaml_parser_parse(&r->parser, event))
        return 0;
    say_refused(r);
    return -1;
}

/* ---- scalars ---------------------------------------------------------- */

static int is_one_of(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (!strcmp(text, *words))
            return 1;
    return 0;
}

static size_t skip_digits(const char *s)
{
    return strspn(s, "0123456789");
}

/* Digits with a point or an exponent: what both YAML and JSON call a number; in YAML the point may stand at an end. */
static int is_real(const char *s)
{
    s += *s == '-' || *s == '+';
    size_t whole = skip_digits(s), part = 0;
    s += whole;
    if (*s == '.')
        part = skip_digits(++s);
    s += part;
    if (!whole && !part)
        return 0;
    if (*s == 'e' || *s == 'E') {
        s += 1 + (s[1] == '-' || s[1] == '+');
        if (!skip_digits(s))
            return 0;
        s += skip_digits(s);
    }
    return !*s;
}

static int read_real(const char *s, double *out)
{
    char text[64];
    const char *digits = s + (*s == '-' || *s == '+');
    return is_real(s) && snprintf(text, sizeof text, "%s0%s", *s == '-' ? "-" : "", digits) < (int)sizeof text ?
           orb_parse_real(text, -1e308, 1e308, out) : ORB_E_INVALID;
}

/* A plain scalar; NULL = text. 010 is text: it means 8 to some readers and 10 to others. */
static json_t *resolve(const char *s)
{
    static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
    static const char *const trues[] = { "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", NULL };
    static const char *const falses[] = { "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", NULL };
    const char *digits = s + (*s == '-' || *s == '+');
    int64_t whole;
    double real;
    if (is_one_of(s, nulls))
        return json_null();
    if (is_one_of(s, trues))
        return json_true();
    if (is_one_of(s, falses))
        return json_false();
    if (*digits == '0' && digits[1] >= '0' && digits[1] <= '9')
        return NULL;
    if (*digits && !digits[skip_digits(digits)] && !orb_parse_int(*s == '+' ? digits : s, INT64_MIN, INT64_MAX, &whole))
        return json_integer(whole);
    if (!read_real(s, &real))
        return json_real(real);
    return NULL;
}

static struct orb_doc_node *read_scalar(struct reader *r, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value, *tag = (const char *)event->data.scalar.tag;
    size_t len = event->data.scalar.length;
    struct orb_place at = place(r, &event->start_mark);
    json_t *value = NULL;
    if (memchr(text, 0, len)) {
        orb_doc_error(r->doc, at, "this text holds a NUL character: take it out");
        return NULL;
    }
    if (tag && *tag && strcmp(tag, YAML_STR_TAG) && strcmp(tag, "!"))
        orb_doc_error(r->doc, at, "the tag '%.60s' means nothing here: remove it", tag);
    if (!tag && event->data.scalar.plain_implicit)
        value = resolve(text);
    if (!value)
        value = json_stringn(text, len);
    if (value)
        return orb_doc_scalar(r->doc, value, at);
    orb_doc_error(r->doc, at, "this text is not UTF-8: convert the file first");
    return NULL;
}

/* ---- anchors ---------------------------------------------------------- */

/* An anchor that is there takes its new meaning from here on. -1, or the index of its row. */
static int open_anchor(struct reader *r, const yaml_char_t *yaml_name, struct orb_place at)
{
    const char *name = (const char *)yaml_name;
    size_t i = 0;
    if (!name)
        return -1;
    while (i < r->anchor_count && strcmp(r->anchors[i].name, name))
        i++;
    if (i == ANCHORS_MAX || strlen(name) > NAME_MAX_BYTES) {
        orb_doc_error(r->doc, at, "anchors: at most %d, with names of at most %d bytes", ANCHORS_MAX, NAME_MAX_BYTES);
        return -1;
    }
    if (i == r->anchor_count)
        r->anchors[r->anchor_count++].name = orb_strdup(name);
    r->anchors[i].node = NULL;
    return (int)i;
}

static struct orb_doc_node *read_alias(struct reader *r, const yaml_event_t *event)
{
    const char *name = (const char *)event->data.alias.anchor;
    struct orb_place at = place(r, &event->start_mark);
    for (size_t i = 0; i < r->anchor_count; i++) {
        if (strcmp(r->anchors[i].name, name) != 0)
            continue;
        struct orb_doc_node *copy = r->anchors[i].node ? orb_doc_copy(r->doc, r->anchors[i].node) : NULL;
        if (!r->anchors[i].node)
            orb_doc_error(r->doc, at, "*%.60s is part of what it stands for: it would have no end", name);
        if (copy)
            copy->at = at;
        return copy;
    }
    orb_doc_error(r->doc, at, "there is no &%.60s before this *%.60s", name, name);
    return NULL;
}

/* ---- lists and maps --------------------------------------------------- */

static struct orb_doc_node *read_list(struct reader *r, const yaml_event_t *start)
{
    struct orb_doc_node *list = orb_doc_container(r->doc, ORB_DOC_ARRAY, place(r, &start->start_mark));
    while (list) {
        yaml_event_t event;
        if (next(r, &event))
            return NULL;
        if (event.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&event);
            return list;
        }
        struct orb_doc_node *item = read_node(r, &event);
        if (!item)
            return NULL;
        orb_doc_append(list, item);
    }
    return NULL;
}

/* "<<: *other": the members of the other that are not there. After all others are known. */
static int merge(struct reader *r, struct orb_doc_node *map, const struct orb_doc_node *from)
{
    if (from->type == ORB_DOC_ARRAY) {
        for (const struct orb_doc_node *one = from->first; one; one = one->next)
            if (merge(r, map, one))
                return -1;
        return 0;
    }
    if (from->type != ORB_DOC_OBJECT) {
        orb_doc_error(r->doc, from->at, "<< takes a map or a list of maps, for example <<: *defaults");
        return -1;
    }
    for (const struct orb_doc_node *child = from->first; child; child = child->next)
        if (!orb_doc_get(map, child->key) && orb_doc_set(r->doc, map, child->key, orb_doc_copy(r->doc, child), child->key_at))
            return -1;
    return 0;
}

/* The key as it is written, new memory; NULL = it is no plain text, said. */
static char *read_key(struct reader *r, yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    if (event->type == YAML_SCALAR_EVENT && strlen(text) == event->data.scalar.length && orb_utf8_is_valid(text, strlen(text))) {
        char *key = orb_strdup(text);
        int i = open_anchor(r, event->data.scalar.anchor, place(r, &event->start_mark));
        if (i >= 0)
            r->anchors[i].node = orb_doc_text(r->doc, text, place(r, &event->start_mark));
        return key;
    }
    orb_doc_error(r->doc, place(r, &event->start_mark), "a key must be plain text");
    return NULL;
}

static int read_member(struct reader *r, yaml_event_t *event, struct orb_doc_node *map, struct orb_doc_node *merges, json_t *seen)
{
    struct orb_place at = place(r, &event->start_mark);
    char *key = read_key(r, event);
    int is_merge = key && !strcmp(key, "<<") && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE, rc = -1;
    yaml_event_t value_event;
    yaml_event_delete(event);
    struct orb_doc_node *value = key && !next(r, &value_event) ? read_node(r, &value_event) : NULL;
    if (!value) {
        free(key);
        return -1;
    }
    if (is_merge) {
        orb_doc_append(merges, value);
        rc = 0;
    } else if (json_object_get(seen, key)) {
        orb_doc_error(r->doc, at, "'%.60s' is there twice: remove one of them", key);
        rc = 0;
    } else {
        rc = orb_doc_set(r->doc, map, key, value, at);
    }
    json_object_set_new(seen, key, json_true());
    free(key);
    return rc;
}

static struct orb_doc_node *read_map(struct reader *r, const yaml_event_t *start)
{
    struct orb_place at = place(r, &start->start_mark);
    struct orb_doc_node *map = orb_doc_container(r->doc, ORB_DOC_OBJECT, at), *out = NULL;
    struct orb_doc_node *merges = map ? orb_doc_container(r->doc, ORB_DOC_ARRAY, at) : NULL;
    json_t *seen = json_object();
    while (merges) {
        yaml_event_t event;
        if (next(r, &event))
            break;
        if (event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            out = merge(r, map, merges) ? NULL : map;
            break;
        }
        if (read_member(r, &event, map, merges, seen))
            break;
    }
    json_decref(seen);
    return out;
}

static void check_tag(struct reader *r, const yaml_char_t *yaml_tag, const char *usual, struct orb_place at)
{
    const char *tag = (const char *)yaml_tag;
    if (tag && *tag && strcmp(tag, usual) && strcmp(tag, "!"))
        orb_doc_error(r->doc, at, "the tag '%.60s' means nothing here: remove it", tag);
}

static struct orb_doc_node *read_container(struct reader *r, const yaml_event_t *event)
{
    struct orb_place at = place(r, &event->start_mark);
    struct orb_doc_node *node;
    if (r->depth == ORB_DOC_DEPTH_MAX) {
        orb_doc_error(r->doc, at, "it is nested deeper than %d", ORB_DOC_DEPTH_MAX);
        return NULL;
    }
    r->depth++;
    if (event->type == YAML_SEQUENCE_START_EVENT) {
        check_tag(r, event->data.sequence_start.tag, YAML_SEQ_TAG, at);
        node = read_list(r, event);
    } else {
        check_tag(r, event->data.mapping_start.tag, YAML_MAP_TAG, at);
        node = read_map(r, event);
    }
    r->depth--;
    return node;
}

/* Takes the event, which begins a value. */
static struct orb_doc_node *read_node(struct reader *r, yaml_event_t *event)
{
    struct orb_place at = place(r, &event->start_mark);
    struct orb_doc_node *node = NULL;
    const yaml_char_t *name = event->type == YAML_SCALAR_EVENT ? event->data.scalar.anchor
                              : event->type == YAML_SEQUENCE_START_EVENT ? event->data.sequence_start.anchor
                              : event->type == YAML_MAPPING_START_EVENT ? event->data.mapping_start.anchor : NULL;
    int anchor = open_anchor(r, name, at);
    if (event->type == YAML_SCALAR_EVENT)
        node = read_scalar(r, event);
    else if (event->type == YAML_ALIAS_EVENT)
        node = read_alias(r, event);
    else
        node = read_container(r, event);
    if (anchor >= 0)
        r->anchors[anchor].node = node;
    yaml_event_delete(event);
    return node;
}

/* ---- the document ----------------------------------------------------- */

/* An empty text is null. */
static struct orb_doc_node *read_stream(struct reader *r)
{
    struct orb_doc_node *root = NULL;
    yaml_event_t event;
    for (int is_end = 0; !is_end;) {
        if (next(r, &event))
            return NULL;
        is_end = event.type == YAML_STREAM_END_EVENT;
        int is_document = event.type == YAML_DOCUMENT_START_EVENT;
        struct orb_place at = place(r, &event.start_mark);
        yaml_event_delete(&event);
        if (is_document && root) {
            orb_doc_error(r->doc, at, "a second document begins here: one file is one document, with all agents under 'agents'");
            return NULL;
        }
        if (is_document && (next(r, &event) || !(root = read_node(r, &event))))
            return NULL;
    }
    return root ? root : orb_doc_scalar(r->doc, json_null(), (struct orb_place){ r->line, 1 });
}

struct orb_doc_node *orb_doc_read_yaml(struct orb_doc *doc, const char *text, size_t len, int line)
{
    struct reader *r = orb_alloc(sizeof *r);
    struct orb_doc_node *root = NULL;
    r->doc = doc;
    r->text = text;
    r->len = len;
    r->line = line;
    if (yaml_parser_initialize(&r->parser)) {
        yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&r->parser, (const unsigned char *)text, len);
        root = read_stream(r);
        yaml_parser_delete(&r->parser);
    } else {
        orb_doc_error(doc, (struct orb_place){ 0, 0 }, "out of memory");
    }
    for (size_t i = 0; i < r->anchor_count; i++)
        free(r->anchors[i].name);
    free(r);
    return root;
}
