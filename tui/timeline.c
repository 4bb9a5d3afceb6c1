/* The timeline of a task: its steps and calls of tools as bars over the time it took. */
#include "model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define NAME_COLS 28
#define SPAN_COLS 8

static void add_bar(struct tui_pane *pane, const struct tui_step *s, double now, double from, double to, int cols)
{
    char text[2000], span[16], name[160];
    double end = s->is_open ? now : s->to, length = to > from ? to - from : 1;
    int first = (int)((s->from - from) / length * cols), last = (int)((end - from) / length * cols);
    first = first < 0 ? 0 : first >= cols ? cols - 1 : first;
    last = last <= first ? first + 1 : last > cols ? cols : last;
    tui_show_span(end - s->from, span, sizeof span);
    if (*s->tool)
        snprintf(name, sizeof name, "    %s", s->tool);
    else
        snprintf(name, sizeof name, "%lld.%lld %s", (long long)s->attempt, (long long)s->number, s->agent);
    size_t fit = tui_fit(name, strlen(name), NAME_COLS - 1, &(int){ 0 });
    int pad = NAME_COLS - tui_columns(name, fit);
    int len = snprintf(text, sizeof text, "%.*s%*s%*s ", (int)fit, name, pad, "", SPAN_COLS - 1, span);
    for (int i = 0; i < last && len < (int)sizeof text - 8; i++)
        len += snprintf(text + len, sizeof text - (size_t)len, "%s", i < first ? " " : tui_is_ascii() ? (s->is_ok ? "=" : "x") : "█");
    if (s->is_open)
        len += snprintf(text + len, sizeof text - (size_t)len, ">");
    tui_pane_add(pane, !s->is_ok ? TUI_ERROR : *s->tool ? TUI_TOOL : s->is_open ? TUI_RUNNING : TUI_GRAPH, *s->tool ? TUI_LINE_TEXT : TUI_LINE_STEP, text, (size_t)len);
    tui_pane_end_line(pane);
}

void tui_timeline_fill(struct tui_pane *pane, struct tui_open *o, double now, int cols)
{
    double from = INFINITY, to = 0;
    int has_open = 0;
    for (size_t i = 0; i < o->step_count; i++) {
        has_open |= o->steps[i].is_open;
        from = fmin(from, o->steps[i].from);
        to = fmax(to, o->steps[i].is_open ? now : o->steps[i].to);
    }
    /* Twenty thousand steps are not drawn anew for nothing. */
    struct tui_timeline is = { o->step_changes, cols, has_open ? floor(now) : 0 };
    if (pane->count && is.changes == o->timeline.changes && o->timeline.cols == cols && is.second >= o->timeline.second && is.second <= o->timeline.second)
        return;
    o->timeline = is;
    tui_pane_refill(pane);
    if (!o->step_count) {
        const char *why = "no steps: only a task that was submitted with --detailed tells them";
        tui_pane_add(pane, TUI_DIM, TUI_LINE_TEXT, why, strlen(why));
    }
    int room = cols - NAME_COLS - SPAN_COLS - 2;
    for (size_t i = 0; i < o->step_count; i++)
        add_bar(pane, &o->steps[i], now, from, to, room > 4 ? room : 4);
}
