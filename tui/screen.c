/* The console on a terminal: what the user does becomes messages, the model becomes frames. A key paints at once; what comes from Redis
 * at most eight times a second (more costs a line of 9,600 baud all it has, and nobody sees it), four when the line is slow. */
#include "session.h"
#include "term.h"
#include "view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FRAME_MS 120
#define SLOW_FRAME_MS 250

struct screen {
    struct tui_session *session;
    struct tui_term *term;
    struct orb_watch *watch;
    struct orb_timer *timer;
    int is_over;                /* the terminal is gone */
    int must_paint;             /* a key: at once */
    int has_unseen_key;         /* one whose effect has not been painted */
    uint64_t inputs;            /* that were taken */
    int owes_idle, is_deaf;     /* see say_idle */
    int64_t painted_ms;
    double painted_at;          /* wall clock: once a second ages move */
    struct tui_msg next;        /* of the replay */
    int has_next, is_replay_over, is_held;
    double replay_from;         /* time of its first message */
    double replay_at, replay_clock, speed; /* seconds into it, at that time of the clock */
    char *input;                /* to be edited, when it has come */
    size_t input_len;
    int input_serial;
    char theme_file[4096];
    struct timespec theme_time;
};

static void note(struct screen *s, const char *text)
{
    tui_session_key(s->session, TUI_MSG_NOTE, text, 0, 0);
}

static void take_size(struct screen *s)
{
    int rows, cols;
    tui_term_size(s->term, &rows, &cols);
    tui_session_key(s->session, TUI_MSG_RESIZE, "", rows, cols);
}

/* ---- replay ----------------------------------------------------------------------------- */

#define SEEK_S 10

static void start_player(struct screen *s, double at)
{
    s->replay_at = at;
    s->has_next = s->is_replay_over = 0;
    s->replay_clock = orb_now();
}

/* The keys that move a replay; 1 = it was one. */
static int steer(struct screen *s, const char *key)
{
    struct orb_error err;
    enum tui_action action = tui_keys_action(s->session->keys, key);
    char text[80];
    if (!s->session->player || s->session->model->prompt.use != TUI_PROMPT_NONE || s->session->model->menu.use != TUI_MENU_NONE)
        return 0;
    switch (action) {
    case TUI_DO_PAUSE: s->is_held ^= 1; break;
    case TUI_DO_SLOWER: s->speed /= s->speed > 0.1 ? 2 : 1; break;
    case TUI_DO_FASTER: s->speed *= s->speed < 500 ? 2 : 1; break;
    case TUI_DO_FORWARD: s->replay_at += SEEK_S; break;
    case TUI_DO_REWIND:
        if (tui_session_rewind(s->session, &err)) {
            note(s, orb_error_message(&err));
            return 1;
        }
        take_size(s);
        start_player(s, s->replay_at > SEEK_S ? s->replay_at - SEEK_S : 0);
        break;
    default:
        if (!tui_actions[action].writes)
            return 0;
        note(s, "this is a replay: nothing can be changed");
        return 1;
    }
    char at[16];
    tui_show_span(s->replay_at, at, sizeof at);
    snprintf(text, sizeof text, "replay: %s%s, speed %g", at, s->is_held ? ", held" : "", s->speed);
    note(s, text);
    return 1;
}

static int next_message(struct screen *s, struct orb_error *err)
{
    int rc = s->has_next ? 0 : tui_player_next(s->session->player, &s->next, err);
    s->has_next = !rc;
    if (!rc && s->replay_from <= 0)
        s->replay_from = s->next.at;
    return rc;
}

/* Everything up to where the replay stands by now. */
static int play(struct screen *s, struct orb_error *err)
{
    double now = orb_now();
    int rc = 0;
    if (!s->is_held && !s->is_replay_over)
        s->replay_at += (now - s->replay_clock) * s->speed;
    s->replay_clock = now;
    while (!s->is_replay_over && !(rc = next_message(s, err)) && s->next.at - s->replay_from <= s->replay_at) {
        s->has_next = 0;
        if (s->next.type != TUI_MSG_RESIZE) /* of this terminal, not of that one */
            tui_session_replay(s->session, &s->next);
    }
    if (rc == 1) {
        s->is_replay_over = 1;
        s->replay_at = s->next.at - s->replay_from;
        const struct tui_keys *keys = s->session->model->keys;
        char text[128], rewind[40];
        tui_set(rewind, sizeof rewind, tui_keys_say(keys, TUI_DO_REWIND));
        snprintf(text, sizeof text, "the recording ends here: %s goes back, %s leaves", rewind, tui_keys_say(keys, TUI_DO_QUIT));
        note(s, text);
    }
    return rc < 0 ? rc : 0;
}

/* ---- frames --------------------------------------------------------------------------- */

/* For tests: "idle INPUTS MESSAGES" whenever all that the user did and all that has come is on the screen. */
static void say_idle(struct screen *s)
{
    char line[64];
    int len = snprintf(line, sizeof line, "idle %llu %llu\n", (unsigned long long)s->inputs, (unsigned long long)s->session->sent);
    if (write(s->session->options->test_fd, line, (size_t)len) < 0)
        s->is_deaf = 1; /* nobody listens any more */
}

