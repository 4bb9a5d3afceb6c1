/* The children of a loop, and what they leave behind: their own children that have made a session of their own and lost their
 * parent. A process that adopts (orb_loop_adopt) becomes the parent of those, and can end them. For child.c. */
#ifndef ORB_LOOP_FAMILY_H
#define ORB_LOOP_FAMILY_H

#include "loop/loop.h"
#include <sys/queue.h>
#include <sys/types.h>

/* A variable that groups have in their environment and pass on: it tells whose an orphan is. */
#define ORB_FAMILY_VARIABLE "ORBITER_CHILD"

/* A child that runs; part of its owner's memory. */
struct orb_kin {
    LIST_ENTRY(orb_kin) next;
    pid_t pid;
    uint64_t mark;           /* the variable's value behind our process number */
};

/* Before the start. */
void orb_family_mark(struct orb_kin *kin);
/* "NAME=value"; 64 bytes are enough. */
void orb_family_variable(const struct orb_kin *kin, char *out, size_t cap);
void orb_family_join(struct orb_loop *loop, struct orb_kin *kin, pid_t pid);
/* It has ended, and has been waited for; or goes on without us. */
void orb_family_leave(struct orb_loop *loop, struct orb_kin *kin);
#endif
