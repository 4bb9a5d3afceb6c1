/* Anything may happen to the console, in any order: random keys, sizes, times and messages, for some seconds. SEED=n for others. */
#include "support/havoc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { ROUNDS_MAX = 100000, BYTES_MAX = 6000 };
#define SECONDS 4

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void anything_may_happen(void **state)
{
    static uint8_t bytes[BYTES_MAX];
    const char *given = getenv("SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : 1, round = 0;
    (void)state;
    for (double end = now() + SECONDS; now() < end && round < ROUNDS_MAX; round++) {
        unsigned random = seed + round;
        size_t size = 0;
        do {
            random = random * 1103515245u + 12345u;
            bytes[size] = (uint8_t)(random >> 16);
        } while (++size < BYTES_MAX && (size < 200 || (random >> 8) % 2000 || round % 4 == 0));
        if (round % 50 == 0)
            print_message("SEED=%u\n", seed + round); /* where to go on from after a crash */
        havoc_play(bytes, size);
    }
    print_message("%u rounds\n", round);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(anything_may_happen) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
