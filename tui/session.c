#include "session.h"
#include "view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void tui_session_send(struct tui_session *s, const struct tui_msg *msg)
{
    if (s->recorder)
        tui_recorder_write(s->recorder, msg);
    s->sent++;
    tui_model_update(s->model, msg);
    s->is_changed = 1;
}

void tui_session_painted(struct tui_session *s)
{
    struct tui_msg msg = { .type = TUI_MSG_FRAME, .at = s->model->now, .id = "", .text = "" };
    tui_model_painted(s->model);
    s->sent++;
    if (s->recorder)
        tui_recorder_write(s->recorder, &msg);
}

/* In a replay what the user does has the time of the recording, and changes nothing. */
void tui_session_key(struct tui_session *s, enum tui_msg_type type, const char *text, int64_t a, int64_t b)
{
    struct tui_model *m = s->model;
    int is_readonly = m->is_readonly;
    struct tui_msg msg = { .type = type, .at = s->player ? m->now : orb_now(), .id = "", .text = text, .text_len = strlen(text), .a = a, .b = b };
    m->is_readonly |= s->player != NULL;
    tui_session_send(s, &msg);
    m->is_readonly = is_readonly;
}

/* By a name, or by a path, which is kept whole: it may be loaded again from elsewhere. */
static int load_theme(struct tui_session *s, const char *name, struct orb_error *err)
{
    struct tui_theme *theme;
    int rc = tui_theme_load(name, &theme, err);
    if (rc)
        return rc;
    char *path = strchr(name, '/') ? realpath(name, NULL) : NULL;
    tui_set(s->theme_name, sizeof s->theme_name, path ? path : name);
    free(path);
    tui_theme_free(s->theme);
    s->theme = theme;
    return 0;
}

/* What somebody else asked of his shell then is not done here, now: files, the clipboard, an editor, the end. */
static void drop_requests(struct tui_model *m)
{
    free(m->copy);
    free(m->export_path);
    free(m->export_text);
    m->copy = m->export_path = m->export_text = NULL;
    m->wants_quit = m->wants_redraw = m->wants_suspend = m->wants_refresh = m->wants_catch_up = m->edit_serial = 0;
    m->wants_theme[0] = 0;
}

void tui_session_replay(struct tui_session *s, const struct tui_msg *msg)
{
    struct orb_error err;
    s->model->keys = tui_player_head(s->player)->keys;
    if (msg->type == TUI_MSG_FRAME) { /* lists and panes find their places when they are drawn */
        tui_grid_free(tui_session_frame(s));
        tui_model_painted(s->model);
    }
    tui_session_send(s, msg);
    s->model->keys = s->keys;
    drop_requests(s->model);
    if (msg->type == TUI_MSG_THEME && !strchr(msg->text, '/') && !s->options->theme)
        (void)!load_theme(s, msg->text, &err);
}

static void on_data(void *arg, const struct tui_msg *msg)
{
    struct tui_session *s = arg;
    if (msg->type == TUI_MSG_LINK && msg->b)
        s->link_code = (int)msg->b;
    s->has.link |= msg->type == TUI_MSG_LINK && msg->a;
    s->has.counts |= msg->type == TUI_MSG_COUNTS;
    s->has.workers |= msg->type == TUI_MSG_WORKERS;
    s->has.queues |= msg->type == TUI_MSG_QUEUES;
    s->has.walk |= msg->type == TUI_MSG_WALK_END;
    s->has.audit |= msg->type == TUI_MSG_AUDIT;
    tui_session_send(s, msg);
}

/* ---- what was asked for on the command line ---------------------------------------- */

const char *const *tui_screen_names(void)
{
    static const char *names[TUI_SCREENS + 1];
    for (int i = 0; i < TUI_SCREENS; i++)
        names[i] = tui_views[i]->name;
    return names;
}

static int go_to_screen(struct tui_session *s, const struct tui_options *o, struct orb_error *err)
{
    int screen = o->task ? TUI_TASK : o->is_plain && o->filter ? TUI_EVENTS : TUI_OVERVIEW, rc = 0;
    if (o->screen)
        for (screen = 0; screen < TUI_SCREENS && strcmp(tui_views[screen]->name, o->screen) != 0; screen++)
            ;
    if (screen == TUI_SCREENS)
        return orb_error_set(err, ORB_E_USAGE, "'%s' is no screen: overview, queues, workers, tasks, events, task, help or theme", o->screen);
    if (screen == TUI_TASK && !o->task)
        return orb_error_set(err, ORB_E_USAGE, "--screen task needs --task ID");
    if (o->task && !orb_id_is_valid(o->task))
        return orb_error_set(err, ORB_E_USAGE, "'%s' is not a task id: 1 to 128 of A-Z a-z 0-9 . _ -", o->task);
    tui_go(s->model, (enum tui_screen)screen);
    if (o->task)
        tui_open_task(s->model, o->task);
    if (o->filter && !tui_model_list(s->model))
        return orb_error_set(err, ORB_E_USAGE, "--filter is for a screen with a list: queues, workers, tasks or events");
    if (o->filter && (rc = tui_list_filter(tui_model_list(s->model), o->filter, err))) {
        char why[300];
        tui_set(why, sizeof why, err->text);
        return orb_error_set(err, ORB_E_USAGE, "--filter, column %s", why);
    }
    return 0;
}

