/* For tests: the fake model provider (tests/fake) as a child on a port of its own. */
#ifndef TESTS_SUPPORT_FAKE_H
#define TESTS_SUPPORT_FAKE_H

#include "support/child.h"
#include <jansson.h>

struct test_fake {
    struct test_child child;
    char dir[TEST_PATH_MAX];
    char url[64];                      /* for OPENAI_BASE_URL: http://127.0.0.1:PORT/v1 */
    char ledger[TEST_PATH_MAX + 16];
};

/* Returns when it listens. prices: the text of a table for --prices (tests/fake/bill.c). */
void test_fake_start(struct test_fake *fake);
void test_fake_start_with_prices(struct test_fake *fake, const char *prices);
/* Ends it and removes its folder; fine when it never started. */
void test_fake_stop(struct test_fake *fake);

/* All lines of the ledger so far, as an array; the caller's reference. */
json_t *test_fake_ledger(const struct test_fake *fake);
/* Waits for the end of the newest request whose model is given (NULL = any);
 * the caller's reference to its "end" line. */
json_t *test_fake_wait_end(const struct test_fake *fake, const char *model, int timeout_ms);
/* The newest request with this model (NULL = any), or NULL; the caller's reference. */
json_t *test_fake_request(const struct test_fake *fake, const char *model);


/* A Google service account whose token server the fake is: its key file, named by GOOGLE_APPLICATION_CREDENTIALS. script: of
 * the token server (tests/fake/token.c), or "". A token that was kept is forgotten. */
struct test_rsa;
void test_fake_account(const struct test_fake *fake, const struct test_rsa *rsa, const char *script);

#endif
