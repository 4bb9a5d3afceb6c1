/* For tests: the troubles that a worker can have with Redis, each done to a rig. */
#ifndef TESTS_SUPPORT_FAULT_H
#define TESTS_SUPPORT_FAULT_H

#include "support/rig.h"

enum {
    FAULT_IS_REACHABLE = 1,      /* the test can submit and cancel meanwhile */
    FAULT_BREAKS_LINK = 2,       /* a cancel counts from when the worker listens anew */
    FAULT_LOSES_ALL = 4,         /* the tasks before it are gone */
};

struct fault {
    const char *name;
    int hold_ms, flags;
    void (*prepare)(struct rig *rig); /* not measured; may be NULL, as the next */
    void (*begin)(struct rig *rig);
    void (*tick)(struct rig *rig);    /* now and then while it lasts */
    void (*end)(struct rig *rig);     /* may be NULL */
};
extern const struct fault faults[]; /* the last one has no name */

#endif
