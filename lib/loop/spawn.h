/* Starting a process: what posix_spawn leaves out (limits, death with the parent). For child.c only. */
#ifndef ORB_LOOP_SPAWN_H
#define ORB_LOOP_SPAWN_H

#include "loop/child.h"

/* fds: what become 0, 1 and 2; each above 2. mark: a variable for groups. */
int orb_spawn(const struct orb_child_options *options, const int fds[3], const char *mark, pid_t *pid, struct orb_error *err) ORB_MUST_CHECK;

#endif
