/* A flow, on the first line, and the names that it may use, one on each line behind it. Both orders have the same stages and the
 * same mistakes. */
#include "fuzz/fuzz.h"
#include "agent/plan.h"

struct read {
    int rc, *order, *stages;
    size_t count, stage_count;
    struct orb_error err;
};

static void read_flow(struct read *r, const char *flow, const char *const *names, size_t count, int is_sorted)
{
    memset(r, 0, sizeof *r);
    r->rc = orb_flow_read(flow, names, count, is_sorted, &r->order, &r->count, &r->stages, &r->stage_count, &r->err);
    if (r->rc)
        fuzz_check_error(r->rc, &r->err);
    else
        ORB_ASSERT(r->count && r->stage_count && r->count <= count);
}

static int has(const int *list, size_t count, int one)
{
    for (size_t i = 0; i < count; i++)
        if (list[i] == one)
            return 1;
    return 0;
}

static void check_orders(const struct read *sorted, const struct read *written, const char *const *names, size_t count)
{
    size_t at = 0;
    ORB_ASSERT(sorted->count == written->count && sorted->stage_count == written->stage_count);
    for (size_t s = 0; s < sorted->stage_count; s++) {
        size_t n = (size_t)sorted->stages[s];
        ORB_ASSERT(n > 0 && sorted->stages[s] == written->stages[s] && at + n <= sorted->count);
        for (size_t i = at; i < at + n; i++) {
            ORB_ASSERT(sorted->order[i] >= 0 && (size_t)sorted->order[i] < count);
            ORB_ASSERT(!has(sorted->order, i, sorted->order[i]) && has(written->order + at, n, sorted->order[i]));
            ORB_ASSERT(i == at || strcmp(names[sorted->order[i - 1]], names[sorted->order[i]]) <= 0);
        }
        at += n;
    }
    ORB_ASSERT(at == sorted->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *names[ORB_AGENTS_MAX];
    char *text = fuzz_text(data, size), *rest = text, *flow, *name;
    struct read sorted, written;
    size_t count = 0;
    if (!orb_utf8_is_valid(text, strlen(text))) {
        free(text);
        return 0;
    }
    flow = strsep(&rest, "\n");
    while (count < ORB_AGENTS_MAX && (name = strsep(&rest, "\n")))
        names[count++] = name;
    read_flow(&sorted, flow, names, count, 1);
    read_flow(&written, flow, names, count, 0);
    ORB_ASSERT(sorted.rc == written.rc && !strcmp(sorted.err.text, written.err.text));
    if (!sorted.rc)
        check_orders(&sorted, &written, names, count);
    free(sorted.order);
    free(sorted.stages);
    free(written.order);
    free(written.stages);
    free(text);
    return 0;
}
