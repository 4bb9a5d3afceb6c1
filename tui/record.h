/* Recordings: messages as lines of JSON, one each, in the order in which the model got them. The same messages make the same frames. */
#ifndef ORB_TUI_RECORD_H
#define ORB_TUI_RECORD_H

#include "msg.h"
#include <jansson.h>

struct tui_recorder;
/* A new file, or ORB_E_SYSTEM; ORB_E_EXISTS when it is there already. */
int tui_recorder_open(const char *file, const char *title, const char *user, struct tui_recorder **out, struct orb_error *err) ORB_MUST_CHECK;
void tui_recorder_write(struct tui_recorder *recorder, const struct tui_msg *msg);
/* 0, or what went wrong while it was written. */
int tui_recorder_close(struct tui_recorder *recorder, struct orb_error *err);

struct tui_player;
/* ORB_E_INVALID with file and line when it is none. */
int tui_player_open(const char *file, struct tui_player **out, struct orb_error *err) ORB_MUST_CHECK;
void tui_player_close(struct tui_player *player);
/* What the header said; valid as long as the player. */
const char *tui_player_title(const struct tui_player *player);
const char *tui_player_user(const struct tui_player *player);
/* The next message, valid until the next call; 1 at the end, or an error code. */
int tui_player_next(struct tui_player *player, struct tui_msg *out, struct orb_error *err);

/* Text from anywhere; what is no UTF-8 is marked as on the screen. */
json_t *tui_text_json(const char *text, size_t len);
/* One message as a line, new memory; and back: what it points to belongs to *keep, freed by tui_msg_done. */
struct tui_msg_memory;
char *tui_msg_write(const struct tui_msg *msg);
int tui_msg_read(const char *line, size_t len, struct tui_msg *out, struct tui_msg_memory **keep, struct orb_error *err);
void tui_msg_done(struct tui_msg_memory *keep);

#endif
