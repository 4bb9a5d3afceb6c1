/* The state of a run that comes back changed, in one place and at random: it is refused, or the run it makes does no harm. Whether
 * it does is for the sanitizers to say, and for the assertions. */
#include "base/base.h"
#include "support/play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RUNS 4000
#define TALKS 14 /* the ids of those that a run of these few inputs may have */

static const char *const configs[] = {
    "{\"name\": \"a\", \"tools\": [\"add\", \"big\", \"look\"], \"max_steps\": 6, \"tool_concurrency\": 2}",
    "{\"mode\": \"team\", \"agents\": [{\"name\": \"a\", \"max_steps\": 4}, {\"name\": \"b\", \"model\": \"sim:a|sim:b\", \"tools\": [\"look\"]}, {\"group\": \"parallel\", \"name\": \"c\", \"agents\": [{\"name\": \"x\"}, {\"name\": \"y\", \"tools\": [\"add\"]}]}]}",
    "{\"agents\": [{\"name\": \"a\", \"model\": \"sim:a|sim:b\"}, {\"name\": \"b\"}, {\"name\": \"c\", \"tools\": [\"big\"]}], \"flow\": \"a >> (b | c)\", \"parallel\": true}",
    "{\"mode\": \"handoff\", \"agents\": [{\"name\": \"a\", \"handoffs\": [{\"name\": \"b\"}]}, {\"name\": \"b\", \"handoffs\": [{\"name\": \"a\"}], \"tools\": [\"add\"]}]}",
};
static const char *const names[] = { "add", "big", "look", "delegate_to_b", "delegate_to_c", "transfer_to_b", "retrieve_artifact" };

static void on_event(void *arg, const struct orb_event_out *event)
{
    (void)arg;
    assert_non_null(event->agent_name);
}

static struct orb_run_spec spec_of(const char *config)
{
    struct orb_run_spec spec = { .input = "hi", .input_len = 2, .is_detailed = 1, .may_retry = 1, .fn = on_event };
    struct orb_error err = { 0 };
    json_t *value = json_loads(config, 0, NULL);
    assert_int_equal(orb_plan_read(value, &spec.plan, &err), 0);
    json_decref(value);
    return spec;
}

static void give_tools(struct orb_run *run)
{
    struct orb_tool *tools[] = { &play_tools[0], &play_tools[1], &play_tools[2] };
    struct orb_error err;
    for (size_t i = 0; i < orb_run_plan(run)->agent_count; i++)
        assert_int_equal(orb_run_set_tools(run, (int)i, tools, ORB_COUNT(tools), &err), 0);
}

/* 1 = it has ended. */
static int drain(struct orb_run *run)
{
    struct orb_action action;
    int is_over = 0;
    while (orb_run_next(run, &action))
        is_over |= action.type == ORB_ACTION_DONE || action.type == ORB_ACTION_FAILED;
    return is_over;
}

static void input(struct play *p, struct orb_run *run)
{
    int talk = 1 + (int)play_random(p, TALKS), call = (int)play_random(p, 3);
    struct orb_error err = { .code = play_random(p, 2) ? ORB_E_MODEL_SERVER : ORB_E_MODEL_FILTER };
    switch (play_random(p, 8)) {
    case 0:
        orb_run_delta(run, talk, &(struct orb_delta){ .type = ORB_DELTA_TEXT, .text = "b", .len = 1 });
        break;
    case 1:
    case 2:
        orb_run_delta(run, talk, &(struct orb_delta){ .type = ORB_DELTA_TOOL_CALL, .index = call, .name = names[play_random(p, ORB_COUNT(names))],
                                                      .text = "{\"task\": \"t\"}", .len = 13 });
        break;
    case 3:
        orb_run_tool_result(run, talk, call, &(struct orb_tool_result){ .content = "ok", .len = 2 }, 3);
        break;
    case 4:
        if (!play_random(p, 4))
            orb_run_model_failed(run, talk, &err, 3);
        break;
    case 5:
        orb_run_advanced(run, 4);
        break;
    default:
        orb_run_answered(run, talk, 2);
    }
}

static json_t *junk(struct play *p)
{
    switch (play_random(p, 9)) {
    case 0: return json_integer(-1);
    case 1: return json_integer(play_random(p, 5));
    case 2: return json_integer(1000000000);
    case 3: return json_string("x");
    case 4: return json_null();
    case 5: return json_array();
    case 6: return json_object();
    case 7: return json_true();
    default: return json_real(1e300);
    }
}

/* The value that has *index before it becomes something else; *index is -1 then. */
static void change(struct play *p, json_t *value, int *index)
{
    const char *key;
    json_t *child;
    void *next;
    size_t i;
    json_object_foreach_safe(value, next, key, child)
        if (*index < 0)
            return;
        else if ((*index)-- == 0)
            json_object_set_new(value, key, junk(p));
        else
            change(p, child, index);
    json_array_foreach(value, i, child)
        if (*index < 0)
            return;
        else if ((*index)-- == 0)
            json_array_set_new(value, i, junk(p));
        else
            change(p, child, index);
}

static int count_values(const json_t *value)
{
    int count = 1;
    const char *key;
    json_t *child;
    size_t i;
    json_object_foreach((json_t *)value, key, child)
        count += count_values(child);
    json_array_foreach(value, i, child)
        count += count_values(child);
    return count;
}

static void use(struct orb_run *run)
{
    struct orb_buf b;
    char usage[320];
    orb_buf_init(&b, 64 * 1024 * 1024);
    for (int talk = 1; talk <= TALKS; talk++) {
        const char *model;
        struct orb_model_call call;
        if (orb_run_call(run, talk, &model, &call))
            continue;
        json_decref(call.messages);
        json_decref(call.tools);
    }
    orb_run_text(run, &b);
    orb_run_result(run, &b);
    orb_run_usage(run, usage);
    orb_buf_done(&b);
}

/* 1 = it was taken. */
static int come_back_changed(struct play *p, json_t *state, const char *config)
{
    struct orb_run_spec spec = spec_of(config);
    struct orb_error err = { 0 };
    int index = (int)play_random(p, (unsigned)count_values(state) - 1);
    change(p, state, &index);
    assert_int_equal(index, -1);
    struct orb_run *run = orb_run_load(&spec, state, &err);
    if (!run) {
        assert_int_equal(err.code, ORB_E_INVALID);
        return 0;
    }
    give_tools(run);
    use(run);
    for (int i = 0; i < 60 && !drain(run); i++)
        input(p, run);
    drain(run);
    use(run);
    json_decref(orb_run_save(run));
    orb_run_free(run);
    return 1;
}

static void a_changed_state_does_no_harm(void **state)
{
    (void)state;
    static struct play p;
    int taken = 0;
    for (unsigned seed = 0; seed < RUNS; seed++) {
        p.random = seed * 2654435761u;
        const char *config = configs[play_random(&p, ORB_COUNT(configs))];
        struct orb_run_spec spec = spec_of(config);
        struct orb_error err;
        struct orb_run *run = orb_run_new(&spec, &err);
        give_tools(run);
        orb_run_start(run, 1);
        for (int i = (int)play_random(&p, 40); i && !drain(run); i--)
            input(&p, run);
        drain(run);
        json_t *saved = orb_run_save(run);
        orb_run_free(run);
        taken += come_back_changed(&p, saved, config);
        json_decref(saved);
    }
    assert_true(taken > RUNS / 10 && taken < RUNS * 9 / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_changed_state_does_no_harm) };
    return cmocka_run_group_tests(tests, play_tools_make, play_tools_drop);
}
