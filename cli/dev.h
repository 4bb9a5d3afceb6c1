/* `orbiter dev`: one per user, found by every other command of that user. */
#ifndef ORB_CLI_DEV_H
#define ORB_CLI_DEV_H

#include "cli.h"
#include <sys/types.h>

enum { DEV_PATH_MAX = 512 };

/* Where a dev keeps its things. */
struct dev_paths {
    char run_dir[DEV_PATH_MAX];   /* 0700, ours */
    char socket[DEV_PATH_MAX];    /* redis-server's */
    char lock[DEV_PATH_MAX];      /* held while dev or its redis-server lives; the text is dev's pid */
    char state_dir[DEV_PATH_MAX]; /* append-only file and log */
    char log[DEV_PATH_MAX];
};

/* dev_paths.c */
int dev_paths_run(struct dev_paths *paths, int is_create, struct orb_error *err);   /* run_dir, socket, lock */
int dev_paths_state(struct dev_paths *paths, struct orb_error *err); /* state_dir, log; creates */
/* The URL of the socket, percent-encoded; new memory. */
char *dev_url(const struct dev_paths *paths);
/* Takes the lock; *fd keeps it. ORB_E_REFUSED names the pid of the one that has it. */
int dev_lock(const struct dev_paths *paths, int *fd, struct orb_error *err);
/* The URL of the running dev of this user, NULL when there is none; new memory. */
char *dev_find(void);

/* dev_child.c */
struct dev_spawn {
    const char *const *argv; /* argv[0] is the program: a path, or a name to find in PATH */
    const char *variable, *value; /* one more environment variable, or NULL */
    int in_fd;               /* stdin, -1 = /dev/null */
    int log_fd;              /* stdout and stderr */
    int is_log_stderr_only;  /* stdout is /dev/null */
    int keep_fd;             /* stays open in the child, -1 = none */
    int death_signal;        /* sent to the child when we die */
};
pid_t dev_child_start(const struct dev_spawn *spawn, struct orb_error *err); /* -1 = failed */
/* The path of a program that is installed beside this one, else its name. */
void dev_child_path(const char *name, char *out, size_t cap);
/* Is there such a program in PATH? */
int dev_child_is_there(const char *name);

/* The command line of an orbiter-worker, by a name and its value after the other. */
struct dev_words {
    const char *argv[24];
    size_t count;
};
void dev_words_add(struct dev_words *words, const char *name, const char *value); /* value NULL: nothing */
void dev_words_add_runtime(struct dev_words *words, const struct orb_runtime_args *args);

/* dev_redis.c */
pid_t dev_redis_start(const struct dev_paths *paths, int is_ephemeral, int log_fd, int lock_fd, struct orb_error *err);
/* 1 when it answers PING, 0 when not yet. */
int dev_redis_is_ready(const struct dev_paths *paths);

/* dev_demo.c: tasks that show that it works */
struct dev_demo;
typedef void (*dev_demo_end_cb)(void *arg, int code); /* once, when all have ended; code of the first that failed */
int dev_demo_start(struct cli *cli, dev_demo_end_cb done, void *arg, struct dev_demo **out);
void dev_demo_free(struct dev_demo *demo);

/* dev_console.c: the demo on a terminal */
int dev_console_tasks(struct cli *cli); /* submits what is to be seen; 0, or a code that was said */
pid_t dev_console_start(const struct cli *cli, const char *url, struct orb_error *err); /* -1 = failed */

#endif
