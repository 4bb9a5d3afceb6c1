#include "model.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MB (1024 * 1024)

const char *const tui_tab_names[TUI_TABS] = { "stream", "input", "result", "timeline", "events", "json" };

void tui_open_init(struct tui_open *o)
{
    static const size_t bytes[TUI_TABS] = { 16 * MB, 4 * MB, 8 * MB, 4 * MB, 6 * MB, 8 * MB };
    memset(o, 0, sizeof *o);
    for (int i = 0; i < TUI_TABS; i++) {
        tui_pane_init(&o->panes[i], i == TUI_TAB_STREAM || i == TUI_TAB_EVENTS);
        o->panes[i].max_bytes = bytes[i];
    }
    o->panes[TUI_TAB_EVENTS].is_cut = o->panes[TUI_TAB_TIMELINE].is_cut = 1;
    o->panes[TUI_TAB_STREAM].folds_new = 1;
    o->cost = NAN;
    o->head_at = -1;
}

void tui_open_done(struct tui_open *o)
{
    for (int i = 0; i < TUI_TABS; i++)
        tui_pane_done(&o->panes[i]);
    free(o->steps);
}

void tui_open_task(struct tui_model *m, const char *id)
{
    struct tui_open *o = &m->open;
    enum tui_tab tab = o->tab;
    unsigned serial = o->serial + 1;
    if (!strcmp(o->id, id))
        return;
    tui_open_done(o);
    tui_open_init(o);
    o->tab = tab;
    o->serial = serial;
    o->is_opened_paused = m->is_paused;
    o->opened_at = m->now;
    o->is_stale = 1;
    tui_set(o->id, sizeof o->id, id);
}

static double event_time(const struct orb_event *e)
{
    long long ms = strtoll(e->stream_id, NULL, 10);
    return ms > 0 ? (double)ms / 1000 : 0;
}

static struct tui_step *new_step(struct tui_open *o, const struct orb_event *e, double at)
{
    if (o->step_count == TUI_STEPS_MAX)
        return NULL;
    o->steps = tui_grow(o->steps, o->step_count, &o->step_cap, sizeof *o->steps);
    struct tui_step *step = &o->steps[o->step_count++];
    o->step_changes++;
    *step = (struct tui_step){ .number = e->step_number, .attempt = e->attempt, .is_open = 1, .is_ok = 1, .from = at, .to = at };
    tui_set(step->agent, sizeof step->agent, e->agent_name);
    return step;
}

/* The newest step or call that is open and has this name. */
static struct tui_step *open_step(struct tui_open *o, const char *agent, const char *call)
{
    for (size_t i = o->step_count; i-- > 0;) {
        struct tui_step *s = &o->steps[i];
        if (s->is_open && (call ? !strcmp(s->call, call) : !*s->tool && !strcmp(s->agent, agent)))
            return s;
    }
    return NULL;
}

static void close_step(struct tui_open *o, struct tui_step *step, double at, int is_ok)
{
    if (!step)
        return;
    step->to = at;
    step->is_open = 0;
    step->is_ok = is_ok;
    o->step_changes++;
}

static void on_step(struct tui_open *o, const struct orb_event *e, double at)
{
    char text[120], clock[16];
    if (strcmp(e->word, "started") != 0) {
        struct tui_step *step = open_step(o, e->agent_name, NULL);
        close_step(o, step, at, 1);
        return;
    }
    new_step(o, e, at);
    tui_show_clock(at, 1, clock, sizeof clock);
    snprintf(text, sizeof text, "step %lld > %.60s  %s", (long long)e->step_number, e->agent_name, clock);
    tui_pane_line(&o->panes[TUI_TAB_STREAM], TUI_STEP, TUI_LINE_STEP, text);
    tui_set(o->speaker, sizeof o->speaker, e->agent_name);
}

static void on_text(struct tui_open *o, const struct orb_event *e, double at)
{
    struct tui_pane *pane = &o->panes[TUI_TAB_STREAM];
    char text[80];
    if (!o->first_token_at)
        o->first_token_at = at;
    tui_history_add(&o->said, at, (double)e->text_len / 4);
    if (*e->agent_name && strcmp(o->speaker, e->agent_name) != 0) {
        snprintf(text, sizeof text, "%.64s:", e->agent_name);
        tui_pane_line(pane, TUI_STEP, TUI_LINE_STEP, text);
        tui_set(o->speaker, sizeof o->speaker, e->agent_name);
    }
    tui_pane_add(pane, e->type == ORB_EVENT_REASONING ? TUI_REASONING : TUI_TEXT, TUI_LINE_TEXT, e->text, e->text_len);
}

