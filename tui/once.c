/* One frame without a terminal: what the screen would show once everything that it shows has come. */
#include "ansi.h"
#include "session.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the model wants now has come once; only when it is settled does it say all that it wants. */
static int is_complete(struct tui_session *s)
{
    const struct tui_model *m = s->model;
    struct tui_want want;
    int has_counts = s->has.counts || *m->troubles[TUI_TROUBLE_TOTALS], has_tasks = s->has.walk || *m->troubles[TUI_TROUBLE_TASKS];
    int is_settled = *m->troubles[TUI_TROUBLE_FEED] || (*m->troubles[TUI_TROUBLE_TASKS] ? tui_data_has_joined(s->data) : tui_data_is_settled(s->data));
    if (!s->has.link || !has_counts || !s->has.workers || !s->has.queues || !has_tasks || !is_settled)
        return 0;
    tui_model_settle(s->model);
    tui_session_serve(s);
    tui_model_want(m, &want);
    if (want.wants_audit && !s->has.audit && !*m->troubles[TUI_TROUBLE_AUDIT])
        return 0;
    for (size_t i = 0; i < TUI_TAILS && m->screen == TUI_OVERVIEW; i++)
        if (*m->attention.tails[i].id && m->attention.tails[i].told_at <= 0)
            return 0;
    return !*want.open_id || *m->open.missing || (m->open.has_detail && m->open.is_joined);
}

/* JSON: the frame's lines, each an array of runs of cells with what they are. */
static json_t *line_json(struct tui_grid *grid, int row)
{
    json_t *runs = json_array();
    for (int col = 0; col < grid->cols;) {
        const struct tui_cell *first = tui_grid_at(grid, row, col);
        char text[4096];
        size_t len = 0;
        int role = first->role, layer = first->layer, from = col;
        for (; col < grid->cols && len + TUI_CELL_BYTES < sizeof text; col++) {
            const struct tui_cell *cell = tui_grid_at(grid, row, col);
            if (cell->width && (cell->role != role || cell->layer != layer))
                break;
            if (cell->width) {
                size_t n = strlen(cell->text);
                memcpy(text + len, cell->text, n);
                len += n;
            }
        }
        json_array_append_new(runs, json_pack("{ss% si ss ss}", "text", text, len, "columns", col - from, "role", tui_role_name((enum tui_role)role), "on", tui_layer_name((enum tui_layer)layer)));
    }
    return runs;
}

static void print_json(struct tui_session *s, struct tui_grid *grid)
{
    json_t *lines = json_array();
    for (int row = 0; row < grid->rows; row++)
        json_array_append_new(lines, line_json(grid, row));
    json_t *root = json_pack("{si si ss so}", "rows", grid->rows, "columns", grid->cols, "screen", tui_screen_names()[s->model->screen], "lines", lines);
    char *text = json_dumps(root, JSON_INDENT(1) | JSON_ENSURE_ASCII);
    puts(text ? text : "null");
    free(text);
    json_decref(root);
}

static void print(struct tui_session *s)
{
    struct tui_grid *grid = tui_session_frame(s);
    if (s->options->output == TUI_OUT_JSON) {
        print_json(s, grid);
    } else {
        char *text = s->options->output == TUI_OUT_ANSI ? tui_grid_ansi(grid, s->theme, s->options->depth) : tui_grid_text(grid);
        fputs(text, stdout);
        free(text);
    }
    tui_grid_free(grid);
}

static int play(struct tui_session *s, struct orb_error *err)
{
    struct tui_msg msg;
    int rc;
    while (!(rc = tui_player_next(s->player, &msg, err)))
        if (msg.type != TUI_MSG_RESIZE || !s->options->rows)
            tui_session_replay(s, &msg);
    return rc == 1 ? 0 : rc;
}

/* What this user may not see is missing in the frame, which says so. */
static int find_refusal(const struct tui_model *m, struct orb_error *err)
{
    for (int i = 0; i < TUI_TROUBLES; i++)
        if (*m->troubles[i])
            return orb_error_set(err, ORB_E_REFUSED, "%s: %s", tui_trouble_names[i], m->troubles[i]);
    if (*m->fleet.workers_error || *m->fleet.queues_error)
        return orb_error_set(err, ORB_E_REFUSED, "%s", *m->fleet.workers_error ? m->fleet.workers_error : m->fleet.queues_error);
    return 0;
}

int tui_once(struct tui_session *s, struct orb_error *err)
{
    double until = orb_now() + (s->options->timeout > 0 ? s->options->timeout : 10);
    int rc = s->options->replay ? play(s, err) : 0;
    while (!rc && !s->options->replay && !is_complete(s)) {
        double left = until - orb_now();
        int is_refused = s->link_code == ORB_E_REFUSED || s->link_code == ORB_E_CONFIG; /* which does not pass */
        if (left <= 0 || (is_refused && !s->model->link.is_up))
            return *s->model->link.why ? orb_error_set(err, s->link_code ? s->link_code : ORB_E_UNREACHABLE, "%s", s->model->link.why) :
                                         orb_error_set(err, ORB_E_TIMEOUT, "the screen was not complete in time: Redis is slow, or --timeout is too short");
        tui_session_serve(s);
        if (orb_loop_turn(s->options->loop, (int)(left * 1000) + 1 > 100 ? 100 : (int)(left * 1000) + 1))
            return orb_error_set(err, ORB_E_SYSTEM, "the event loop failed");
    }
    if (!rc && *s->model->open.missing && s->model->screen == TUI_TASK)
        return orb_error_set(err, ORB_E_NOT_FOUND, "%s", s->model->open.missing);
    if (rc)
        return rc;
    print(s);
    return s->options->replay ? 0 : find_refusal(s->model, err);
}
