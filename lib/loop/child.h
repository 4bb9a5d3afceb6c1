/* Child processes of ours. */
#ifndef ORB_LOOP_CHILD_H
#define ORB_LOOP_CHILD_H

#include "loop/loop.h"

struct orb_child;
/* Starts argv (looked up in PATH) without input, its output thrown away and its stderr that of this process.
 * env: "NAME=value" to add, NULL at the end. ended runs once: exit status, or -signal. */
int orb_child_start(struct orb_loop *loop, const char *const argv[], const char *const env[],
                    void (*ended)(void *arg, int status), void *arg, struct orb_child **out, struct orb_error *err) ORB_MUST_CHECK;
void orb_child_signal(const struct orb_child *child, int signo);
/* The process goes on; ended is not called any more. */
void orb_child_free(struct orb_child *child);

#endif