static void list_themes(struct tui_session *s)
{
    s->model->themes = s->theme_names;
    if (s->theme_names)
        return;
    const struct tui_theme_row *rows = tui_theme_list();
    size_t n = 0;
    while (rows[n].name)
        n++;
    s->theme_names = tui_alloc(n + 1, sizeof *s->theme_names);
    for (size_t i = 0; i < n; i++)
        s->theme_names[i] = tui_strdup(rows[i].name);
    s->model->themes = s->theme_names;
}

/* A replay begins as the recording did, unless something else is asked for. */
static struct tui_options as_recorded(const struct tui_session *s)
{
    struct tui_options o = *s->options;
    const struct tui_record_head *head = s->player ? tui_player_head(s->player) : NULL;
    if (!head)
        return o;
    o.title = head->title;
    o.user = head->user;
    o.hint = head->hint;
    o.is_readonly = head->is_readonly;
    if (!o.screen && !o.task && !o.filter) {
        o.screen = head->screen;
        o.task = head->task;
        o.filter = head->filter;
    }
    return o;
}

static int fill_model(struct tui_session *s, struct orb_error *err)
{
    struct tui_options o = as_recorded(s);
    struct tui_model *m = s->model;
    tui_set(m->title, sizeof m->title, o.title ? o.title : "");
    tui_set(m->user, sizeof m->user, o.user ? o.user : "");
    tui_set(m->model, sizeof m->model, o.model ? o.model : "");
    tui_set(m->hint, sizeof m->hint, o.hint ? o.hint : "");
    tui_set(m->theme, sizeof m->theme, s->theme_name);
    m->is_readonly = o.is_readonly;
    m->is_mouse_on = !o.no_mouse && !s->state.is_mouse_off;
    if (o.rows > 0)
        m->rows = o.rows;
    if (o.cols > 0)
        m->cols = o.cols;
    list_themes(s);
    int rc = go_to_screen(s, &o, err);
    if (*m->hint == 0 && o.hint)
        tui_set(m->hint, sizeof m->hint, o.hint); /* that a screen was asked for is no key yet */
    return rc;
}

/* A theme that was chosen once and is not there any more is no reason not to start. */
static int open_theme(struct tui_session *s, struct orb_error *err)
{
    const char *name = s->options->theme;
    if (!name && *s->state.theme && !load_theme(s, s->state.theme, err))
        return 0;
    return load_theme(s, name ? name : TUI_THEME_DEFAULT, err);
}

static int open_recorder(struct tui_session *s, struct orb_error *err)
{
    const struct tui_options *o = s->options;
    struct tui_record_head head = { .title = o->title, .user = o->user, .screen = o->screen, .task = o->task, .filter = o->filter, .hint = o->hint, .is_readonly = o->is_readonly, .keys = s->keys };
    return tui_recorder_open(o->record, &head, &s->recorder, err);
}

int tui_session_open(struct tui_session *s, const struct tui_options *o, struct orb_error *err)
{
    memset(s, 0, sizeof *s);
    s->options = o;
    s->keys = tui_keys_new();
    tui_ascii(o->is_ascii);
    s->model = tui_model_new(s->keys);
    s->keeps_state = !o->replay && !o->is_once && !o->is_plain;
    if (s->keeps_state)
        tui_state_load(&s->state, &s->model->saved);
    const char *keys = o->keys ? o->keys : !o->replay && !o->is_plain ? tui_state_keys_file() : NULL;
    int rc = keys ? tui_keys_load(s->keys, keys, err) : 0;
    if (!rc)
        rc = open_theme(s, err);
    if (!rc && o->replay)
        rc = tui_player_open(o->replay, &s->player, err);
    if (!rc) {
        s->model->now = o->replay ? 0 : orb_now();
        rc = fill_model(s, err);
    }
    if (!rc && o->record)
        rc = open_recorder(s, err);
    if (!rc && !o->replay)
        rc = tui_data_new(o->loop, o->redis, s->model, !o->is_plain, on_data, s, &s->data, err);
    if (!rc && s->recorder) { /* a replay begins with the same size and theme */
        tui_session_key(s, TUI_MSG_RESIZE, "", s->model->rows, s->model->cols);
        tui_session_key(s, TUI_MSG_THEME, s->theme_name, 0, 0);
    }
    return rc;
}

/* At once, so that a crash or another console takes nothing away. */
static int keep_state(struct tui_session *s, struct orb_error *err)
{
    struct tui_model *m = s->model;
    int is_mouse_off = s->options->no_mouse ? s->state.is_mouse_off : !m->is_mouse_on, is_theme_new = s->is_theme_chosen && strcmp(s->state.theme, m->theme) != 0;
    if (!s->keeps_state || (!m->saved.is_changed && is_mouse_off == s->state.is_mouse_off && !is_theme_new))
        return 0;
    m->saved.is_changed = 0;
    s->state.is_mouse_off = is_mouse_off;
    if (is_theme_new)
        tui_set(s->state.theme, sizeof s->state.theme, m->theme);
    return tui_state_save(&s->state, &m->saved, err);
}