static void paint(struct screen *s)
{
    struct tui_grid *grid = tui_session_frame(s->session);
    tui_term_show(s->term, grid, s->session->theme);
    tui_session_painted(s->session);
    tui_grid_free(grid);
    s->session->is_changed = s->must_paint = s->has_unseen_key = 0;
    s->painted_ms = orb_loop_now_ms(s->session->options->loop);
    s->painted_at = floor(orb_now());
    s->owes_idle = s->session->options->test_fd >= 0 && !s->is_deaf;
}

/* ---- input ------------------------------------------------------------------------ */

/* Each key that may act sees the frame of the one before, also when several come at once. */
static void on_key(struct screen *s, const char *key)
{
    if (steer(s, key))
        return;
    if (s->has_unseen_key && s->session->model->prompt.use == TUI_PROMPT_NONE)
        paint(s);
    tui_session_key(s->session, TUI_MSG_KEY, key, 0, 0);
    s->has_unseen_key = 1;
}

static void on_mouse(struct screen *s, const struct tui_input *in)
{
    static const char *const words[] = { [TUI_MOUSE_PRESS] = "press", [TUI_MOUSE_WHEEL_UP] = "up", [TUI_MOUSE_WHEEL_DOWN] = "down" };
    if ((in->mouse == TUI_MOUSE_PRESS && in->button == 1) || in->mouse == TUI_MOUSE_WHEEL_UP || in->mouse == TUI_MOUSE_WHEEL_DOWN)
        tui_session_key(s->session, TUI_MSG_MOUSE, words[in->mouse], in->row, in->col);
}

static void on_input(void *arg, int fd)
{
    struct screen *s = arg;
    struct tui_input in;
    (void)fd;
    while (!s->is_over && tui_term_read(s->term, &in)) {
        s->must_paint = 1;
        s->inputs += in.kind != TUI_INPUT_REPLY;
        switch (in.kind) {
        case TUI_INPUT_KEY:
            on_key(s, in.key);
            break;
        case TUI_INPUT_PASTE: {
            struct tui_msg msg = { .type = TUI_MSG_PASTE, .at = s->session->model->now, .id = "", .text = in.text, .text_len = in.len };
            tui_session_send(s->session, &msg);
            break;
        }
        case TUI_INPUT_MOUSE: on_mouse(s, &in); break;
        case TUI_INPUT_RESIZE: /* also when the program was stopped and goes on */
            take_size(s);
            tui_term_redraw(s->term);
            break;
        case TUI_INPUT_GONE: s->is_over = 1; break;
        case TUI_INPUT_REPLY: break;
        }
    }
}

/* ---- what the model asks of the terminal --------------------------------------------- */

static void run_editor(struct screen *s, const char *text, size_t len)
{
    const struct tui_options *o = s->session->options;
    struct tui_model *m = s->session->model;
    struct orb_error err = { 0 };
    char *out = NULL;
    size_t out_len = 0;
    tui_term_leave(s->term);
    int rc = o->edit(o->edit_arg, text, len, &out, &out_len, &err);
    tui_term_return(s->term);
    take_size(s);
    int is_changed = !rc && (m->is_edit_again || out_len != len || (len && memcmp(out, text, len) != 0));
    struct tui_msg msg = { .type = TUI_MSG_EDITED, .at = orb_now(), .id = "", .a = is_changed ? 0 : -1, .b = m->edit_serial };
    msg.text = is_changed && out ? out : err.code ? orb_error_message(&err) : "";
    msg.text_len = is_changed ? out_len : strlen(msg.text);
    tui_session_send(s->session, &msg);
    m->edit_serial = 0;
    free(out);
}

/* Kept until the turn is over: the editor turns the loop itself. An answer that something else was asked for since is for nobody. */
static void on_edit_input(void *arg, int serial, const char *text, size_t len, const struct orb_error *err)
{
    struct screen *s = arg;
    if (s->session->model->edit_serial != serial)
        return;
    s->must_paint = 1;
    if (err) {
        tui_session_key(s->session, TUI_MSG_EDITED, orb_error_message(err), -1, serial);
        return;
    }
    free(s->input);
    s->input = tui_dup(text, len);
    s->input_len = len;
    s->input_serial = serial;
}

static void edit(struct screen *s)
{
    struct tui_model *m = s->session->model;
    struct orb_error err = { 0 };
    if (m->edit_text) {
        run_editor(s, m->edit_text, m->edit_len);
    } else if (s->input && s->input_serial == m->edit_serial) {
        char *text = s->input;
        s->input = NULL;
        run_editor(s, text, s->input_len);
        free(text);
    } else if (m->edit_asked != m->edit_serial) {
        m->edit_asked = m->edit_serial;
        if (tui_data_input(s->session->data, m->edit_id, m->edit_serial, on_edit_input, s, &err))
            on_edit_input(s, m->edit_serial, NULL, 0, &err);
    }
}

