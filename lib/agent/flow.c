/* The flow DSL of the Python package: flow = stage { ">>" stage }, stage = name
 * | "(" name { "|" name } ")". Its order is the package's: topological, first in first out, ties by name. */
#include "agent/plan.h"
#include "base/base.h"

#include <stdlib.h>
#include <string.h>

#define FLOW_MAX 65536 /* bytes */
#define STAGES_MAX ORB_AGENTS_MAX
#define TERMS_MAX 1024 /* names that it writes, repeated ones too */

struct flow {
    const char *const *names;
    size_t count;
    int terms[TERMS_MAX];              /* indexes of names, as written */
    size_t term_count;
    size_t stages[STAGES_MAX];         /* how many terms each has */
    size_t stage_count;
    unsigned char is_edge[ORB_AGENTS_MAX][ORB_AGENTS_MAX / 8];
    int is_named[ORB_AGENTS_MAX];
};

/* ---- reading ---------------------------------------------------------- */

static void trim(const char **from, const char **to)
{
    while (*from < *to && strchr(" \t\r\n\f\v", **from))
        (*from)++;
    while (*to > *from && strchr(" \t\r\n\f\v", (*to)[-1]))
        (*to)--;
}

static int add_term(struct flow *f, const char *from, const char *to, struct orb_error *err)
{
    size_t len = (size_t)(to - from);
    for (size_t i = 0; i < f->count; i++) {
        if (strlen(f->names[i]) != len || memcmp(f->names[i], from, len))
            continue;
        if (f->term_count == TERMS_MAX)
            return orb_error_set(err, ORB_E_SWARM, "Invalid flow DSL: it has over %d names", TERMS_MAX);
        f->terms[f->term_count++] = (int)i;
        f->is_named[i] = 1;
        f->stages[f->stage_count]++;
        return 0;
    }
    return orb_error_set(err, ORB_E_SWARM, "Flow references unknown agent '%.*s'", len > 100 ? 100 : (int)len, from);
}

static int read_group(struct flow *f, const char *from, const char *to, struct orb_error *err)
{
    const char *group = from, *group_end = to;
    for (from++, to--; from <= to;) {
        const char *end = memchr(from, '|', (size_t)(to - from));
        const char *start = from, *stop = end ? end : to;
        trim(&start, &stop);
        if (start == stop)
            return orb_error_set(err, ORB_E_SWARM, "Invalid flow DSL: Empty member in parallel group: '%.*s'", (int)(group_end - group), group);
        int rc = add_term(f, start, stop, err);
        if (rc || !end)
            return rc;
        from = end + 1;
    }
    return 0;
}

static int is_group(const char *from, const char *to)
{
    return to - from >= 2 && *from == '(' && to[-1] == ')' && !memchr(from + 1, ')', (size_t)(to - from - 2));
}

static int read_stages(struct flow *f, const char *text, struct orb_error *err)
{
    const char *from = text;
    if (text[strspn(text, " \t\r\n\f\v")] == '\0')
        return orb_error_set(err, ORB_E_SWARM, "Invalid flow DSL: Empty flow DSL");
    if (strlen(text) > FLOW_MAX)
        return orb_error_set(err, ORB_E_SWARM, "Invalid flow DSL: it is over %d bytes", FLOW_MAX);
    for (const char *end;; from = end + 2) {
        end = strstr(from, ">>");
        const char *start = from, *stop = end ? end : from + strlen(from);
        trim(&start, &stop);
        if (start == stop)
            return orb_error_set(err, ORB_E_SWARM, "Invalid flow DSL: Malformed flow DSL: '%.200s'", text);
        if (f->stage_count == STAGES_MAX)
            return orb_error_set(err, ORB_E_SWARM, "Invalid flow DSL: it has over %d stages", STAGES_MAX);
        int rc = is_group(start, stop) ? read_group(f, start, stop, err) : add_term(f, start, stop, err);
        if (rc)
            return rc;
        f->stage_count++;
        if (!end)
            return 0;
    }
}

