/* For unit tests of codecs: replies of a provider read without a server, and what they say noted as text:
 *   T(text) R(reasoning) C0(id,name,arguments) K{what is kept} F(finish), an id of ours as "own",
 *   U(input,output,total), and behind them cached,reasoning and written where there are such. */
#ifndef TESTS_SUPPORT_REPLY_H
#define TESTS_SUPPORT_REPLY_H

#include "model/model.h"

struct test_reply {
    struct orb_buf notes;
    struct orb_error err;
    int code;
};
/* In pieces of so many bytes. */
void test_reply_read(struct test_reply *r, const struct orb_provider *provider, const char *text, size_t len, size_t step);
void test_reply_done(struct test_reply *r);

struct test_reply_case {
    const char *name, *text, *notes;
    int code;
    const char *words; /* in the error; NULL = any */
};
/* Each says the same, however it comes. */
void test_replies(const struct orb_provider *provider, const struct test_reply_case *cases, size_t count);
/* Cut at any byte it is complete, truncated, or (the half of an event) no JSON; it never crashes. */
void test_replies_cut(const struct orb_provider *provider, const struct test_reply_case *cases, size_t count);
/* A reply that is over a bound: ORB_E_PROTOCOL, with words. */
void test_reply_over(const struct orb_provider *provider, const char *text, size_t len, const char *words);

struct test_refusal {
    int status;
    const char *body;
    int code;
    const char *words;
    int64_t retry_ms;
};
/* secret: what no error may show. */
void test_refusals(const struct orb_provider *provider, const struct test_refusal *cases, size_t count, const char *secret);

#endif