static void on_call(struct tui_open *o, const struct orb_event *e, double at)
{
    char text[160];
    snprintf(text, sizeof text, "tool: %.100s", e->word);
    tui_pane_line(&o->panes[TUI_TAB_STREAM], TUI_TOOL, TUI_LINE_TOOL, text);
    struct tui_step *step = new_step(o, e, at);
    if (step) {
        tui_set(step->tool, sizeof step->tool, e->word);
        tui_set(step->call, sizeof step->call, e->tool_call_id);
    }
}

static void on_result(struct tui_open *o, const struct orb_event *e, double at)
{
    struct tui_pane *pane = &o->panes[TUI_TAB_STREAM];
    struct tui_step *step = open_step(o, e->agent_name, e->tool_call_id);
    char head[200], span[16], size[16];
    tui_show_span(step ? at - step->from : NAN, span, sizeof span);
    tui_show_bytes((double)e->text_len, size, sizeof size);
    snprintf(head, sizeof head, "  %s %.80s  %s in %s", e->ok ? "result of" : "error of", e->word, size, span);
    tui_pane_line(pane, e->ok ? TUI_TOOL : TUI_ERROR, TUI_LINE_TOOL, head);
    tui_pane_add(pane, TUI_DIM, TUI_LINE_RESULT, e->text, e->text_len);
    tui_pane_end_line(pane);
    close_step(o, step, at, e->ok);
}

static void on_status(struct tui_open *o, const struct orb_event *e)
{
    char text[300];
    if (e->type == ORB_EVENT_ERROR)
        snprintf(text, sizeof text, "error: %.60s%s%.200s%s", e->word, *e->word ? ": " : "", e->text, e->ok ? " (goes on)" : "");
    else if (e->is_last)
        snprintf(text, sizeof text, "%s%s%.200s", e->word, *e->text ? ": " : "", e->text);
    else
        return;
    tui_pane_line(&o->panes[TUI_TAB_STREAM], e->type == ORB_EVENT_ERROR || !strcmp(e->word, "error") ? TUI_ERROR : TUI_STEP, TUI_LINE_STEP, text);
}

static void note_event(struct tui_open *o, const struct orb_event *e, double at)
{
    static const char *const words[] = { "text", "tool_call", "step", "tool_result", "reasoning", "error", "status", "usage", "other" };
    char head[160], clock[16];
    struct tui_pane *pane = &o->panes[TUI_TAB_EVENTS];
    tui_show_clock(at, 1, clock, sizeof clock);
    snprintf(head, sizeof head, "%s  %lld.%-5lld %-11s %-12.40s ", clock, (long long)e->attempt, (long long)e->seq, words[e->type], e->word);
    tui_pane_end_line(pane);
    tui_pane_add(pane, e->type == ORB_EVENT_ERROR ? TUI_ERROR : TUI_TEXT, TUI_LINE_TEXT, head, strlen(head));
    size_t len = e->text_len < 200 ? e->text_len : 200;
    char *flat = tui_dup(e->text, len);
    for (size_t i = 0; i < len; i++)
        if (flat[i] == '\n')
            flat[i] = ' ';
    tui_pane_add(pane, e->type == ORB_EVENT_ERROR ? TUI_ERROR : TUI_TEXT, TUI_LINE_TEXT, flat, len);
    tui_pane_end_line(pane);
    free(flat);
}

/* seq counts from 1 in each attempt: what is missing is a gap. Python workers give none. */
static void count(struct tui_open *o, const struct orb_event *e)
{
    char text[40];
    if (e->attempt && e->attempt != o->attempt) {
        if (o->attempt) {
            snprintf(text, sizeof text, "attempt %lld", (long long)e->attempt);
            tui_pane_line(&o->panes[TUI_TAB_STREAM], TUI_WARNING, TUI_LINE_STEP, text);
        }
        o->attempt = e->attempt;
        o->seq = 0;
        o->first_token_at = 0;
        o->speaker[0] = 0;
    }
    if (e->seq > 0) {
        o->gaps += e->seq > o->seq ? (uint64_t)(e->seq - o->seq - 1) : 0;
        o->seq = e->seq;
    }
}

static void join(struct tui_open *o)
{
    o->is_joined |= o->head_at >= 0 && o->last_event_at > o->head_at - 0.0005;
}

static void on_event(struct tui_model *m, const struct orb_event *e)
{
    struct tui_open *o = &m->open;
    double at = event_time(e);
    tui_set(o->position, sizeof o->position, e->stream_id);
    count(o, e);
    if (o->is_joined) {
        o->live++;
        o->lag = fmax(m->now + m->fleet.skew - at, 0);
    } else {
        o->replayed++;
    }
    o->last_event_at = at;
    join(o);
    switch (e->type) {
    case ORB_EVENT_TEXT:
    case ORB_EVENT_REASONING: on_text(o, e, at); break;
    case ORB_EVENT_STEP: on_step(o, e, at); break;
    case ORB_EVENT_TOOL_CALL: on_call(o, e, at); break;
    case ORB_EVENT_TOOL_RESULT: on_result(o, e, at); break;
    case ORB_EVENT_ERROR:
    case ORB_EVENT_STATUS: on_status(o, e); break;
    case ORB_EVENT_USAGE:
        o->tokens_in += (double)e->input_tokens;
        o->tokens_out += (double)e->output_tokens;
        break;
    case ORB_EVENT_OTHER: break;
    }
    note_event(o, e, at);
}

