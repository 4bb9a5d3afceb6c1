/* Child processes of ours. */
#ifndef ORB_LOOP_CHILD_H
#define ORB_LOOP_CHILD_H

#include "loop/loop.h"
#include <sys/types.h>

/* Bytes that wait for a child to read them. */
#define ORB_CHILD_INPUT_MAX (4 * 1024 * 1024)

struct orb_child;

struct orb_child_limit {
    int resource;               /* RLIMIT_… */
    uint64_t value;
};

/* Borrowed for the start. A child gets no other descriptors than 0, 1 and 2, and default signals. */
struct orb_child_options {
    const char *const *argv;    /* argv[0] is looked up in our PATH, or is a path, from cwd */
    const char *const *env;     /* "NAME=value", NULL at the end */
    int is_env_whole;           /* env is all it gets; else it is added to ours */
    const char *cwd;            /* NULL = ours */
    /* A session and process group of its own. What is left of the group when its leader has ended is killed; so is
     * the leader when this process dies. No new privileges by set-user-id programs. */
    int is_group;
    const struct orb_child_limit *limits;
    size_t limit_count;
    int has_input;              /* stdin is a pipe, see orb_child_write; else /dev/null */
    /* What it writes to stdout (fd 1) and stderr (2), as it comes. NULL: stdout is thrown away, stderr is ours. */
    void (*output)(void *arg, int fd, const char *data, size_t len);
    /* Once, after the last output: exit status, or -signal. The child may be freed in it, not in output. */
    void (*ended)(void *arg, int status);
    void *arg;
};

/* ORB_E_SYSTEM: no such program or folder; ORB_E_NOMEM: no descriptors, processes or memory. */
int orb_child_start(struct orb_loop *loop, const struct orb_child_options *options, struct orb_child **out, struct orb_error *err) ORB_MUST_CHECK;
/* Sends to its stdin when it reads. Without effect when it has closed it. ORB_E_TOO_LARGE when ORB_CHILD_INPUT_MAX wait. */
int orb_child_write(struct orb_child *child, const char *data, size_t len) ORB_MUST_CHECK;
/* Closes its stdin after what was written. */
void orb_child_end_input(struct orb_child *child);
void orb_child_signal(const struct orb_child *child, int signo);
/* SIGKILL, to its whole group when it has one; ended follows. */
void orb_child_kill(const struct orb_child *child);
pid_t orb_child_pid(const struct orb_child *child); /* 0 when it has ended */
/* ended is not called any more. The process goes on, but a group is killed. */
void orb_child_free(struct orb_child *child);

#endif
