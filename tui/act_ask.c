/* What an act is about, and the question: bound to the ids and states that are on the screen. */
#include "act_inner.h"
#include "form.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what an act is about --------------------------------------------------------- */

static const struct { enum tui_screen screen; enum tui_subject subject; } places[] = {
    { TUI_QUEUES, TUI_OF_QUEUE }, { TUI_WORKERS, TUI_OF_WORKER }, { TUI_TASKS, TUI_OF_TASK } };

static enum tui_screen screen_of(enum tui_subject subject)
{
    size_t i = 0;
    while (places[i].subject != subject)
        i++;
    return places[i].screen;
}

static enum tui_subject subject_of(enum tui_act_kind kind)
{
    return kind == TUI_DRAIN ? TUI_OF_WORKER : kind == TUI_PAUSE_QUEUE || kind == TUI_RESUME_QUEUE || kind == TUI_REPLAY_QUEUE || kind == TUI_PURGE ? TUI_OF_QUEUE : TUI_OF_TASK;
}

enum tui_screen tui_act_screen(enum tui_act_kind kind)
{
    return screen_of(subject_of(kind));
}

/* The ids that an action means here: marks, or what was painted under the cursor, or the task that is open. */
size_t tui_act_targets(struct tui_model *m, enum tui_subject subject, const char *out[TUI_ACTS_MAX])
{
    if (m->screen == screen_of(subject))
        return tui_list_targets(&m->lists[m->screen], out, TUI_ACTS_MAX);
    out[0] = subject == TUI_OF_TASK && m->screen == TUI_TASK ? m->open.id : tui_view_target(m, subject);
    return *out[0] ? 1 : 0;
}

struct tui_act *tui_act_add(struct tui_asking *a, const char *target, const char *seen)
{
    struct tui_act *act = &a->acts[a->count++];
    act->serial = a->serial;
    act->kind = a->kind;
    tui_set(act->target, sizeof act->target, target);
    tui_set(act->seen, sizeof act->seen, seen);
    return act;
}

/* A task as it was painted; one that is not known goes as it is. */
void tui_act_add_task(struct tui_model *m, struct tui_asking *a, const char *id)
{
    uint32_t row = tui_tasks_find(&m->tasks, id);
    const struct tui_task *t = row == UINT32_MAX ? NULL : &m->tasks.rows[row];
    if (a->kind == TUI_CANCEL && t && orb_status_is_final(t->state))
        return; /* nothing to cancel: it is not counted */
    tui_act_add(a, id, t ? orb_status_word(t->state) : "")->seen_attempt = t ? t->attempt : 0;
}

struct tui_asking *tui_act_begin(struct tui_model *m, enum tui_act_kind kind, size_t room)
{
    struct tui_asking *a = &m->acts.asking;
    tui_asking_done(a);
    a->serial = ++m->acts.last_serial;
    a->kind = kind;
    a->acts = tui_alloc(room, sizeof *a->acts);
    return a;
}

/* ---- asking ------------------------------------------------------------------------ */

/* "planner 2, coder 1": whom it hits, the most frequent agents. */
static void say_agents(struct tui_model *m, const struct tui_asking *a, char *out, size_t cap)
{
    struct { uint32_t agent; size_t n; } seen[16];
    size_t kinds_seen = 0, at = 0;
    for (size_t i = 0; i < a->count; i++) {
        uint32_t row = tui_tasks_find(&m->tasks, a->acts[i].target), agent = row == UINT32_MAX ? 0 : m->tasks.rows[row].agent;
        size_t k = 0;
        while (k < kinds_seen && seen[k].agent != agent)
            k++;
        if (k == TUI_COUNT(seen))
            continue;
        if (k == kinds_seen)
            seen[kinds_seen++].n = 0;
        seen[k].agent = agent;
        seen[k].n++;
    }
    out[0] = 0;
    for (size_t shown = 0; shown < 3 && shown < kinds_seen; shown++) {
        size_t best = 0;
        for (size_t k = 1; k < kinds_seen; k++)
            best = seen[k].n > seen[best].n ? k : best;
        if (!seen[best].n)
            break;
        const char *name = tui_texts_get(m->texts, seen[best].agent);
        int n = snprintf(out + at, cap - at, "%s%.30s %zu", at ? ", " : "", *name ? name : "?", seen[best].n);
        at += n > 0 && (size_t)n < cap - at ? (size_t)n : 0;
        seen[best].n = 0;
    }
}