static void copy(struct screen *s)
{
    struct tui_model *m = s->session->model;
    char text[120];
    int rc = tui_term_copy(s->term, m->copy, m->copy_len);
    if (rc)
        snprintf(text, sizeof text, "%zu bytes are more than a terminal's clipboard takes (%d): e writes them to a file", m->copy_len, TUI_COPY_MAX);
    else
        snprintf(text, sizeof text, "copied %zu bytes to the terminal's clipboard", m->copy_len);
    free(m->copy);
    m->copy = NULL;
    tui_session_key(s->session, TUI_MSG_NOTE, text, rc != 0, 0);
}

static void serve(struct screen *s)
{
    struct tui_model *m = s->session->model;
    tui_session_serve(s->session);
    if (m->copy)
        copy(s);
    if (m->edit_serial)
        edit(s);
    tui_term_mouse(s->term, m->is_mouse_on);
    if (m->wants_redraw) {
        m->wants_redraw = 0;
        tui_term_redraw(s->term);
    }
    if (m->wants_suspend) {
        m->wants_suspend = 0;
        tui_term_suspend(s->term);
        take_size(s);
    }
}

/* A theme's file that was changed is read again. */
static void check_theme(struct screen *s)
{
    const char *file = tui_theme_file(s->session->theme);
    struct timespec time;
    struct stat info;
    if (!*file || stat(file, &info))
        return;
    time = info.st_mtim;
    int is_same_file = !strcmp(file, s->theme_file);
    if (is_same_file && (time.tv_sec != s->theme_time.tv_sec || time.tv_nsec != s->theme_time.tv_nsec))
        tui_set(s->session->model->wants_theme, sizeof s->session->model->wants_theme, s->session->model->theme);
    tui_set(s->theme_file, sizeof s->theme_file, file);
    s->theme_time = time;
}

/* ---- when ------------------------------------------------------------------------------ */

/* When the next frame is due, in ms from now. */
static int64_t wait_ms(struct screen *s)
{
    int64_t since = orb_loop_now_ms(s->session->options->loop) - s->painted_ms, frame = tui_term_is_ready(s->term) ? FRAME_MS : SLOW_FRAME_MS;
    if (s->must_paint)
        return tui_term_is_ready(s->term) ? 0 : 10;
    if (s->session->is_changed)
        return since >= frame ? 0 : frame - since;
    double second = 1 - (orb_now() - s->painted_at);
    return second <= 0 ? 0 : second < 1 ? (int64_t)(second * 1000) + 1 : 1000; /* more: the clock was set back */
}

static void on_timer(void *arg)
{
    struct screen *s = arg;
    if (s->session->is_changed || s->must_paint)
        return; /* the loop paints */
    if (!s->session->options->replay)
        tui_session_key(s->session, TUI_MSG_TICK, "", 0, 0);
}

/* ---- the loop ----------------------------------------------------------------------------- */

static int turn(struct screen *s, struct orb_error *err)
{
    int rc = 0;
    serve(s);
    if (s->session->player && (rc = play(s, err)) < 0)
        return rc;
    int64_t wait = wait_ms(s);
    if (!wait) {
        check_theme(s);
        serve(s);
        paint(s);
        wait = wait_ms(s);
    }
    if (s->session->player && wait > 20)
        wait = 20;
    orb_timer_start(s->timer, wait);
    if (s->owes_idle) { /* unless more is there already: then the next frame owes it */
        s->owes_idle = 0;
        rc = orb_loop_turn(s->session->options->loop, 0);
        if (!rc && !s->session->is_changed && !s->must_paint && tui_term_is_settled(s->term))
            say_idle(s);
        return rc ? orb_error_set(err, ORB_E_SYSTEM, "the event loop failed") : 0;
    }
    return orb_loop_turn(s->session->options->loop, -1) ? orb_error_set(err, ORB_E_SYSTEM, "the event loop failed") : 0;
}

int tui_screen(struct tui_session *session, struct orb_error *err)
{
    const struct tui_options *o = session->options;
    struct screen s = { .session = session };
    struct tui_term_options options = { .in = STDIN_FILENO, .out = STDOUT_FILENO, .depth = TUI_DEPTHS, .has_mouse = !o->no_mouse };
    if (!isatty(options.in) || !isatty(options.out))
        return orb_error_set(err, ORB_E_CONFIG, "%s is no terminal: run it in one; --once prints one frame, and --plain lines as things happen", isatty(options.in) ? "stdout" : "stdin");
    int rc = tui_term_open(&options, &s.term, err);
    if (rc)
        return rc;
    if (!tui_term_is_utf8(s.term))
        tui_ascii(1);
    s.watch = orb_watch_new(o->loop, tui_term_fd(s.term), on_input, &s);
    s.timer = orb_timer_new(o->loop, on_timer, &s);
    if (s.watch && s.timer) {
        take_size(&s);
        s.must_paint = 1;
        s.speed = o->speed;
        start_player(&s, 0);
        while (!rc && !s.is_over && !session->model->wants_quit)
            rc = turn(&s, err);
    } else {
        rc = orb_error_set(err, ORB_E_SYSTEM, "out of memory or descriptors");
    }
    orb_watch_free(s.watch);
    orb_timer_free(s.timer);
    tui_term_close(s.term);
    free(s.input);
    return rc;
}
