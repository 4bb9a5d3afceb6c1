/* A model of the queue, kept beside a real one: what each task, entry and worker should be by the rules of
 * docs/WIRE.md and the heads of the scripts. It is written from those, and knows no Lua.
 *
 * ref.c is the state machine: what a call must answer and what is so afterwards. link.c sends calls to Redis and reads back
 * what a task is there. check.c holds the two against each other. act.c picks what happens next: client.c, attempt.c, fleet.c
 * and trouble.c do it. */
#ifndef TESTS_CHAOS_MODEL_MODEL_H
#define TESTS_CHAOS_MODEL_MODEL_H

#include "chaos/chaos.h"
#include "store/scripts.h"

#define NS "{m}:"
#define QUEUES 2
#define LANES 3 /* priorities 9, 5 and 0; 5 is the plain stream */
#define PLAIN 1
#define TASKS 24
#define WORKERS 8 /* of queue w % 2; the last two are Python's */
#define HOLDS 96
#define ENTRIES 512
#define KEYS 4 /* idempotency keys */
#define LOG_LINES 30

enum state { ABSENT, PENDING, RUNNING, RETRYING, COMPLETED, FAILED, CANCELLED };
enum index { OPEN = 1, BACKING_OFF = 2, DONE_COMPLETED = 4, DONE_FAILED = 8, DONE_CANCELLED = 16 };
enum { WAITING = -1, ACKED = -2 }; /* of an entry, beside the worker it is pending on */

struct task {
    int is_used;
    char id[24], payload[160];
    int queue, priority;
    enum state state;
    int is_ended;               /* completed_at is set */
    int attempt, retries, waits, recoveries, deaths, is_alone;
    int has_created;            /* no: Python's cancel, or nothing, is all there is */
    int has_result;             /* Python's cancel leaves it */
    int worker;                 /* of the last attempt; -1 = none */
    char owner[16];
    int has_entry_id;
    char entry_id[40];          /* "" = it waits for its time */
    int has_payload;
    int indexes;
    int64_t due_ms;             /* in the delayed set; 0 = it is not */
    int64_t deadline_ms, started_ms;
    char nonce[16];
    enum state cancelled_from;
    long events;                /* in its stream */
    int seq, seq_attempt, terminals;
    int may_be_queued;          /* this sweep may give it one entry */
    int is_damaged;             /* a key was deleted: it may be gone */
    int is_pythons;             /* a Python worker has had it: no promise of a terminal event */
    long ended_at_step;
    char log[LOG_LINES][128];
    unsigned log_count;
};

struct entry {
    int is_used, queue, lane, task /* -1: nonsense */, holder, has_task_id;
    char id[32];
};

struct worker {
    char name[16], owner[16];
    int process, queue, is_python;
    int is_alive, has_lease, has_beat, was_leased;
    int64_t made_ms;            /* the lease, by the clock of Redis */
    long taken;
};

/* What a process of a worker has been given: it goes on believing that when it is dead. */
struct hold {
    int is_used, worker, process, task, has_task_id, attempt, seq, is_alone, wants_alone;
    char id[24], place[40], owner[16];
    long grown;                 /* what its end adds to what the queue's tasks have used */
};

/* A task as Redis has it. */
struct view {
    int is_there, has_payload, indexes;
    enum state state;
    int is_ended, attempt, retries, waits, recoveries, worker, has_entry_id, has_created, has_result;
    char entry_id[40], owner[16];
    int64_t due_ms, deadline_ms, started_ms;
    long events;
    char last[256];
    uint64_t digest;
};

struct model {
    struct chaos chaos;
    redisContext *link;
    long step, steps, made, calls, repeats, stale, lost_keys, recovered, begun, ended[8], per_action[64];
    int64_t before_ms, after_ms; /* the clock of Redis around the last call */
    struct task tasks[TASKS];
    struct entry entries[ENTRIES];
    struct worker workers[WORKERS];
    struct hold holds[HOLDS];
    int has_group[QUEUES][LANES], has_stream[QUEUES][LANES];
    long used[QUEUES];          /* tokens of all its tasks */
    char idem[KEYS][24];
    char reply[8192], log[60][160];
    unsigned log_count;
};
extern struct model m;

/* ---- link.c ------------------------------------------------------------- */

/* Appends a command to the pipeline; its reply is read in the same order. */
void link_put(const char *fmt, ...);
redisReply *link_get(void);
void link_run(const char *fmt, ...); /* both; an error fails */
void link_eval(const struct orb_script *script, const char *key, const char *const *args);
void link_clock(int64_t *ms); /* reads the reply of a TIME */
const char *flatten(const redisReply *reply, char *out, size_t size);
void view_put(const struct task *t);
void view_get(const struct task *t, struct view *v);
const char *queue_name(int queue);
const char *stream_key(int queue, int lane);

/* Sends the call between two looks at the clock, and the task's view behind it (t may be NULL); a second time,
 * when is_repeated, whose answer and view must be the same. m.reply is the answer. */
void call(struct task *t, struct view *v, int is_repeated, const struct orb_script *script, const char *key, const char *const *args);

/* ---- ref.c -------------------------------------------------------------- */

extern const char *const state_words[];
int is_final(enum state s);
struct entry *entry_at(int queue, const char *place);
struct entry *entry_add(int queue, const char *place, int task, int has_task_id);
void entry_place(const struct entry *e, char out[40]);
struct entry *entry_of(int task); /* any */
int id_compare(const char *a, const char *b);
void spend(int queue, const char *place);
int waiting(int queue);
int lane_of(const char *place);
int priority_of(int lane);
enum { ALIVE, DEAD, SILENT };
int standing(int worker);
int is_overdue(const struct task *t, int has_payload); /* 1, 0, or -1: it was so during the call */
int is_past(int64_t ms);              /* the same */

void end_task(struct task *t, enum state to, int seq, int attempt);
/* Each fills what must be answered; m.reply, which was, decides where the clock may go either way. */
void ref_begin(struct hold *h, int worker, const char *owner, int is_alone, char expected[128]);
void ref_finish(struct hold *h, enum state outcome, char expected[128]);
void ref_retry(struct hold *h, int delay_ms, int most, char expected[128]);
void ref_requeue(struct hold *h, char expected[128]);
void ref_check(const struct hold *h, char expected[128]);
void ref_cancel(struct task *t, const char *nonce, const char *seen, char expected[128]);
void ref_poison(const struct hold *h, int has_id, char expected[128]);

/* ---- check.c ------------------------------------------------------------ */

void note(struct task *t, const char *fmt, ...) ORB_PRINTF(2, 3);
void wrong(const struct task *t, const struct view *v, const char *fmt, ...) ORB_PRINTF(3, 4) __attribute__((noreturn));
void expect_reply(const struct task *t, const struct view *v, const char *expected);
void expect_same(struct task *t, const struct view *v);
/* Everything of a queue, exactly; after a sweep: every move must be one that a sweep may make, and becomes the model's. */
void check_queue(int queue, int is_after_sweep, int is_urgent);
void check_end(void);

/* ---- act.c -------------------------------------------------------------- */

int rnd(int n);
void act(void);
void print_acts(void);
void drain(void);
void hold_drop_all(void);

#endif
