/* What the parts of the console's harness share. */
#ifndef TESTS_BENCH_CONSOLE_H
#define TESTS_BENCH_CONSOLE_H

#include <stdint.h>
#include <sys/types.h>

#include "support/top.h"

struct bench {
    const char *orbiter; /* the program */
    const char *url;     /* of Redis: unix://PATH */
    const char *work;    /* a folder for files */
    double seconds;      /* how long what is measured over time is measured */
    int tasks;           /* to be there before: what `fill` was told */
};

/* ---- the console in a terminal (top.c) ---- */

/* As test_top_start; a replay when that is the first argument. */
struct test_terminal *top_start(const struct bench *b, int rows, int cols, const char *const more[]);
typedef int (*top_fn)(struct test_terminal *t, void *arg);
/* Takes what it prints until ready is not 0: the time (orb_mono_us) at which that was seen. Fails with the screen. */
int64_t top_wait(struct test_terminal *t, const char *what, top_fn ready, void *arg, int timeout_ms);
/* Types the keys, and ms until ready. */
double top_key(struct test_terminal *t, const char *bytes, const char *what, top_fn ready, void *arg);
/* Takes what it prints for so long; each: called after every piece, may be NULL. */
void top_run(struct test_terminal *t, double seconds, void (*each)(struct test_terminal *t, void *arg), void *arg);
size_t top_bytes(struct test_terminal *t); /* printed so far */
double top_cpu_s(struct test_terminal *t); /* spent so far */
double top_rss_mib(struct test_terminal *t);

/* ---- numbers ---- */
struct series {
    double *all;
    size_t count, cap;
};
void series_add(struct series *s, double n);
/* 0 <= part <= 1; of an empty series it fails. */
double series_at(struct series *s, double part);
void series_done(struct series *s);
/* One line "NAME VALUE" for run.sh. */
void say(const char *name, double value);

/* ---- what is watched (fleet.c) ---- */

/* Submits so many tasks of several agents, most of which end well, and waits until a worker has finished them. */
void fleet_fill(const struct bench *b, int count);
/* A process that makes so many changes a second (three for each task), to be ended by fleet_end. */
pid_t fleet_changes(const struct bench *b, double rate);
/* One that adds so many text events a second to a task's stream, as text and as Python writes them: none joined. */
pid_t fleet_tokens(const struct bench *b, const char *id, double rate, const char *token, int per_line);
void fleet_end(pid_t pid);
/* A task with this model and a new id, in a queue (NULL: the worker's). */
void fleet_submit(const struct bench *b, const char *model, const char *queue, char id[64]);
void fleet_wait_running(const struct bench *b, const char *id);
/* One command's reply as text (words of format without blanks in them); the caller frees. */
char *fleet_text(const struct bench *b, const char *format, ...);
/* All texts of a task's stream, one after the other; each: called with every event's entry id and text, may be NULL. */
typedef void (*fleet_event_fn)(void *arg, const char *entry, const char *text, size_t len);
void fleet_stream(const struct bench *b, const char *id, fleet_event_fn each, void *arg);
/* Entries of the feed that are about new tasks. */
void fleet_new_tasks(const struct bench *b, void (*each)(void *arg, double at_ms, const char *id), void *arg);
/* A recording with so many tasks. */
void fleet_record(const char *file, int count);

/* ---- what is measured: each says its figures (measure_*.c) ---- */
void measure_delay(const struct bench *b);
void measure_keys(const struct bench *b);
void measure_cpu(const struct bench *b);
void measure_memory(const struct bench *b);
void measure_bytes(const struct bench *b);
void measure_first(const struct bench *b);
void measure_find(const struct bench *b);
void measure_million(const struct bench *b);
void measure_flood(const struct bench *b);

#endif
