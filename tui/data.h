/* Between the model and Redis: asks for what the model wants, turns what comes into messages, and carries out acts. */
#ifndef ORB_TUI_DATA_H
#define ORB_TUI_DATA_H

#include "model.h"

struct tui_data;
typedef void (*tui_sink)(void *arg, const struct tui_msg *msg);
/* The input of a task that is to be edited, or why there is none. serial: as it was given. */
typedef void (*tui_input_cb)(void *arg, int serial, const char *text, size_t len, const struct orb_error *err);

/* sink gets the messages, from the loop. model is read, never changed, but for its flags of what is wanted. */
/* has_past: what has happened lately is told first. */
int tui_data_new(struct orb_loop *loop, const struct orb_redis_options *redis, struct tui_model *model, int has_past, tui_sink sink, void *arg,
                 struct tui_data **out, struct orb_error *err) ORB_MUST_CHECK;
void tui_data_free(struct tui_data *data);
/* After every turn: what the model wants now. */
void tui_data_serve(struct tui_data *data);
int tui_data_has_joined(const struct tui_data *data); /* the feed's past has been told */
/* That, and every row that is known is as Redis has it. */
int tui_data_is_settled(const struct tui_data *data);
int tui_data_input(struct tui_data *data, const char *id, int serial, tui_input_cb cb, void *arg, struct orb_error *err) ORB_MUST_CHECK;

#endif
