/* For the proofs under fire: a fleet whose processes are killed, stopped and replaced
 * while the lifecycle feed is followed, and figures that are held against targets.
 *
 * A proof has a short form (seconds, in `make check`) and a full one
 * (CHAOS_FULL=1). What it does to whom and when comes from SEED alone. What it finds wrong is
 * counted and printed, so that all figures of a run are seen; chaos_end fails the test. */
#ifndef TESTS_CHAOS_CHAOS_H
#define TESTS_CHAOS_CHAOS_H

#include "support/fake.h"
#include "support/fleet.h"
#include <hiredis/hiredis.h>
#include <stdio.h>

#define CHAOS_WORKERS_MAX 16
#define CHAOS_QUEUE ORB_QUEUE_DEFAULT
#define CHAOS_LEASE_MS 3000

/* ---- samples ------------------------------------------------------------ */

struct chaos_samples {
    double *at;
    size_t count, cap;
};
void chaos_sample(struct chaos_samples *s, double value);
double chaos_percentile(struct chaos_samples *s, double percent); /* 0 when there is none */

/* ---- the fleet ---------------------------------------------------------- */

struct chaos_worker {
    struct test_child child;
    pid_t pid;            /* of the child, also after its end */
    int64_t stopped_ms;   /* SIGSTOP was sent then; 0 = not stopped */
    int64_t term_ms;      /* SIGTERM was sent then; 0 = not */
};

/* A task as the feed tells it. Times are Unix milliseconds, by the clock of this machine. */
struct chaos_task {
    enum orb_status status;
    int attempt;                         /* the highest that was begun */
    int begins, completed, failed, cancelled; /* entries of the feed */
    int reverts;                         /* states after a final one */
    int may_crash;                       /* the proof expects its workers to die */
    pid_t pid;                           /* of the worker of its last begin */
    int64_t running_ms, final_ms;        /* of the last begin, of the first final state */
    int64_t lost_ms;                     /* what ran it was killed or stopped then; 0 = no */
    int was_stopped;                     /* the latter */
};

struct chaos;
typedef void (*chaos_feed_fn)(struct chaos *c, enum orb_status status, int task, pid_t pid, int64_t ms);
/* Fills what the submit of task i is to ask for; task_id is set by chaos_submit, agent_config unless this has set it. */
typedef void (*chaos_spec_fn)(struct chaos *c, int task, struct orb_task_spec *spec, char model[256]);

struct chaos {
    /* Set by the proof before chaos_begin. */
    int is_durable;                 /* Redis writes everything to disk before it answers */
    const char *const *args;        /* more arguments of the workers, NULL at the end */
    const char *const *env;         /* and their environment */
    chaos_feed_fn on_feed;          /* every state of every task, as it is read; may be NULL */
    chaos_spec_fn spec;
    int tasks_max;

    const char *name;
    uint64_t seed, random;
    int is_full;
    struct test_fleet fleet;
    struct chaos_worker workers[CHAOS_WORKERS_MAX];
    int worker_count;
    int is_calm;                    /* nothing is killed: no task is looked after */
    int may_die;                    /* workers may end by themselves; they are replaced */
    struct chaos_task *tasks;
    int task_count;                 /* submitted, or being submitted */
    int in_flight, finals;          /* submits without an answer; tasks with a final state */
    int is_redis_up;
    int64_t back_ms;                /* Redis came back then */
    int64_t moved_ms;               /* the feed said something new then (monotonic) */
    struct chaos_samples killed, stopped; /* ms from the loss of a worker to the next begin */
    long stale;                     /* late commits, from the logs of the workers */
    int early;                      /* workers that ended before they served */
    int misses;

    redisContext *link;
    char feed_id[32];
    struct { pid_t pid; int64_t ms; } *graves;
    size_t grave_count, grave_cap;
    int *again;                     /* submits to be repeated */
    int again_count;
    int64_t look_ms;
};

