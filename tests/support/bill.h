/* For tests: what tasks cost by the fake provider's own account (tests/fake/bill.c). */
#ifndef TESTS_SUPPORT_BILL_H
#define TESTS_SUPPORT_BILL_H

#include "support/fake.h"

/* Of one task: the sums of what its calls told at last. */
struct test_bill {
    int64_t input, output, cached, written, reasoning; /* tokens */
    int64_t picodollars;
    int calls, told; /* how many of them told a usage */
};

/* Tasks 0 to tasks - 1; their requests have "task-NNNN" somewhere in the body. */
struct test_bills {
    const struct test_fake *fake;
    struct test_bill *bills;
    int tasks;
};
/* Fills bills from the ledger. arg: a struct test_bills. 0 while a request has not ended. */
int test_bills_read(void *arg);
void test_bill_add(struct test_bill *to, const struct test_bill *bill);
double test_bill_dollars(const struct test_bill *bill);

#endif