void tui_session_close(struct tui_session *s)
{
    struct orb_error err = { 0 };
    tui_data_free(s->data);
    if (s->theme && keep_state(s, &err))
        fprintf(stderr, "orbiter: %s\n", orb_error_message(&err));
    if (tui_recorder_close(s->recorder, &err))
        fprintf(stderr, "orbiter: %s\n", orb_error_message(&err));
    tui_player_close(s->player);
    tui_model_free(s->model);
    tui_theme_free(s->theme);
    tui_keys_free(s->keys);
    for (size_t i = 0; s->theme_names && s->theme_names[i]; i++)
        free((char *)(uintptr_t)s->theme_names[i]);
    free(s->theme_names);
    memset(s, 0, sizeof *s);
}

int tui_session_rewind(struct tui_session *s, struct orb_error *err)
{
    struct tui_player *again;
    int rc = tui_player_open(s->options->replay, &again, err);
    if (rc)
        return rc;
    tui_player_close(s->player);
    s->player = again;
    int rows = s->model->rows, cols = s->model->cols;
    tui_model_free(s->model);
    s->model = tui_model_new(s->keys);
    s->model->rows = rows;
    s->model->cols = cols;
    return fill_model(s, err);
}

/* ---- what the model asks for --------------------------------------------------------- */

static void note(struct tui_session *s, int is_error, const char *text)
{
    tui_session_key(s, TUI_MSG_NOTE, text, is_error, 0);
}

static void show_theme(struct tui_session *s)
{
    struct orb_error err = { 0 };
    char name[TUI_THEME_NAME];
    memcpy(name, s->model->wants_theme, sizeof name);
    s->model->wants_theme[0] = 0;
    if (load_theme(s, name, &err)) {
        note(s, 1, orb_error_message(&err));
        return;
    }
    int is_again = !strcmp(s->theme_name, s->model->theme); /* its file was changed */
    s->is_theme_chosen |= !is_again;
    tui_session_key(s, TUI_MSG_THEME, s->theme_name, 0, 0);
    if (is_again) {
        char text[TUI_THEME_NAME + 16];
        snprintf(text, sizeof text, "read again: %s", s->theme_name);
        note(s, 0, text); /* in place of a mistake that is mended now */
    }
}

/* ~/NAME is typed as in a shell. */
static void say_path(const char *path, char *out, size_t cap)
{
    const char *home = getenv("HOME");
    int is_below = !strncmp(path, "~/", 2) && home && *home;
    snprintf(out, cap, "%s%s", is_below ? home : "", is_below ? path + 1 : path);
}

/* A file that is there is not overwritten. */
static void export(struct tui_session *s)
{
    struct tui_model *m = s->model;
    char text[700], path[4096];
    say_path(m->export_path, path, sizeof path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), is_whole = fd >= 0;
    for (size_t done = 0; is_whole && done < m->export_len;) {
        ssize_t n = write(fd, m->export_text + done, m->export_len - done);
        is_whole = n > 0 || (n < 0 && errno == EINTR);
        done += n > 0 ? (size_t)n : 0;
    }
    int error = errno;
    if (fd >= 0 && close(fd) && is_whole) {
        is_whole = 0;
        error = errno;
    }
    if (is_whole)
        snprintf(text, sizeof text, "written: %.600s", path);
    else
        snprintf(text, sizeof text, error == EEXIST ? "%.400s is there already: %s again, and another name" : "%.400s: %s", path,
                 error == EEXIST ? tui_keys_say(m->keys, TUI_DO_EXPORT) : strerror(error));
    free(m->export_path);
    free(m->export_text);
    m->export_path = m->export_text = NULL;
    note(s, !is_whole, text);
}

void tui_session_serve(struct tui_session *s)
{
    struct orb_error err = { 0 };
    if (!*s->model->theme_before && keep_state(s, &err)) /* a theme that is looked at is not chosen yet */
        note(s, 1, orb_error_message(&err));
    if (s->recorder && tui_recorder_flush(s->recorder, &err) && !s->has_told_record++)
        note(s, 1, orb_error_message(&err));
    if (*s->model->wants_theme)
        show_theme(s);
    if (s->model->export_path)
        export(s);
    if (s->data)
        tui_data_serve(s->data);
}

struct tui_grid *tui_session_frame(struct tui_session *s)
{
    struct tui_grid *grid = tui_grid_new(s->model->rows, s->model->cols);
    tui_model_settle(s->model);
    tui_model_draw(s->model, grid);
    return grid;
}

/* ---- the entry -------------------------------------------------------------------------- */

int tui_top(const struct tui_options *options, struct orb_error *err)
{
    struct tui_session session;
    int rc = tui_session_open(&session, options, err);
    if (!rc)
        rc = options->is_once ? tui_once(&session, err) : options->is_plain ? tui_plain(&session, err) : tui_screen(&session, err);
    tui_session_close(&session);
    return rc;
}
