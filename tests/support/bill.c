#include "support/bill.h"
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int64_t number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

void test_bill_add(struct test_bill *to, const struct test_bill *bill)
{
    to->input += bill->input;
    to->output += bill->output;
    to->cached += bill->cached;
    to->written += bill->written;
    to->reasoning += bill->reasoning;
    to->picodollars += bill->picodollars;
    to->calls += bill->calls;
    to->told += bill->told;
}

double test_bill_dollars(const struct test_bill *bill)
{
    return (double)bill->picodollars / 1e12;
}

/* One call: the bill of its "end" line, null when it told no usage. */
static void add_call(struct test_bill *to, const json_t *call)
{
    struct test_bill one = { .calls = 1 };
    if (json_is_object(call)) {
        if (!json_is_integer(json_object_get(call, "picodollars")))
            fail_msg("the provider has no price for a model that it was asked for");
        one = (struct test_bill){ number(call, "input"), number(call, "output"), number(call, "cached"), number(call, "written"),
                                  number(call, "reasoning"), number(call, "picodollars"), 1, 1 };
    }
    test_bill_add(to, &one);
}

static int task_of(const json_t *request)
{
    char *body = json_dumps(json_object_get(request, "body"), 0), *at = strstr(body, "task-");
    if (!at)
        fail_msg("a request without the id of its task: %s", body);
    int task = atoi(at + strlen("task-"));
    free(body);
    return task;
}

int test_bills_read(void *arg)
{
    struct test_bills *all = arg;
    json_t *lines = test_fake_ledger(all->fake), *line;
    size_t i, open = 0, count = json_array_size(lines);
    int *task = orb_alloc((count + 1) * sizeof *task); /* by the number of the request */
    memset(all->bills, 0, (size_t)all->tasks * sizeof *all->bills);
    json_array_foreach (lines, i, line) {
        int64_t n = number(line, "n");
        int is_end = !strcmp(json_string_value(json_object_get(line, "event")), "end");
        assert_in_range(n, 1, count);
        if (!is_end)
            task[n] = task_of(line);
        if (task[n] < 0 || task[n] >= all->tasks)
            fail_msg("a request of a task %d that there is not", task[n]);
        if (is_end)
            add_call(&all->bills[task[n]], json_object_get(line, "bill"));
        open += is_end ? (size_t)-1 : 1;
    }
    free(task);
    json_decref(lines);
    return open == 0;
}
