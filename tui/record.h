/* Recordings: messages as lines of JSON, one each, in the order in which the model got them. The same messages make the same frames. */
#ifndef ORB_TUI_RECORD_H
#define ORB_TUI_RECORD_H

#include "keys.h"
#include "msg.h"
#include <jansson.h>

/* What the frames depend on beside the messages: what the console was started with. Strings may be NULL. */
struct tui_record_head {
    const char *title, *user, *screen, *task, *filter, *hint;
    int is_readonly;
    const struct tui_keys *keys; /* what a key meant */
};

struct tui_recorder;
/* A new file, or ORB_E_SYSTEM; ORB_E_EXISTS when it is there already. */
int tui_recorder_open(const char *file, const struct tui_record_head *head, struct tui_recorder **out, struct orb_error *err) ORB_MUST_CHECK;
void tui_recorder_write(struct tui_recorder *recorder, const struct tui_msg *msg);
/* What is written so far is in the file. 0, or what went wrong since it was opened. */
int tui_recorder_flush(struct tui_recorder *recorder, struct orb_error *err);
/* 0, or what went wrong while it was written. */
int tui_recorder_close(struct tui_recorder *recorder, struct orb_error *err);

struct tui_player;
/* ORB_E_INVALID with file and line when it is none. */
int tui_player_open(const char *file, struct tui_player **out, struct orb_error *err) ORB_MUST_CHECK;
void tui_player_close(struct tui_player *player);
/* Valid as long as the player. */
const struct tui_record_head *tui_player_head(const struct tui_player *player);
/* The next message, valid until the next call; 1 at the end, or an error code. A last line without its end is what a crash has left: the end is before it. */
int tui_player_next(struct tui_player *player, struct tui_msg *out, struct orb_error *err);

/* Text from anywhere; what is no UTF-8 is marked as on the screen. */
json_t *tui_text_json(const char *text, size_t len);
/* One message as a line, new memory; and back: what it points to belongs to *keep, freed by tui_msg_done. */
struct tui_msg_memory;
char *tui_msg_write(const struct tui_msg *msg);
int tui_msg_read(const char *line, size_t len, struct tui_msg *out, struct tui_msg_memory **keep, struct orb_error *err);
void tui_msg_done(struct tui_msg_memory *keep);

#endif
