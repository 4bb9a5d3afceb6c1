#include "support/probe.h"
#include "base/base.h"
#include "support/child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void replace(char **field, const char *text)
{
    if (!text)
        return;
    free(*field);
    *field = orb_strdup(text);
}

static void on_call(struct test_probe *p, const struct orb_delta *d)
{
    assert_in_range(d->index, 0, TEST_PROBE_CALLS - 1);
    if (d->index >= p->calls)
        p->calls = d->index + 1;
    replace(&p->ids[d->index], d->id);
    replace(&p->names[d->index], d->name);
    orb_buf_add(&p->args[d->index], d->text, d->len);
}

static void on_delta(void *arg, const struct orb_delta *d)
{
    struct test_probe *p = arg;
    assert_int_equal(p->done + p->finishes, 0); /* the finish is the last of them */
    assert_true(!p->limit || (size_t)p->deltas < p->limit); /* none after a cancel */
    p->deltas++;
    if (d->type == ORB_DELTA_TEXT && !p->is_quiet)
        orb_buf_add(&p->text, d->text, d->len);
    else if (d->type == ORB_DELTA_REASONING)
        orb_buf_add(&p->reasoning, d->text, d->len);
    else if (d->type == ORB_DELTA_TOOL_CALL)
        on_call(p, d);
    else if (d->type == ORB_DELTA_KEEP)
        json_array_append(p->kept, d->keep);
    else if (d->type == ORB_DELTA_USAGE)
        p->usage = d->usage, p->usages++;
    else if (d->type == ORB_DELTA_FINISH)
        p->finish = d->finish, p->finishes++;
    if (p->limit && (size_t)p->deltas == p->limit)
        orb_model_stream_cancel(p->stream);
}

static void on_done(void *arg, int code, const struct orb_error *err)
{
    struct test_probe *p = arg;
    p->done++;
    p->code = code;
    p->err = *err;
}

json_t *test_probe_messages(void)
{
    return json_pack("[{s:s, s:s}, {s:s, s:s}]", "role", "system", "content", "be brief", "role", "user", "content", "hi there");
}

int test_probe_try(struct test_probe *p, struct orb_loop *loop, const char *model, struct orb_model_call *call, struct orb_error *err)
{
    static const struct orb_model_callbacks callbacks = { on_delta, on_done };
    struct orb_model_call plain = { .temperature = 1.0 };
    char *name = orb_strdup(model); /* gone when the start returns */
    *p = (struct test_probe){ .limit = p->limit, .is_quiet = p->is_quiet };
    orb_buf_init(&p->text, 1 << 24);
    orb_buf_init(&p->reasoning, 1 << 20);
    for (int i = 0; i < TEST_PROBE_CALLS; i++)
        orb_buf_init(&p->args[i], 1 << 20);
    p->kept = json_array();
    if (!call)
        call = &plain;
    json_t *messages = call->messages ? NULL : test_probe_messages();
    if (messages)
        call->messages = messages;
    int rc = orb_model_stream_start(loop, name, call, &callbacks, p, &p->stream, err);
    assert_int_equal(p->done + p->deltas, 0); /* nothing runs inside the start */
    if (messages)
        call->messages = NULL;
    json_decref(messages);
    memset(name, 'x', strlen(name));
    free(name);
    return rc;
}

void test_probe_start(struct test_probe *p, struct orb_loop *loop, const char *model, struct orb_model_call *call)
{
    struct orb_error err = { 0 };
    if (test_probe_try(p, loop, model, call, &err))
        fail_msg("%s: %s", model, err.text);
}

void test_probe_wait_deltas(struct test_probe *p, struct orb_loop *loop, const char *model, int count)
{
    int64_t deadline = test_now_ms() + test_patience(20000);
    while (p->deltas < count) {
        if (p->done || test_now_ms() > deadline)
            fail_msg("%s: only %d deltas came, done %d: %s", model, p->deltas, p->done, p->err.text);
        assert_int_equal(orb_loop_turn(loop, 100), 0);
    }
}

void test_probe_wait(struct test_probe *p, struct orb_loop *loop, const char *model)
{
    int64_t deadline = test_now_ms() + test_patience(20000);
    while (!p->done) {
        if (test_now_ms() > deadline)
            fail_msg("%s: the call does not end", model);
        assert_int_equal(orb_loop_turn(loop, 100), 0);
    }
    assert_int_equal(p->done, 1);
    assert_int_equal(p->finishes, p->code == 0);
}

void test_probe_run(struct test_probe *p, struct orb_loop *loop, const char *model, struct orb_model_call *call)
{
    test_probe_start(p, loop, model, call);
    test_probe_wait(p, loop, model);
    if (p->code)
        fail_msg("%s: code %d '%s'", model, p->code, p->err.text);
}

void test_probe_expect(struct orb_loop *loop, const char *model, int code, const char *text, const char *words)
{
    struct test_probe p = { 0 };
    test_probe_start(&p, loop, model, NULL);
    test_probe_wait(&p, loop, model);
    const char *got = test_probe_text(&p.text);
    if (p.code != code || p.err.code != (code ? code : p.err.code) || (text && strcmp(got, text) != 0) || (words && !strstr(p.err.text, words)))
        fail_msg("%s: code %d '%s', expected %d '%s'; text '%s', expected '%s'", model, p.code, p.err.text, code, words ? words : "", got, text ? text : "");
    assert_null(strstr(p.err.text, TEST_PROBE_KEY));
    test_probe_done(&p);
}

void test_probe_done(struct test_probe *p)
{
    orb_buf_done(&p->text);
    orb_buf_done(&p->reasoning);
    for (int i = 0; i < TEST_PROBE_CALLS; i++) {
        orb_buf_done(&p->args[i]);
        free(p->ids[i]);
        free(p->names[i]);
    }
    json_decref(p->kept);
}

const char *test_probe_text(const struct orb_buf *b)
{
    return b->data ? b->data : "";
}

void test_probe_append(const struct test_probe *p, const char *provider, json_t *messages)
{
    json_t *calls = json_array();
    for (int i = 0; i < p->calls; i++)
        json_array_append_new(calls, json_pack("{s:s, s:s, s:s}", "id", p->ids[i], "name", p->names[i], "arguments", test_probe_text(&p->args[i])));
    json_t *turn = json_pack("{s:s, s:s, s:o}", "role", "assistant", "content", test_probe_text(&p->text), "tool_calls", calls);
    if (json_array_size(p->kept)) {
        json_object_set_new(turn, "kept_by", json_string(provider));
        json_object_set(turn, "kept", p->kept);
    }
    json_array_append_new(messages, turn);
    for (int i = 0; i < p->calls; i++)
        json_array_append_new(messages, json_pack("{s:s, s:s, s:s, s:s, s:o}", "role", "tool", "tool_call_id", p->ids[i], "tool_name", p->names[i], "content",
                                                  i ? "" : "two", "error", i ? json_string("no such number") : json_null()));
}
