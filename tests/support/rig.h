/* For tests: a real worker that reaches its redis-server through a fault proxy, and how it bears
 * what is done to it: its processor time, its log lines, its tasks. The test itself goes
 * straight to the server. */
#ifndef TESTS_SUPPORT_RIG_H
#define TESTS_SUPPORT_RIG_H

#include "support/fake.h"
#include "support/fleet.h"
#include "support/proxy.h"

struct rig {
    struct test_fleet fleet;
    struct test_redis spare;         /* the replica; its folder is empty when it was never started */
    struct test_fake fake;
    struct test_proxy proxy;
    struct test_child worker;

    /* Since rig_watch. */
    int64_t began_ms;
    double cpu_s;                    /* the worker's at the beginning */
    size_t log_size;

    uint64_t random;                 /* set to a seed before the first rig_random */
    long long link_id;               /* of the connection that listened for cancels before the fault */
    int is_sound;                    /* for the test: may be used for more */
};

struct rig_figures {
    double cpu_percent;              /* of one processor */
    int lines_a_second;              /* the most within one second */
};

/* Everything is there and the worker serves; fine to call when it is. */
void rig_start(struct rig *rig);
void rig_stop(struct rig *rig); /* fine when it never started */

int rig_random(struct rig *rig, int n); /* within [0, n) */

/* From now on the worker is measured. */
void rig_watch(struct rig *rig);
void rig_measure(struct rig *rig, struct rig_figures *out);
void rig_fail(struct rig *rig, const char *what); /* with the worker's log */
/* Some milliseconds; fails when the worker has ended. Every wait below does it. */
void rig_turn(struct rig *rig);
void rig_until(struct rig *rig, const char *what, int (*ready)(void *arg), void *arg, int timeout_ms);

/* Straight to the server, on a connection of its own: another one may have broken meanwhile. */
void rig_submit(struct rig *rig, const char *id, const char *model);
void rig_cancel(struct rig *rig, const char *id);
void rig_wait_field(struct rig *rig, const char *id, const char *name, const char *value, int timeout_ms);

/* The newest connection that listens for cancels, 0 = none. */
long long rig_listening_id(const struct rig *rig);

/* The primary is gone, a replica that has all it had takes its place, and the proxy goes there. */
void rig_add_replica(struct rig *rig);
void rig_wait_replica(struct rig *rig);
void rig_promote_replica(struct rig *rig);

#endif
