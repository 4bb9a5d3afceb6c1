#include "base/base.h"
#include "model/model.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* A run of the source on a clock of its own: deltas noted with their time. */
struct run {
    struct orb_buf out;
    int64_t now_us;
    int is_timed;
    struct orb_error err;
};

static void note(void *arg, const struct orb_delta *d)
{
    struct run *r = arg;
    if (r->is_timed)
        orb_buf_printf(&r->out, "%d:", (int)(r->now_us / 1000));
    switch (d->type) {
    case ORB_DELTA_TEXT:
        orb_buf_char(&r->out, '(');
        orb_buf_add(&r->out, d->text, d->len);
        orb_buf_char(&r->out, ')');
        break;
    case ORB_DELTA_TOOL_CALL:
        assert_int_equal(strlen(d->id), 29);
        orb_buf_printf(&r->out, "C%d(%s,%.*s)", d->index, d->name, (int)d->len, d->text);
        break;
    case ORB_DELTA_USAGE:
        orb_buf_printf(&r->out, "U(%d,%d,%d)", (int)d->usage.input_tokens, (int)d->usage.output_tokens, (int)d->usage.total_tokens);
        break;
    case ORB_DELTA_FINISH:
        orb_buf_printf(&r->out, "F%d", (int)d->finish);
        break;
    case ORB_DELTA_KEEP:
    case ORB_DELTA_REASONING:
        fail_msg("sim does not reason");
    }
}

static int play(const char *model, const char *messages, int is_timed, struct run *r)
{
    const struct orb_source *source = orb_provider_sim.source;
    struct orb_model_call call = { .model = model, .temperature = 1.0 };
    void *state = orb_alloc(source->state_size);
    memset(r, 0, sizeof(*r));
    orb_buf_init(&r->out, 1 << 24);
    r->is_timed = is_timed;
    call.messages = json_loads(messages, 0, NULL);
    assert_non_null(call.messages);
    int rc = source->start(state, &call, &r->err);
    json_decref(call.messages); /* nothing of the call is needed after the start */
    while (rc == 0) {
        int64_t next_us = -1;
        rc = source->next(state, r->now_us, note, r, &next_us, &r->err);
        if (rc == 0)
            assert_true(next_us >= r->now_us);
        r->now_us = rc ? r->now_us : next_us;
    }
    source->done(state);
    free(state);
    return rc;
}

static void expect(const char *model, const char *messages, int is_timed, int code, const char *notes)
{
    struct run r;
    int rc = play(model, messages, is_timed, &r);
    if (rc != code || strcmp(r.out.data ? r.out.data : "", notes) != 0)
        fail_msg("sim:%s: code %d (%s), expected %d; deltas '%s', expected '%s'", model, rc, r.err.text, code, r.out.data, notes);
    orb_buf_done(&r.out);
}

#define USER(text) "[{\"role\":\"user\",\"content\":\"" text "\"}]"

static void echo(void **state)
{
    (void)state;
    expect("", USER("hello  big\\nworld"), 0, 1, "(hello  )(big\n)(world)U(3,3,6)F0");
    expect("", USER("  a "), 0, 1, "(  a )U(1,1,2)F0");
    expect("", USER(" \\n"), 0, 1, "( \n)U(0,1,1)F0");
    expect("", USER(""), 0, 1, "U(0,0,0)F0");
    expect("", "[]", 0, 1, "U(0,0,0)F0");
    expect("", "[{\"role\":\"user\",\"content\":\"first\"},{\"role\":\"assistant\",\"content\":\"x\"},"
               "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a b\"},{\"type\":\"image_url\"},{\"type\":\"text\",\"text\":\"c\"}]}]",
           0, 1, "(a )(b )(c)U(3,3,6)F0");
}

