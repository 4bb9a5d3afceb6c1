/* For tests: a Redis primary, a replica that reaches it through a proxy, and real Sentinels
 * over both. */
#ifndef TESTS_SUPPORT_SENTINEL_H
#define TESTS_SUPPORT_SENTINEL_H

#include "support/proxy.h"
#include "support/redis.h"

#define TEST_SENTINELS 3
#define TEST_MASTER "main"                /* what the Sentinels call the primary */
#define TEST_SENTINEL_PASSWORD "watcher"  /* theirs */

struct test_sentinel {
    struct test_child child;
    int port;
};

struct test_sentinels {
    struct test_redis node[2];            /* 0 is the first primary */
    int port[2];
    struct test_proxy proxy;              /* between node 1 and node 0 */
    struct test_sentinel sentinel[TEST_SENTINELS];
    char url[512];                        /* names all of them */
};

/* Returns when the replica is in step and the Sentinels know it and each other. */
void test_sentinels_start(struct test_sentinels *s);
void test_sentinels_stop(struct test_sentinels *s); /* fine when it never started */
/* One more, which watches that port under that name; it finds others that use the name by itself. */
void test_sentinel_start_alone(struct test_sentinel *s, const char *dir, const char *redis_password, const char *master, int port);
/* They fail over when the primary is away for a second, from now on; until then they do not. */
void test_sentinels_may_fail_over(struct test_sentinels *s);
/* The node whose ROLE is master, among those that run; -1 = none. */
int test_sentinels_primary(struct test_sentinels *s);
/* After a failover: node i, which is dead, comes back empty as a replica of the other one. */
void test_sentinels_rejoin(struct test_sentinels *s, int i);
/* A command to a Sentinel; as test_redis_text. */
char *test_sentinel_text(const struct test_sentinel *s, const char *format, ...);

#endif