/* How many of them the user does not see, because they were marked under another filter. */
static size_t count_hidden(struct tui_model *m, const struct tui_asking *a)
{
    size_t n = 0;
    const struct tui_list *list = m->screen == tui_act_screen(a->kind) ? &m->lists[m->screen] : NULL;
    for (size_t i = 0; list && i < a->count; i++)
        n += !tui_list_shows(list, m, a->acts[i].target);
    return n;
}

/* "running", when all are: states of the targets as a word, or "". */
static const char *common_state(const struct tui_asking *a)
{
    for (size_t i = 1; i < a->count; i++)
        if (strcmp(a->acts[i].seen, a->acts[0].seen) != 0)
            return "";
    return a->acts[0].seen;
}

static void say_form(struct tui_asking *a)
{
    struct tui_form form;
    struct orb_error err;
    if (!tui_form_read(a->text, a->text_len, &form, &err))
        snprintf(a->question, sizeof a->question, "Submit a new task to %.40s, %.40s, %zu bytes?", form.queue, form.model, form.prompt_len);
}

/* As much of the target as leaves the answers in sight; hex digits as in the lists. */
int tui_act_room(const struct tui_model *m, const struct tui_asking *a)
{
    int is_made = subject_of(a->kind) == TUI_OF_TASK && strlen(a->acts[0].target) == 32;
    return m->cols >= 110 ? 60 : is_made ? 8 : 24;
}

void tui_act_ask(struct tui_model *m)
{
    struct tui_asking *a = &m->acts.asking;
    const struct tui_act_row *k = &tui_act_rows[a->kind];
    int is_of_tasks = a->kind <= TUI_RESUBMIT_EDITED;
    char who[120] = "", label[300], tail[60], hits[32] = "";
    if (k->is_of_all)
        snprintf(hits, sizeof hits, " (%lld)", (long long)a->hits);
    if (a->count == 1) {
        if (is_of_tasks)
            say_agents(m, a, who, sizeof who);
        who[strcspn(who, " ")] = 0;
        if (a->kind == TUI_SUBMIT)
            say_form(a);
        else if (*who || *a->acts[0].seen)
            snprintf(a->question, sizeof a->question, "%s %s %.*s (%.30s%s%.20s)?", k->verb, k->noun, tui_act_room(m, a), a->acts[0].target, who, *who && *a->acts[0].seen ? ", " : "", a->acts[0].seen);
        else
            snprintf(a->question, sizeof a->question, "%s %s %.*s%s?", k->verb, k->noun, tui_act_room(m, a), a->acts[0].target, hits);
    } else {
        if (is_of_tasks)
            say_agents(m, a, who, sizeof who);
        const char *state = common_state(a);
        size_t hidden = count_hidden(m, a);
        char beside[40] = "";
        if (hidden)
            snprintf(beside, sizeof beside, " (%zu not shown)", hidden);
        snprintf(a->question, sizeof a->question, "%s %zu %.20s%s%ss%s%s?  %.100s", k->verb, a->count, state, *state ? " " : "", k->noun, beside, hits, who);
    }
    a->must_type[0] = 0;
    if (k->must_type)
        tui_set(a->must_type, sizeof a->must_type, a->acts[0].target);
    else if (a->count >= TUI_TYPE_NUMBER_FROM || a->hits >= TUI_TYPE_NUMBER_FROM)
        snprintf(a->must_type, sizeof a->must_type, "%lld", k->is_of_all ? (long long)a->hits : (long long)a->count);
    if (*a->must_type)
        snprintf(tail, sizeof tail, "  type %.24s: ", k->must_type ? "its name" : a->must_type);
    else
        snprintf(tail, sizeof tail, "   [N]o  [y]es%s ", a->count > 1 ? "  [v]iew" : "");
    /* The answers are in sight whatever the width; so is some of what is typed. */
    size_t fit = tui_fit(a->question, strlen(a->question), m->cols - tui_columns(tail, strlen(tail)) - (*a->must_type ? 8 : 1), &(int){ 0 });
    snprintf(label, sizeof label, "%.*s%s", (int)fit, a->question, tail);
    tui_prompt_open(&m->prompt, TUI_PROMPT_QUESTION, label, "");
}

