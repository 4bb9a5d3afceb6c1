/* What the files of data share. */
#ifndef ORB_TUI_DATA_INNER_H
#define ORB_TUI_DATA_INNER_H

#include "data.h"

#include <orbiter/dead.h>
#include <orbiter/operate.h>
#include <orbiter/watch.h>

#define TUI_POLL_DOWN_MS 300  /* between two questions while Redis is away */
#define TUI_REFRESH_MS 250

struct tui_data {
    struct orb_loop *loop;
    struct orb_client *client;
    struct tui_model *model;
    tui_sink sink;
    void *arg;
    int is_up;
    struct orb_feed *feed;
    int64_t silent_ms;          /* what it said last */
    /* the walk over all tasks: at once at first, later slowly, to repair */
    struct orb_walk *walk;
    struct orb_timer *walk_timer;
    int is_walking, is_fast;
    /* what is asked for again and again */
    struct orb_timer *poll, *refresh;
    struct orb_timer *rest;     /* of the cursor */
    char next_id[ORB_ID_MAX + 1]; /* the task it rests on */
    int polls;                  /* answers still to come */
    int64_t polled_ms;
    int is_refreshing, is_tailing, is_auditing;
    int is_refused[TUI_TROUBLES];
    uint32_t asked[TUI_REFRESH_MAX]; /* rows whose answer is to come */
    size_t asked_count;
    int rounds;                 /* of such questions since the last timer */
    int has_joined;             /* the feed has told all that was there when it was opened */
    /* the open task */
    struct orb_task_handle *handle;
    char open_id[ORB_ID_MAX + 1];
    unsigned open_serial;       /* of the model's open task, when it was followed */
    int is_detailing;
    int64_t detailed_ms;
    /* acts */
    int in_flight;
};

/* A message of this type, with the time of now; the caller fills the rest and sends it. */
struct tui_msg tui_data_msg(enum tui_msg_type type);
void tui_data_send(struct tui_data *data, const struct tui_msg *msg);
/* A question was refused, or, without err, answered. That the link is down says LINK. */
void tui_data_trouble(struct tui_data *data, enum tui_trouble what, const struct orb_error *err);
void tui_data_tell(struct tui_data *data, enum tui_msg_type type, const char *id, const char *text);

/* A question that failed because the link is down says nothing new: LINK does. */
int tui_data_is_away(const struct orb_error *err);
const char *tui_data_why(const struct orb_error *err); /* "" when there is none */

/* data_poll.c: of the timers */
void tui_data_poll(void *data);
void tui_data_refresh(void *data);
/* data_open.c */
/* Follows its stream, from behind what the model has of it. */
void tui_data_open(struct tui_data *data, const char *id);
void tui_data_detail(struct tui_data *data);
/* data_act.c */
void tui_data_acts(struct tui_data *data);

#endif