static void tokens(void **state)
{
    (void)state;
    expect("tokens=3", USER("a b"), 0, 1, "(w1 )(w2 )(w3)U(2,3,5)F0");
    expect("tokens=0", USER("a b"), 0, 1, "U(2,0,2)F0");
    expect("tokens=3,rate=50", USER("a"), 1, 1, "0:(w1 )20:(w2 )40:(w3)40:U(1,3,4)40:F0");
    expect("rate=10,first=5,delay=100", USER("a b"), 1, 1, "105:(a )205:(b)205:U(2,2,4)205:F0");
    expect("delay=86400000,tokens=1", USER("a"), 1, 1, "86400000:(w1)86400000:U(1,1,2)86400000:F0");
    expect("delay=10,tokens=0", USER("a"), 1, 1, "10:U(1,0,1)10:F0");
}

static void a_large_answer_comes_in_turns(void **state)
{
    const struct orb_source *source = orb_provider_sim.source;
    struct orb_model_call call = { .model = "tokens=1000", .messages = NULL };
    struct run r = { .is_timed = 0 };
    int64_t next_us = -1;
    int turns = 1;
    (void)state;
    orb_buf_init(&r.out, 1 << 20);
    void *sim = orb_alloc(source->state_size);
    assert_int_equal(source->start(sim, &call, NULL), 0);
    for (; source->next(sim, 7, note, &r, &next_us, NULL) == 0; turns++)
        assert_int_equal(next_us, 7);
    assert_int_equal(turns, 4);
    assert_non_null(strstr(r.out.data, "(w1000)U(0,1000,1000)F0"));
    source->done(sim);
    free(sim);
    orb_buf_done(&r.out);
}

static void errors(void **state)
{
    (void)state;
    expect("tokens=3,error=rate_limit@2", USER("a"), 0, ORB_E_MODEL_RATE, "(w1 )(w2 )");
    expect("tokens=3,rate=10,error=server@2", USER("a"), 1, ORB_E_MODEL_SERVER, "0:(w1 )100:(w2 )");
    expect("error=auth", USER("a"), 0, ORB_E_MODEL_AUTH, "");
    expect("error=auth@9", USER("a"), 0, ORB_E_MODEL_AUTH, "(a)");
    expect("tokens=5,cut=1", USER("a"), 0, ORB_E_MODEL_TRUNCATED, "(w1 )");
    static const struct {
        const char *model;
        int code;
    } classes[] = {
        { "error=permission", ORB_E_MODEL_PERMISSION }, { "error=not_found", ORB_E_MODEL_NOT_FOUND },
        { "error=invalid_request", ORB_E_MODEL_INVALID }, { "error=context_length", ORB_E_MODEL_CONTEXT },
        { "error=content_filter", ORB_E_MODEL_FILTER }, { "error=quota", ORB_E_MODEL_QUOTA },
        { "error=overloaded", ORB_E_MODEL_OVERLOADED }, { "error=timeout", ORB_E_MODEL_TIMEOUT },
        { "error=network", ORB_E_MODEL_NETWORK }, { "error=stream_truncated", ORB_E_MODEL_TRUNCATED },
        { "error=unsupported_parameter", ORB_E_MODEL_PARAMETER },
    };
    for (size_t i = 0; i < ORB_COUNT(classes); i++)
        expect(classes[i].model, USER("a"), 0, classes[i].code, "");
}

static void tool(void **state)
{
    (void)state;
    expect("tool=add,rate=1,first=3,error=auth@1", USER("1 \\\"2\\\""), 1, 1, "3:C0(add,{\"input\": \"1 \\\"2\\\"\"})3:U(2,1,3)3:F1");
    expect("tool=add", "[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":\"\"},"
                       "{\"role\":\"tool\",\"tool_call_id\":\"c\",\"tool_name\":\"add\",\"content\":\"3\"}]",
           0, 1, "(hi)U(1,1,2)F0");
    expect("tool=add,tokens=2", "[{\"role\":\"tool\",\"content\":\"3\"}]", 0, 1, "(w1 )(w2)U(0,2,2)F0");
}

