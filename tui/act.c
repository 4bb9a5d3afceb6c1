#include "form.h"
#include "view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct kind {
    const char *verb, *done;    /* "Cancel 3 tasks?", "cancelled 3 tasks" */
    const char *noun;
    int must_type;              /* the target's name is to be typed, whatever the number */
} kinds[TUI_ACT_KINDS] = {
    [TUI_CANCEL] = { "Cancel", "cancelled", "task", 0 },
    [TUI_RESUBMIT] = { "Resubmit", "resubmitted", "task", 0 },
    [TUI_RESUBMIT_EDITED] = { "Resubmit, edited,", "resubmitted", "task", 0 },
    [TUI_SUBMIT] = { "Submit", "submitted", "task", 0 },
    [TUI_PAUSE_QUEUE] = { "Pause", "paused", "queue", 0 },
    [TUI_RESUME_QUEUE] = { "Let go on", "resumed", "queue", 0 },
    [TUI_DRAIN] = { "Drain", "asked to drain:", "worker", 0 },
    [TUI_REPLAY_TASK] = { "Replay the dead letter of", "replayed", "task", 0 },
    [TUI_REPLAY_QUEUE] = { "Replay all dead letters of", "replayed the dead letters of", "queue", 0 },
    [TUI_PURGE] = { "Cancel all that waits in", "purged", "queue", 1 },
};

static void asking_done(struct tui_asking *a)
{
    free(a->acts);
    free(a->text);
    memset(a, 0, sizeof *a);
}

void tui_acts_free(struct tui_acts *acts)
{
    asking_done(&acts->asking);
    asking_done(&acts->editing);
    free(acts->draft.text);
    for (size_t i = 0; i < TUI_COUNT(acts->running); i++)
        asking_done(&acts->running[i]);
}

size_t tui_acts_open(const struct tui_acts *acts)
{
    size_t n = 0;
    for (size_t i = 0; i < TUI_COUNT(acts->running); i++)
        n += acts->running[i].serial ? acts->running[i].count - acts->running[i].answered : 0;
    return n;
}

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

/* The ids that an action means here: marks, or what was painted under the cursor, or the task that is open. */
static size_t targets_of(struct tui_model *m, enum tui_subject subject, const char *out[TUI_ACTS_MAX])
{
    if (m->screen == screen_of(subject))
        return tui_list_targets(&m->lists[m->screen], out, TUI_ACTS_MAX);
    out[0] = subject == TUI_OF_TASK && m->screen == TUI_TASK ? m->open.id : tui_view_target(m, subject);
    return *out[0] ? 1 : 0;
}

static struct tui_act *add_act(struct tui_asking *a, const char *target, const char *seen)
{
    struct tui_act *act = &a->acts[a->count++];
    act->serial = a->serial;
    act->kind = a->kind;
    tui_set(act->target, sizeof act->target, target);
    tui_set(act->seen, sizeof act->seen, seen);
    return act;
}

/* A task as it was painted; one that is not known goes as it is. */
static void add_task(struct tui_model *m, struct tui_asking *a, const char *id)
{
    uint32_t row = tui_tasks_find(&m->tasks, id);
    const struct tui_task *t = row == UINT32_MAX ? NULL : &m->tasks.rows[row];
    if (a->kind == TUI_CANCEL && t && orb_status_is_final(t->state))
        return; /* nothing to cancel: it is not counted */
    add_act(a, id, t ? orb_status_word(t->state) : "")->seen_attempt = t ? t->attempt : 0;
}