void tui_open_events(struct tui_model *m, const struct tui_msg *msg)
{
    if (strcmp(msg->id, m->open.id) != 0)
        return;
    for (size_t i = 0; i < msg->count; i++)
        on_event(m, &msg->events[i]);
}

void tui_open_end(struct tui_model *m, const struct tui_msg *msg)
{
    struct tui_open *o = &m->open;
    if (strcmp(msg->id, o->id) != 0)
        return;
    o->is_over = o->is_joined = 1;
    o->is_stale = 1; /* the hash is final now */
    tui_set(o->end, sizeof o->end, msg->text);
}

void tui_open_tail(struct tui_model *m, const struct tui_msg *msg)
{
    if (strcmp(msg->id, m->open.id) != 0 || m->open.head_at >= 0)
        return;
    m->open.head_at = (double)msg->a / 1000;
    join(&m->open);
}

/* ---- drawing -------------------------------------------------------------------- */

static const char *stand_of(const struct tui_open *o)
{
    return o->is_over ? (*o->end ? "CUT OFF" : "ENDED") : o->panes[TUI_TAB_STREAM].is_following ? "FOLLOW" : "STILL";
}

/* The proof that nothing is missing; on a narrow screen in few words. */
static void describe(const struct tui_open *o, int is_short, char *text, size_t cap)
{
    const struct tui_pane *p = &o->panes[TUI_TAB_STREAM];
    char lines[24], at[24];
    uint64_t last = p->top + (uint64_t)(p->page > 0 ? p->page : 1), total = p->first + p->count;
    tui_show_count((double)total, lines, sizeof lines);
    tui_show_count((double)(p->is_following || last > total ? total : last), at, sizeof at);
    int len = snprintf(text, cap, is_short ? "%s %s/%s  gaps %llu  %llu+%llu" : "%s  line %s of %s  gaps %llu  replayed %llu + live %llu", stand_of(o), at, lines,
                       (unsigned long long)o->gaps, (unsigned long long)o->replayed, (unsigned long long)o->live);
    if (!o->is_over && o->live)
        len += snprintf(text + len, cap - (size_t)len, o->lag < 1 ? "  lag %.0f ms" : "  lag %.0f s", o->lag < 1 ? o->lag * 1000 : o->lag);
    if (p->first)
        snprintf(text + len, cap - (size_t)len, is_short ? "  %llu gone" : "  %llu older lines dropped", (unsigned long long)p->first);
}

/* While the stream runs its figures move once a second: more often they cost a slow line as much as the text. That it has begun, or that
 * all of it is there, is said at once. */
static void draw_footer(struct tui_model *m, struct tui_grid *grid, int row, struct tui_rect rect)
{
    struct tui_open *o = &m->open;
    const struct tui_pane *p = &o->panes[TUI_TAB_STREAM];
    int is_short = rect.cols < 64, shape = is_short | (o->replayed > 0) << 1 | o->is_joined << 2 | p->is_following << 3;
    int runs_on = p->is_following && !o->is_over && shape == o->footer_shape;
    if (!runs_on || !*o->footer || m->now <= o->footer_at || m->now >= o->footer_at + 1) {
        describe(o, is_short, o->footer, sizeof o->footer);
        o->footer_at = m->now;
        o->footer_shape = shape;
    }
    tui_put(grid, row, rect.col, rect.cols, o->gaps ? TUI_WARNING : p->is_following ? TUI_LIVE : TUI_DIM, o->footer, strlen(o->footer));
}

void tui_open_draw_stream(struct tui_model *m, struct tui_grid *grid, struct tui_rect rect)
{
    struct tui_open *o = &m->open;
    if (rect.rows < 2)
        return;
    tui_pane_draw(&o->panes[TUI_TAB_STREAM], grid, (struct tui_rect){ rect.row, rect.col, rect.rows - 1, rect.cols });
    if (!o->panes[TUI_TAB_STREAM].count) {
        const char *why = *o->missing ? o->missing : *o->end ? o->end :
                          o->is_over ? (o->state == ORB_STATUS_FAILED ? "it said nothing, or what it said has expired: the result has why it failed" : "it said nothing, or what it said has expired") :
                          o->has_detail && o->state == ORB_STATUS_PENDING ? "it waits for a worker" : "nothing yet";
        tui_put(grid, rect.row, rect.col, rect.cols, TUI_DIM, why, strlen(why));
    }
    draw_footer(m, grid, rect.row + rect.rows - 1, rect);
}
