/* For tests: one call of a model, and what came of it. */
#ifndef TESTS_SUPPORT_PROBE_H
#define TESTS_SUPPORT_PROBE_H

#include "model/call.h"

#define TEST_PROBE_CALLS 3
#define TEST_PROBE_KEY "sk-probe-123" /* what tests set as a key; no error may show it */

struct test_probe {
    struct orb_model_stream *stream;
    struct orb_buf text, reasoning, args[TEST_PROBE_CALLS];
    char *ids[TEST_PROBE_CALLS], *names[TEST_PROBE_CALLS];
    json_t *kept;
    int deltas, finishes, usages, calls, done, code;
    size_t limit;    /* set before the start: it is cancelled inside so many deltas; 0 = none */
    int is_quiet;    /* set before the start: no text is kept */
    struct orb_usage usage;
    enum orb_finish finish;
    struct orb_error err;
};

/* "system" and "user" that says "hi there"; the caller's. */
json_t *test_probe_messages(void);
/* model: with its provider. call NULL: those messages, nothing else. It must start, or (try) its code comes back. */
void test_probe_start(struct test_probe *p, struct orb_loop *loop, const char *model, struct orb_model_call *call);
int test_probe_try(struct test_probe *p, struct orb_loop *loop, const char *model, struct orb_model_call *call, struct orb_error *err);
/* Turns the loop until so many deltas have come; it must not end before. */
void test_probe_wait_deltas(struct test_probe *p, struct orb_loop *loop, const char *model, int count);
/* Turns the loop until the call is done; the finish is the last of its deltas, and there is one when it went well. */
void test_probe_wait(struct test_probe *p, struct orb_loop *loop, const char *model);
/* Starts and waits; it must go well. */
void test_probe_run(struct test_probe *p, struct orb_loop *loop, const char *model, struct orb_model_call *call);
/* Runs to the end and expects this. text, words (in the error's text) NULL: not looked at. */
void test_probe_expect(struct orb_loop *loop, const char *model, int code, const char *text, const char *words);
void test_probe_done(struct test_probe *p);
/* "" when there is nothing. */
const char *test_probe_text(const struct orb_buf *b);
/* The turn as the run keeps it, and the answers of the tools ("two", then errors), appended to messages. */
void test_probe_append(const struct test_probe *p, const char *provider, json_t *messages);

#endif
