/* For tests of the step machine: plays with a run, as an executor does, without a server or a clock. */
#ifndef TESTS_SUPPORT_PLAY_H
#define TESTS_SUPPORT_PLAY_H

#include "agent/run.h"
#include "support/order.h"

#define PLAY_LINES_MAX 256
#define PLAY_PENDING_MAX 512
#define PLAY_TALKS_MAX 8192

/* What was asked for and has not come yet. */
struct play_item {
    enum { PLAY_MODEL, PLAY_TOOL, PLAY_ADVANCE } type;
    int talk, call;
    char agent[512], tool[65], arguments[256];
    const char *answer;              /* what is left of it, when it has begun */
    int has_usage;                   /* it was told what the call used */
};

struct play {
    const json_t *config;
    json_t *history;
    const char *input;
    int is_detailed, is_interleaved;
    int reload_percent;              /* how often, after an input, the state is written out and read back */
    const struct orb_prices *prices;
    size_t artifact_bytes;           /* 0 = as usual */
    struct orb_run *run;
    struct orb_buf trace;            /* the events, a line each */
    int is_quiet;                    /* no trace */
    struct play_item pending[PLAY_PENDING_MAX];
    size_t count;
    double now;
    int attempts, ends, events;
    struct order order;              /* of the events, when detailed */
    int agents[PLAY_TALKS_MAX];      /* of a talk, its agent in the plan */
    enum orb_action_type end;
    uint64_t digest;                 /* of all events */
    unsigned random, reload_random;
    const char *answers[PLAY_LINES_MAX], *tool_results[PLAY_LINES_MAX]; /* of scenarios; NULL once used */
    size_t answer_count, result_count;
};

/* Tools that a config may name: add, look, and big, whose results are always large. They are data, and cannot be run. */
extern struct orb_tool play_tools[3];
int play_tools_make(void **state);
int play_tools_drop(void **state);   /* fails when a run has kept one */

void play_put(struct play *play, const char *format, ...) ORB_PRINTF(2, 3);
/* 0..n-1, the same for the same seed. */
unsigned play_random(struct play *play, unsigned n);
/* The next attempt has begun. */
void play_advance(struct play *play);
/* Makes the run and starts it; the error of one that is refused goes to the trace. */
int play_start(struct play *play);
/* After an input: takes the actions into pending. */
void play_drain(struct play *play);
void play_drop_item(struct play *play, size_t index);
/* The state of the run goes out as text and comes back, and is the same once more. */
void play_reload(struct play *play);

#endif
