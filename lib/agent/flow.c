/* The flow DSL of the Python package: flow = stage { ">>" stage }, stage = name
 * | "(" name { "|" name } ")". Every member of a stage runs before every member of the
 * next, so the package's order (topological, ties by name) is that of the stages, each
 * sorted; a name in two stages is a cycle, and twice in one stage the same as once. */
#include "agent/plan.h"
#include "base/base.h"

#include <stdlib.h>
#include <string.h>

#define FLOW_MAX 65536 /* bytes */

struct flow {
    const char *const *names;
    size_t count, lens[ORB_AGENTS_MAX];
    int stage, stage_of[ORB_AGENTS_MAX]; /* the stage that is read, from 1, and where each name was; 0 = nowhere yet */
    int order[ORB_AGENTS_MAX], stages[ORB_AGENTS_MAX];
    size_t order_count, stage_count;
    int is_cyclic;
    struct orb_error unknown;            /* the first name that nobody has. What is no flow at all is said before that */
};

static void trim(const char **from, const char **to)
{
    while (*from < *to && strchr(" \t\r\n\f\v", **from))
        (*from)++;
    while (*to > *from && strchr(" \t\r\n\f\v", (*to)[-1]))
        (*to)--;
}

static void add_name(struct flow *f, const char *from, const char *to)
{
    size_t len = (size_t)(to - from), i = 0;
    while (i < f->count && (f->lens[i] != len || memcmp(f->names[i], from, len)))
        i++;
    if (i == f->count) {
        if (!f->unknown.code)
            orb_error_set(&f->unknown, ORB_E_SWARM, "Flow references unknown agent '%.*s'", len > 100 ? 100 : (int)len, from);
    } else if (!f->stage_of[i]) {
        f->stage_of[i] = f->stage;
        f->order[f->order_count++] = (int)i;
    } else if (f->stage_of[i] != f->stage) {
        f->is_cyclic = 1;
    }
}

static int is_group(const char *from, const char *to)
{
    return to - from >= 2 && *from == '(' && to[-1] == ')' && !memchr(from + 1, ')', (size_t)(to - from - 2));
}

static int read_group(struct flow *f, const char *group, const char *group_end, struct orb_error *err)
{
    for (const char *from = group + 1, *end; from; from = end ? end + 1 : NULL) {
        end = memchr(from, '|', (size_t)(group_end - 1 - from));
        const char *start = from, *stop = end ? end : group_end - 1;
        trim(&start, &stop);
        if (start == stop)
            return orb_error_set(err, ORB_E_SWARM, "Invalid flow DSL: Empty member in parallel group: '%.*s'", (int)(group_end - group), group);
        add_name(f, start, stop);
    }
    return 0;
}

/* UTF-8 sorts as its code points do. */
static void sort_stage(struct flow *f, size_t first)
{
    for (size_t i = first; i < f->order_count; i++) {
        int name = f->order[i];
        size_t k = i;
        for (; k > first && strcmp(f->names[f->order[k - 1]], f->names[name]) > 0; k--)
            f->order[k] = f->order[k - 1];
        f->order[k] = name;
    }
}

static int read_stage(struct flow *f, const char *from, const char *to, int is_sorted, struct orb_error *err)
{
    size_t first = f->order_count;
    int rc = 0;
    f->stage++;
    if (is_group(from, to))
        rc = read_group(f, from, to, err);
    else
        add_name(f, from, to);
    if (is_sorted)
        sort_stage(f, first);
    if (f->order_count > first)
        f->stages[f->stage_count++] = (int)(f->order_count - first);
    return rc;
}

static int read_flow(struct flow *f, const char *text, int is_sorted, struct orb_error *err)
{
    if (text[strspn(text, " \t\r\n\f\v")] == '\0')
        return orb_error_set(err, ORB_E_SWARM, "Invalid flow DSL: Empty flow DSL");
    if (strlen(text) > FLOW_MAX)
        return orb_error_set(err, ORB_E_SWARM, "Invalid flow DSL: it is over %d bytes", FLOW_MAX);
    for (const char *from = text, *end; from; from = end ? end + 2 : NULL) {
        end = strstr(from, ">>");
        const char *start = from, *stop = end ? end : from + strlen(from);
        trim(&start, &stop);
        if (start == stop)
            return orb_error_set(err, ORB_E_SWARM, "Invalid flow DSL: Malformed flow DSL: '%.200s'", text);
        int rc = read_stage(f, start, stop, is_sorted, err);
        if (rc)
            return rc;
    }
    if (f->unknown.code)
        return orb_error_set(err, f->unknown.code, "%s", f->unknown.text);
    return f->is_cyclic ? orb_error_set(err, ORB_E_SWARM, "Cycle in flow DSL: Cycle detected in graph") : 0;
}

static int *copy_of(const int *list, size_t count)
{
    int *copy = orb_alloc(count * sizeof *copy);
    memcpy(copy, list, count * sizeof *copy);
    return copy;
}

int orb_flow_read(const char *text, const char *const *names, size_t count, int is_sorted, int **order, size_t *order_count,
                  int **stages, size_t *stage_count, struct orb_error *err)
{
    struct flow *f = orb_alloc(sizeof *f);
    ORB_ASSERT(count <= ORB_AGENTS_MAX);
    f->names = names;
    f->count = count;
    for (size_t i = 0; i < count; i++)
        f->lens[i] = strlen(names[i]);
    int rc = read_flow(f, text, is_sorted, err);
    if (!rc) {
        *order = copy_of(f->order, f->order_count);
        *order_count = f->order_count;
        *stages = copy_of(f->stages, f->stage_count);
        *stage_count = f->stage_count;
    }
    free(f);
    return rc;
}