/* ---- the order -------------------------------------------------------- */

/* Every member of a stage comes before every member of the next. */
static void link_stages(struct flow *f)
{
    const int *stage = f->terms;
    for (size_t s = 0; s + 1 < f->stage_count; s++) {
        const int *next = stage + f->stages[s];
        for (size_t i = 0; i < f->stages[s]; i++)
            for (size_t k = 0; k < f->stages[s + 1]; k++)
                f->is_edge[stage[i]][next[k] / 8] |= (unsigned char)(1 << next[k] % 8);
        stage = next;
    }
}

static int has_edge(const struct flow *f, int from, int to)
{
    return f->is_edge[from][to / 8] >> to % 8 & 1;
}

/* The indexes of all names, by their text. UTF-8 sorts as its code points do. */
static void sort_names(const struct flow *f, int *out)
{
    for (int i = 0; i < (int)f->count; i++) {
        int k = i;
        while (k > 0 && strcmp(f->names[out[k - 1]], f->names[i]) > 0) {
            out[k] = out[k - 1];
            k--;
        }
        out[k] = i;
    }
}

static int topological_order(const struct flow *f, int *out, size_t *count, struct orb_error *err)
{
    int sorted[ORB_AGENTS_MAX], waits_for[ORB_AGENTS_MAX] = { 0 };
    int named = 0;
    size_t done = 0, queued = 0;
    sort_names(f, sorted);
    for (int i = 0; i < (int)f->count; i++) {
        named += f->is_named[i];
        for (int k = 0; k < (int)f->count; k++)
            waits_for[k] += has_edge(f, i, k);
    }
    for (size_t i = 0; i < f->count; i++)
        if (f->is_named[sorted[i]] && !waits_for[sorted[i]])
            out[queued++] = sorted[i];
    for (; done < queued; done++)
        for (size_t i = 0; i < f->count; i++)
            if (has_edge(f, out[done], sorted[i]) && --waits_for[sorted[i]] == 0)
                out[queued++] = sorted[i];
    if ((int)done < named)
        return orb_error_set(err, ORB_E_SWARM, "Cycle in flow DSL: Cycle detected in graph");
    *count = done;
    return 0;
}

/* As written: then no name may be there twice, since it could not be said when it runs. */
static int written_order(const struct flow *f, int *out, size_t *count, struct orb_error *err)
{
    int is_seen[ORB_AGENTS_MAX] = { 0 };
    for (size_t i = 0; i < f->term_count; i++) {
        if (is_seen[f->terms[i]]++)
            return orb_error_set(err, ORB_E_SWARM, "Invalid flow DSL: agent '%.100s' is there twice, which a parallel swarm cannot run", f->names[f->terms[i]]);
        out[i] = f->terms[i];
    }
    *count = f->term_count;
    return 0;
}

int orb_flow_read(const char *text, const char *const *names, size_t count, int is_sorted, int **order, size_t *order_count,
                  int **stages, size_t *stage_count, struct orb_error *err)
{
    struct flow *f = orb_alloc(sizeof *f);
    int out[TERMS_MAX];
    size_t n = 0;
    ORB_ASSERT(count <= ORB_AGENTS_MAX);
    f->names = names;
    f->count = count;
    int rc = read_stages(f, text, err);
    if (!rc && is_sorted) {
        link_stages(f);
        rc = topological_order(f, out, &n, err);
    } else if (!rc) {
        rc = written_order(f, out, &n, err);
    }
    if (!rc) {
        *order = orb_alloc(n * sizeof **order);
        memcpy(*order, out, n * sizeof **order);
        *order_count = n;
        *stages = orb_alloc(f->stage_count * sizeof **stages);
        for (size_t i = 0; i < f->stage_count; i++)
            (*stages)[i] = (int)f->stages[i];
        *stage_count = f->stage_count;
    }
    free(f);
    return rc;
}