static void ask_tasks(struct tui_model *m, enum tui_act_kind kind)
{
    static const char *targets[TUI_ACTS_MAX];
    size_t n = tui_act_targets(m, TUI_OF_TASK, targets);
    if (!n) {
        tui_toast(m, 1, "no task here to %s", kind == TUI_CANCEL ? "cancel" : kind == TUI_REPLAY_TASK ? "replay" : "resubmit");
        return;
    }
    struct tui_asking *a = tui_act_begin(m, kind, n);
    for (size_t i = 0; i < n; i++)
        tui_act_add_task(m, a, targets[i]);
    if (a->count) {
        tui_act_ask(m);
        return;
    }
    if (n == 1)
        tui_toast(m, 0, "it has ended already: %s runs it once more", tui_keys_say(m->keys, TUI_DO_RESUBMIT));
    else
        tui_toast(m, 0, "all of them have ended already");
    tui_asking_done(a);
}

static void ask_queues(struct tui_model *m, enum tui_action action)
{
    static const char *targets[TUI_ACTS_MAX];
    size_t n = tui_act_targets(m, TUI_OF_QUEUE, targets);
    if (!n || (n > 1 && action == TUI_DO_PURGE)) {
        tui_toast(m, 1, n ? "one queue at a time: %s takes the marks away" : "no queue here: %s shows the queues", tui_keys_say(m->keys, n ? TUI_DO_UNMARK : TUI_DO_QUEUES));
        return;
    }
    /* Several: all become what the first one is not. */
    struct tui_queue *first = tui_fleet_queue(&m->fleet, targets[0]);
    int is_paused = first && first->is_paused, is_switch = action == TUI_DO_PAUSE_QUEUE;
    enum tui_act_kind kind = action == TUI_DO_PURGE ? TUI_PURGE : action == TUI_DO_REPLAY ? TUI_REPLAY_QUEUE : is_paused ? TUI_RESUME_QUEUE : TUI_PAUSE_QUEUE;
    struct tui_asking *a = tui_act_begin(m, kind, n);
    for (size_t i = 0; i < n; i++) {
        const struct tui_queue *q = tui_fleet_queue(&m->fleet, targets[i]);
        if (q && !is_switch)
            a->hits += action == TUI_DO_REPLAY ? q->dead : q->delayed + (q->depth > 0 ? q->depth : 0);
        if (!is_switch)
            tui_act_add(a, targets[i], "");
        else if (!q || !q->is_paused == !is_paused)
            tui_act_add(a, targets[i], is_paused ? "paused" : "running")->seen_at = q && is_paused ? q->paused_at : 0;
    }
    tui_act_ask(m);
}

static void ask_workers(struct tui_model *m)
{
    static const char *targets[TUI_ACTS_MAX];
    size_t n = tui_act_targets(m, TUI_OF_WORKER, targets);
    if (!n) {
        tui_toast(m, 1, "no worker here: %s shows the workers", tui_keys_say(m->keys, TUI_DO_WORKERS));
        return;
    }
    struct tui_asking *a = tui_act_begin(m, TUI_DRAIN, n);
    for (size_t i = 0; i < n; i++) {
        uint32_t row = tui_worker_source.find(m, targets[i]);
        const struct tui_worker *w = row == UINT32_MAX ? NULL : &m->fleet.workers[row];
        tui_act_add(a, targets[i], w ? w->status : "")->seen_at = w ? w->started_at : 0;
    }
    tui_act_ask(m);
}

/* ---- the actions of keys.h ---------------------------------------------------------------- */

void tui_act_start(struct tui_model *m, int action)
{
    if (m->is_readonly) {
        tui_toast(m, 1, "read-only: nothing can be changed here (--readonly, or a replay)");
        return;
    }
    if (!m->link.is_up) {
        tui_toast(m, 1, "Redis cannot be reached: nothing can be changed now");
        return;
    }
    switch (action) {
    case TUI_DO_CANCEL: ask_tasks(m, TUI_CANCEL); break;
    case TUI_DO_RESUBMIT: ask_tasks(m, TUI_RESUBMIT); break;
    case TUI_DO_EDIT: tui_act_edit(m, TUI_RESUBMIT_EDITED); break;
    case TUI_DO_SUBMIT: tui_act_edit(m, TUI_SUBMIT); break;
    case TUI_DO_DRAIN: ask_workers(m); break;
    case TUI_DO_REPLAY:
        if (m->screen == TUI_TASKS || m->screen == TUI_TASK)
            ask_tasks(m, TUI_REPLAY_TASK);
        else
            ask_queues(m, TUI_DO_REPLAY);
        break;
    default: ask_queues(m, (enum tui_action)action); break;
    }
}