static void say(void **state)
{
    (void)state;
    expect("say=Hello+you%2C%20%7Bx", "[{\"role\":\"user\",\"content\":\"hi\"}]", 0, 1, "(Hello )(you, )({x)U(1,3,4)F0");
    expect("say=a;b;c", "[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":\"a\"},{\"role\":\"user\",\"content\":\"hi\"}]", 0, 1,
           "(b)U(1,1,2)F0");
    expect("say=a;b", "[{\"role\":\"assistant\"},{\"role\":\"assistant\"},{\"role\":\"assistant\"},{\"role\":\"user\",\"content\":\"x y\"}]", 0, 1, "(b)U(2,1,3)F0");
    expect("say=", "[{\"role\":\"user\",\"content\":\"hi\"}]", 0, 1, "U(1,0,1)F0");
}

static void tools_in_turn_and_at_once(void **state)
{
    (void)state;
    static const char calls[] = "{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c\"}]},{\"role\":\"tool\"}";
    char one[512], two[1024];
    snprintf(one, sizeof one, "[%s]", calls);
    snprintf(two, sizeof two, "[%s,{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c\"}]},{\"role\":\"tool\"}]", calls);
    expect("tool=add,arg=x,calls=2", "[{\"role\":\"user\",\"content\":\"hi\"}]", 0, 1, "C0(add,{\"x\": \"hi\"})C1(add,{\"x\": \"hi\"})U(1,2,3)F1");
    expect("tool=add,steps=2", one, 0, 1, "C0(add,{\"input\": \"hi\"})U(1,1,2)F1");
    expect("tool=add,steps=2,say=done", two, 0, 1, "(done)U(1,1,2)F0");
}

static void check_refuses(void **state)
{
    static const struct {
        const char *model, *words;
    } bad[] = {
        { "echo", "unknown key 'echo'; there are: tokens" },
        { "tokens=1,", "unknown key ''" },
        { "tokens", "tokens needs a value" },
        { "tokens=", "tokens=''" },
        { "tokens=-1", "tokens='-1' is not a whole number within 0..1000000" },
        { "rate=1.5", "rate='1.5'" },
        { "rate=99999999999999999999", "rate=" },
        { "first=1s", "first='1s'" },
        { "error=boom@1", "error='boom' is no class of error; there are: auth" },
        { "error=auth@x", "error='x'" },
        { "tool=a b", "tool='a b'" },
        { "tool=", "tool=''" },
        { "crash=1", "crash takes no value" },
    };
    struct orb_error err = { 0 };
    struct orb_model_call call = { 0 };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(bad); i++) {
        void *sim = orb_alloc(orb_provider_sim.source->state_size);
        assert_int_equal(orb_provider_sim.check(bad[i].model, &err), ORB_E_MODEL_INVALID);
        if (!strstr(err.text, bad[i].words))
            fail_msg("sim:%s: '%s' lacks '%s'", bad[i].model, err.text, bad[i].words);
        call.model = bad[i].model;
        assert_int_equal(orb_provider_sim.source->start(sim, &call, &err), ORB_E_MODEL_INVALID);
        orb_provider_sim.source->done(sim);
        free(sim);
    }
    assert_int_equal(orb_provider_sim.check("", &err), 0);
    assert_int_equal(orb_provider_sim.check("tokens=1,rate=2,first=3,delay=4,error=auth@5,cut=6,tool=t,crash", &err), 0);
}

static void crash_ends_the_process(void **state)
{
    int status = 0;
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct orb_model_call call = { .model = "crash" };
        void *sim = orb_alloc(orb_provider_sim.source->state_size);
        signal(SIGABRT, SIG_DFL);
        setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
        _exit(orb_provider_sim.source->start(sim, &call, NULL) ? 1 : 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void a_sleeping_call_is_small(void **state)
{
    (void)state;
    assert_true(orb_provider_sim.source->state_size <= 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(echo),
        cmocka_unit_test(tokens),
        cmocka_unit_test(a_large_answer_comes_in_turns),
        cmocka_unit_test(errors),
        cmocka_unit_test(tool),
        cmocka_unit_test(say),
        cmocka_unit_test(tools_in_turn_and_at_once),
        cmocka_unit_test(check_refuses),
        cmocka_unit_test(crash_ends_the_process),
        cmocka_unit_test(a_sleeping_call_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
