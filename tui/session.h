/* A model and where its messages come from: what the screen, the headless frame and the lines for screen readers share. */
#ifndef ORB_TUI_SESSION_H
#define ORB_TUI_SESSION_H

#include "data.h"
#include "record.h"
#include "state.h"
#include "tui.h"

struct tui_session {
    const struct tui_options *options;
    struct tui_keys *keys;
    struct tui_model *model;
    struct tui_data *data;      /* NULL in a replay */
    struct tui_theme *theme;
    char theme_name[TUI_THEME_NAME]; /* by which it was loaded */
    const char **theme_names;
    struct tui_recorder *recorder;
    struct tui_player *player;  /* of a replay, or NULL */
    struct tui_state state;
    int is_theme_chosen;        /* by the user, in this run */
    int keeps_state;            /* a person's session: not of a replay, nor of one frame */
    int is_changed;             /* a message has come since the last frame */
    int has_told_record;        /* that the recording cannot be written */
    struct { int link, counts, workers, queues, walk, audit; } has; /* what has come at least once, for the headless frame */
    int link_code;              /* why Redis is away, or was the last time */
    uint64_t sent;              /* messages, as a recording counts them */
};

int tui_session_open(struct tui_session *session, const struct tui_options *options, struct orb_error *err) ORB_MUST_CHECK;
void tui_session_close(struct tui_session *session);
/* A message for the model, which is recorded when that is asked for. */
void tui_session_send(struct tui_session *session, const struct tui_msg *msg);
void tui_session_key(struct tui_session *session, enum tui_msg_type type, const char *text, int64_t a, int64_t b);
/* The frame is on the screen: recordings tell it. */
void tui_session_painted(struct tui_session *session);
/* A message of the recording. */
void tui_session_replay(struct tui_session *session, const struct tui_msg *msg);
/* An empty model in place of this one: the replay begins again. */
int tui_session_rewind(struct tui_session *session, struct orb_error *err) ORB_MUST_CHECK;
/* What the model asked of the shell that needs no terminal: themes, files. */
void tui_session_serve(struct tui_session *session);
/* The frame as it is now, of the model's size. New memory. */
struct tui_grid *tui_session_frame(struct tui_session *session);

int tui_once(struct tui_session *session, struct orb_error *err) ORB_MUST_CHECK;
int tui_plain(struct tui_session *session, struct orb_error *err) ORB_MUST_CHECK;
int tui_screen(struct tui_session *session, struct orb_error *err) ORB_MUST_CHECK;

#endif
