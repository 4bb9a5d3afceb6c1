/* What a request cost by the usage that was told last, with the prices of --prices: an account of its own, in whole millionths of a
 * millionth of a dollar. */
#include "fake.h"

#include <string.h>

static json_t *rows; /* [{"model": …, "above": tokens of input, "input": …, "output": …, "cached": …, "written": …}], prices in
                      * millionths of a dollar for a million tokens */

int bill_open(const char *path)
{
    rows = json_load_file(path, 0, NULL);
    return json_is_array(rows) ? 0 : -1;
}

void bill_close(void)
{
    json_decref(rows);
    rows = NULL;
}

static int64_t number(const json_t *row, const char *key)
{
    return json_integer_value(json_object_get(row, key));
}

static const json_t *row_of(const char *model, int64_t input)
{
    const json_t *row, *best = NULL;
    size_t n = strcspn(model, "?"), i;
    json_array_foreach (rows, i, row) {
        const char *name = json_string_value(json_object_get(row, "model"));
        int is_this = name && strlen(name) == n && !strncmp(name, model, n) && (number(row, "above") == 0 || input > number(row, "above"));
        if (is_this && (!best || number(row, "above") > number(best, "above")))
            best = row;
    }
    return best;
}

static int64_t or_else(int64_t asked, int64_t usual)
{
    return asked >= 0 ? asked : usual;
}

const struct counts *bill_tell(struct reply *r, int64_t written, int64_t output, int64_t reasoning)
{
    r->told = (struct counts){ or_else(r->script.prompt, 9), or_else(r->script.cached, 4), or_else(r->script.written, written), output, reasoning };
    r->has_told = 1;
    return &r->told;
}

json_t *bill_of(const struct reply *r)
{
    const struct counts *c = &r->told;
    const json_t *row = row_of(r->model, c->input);
    if (!r->has_told)
        return json_null();
    json_t *bill = json_pack("{s:I, s:I, s:I, s:I, s:I}", "input", (json_int_t)c->input, "cached", (json_int_t)c->cached, "written",
                             (json_int_t)c->written, "output", (json_int_t)c->output, "reasoning", (json_int_t)c->reasoning);
    if (row)
        json_object_set_new(bill, "picodollars", json_integer((c->input - c->cached - c->written) * number(row, "input") + c->cached * number(row, "cached") +
                                                              c->written * number(row, "written") + c->output * number(row, "output")));
    return bill;
}