static struct tui_asking *begin(struct tui_model *m, enum tui_act_kind kind, size_t room)
{
    struct tui_asking *a = &m->acts.asking;
    asking_done(a);
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
    const struct tui_list *list = m->screen == screen_of(subject_of(a->kind)) ? &m->lists[m->screen] : NULL;
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
static int id_room(const struct tui_model *m, const struct tui_asking *a)
{
    int is_made = subject_of(a->kind) == TUI_OF_TASK && strlen(a->acts[0].target) == 32;
    return m->cols >= 110 ? 60 : is_made ? 8 : 24;
}

static void open_question(struct tui_model *m)
{
    struct tui_asking *a = &m->acts.asking;
    const struct kind *k = &kinds[a->kind];
    int is_of_tasks = a->kind <= TUI_RESUBMIT_EDITED;
    char who[120] = "", label[300], tail[60];
    if (a->count == 1) {
        if (is_of_tasks)
            say_agents(m, a, who, sizeof who);
        who[strcspn(who, " ")] = 0;
        if (a->kind == TUI_SUBMIT)
            say_form(a);
        else if (*who || *a->acts[0].seen)
            snprintf(a->question, sizeof a->question, "%s %s %.*s (%.30s%s%.20s)?", k->verb, k->noun, id_room(m, a), a->acts[0].target, who, *who && *a->acts[0].seen ? ", " : "", a->acts[0].seen);
        else
            snprintf(a->question, sizeof a->question, "%s %s %.*s?", k->verb, k->noun, id_room(m, a), a->acts[0].target);
    } else {
        if (is_of_tasks)
            say_agents(m, a, who, sizeof who);
        const char *state = common_state(a);
        size_t hidden = count_hidden(m, a);
        char beside[40] = "";
        if (hidden)
            snprintf(beside, sizeof beside, " (%zu not shown)", hidden);
        snprintf(a->question, sizeof a->question, "%s %zu %.20s%s%ss%s?  %.100s", k->verb, a->count, state, *state ? " " : "", k->noun, beside, who);
    }
    a->must_type[0] = 0;
    if (k->must_type)
        tui_set(a->must_type, sizeof a->must_type, a->acts[0].target);
    else if (a->count >= TUI_TYPE_NUMBER_FROM)
        snprintf(a->must_type, sizeof a->must_type, "%zu", a->count);
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
    size_t n = targets_of(m, TUI_OF_TASK, targets);
    if (!n) {
        tui_toast(m, 1, "no task here to %s", kind == TUI_CANCEL ? "cancel" : kind == TUI_REPLAY_TASK ? "replay" : "resubmit");
        return;
    }
    struct tui_asking *a = begin(m, kind, n);
    for (size_t i = 0; i < n; i++)
        add_task(m, a, targets[i]);
    if (a->count) {
        open_question(m);
        return;
    }
    tui_toast(m, 0, n == 1 ? "it has ended already: R runs it once more" : "all of them have ended already");
    asking_done(a);
}

static void ask_queues(struct tui_model *m, enum tui_action action)
{
    static const char *targets[TUI_ACTS_MAX];
    size_t n = targets_of(m, TUI_OF_QUEUE, targets);
    if (!n || (n > 1 && action == TUI_DO_PURGE)) {
        tui_toast(m, 1, n ? "one queue at a time: U takes the marks away" : "no queue here: 2 shows the queues");
        return;
    }
    /* Several: all become what the first one is not. */
    struct tui_queue *first = tui_fleet_queue(&m->fleet, targets[0]);
    int is_paused = first && first->is_paused, is_switch = action == TUI_DO_PAUSE_QUEUE;
    enum tui_act_kind kind = action == TUI_DO_PURGE ? TUI_PURGE : action == TUI_DO_REPLAY ? TUI_REPLAY_QUEUE : is_paused ? TUI_RESUME_QUEUE : TUI_PAUSE_QUEUE;
    struct tui_asking *a = begin(m, kind, n);
    for (size_t i = 0; i < n; i++) {
        const struct tui_queue *q = tui_fleet_queue(&m->fleet, targets[i]);
        if (!is_switch)
            add_act(a, targets[i], "");
        else if (!q || !q->is_paused == !is_paused)
            add_act(a, targets[i], is_paused ? "paused" : "running")->seen_at = q && is_paused ? q->paused_at : 0;
    }
    open_question(m);
}

static void ask_workers(struct tui_model *m)
{
    static const char *targets[TUI_ACTS_MAX];
    size_t n = targets_of(m, TUI_OF_WORKER, targets);
    if (!n) {
        tui_toast(m, 1, "no worker here: 3 shows the workers");
        return;
    }
    struct tui_asking *a = begin(m, TUI_DRAIN, n);
    for (size_t i = 0; i < n; i++) {
        uint32_t row = tui_worker_source.find(m, targets[i]);
        const struct tui_worker *w = row == UINT32_MAX ? NULL : &m->fleet.workers[row];
        add_act(a, targets[i], w ? w->status : "")->seen_at = w ? w->started_at : 0;
    }
    open_question(m);
}

/* ---- what is edited first --------------------------------------------------------------- */

static void drop_draft(struct tui_acts *acts)
{
    free(acts->draft.text);
    memset(&acts->draft, 0, sizeof acts->draft);
}

static void keep_draft(struct tui_acts *acts, const struct tui_asking *a)
{
    drop_draft(acts);
    tui_set(acts->draft.id, sizeof acts->draft.id, a->acts[0].target);
    acts->draft.text = tui_dup(a->text, a->text_len);
    acts->draft.len = a->text_len;
    acts->draft.serial = a->serial;
}

/* The editor first, the question about what it left. */
static void edit(struct tui_model *m, enum tui_act_kind kind)
{
    static const char *targets[TUI_ACTS_MAX];
    struct tui_draft *draft = &m->acts.draft;
    size_t n = kind == TUI_SUBMIT ? 0 : targets_of(m, TUI_OF_TASK, targets);
    if (kind != TUI_SUBMIT && n != 1) {
        tui_toast(m, 1, n ? "one task at a time: U takes the marks away" : "no task here to resubmit");
        return;
    }
    const char *id = n ? targets[0] : "";
    if (!draft->text || strcmp(draft->id, id) != 0)
        drop_draft(&m->acts);
    if (kind == TUI_SUBMIT && !draft->text) {
        draft->text = tui_form_text(*m->model ? m->model : NULL);
        draft->len = strlen(draft->text);
    }
    struct tui_asking *a = begin(m, kind, 1);
    if (n)
        add_task(m, a, id);
    else
        add_act(a, "", "");
    asking_done(&m->acts.editing);
    m->acts.editing = *a;
    memset(a, 0, sizeof *a);
    m->edit_serial = m->acts.editing.serial;
    tui_set(m->edit_id, sizeof m->edit_id, id);
    m->edit_text = draft->text;
    m->edit_len = draft->len;
    m->is_edit_again = draft->serial != 0;
}

static int is_blank(const char *text, size_t len)
{
    while (len && strchr(" \t\r\n", text[len - 1]))
        len--;
    return !len;
}

/* What the editor left: an act, or what is wrong with it. */
static int check_edited(struct tui_model *m, const struct tui_asking *a)
{
    struct tui_form form;
    struct orb_error err = { 0 };
    if (a->kind == TUI_SUBMIT && tui_form_read(a->text, a->text_len, &form, &err))
        tui_toast(m, 1, "not submitted, S opens it again: %s", orb_error_message(&err));
    else if (a->kind != TUI_SUBMIT && is_blank(a->text, a->text_len))
        tui_toast(m, 1, "the prompt is empty: nothing was submitted");
    else
        return 1;
    return 0;
}

void tui_act_edited(struct tui_model *m, const struct tui_msg *msg)
{
    struct tui_asking *e = &m->acts.editing, *a = &m->acts.asking;
    if (!e->serial || msg->b != e->serial)
        return;
    m->edit_serial = 0;
    if (msg->a) {
        tui_toast(m, msg->text_len != 0, "%s", msg->text_len ? msg->text : "nothing was changed: nothing was submitted");
        asking_done(e);
        return;
    }
    asking_done(a);
    *a = *e;
    memset(e, 0, sizeof *e);
    a->text = tui_dup(msg->text, msg->text_len);
    a->text_len = msg->text_len;
    a->acts[0].text = a->text;
    a->acts[0].text_len = a->text_len;
    keep_draft(&m->acts, a);
    if (check_edited(m, a))
        open_question(m);
    else
        asking_done(a);
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
    case TUI_DO_EDIT: edit(m, TUI_RESUBMIT_EDITED); break;
    case TUI_DO_SUBMIT: edit(m, TUI_SUBMIT); break;
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

/* ---- answers ------------------------------------------------------------------------ */

void tui_act_leave(struct tui_model *m)
{
    if (m->acts.asking.serial)
        tui_toast(m, 0, "not done");
    asking_done(&m->acts.asking);
}

static void view_targets(struct tui_model *m)
{
    const struct tui_asking *a = &m->acts.asking;
    tui_menu_open(&m->menu, TUI_MENU_TARGETS, a->question);
    for (size_t i = 0; i < a->count; i++) {
        uint32_t row = tui_tasks_find(&m->tasks, a->acts[i].target);
        if (i + 1 == TUI_MENU_MAX && a->count > TUI_MENU_MAX) {
            tui_menu_add(&m->menu, (int)i, -1, "... and %zu more", a->count - i);
            break;
        }
        tui_menu_add(&m->menu, (int)i, -1, "%.36s %s %.30s", a->acts[i].target, a->acts[i].seen, row == UINT32_MAX ? "" : tui_texts_get(m->texts, m->tasks.rows[row].agent));
    }
}

void tui_act_targets_seen(struct tui_model *m)
{
    if (m->acts.asking.serial)
        open_question(m);
}

static void mark(struct tui_model *m, const struct tui_asking *a, int is_on)
{
    struct tui_list *list = &m->lists[screen_of(subject_of(a->kind))];
    const char **ids = tui_alloc(a->count, sizeof *ids);
    for (size_t i = 0; i < a->count; i++)
        ids[i] = a->acts[i].target;
    (void)!tui_list_mark_many(list, ids, a->count, is_on);
    free(ids);
}

static void confirm(struct tui_model *m)
{
    struct tui_acts *acts = &m->acts;
    for (size_t i = 0; i < TUI_COUNT(acts->running); i++) {
        struct tui_asking *slot = &acts->running[i];
        if (slot->serial)
            continue;
        *slot = acts->asking;
        memset(&acts->asking, 0, sizeof acts->asking);
        if (m->screen == screen_of(subject_of(slot->kind)))
            tui_list_unmark_all(&m->lists[m->screen]); /* also those that had nothing to do; who marks others from now on keeps them */
        else
            mark(m, slot, 0);
        slot->send_at = m->now + (slot->count >= TUI_BULK ? TUI_UNDO_S : 0);
        return;
    }
    tui_toast(m, 1, "four acts are under way: wait until one of them is done");
    asking_done(&acts->asking);
}

void tui_act_answer(struct tui_model *m, const char *text)
{
    struct tui_asking *a = &m->acts.asking;
    if (!a->serial)
        return;
    if (!*a->must_type && (!strcmp(text, "v") || !strcmp(text, "V")) && a->count > 1)
        view_targets(m);
    else if (*a->must_type ? !strcmp(text, a->must_type) : !strcmp(text, "y") || !strcmp(text, "Y"))
        confirm(m);
    else
        tui_act_leave(m);
}

void tui_act_undo(struct tui_model *m)
{
    for (size_t i = TUI_COUNT(m->acts.running); i-- > 0;) {
        struct tui_asking *a = &m->acts.running[i];
        if (a->serial && !a->sent && m->now < a->send_at) {
            tui_toast(m, 0, "taken back: %s of %zu %ss", kinds[a->kind].verb, a->count, kinds[a->kind].noun);
            mark(m, a, 1);
            asking_done(a);
            return;
        }
    }
    tui_toast(m, 0, "nothing to take back");
}

double tui_acts_undo_left(const struct tui_acts *acts, double now)
{
    for (size_t i = 0; i < TUI_COUNT(acts->running); i++)
        if (acts->running[i].serial && !acts->running[i].sent && acts->running[i].send_at > now)
            return acts->running[i].send_at - now;
    return 0;
}

const struct tui_act *tui_acts_take(struct tui_acts *acts, double now)
{
    for (size_t i = 0; i < TUI_COUNT(acts->running); i++) {
        struct tui_asking *a = &acts->running[i];
        if (a->serial && a->sent < a->count && now >= a->send_at)
            return &a->acts[a->sent++];
    }
    return NULL;
}

/* ---- what became of it ----------------------------------------------------------------- */

static void sum_up(struct tui_model *m, struct tui_asking *a)
{
    const struct kind *k = &kinds[a->kind];
    char text[240];
    size_t at = 0;
    if (a->kind == TUI_SUBMIT && a->done)
        at += (size_t)snprintf(text, sizeof text, "submitted task %.130s", a->last_word);
    else if (a->count == 1 && a->done)
        at += (size_t)snprintf(text, sizeof text, "%s %s %.*s%s%.60s", k->done, k->noun, id_room(m, a), a->acts[0].target, !*a->last_word ? "" : a->kind == TUI_PURGE ? ": " : " as ", a->last_word);
    else if (a->done)
        at += (size_t)snprintf(text, sizeof text, "%s %zu %ss", k->done, a->done, k->noun);
    if (a->changed)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%zu had changed and %s left alone", at ? ", " : "", a->changed, a->changed == 1 ? "was" : "were");
    if (a->failed)
        snprintf(text + at, sizeof text - at, "%s%zu failed: %.120s", at ? ", " : "", a->failed, a->first_error);
    tui_toast(m, a->failed != 0, "%s", text);
    if (a->done && a->serial == m->acts.draft.serial)
        drop_draft(&m->acts);
}

void tui_act_done(struct tui_model *m, const struct tui_msg *msg)
{
    for (size_t i = 0; i < TUI_COUNT(m->acts.running); i++) {
        struct tui_asking *a = &m->acts.running[i];
        if (!a->serial || a->serial != msg->a)
            continue;
        a->answered++;
        if (!msg->b) {
            a->done++;
            tui_set(a->last_word, sizeof a->last_word, msg->id);
        } else if (msg->b == ORB_E_CHANGED || msg->b == ORB_E_FINISHED) {
            a->changed++;
        } else if (!a->failed++) {
            tui_set(a->first_error, sizeof a->first_error, msg->text);
        }
        if (a->answered == a->count) {
            sum_up(m, a);
            asking_done(a);
        }
        return;
    }
}
