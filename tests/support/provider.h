/* For tests: every provider, each with what a suite has to know of it (conformance: tests/integration/test_conformance*.c).
 * A new provider is one row of provider.c. */
#ifndef TESTS_SUPPORT_PROVIDER_H
#define TESTS_SUPPORT_PROVIDER_H

#include "support/fake.h"
#include "support/probe.h"

enum {
    TEST_TAKES_AUDIO = 1, TEST_TAKES_VIDEO = 2, /* else the model is told in words that something is missing */
    TEST_BLOCKS = 4,                            /* a refusal is an error: the prompt is blocked before there is an answer */
};

struct test_provider {
    const char *name;
    const char *protocol;  /* of one from a provider file; NULL: built in */
    const char *base_env, *base_path, *key_env; /* where it is asked: the fake's address and base_path. base_env NULL: it is in the file */
    const char *other_env; /* a key too, when key_env is not set; or NULL */
    const char *path;      /* that it asks; a * stands for the model */
    unsigned flags;
    const char *reasoning; /* script keys for two tokens of reasoning; what comes with it to be kept must come back */
    int reasoning_tokens;  /* that the usage counts for them */
    const char *native;    /* a model with all that the provider has: schemas, reasoning, cache hints, its rules */
    const char *schema;    /* where in the request the schema of the output is: members, joined by '/' */
    const char *cache;     /* the member that hints at what to cache */
    const char *error;     /* script keys beside error_at and message for a rate limit inside a stream */
    const char *overflow, *quota; /* script keys for a refusal: the prompt is too long, the money is gone */
    const char *limit;     /* script keys for a header that tells when a limit is reset, in 360 s */
};

struct test_behaviour {
    const char *name;
    void (*run)(void);
};

/* Set while a behaviour runs. */
extern const struct test_provider *test_provider;
extern struct test_fake test_provider_fake;
extern struct orb_loop *test_provider_loop;

/* Runs the behaviours with every provider but where provider.c has a reason why there is none. argv[1]: a pattern of names,
 * such as "azure: *". Returns how many failed. */
int test_provider_run(const struct test_behaviour *behaviours, size_t count, int argc, char **argv);

/* As in probe.h, of the current provider. script: a model's name and what it asks of the fake, such as "fake?tokens=2". */
void test_provider_start(struct test_probe *p, const char *script, struct orb_model_call *call);
void test_provider_wait(struct test_probe *p);
/* Starts, waits; it must go well. */
void test_provider_call(struct test_probe *p, const char *script, struct orb_model_call *call);
/* Runs to the end and expects this. text, words (in the error's text) NULL: not looked at. */
void test_provider_expect(const char *script, int code, const char *text, const char *words);

#endif
