/* The program of a tool: where it runs, with which environment and limits. For the kinds that start one. */
#ifndef ORB_TOOL_PROGRAM_H
#define ORB_TOOL_PROGRAM_H

#include "loop/child.h"
#include "tool/tool.h"

#define ORB_PROGRAM_ARGV_MAX 64
#define ORB_PROGRAM_LIMITS_MAX 6

struct orb_program {
    json_t *argv;                   /* strings, at least one */
    json_t *env, *env_pass;         /* or NULL */
    char *cwd;                      /* "" = ours */
    struct orb_child_limit limits[ORB_PROGRAM_LIMITS_MAX];
    size_t limit_count;
};

/* The members cwd, env, env_pass, cpu_seconds, memory_mb, open_files, file_mb and processes of a tool file. argv is the caller's to set.
 * cpu_seconds: what is allowed unless the file says so, 0 = no limit. After a failure, too, it must be freed. */
int orb_program_read(struct orb_program *program, const struct orb_toolbox *toolbox, const json_t *file, int64_t cpu_seconds, struct orb_error *err) ORB_MUST_CHECK;
void orb_program_done(struct orb_program *program);
/* Starts it as a group with pipes. */
int orb_program_start(const struct orb_program *program, struct orb_loop *loop, void (*output)(void *arg, int fd, const char *data, size_t len),
                      void (*ended)(void *arg, int status), void *arg, struct orb_child **out, struct orb_error *err) ORB_MUST_CHECK;

/* The end of what it writes to stderr, for errors. */
#define ORB_PROGRAM_TAIL 2048
struct orb_program_tail {
    char text[ORB_PROGRAM_TAIL];
    size_t len;
};
void orb_program_tail_add(struct orb_program_tail *tail, const char *data, size_t len);
/* Without blanks at its end, and without NUL. */
void orb_program_tail_trim(struct orb_program_tail *tail);

#endif
