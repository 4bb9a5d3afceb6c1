/* Markdown with front matter: "key: value" lines between two lines of ---, and the
 * instructions below. name, model and instructions of one line are taken as they stand, as
 * the Python package does; every other value is YAML, also over several lines. */
#include "agent/file.h"
#include "base/base.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct text {
    const char *at, *end;
    int line;
};

/* The next line without its end. 0 = there is none. */
static int next_line(struct text *t, const char **from, const char **to)
{
    if (t->at == t->end)
        return 0;
    const char *end = memchr(t->at, '\n', (size_t)(t->end - t->at));
    *from = t->at;
    *to = end ? end : t->end;
    t->at = end ? end + 1 : t->end;
    t->line++;
    if (*to > *from && (*to)[-1] == '\r')
        (*to)--;
    return 1;
}

static void trim(const char **from, const char **to)
{
    while (*from < *to && isspace((unsigned char)**from))
        (*from)++;
    while (*to > *from && isspace((unsigned char)(*to)[-1]))
        (*to)--;
}

static int is_fence(const char *from, const char *to)
{
    trim(&from, &to);
    return to - from == 3 && !memcmp(from, "---", 3);
}

/* A line that goes on with the value of the one before. */
static int is_more(const char *from, const char *to)
{
    return from == to || *from == ' ' || *from == '\t' || *from == '-' || *from == '#' || *from == ']' || *from == '}';
}

static int is_one_of(const char *key, const char *const *words)
{
    for (; *words; words++)
        if (!strcmp(key, *words))
            return 1;
    return 0;
}

/* Is it the number that the key needs? The Python package's words say that it is not. */
static int check_number(struct orb_doc *doc, const char *key, const struct orb_doc_node *value, struct orb_place at, const char *from, const char *to)
{
    static const char *const numbers[] = { "temperature", "max_tokens", "max_steps", NULL };
    int is_null = json_is_null(value->value) && !strcmp(key, "max_tokens");
    if (!is_one_of(key, numbers) || json_is_number(value->value) || is_null)
        return 0;
    orb_doc_error(doc, at, "Invalid %s in %.200s: %.*s", key, doc->name, to - from > 60 ? 60 : (int)(to - from), from);
    return -1;
}

/* The value is YAML: read with blanks in place of its key, so that places stay right. */
static struct orb_doc_node *read_yaml(struct orb_doc *doc, const char *start, const char *value, const char *end, int line)
{
    char *text = orb_memdup(start, (size_t)(end - start));
    memset(text, ' ', (size_t)(value - start));
    struct orb_doc_node *node = orb_doc_read_yaml(doc, text, (size_t)(end - start), line);
    free(text);
    return node;
}

/* One key with all lines of its value, start to end. -1 when it cannot be read, said. */
static int read_key(struct orb_doc *doc, struct orb_doc_node *agent, const char *start, const char *end, int line)
{
    static const char *const texts[] = { "name", "model", "instructions", NULL };
    const char *line_end = memchr(start, '\n', (size_t)(end - start)), *colon = memchr(start, ':', (size_t)(end - start));
    const struct orb_place at = { line, 1 };
    char key[64];
    if (!line_end)
        line_end = end;
    if (!colon || colon == start || colon > line_end || (size_t)(colon - start) >= sizeof key) {
        orb_doc_error(doc, at, "a line of the front matter must be 'key: value', for example 'model: openai:gpt-4o'");
        return -1;
    }
    size_t len = 0;
    for (const char *p = start; p < colon; p++)
        key[len++] = (char)tolower((unsigned char)*p);
    while (len && isspace((unsigned char)key[len - 1]))
        len--;
    key[len] = '\0';
    const char *from = colon + 1, *to = end;
    trim(&from, &to);
    int is_plain = is_one_of(key, texts) && to <= line_end && from < to && !strchr("\"'|>", *from);
    struct orb_place value_at = { line, 1 + (int)(from - start) };
    struct orb_doc_node *value = is_plain ? orb_doc_scalar(doc, json_stringn(from, (size_t)(to - from)), value_at) : read_yaml(doc, start, colon + 1, end, line);
    if (!value || check_number(doc, key, value, at, from, to))
        return -1;
    if (!orb_doc_get(agent, key))
        return orb_doc_set(doc, agent, key, value, at);
    orb_doc_error(doc, at, "'%.60s' is there twice: remove one of them", key);
    return 0;
}

/* Behind the first fence. -1 when the second is not there. */
static int read_front(struct orb_doc *doc, struct orb_doc_node *agent, struct text *t)
{
    const char *from, *to, *start = NULL;
    int line = 0, first = t->line;
    while (next_line(t, &from, &to)) {
        int is_end = is_fence(from, to);
        if (!is_end && is_more(from, to)) {
            if (!start && from < to && *from != '#')
                orb_doc_error(doc, (struct orb_place){ t->line, 1 }, "the front matter must begin with 'key: value', without blanks before it");
            continue;
        }
        if (start)
            (void)read_key(doc, agent, start, from, line);
        start = from;
        line = t->line;
        if (is_end)
            return 0;
    }
    orb_doc_error(doc, (struct orb_place){ first, 1 }, "the front matter has no end: a second line of --- is missing");
    return -1;
}

/* The file's name without folders and ending. */
static void stem(const char *name, char *out, size_t cap)
{
    const char *slash = strrchr(name, '/');
    snprintf(out, cap, "%s", slash ? slash + 1 : name);
    char *dot = strrchr(out, '.');
    if (dot && dot != out)
        *dot = '\0';
}

struct orb_doc_node *orb_file_markdown(struct orb_doc *doc, const char *text, size_t len)
{
    struct text t = { .at = text, .end = text + len }, all = t;
    struct orb_doc_node *spec = orb_doc_container(doc, ORB_DOC_OBJECT, (struct orb_place){ 1, 1 });
    const char *from, *to;
    char name[256];
    if (!spec)
        return NULL;
    if (!next_line(&t, &from, &to) || !is_fence(from, to))
        t = all; /* no front matter: all of it is instructions */
    else if (read_front(doc, spec, &t))
        return NULL;
    from = t.at;
    to = t.end;
    int line = t.line + 1;
    while (from < to && isspace((unsigned char)*from))
        line += *from++ == '\n';
    trim(&from, &to);
    const struct orb_place at = { line, 1 };
    if (from < to && !orb_doc_get(spec, "instructions") &&
        orb_doc_set(doc, spec, "instructions", orb_doc_scalar(doc, json_stringn(from, (size_t)(to - from)), at), at))
        return NULL;
    stem(doc->name, name, sizeof name);
    return orb_file_agent(doc, spec, orb_doc_get(spec, "name") ? NULL : name, (struct orb_place){ 1, 1 });
}