/* Reads SEED and CHAOS_FULL, prints the seed, makes room for the tasks: for a proof that sets the fleet up by itself. */
void chaos_seed(struct chaos *c, const char *name);
/* That, and starts Redis and the client. */
void chaos_begin(struct chaos *c, const char *name);
/* Ends all it has started; fails the test when anything was missed. */
void chaos_end(struct chaos *c);
/* The same, wherever a test was left. */
void chaos_abandon(struct chaos *c);

/* A number within [0, n) of the plan. */
int chaos_random(struct chaos *c, int n);
int64_t chaos_wall_ms(void);
double chaos_mono_s(void); /* by the monotonic clock */

/* One turn: the client's loop, the feed, workers that have ended. */
void chaos_turn(struct chaos *c);
/* Turns until ready(c); fails with what the unfinished tasks look like when nothing has moved for stall_ms. */
void chaos_until(struct chaos *c, const char *what, int (*ready)(struct chaos *c), int stall_ms);
void chaos_print(struct chaos *c);          /* what unfinished tasks and the queue look like */
void chaos_pass(struct chaos *c, int ms);   /* turns for so long */
int chaos_all_final(struct chaos *c);
int chaos_none_in_flight(struct chaos *c);

/* ---- tasks -------------------------------------------------------------- */

/* Task i has the id task-%06d. Is repeated when Redis goes away meanwhile. */
void chaos_id(int task, char out[32]);
int chaos_task_of(const char *id);  /* -1 = none of ours */
void chaos_submit(struct chaos *c, int task);
/* All of [from, to), at most 256 at once, until they are accepted. */
void chaos_submit_all(struct chaos *c, int from, int to);

/* ---- faults ------------------------------------------------------------- */

void chaos_worker_start(struct chaos *c, int w);  /* returns at once */
void chaos_worker_replace(struct chaos *c, int w, int signo); /* SIGKILL, and a new one */
void chaos_worker_stop(struct chaos *c, int w);   /* SIGSTOP */
void chaos_worker_cont(struct chaos *c, int w);
void chaos_workers_end(struct chaos *c);          /* SIGTERM to all, and their ends */
int chaos_is_serving(struct chaos_worker *w);
void chaos_kill_pid(struct chaos *c, pid_t pid);  /* a process of this fleet that is not a child of ours */
int chaos_pid_lives(pid_t pid);                   /* and is no zombie */
void chaos_redis_down(struct chaos *c, int signo);
void chaos_redis_up(struct chaos *c);

/* ---- what it came to ----------------------------------------------------- */

/* Prints `figure NAME VALUE UNIT target`. relation: "<=", "=", ">=", or NULL: nothing is asked. A target in time (unit
 * ms or s) is ten times as generous in the short form, and more under sanitizers. */
void chaos_figure(struct chaos *c, const char *name, double value, const char *unit, const char *relation, double target);
/* Counts a miss unless ok; the first twenty are printed. */
void chaos_expect(struct chaos *c, int ok, const char *fmt, ...) ORB_PRINTF(3, 4);

/* On a connection of this program's own; NULL while Redis is away. */
redisReply *chaos_command(struct chaos *c, const char *fmt, ...) ORB_PRINTF(2, 3);
long long chaos_number(struct chaos *c, const char *fmt, ...) ORB_PRINTF(2, 3);

/* What a stored stream says. */
struct chaos_stream {
    int attempt;                  /* the highest */
    int gaps, repeats, terminals;
    int last_gaps, last_repeats;  /* in that attempt */
    char *text;                   /* of that attempt */
    size_t len;
};
/* For every task in [from, to): its hash and its stored stream. */
typedef void (*chaos_look_fn)(struct chaos *c, int task, redisReply *hash, const struct chaos_stream *stream);
void chaos_look(struct chaos *c, int from, int to, chaos_look_fn look);
const char *chaos_field(const redisReply *hash, const char *name); /* "" = not set */
/* Nothing is queued, delivered, delayed or listed as open. */
void chaos_expect_drained(struct chaos *c);
int chaos_has_drained(struct chaos *c);

#endif
