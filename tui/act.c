/* Acts: their answers, what waits, what became of them. act_ask.c asks. */
#include "act_inner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct tui_act_row tui_act_rows[TUI_ACT_KINDS] = {
    [TUI_CANCEL] = { "Cancel", "cancelled", "task", 0, 0 },
    [TUI_RESUBMIT] = { "Resubmit", "resubmitted", "task", 0, 0 },
    [TUI_RESUBMIT_EDITED] = { "Resubmit, edited,", "resubmitted", "task", 0, 0 },
    [TUI_SUBMIT] = { "Submit", "submitted", "task", 0, 0 },
    [TUI_PAUSE_QUEUE] = { "Pause", "paused", "queue", 0, 0 },
    [TUI_RESUME_QUEUE] = { "Let go on", "resumed", "queue", 0, 0 },
    [TUI_DRAIN] = { "Drain", "asked to drain:", "worker", 0, 0 },
    [TUI_REPLAY_TASK] = { "Replay the dead letter of", "replayed", "task", 0, 0 },
    [TUI_REPLAY_QUEUE] = { "Replay all dead letters of", "replayed the dead letters of", "queue", 0, 1 },
    [TUI_PURGE] = { "Cancel all that waits in", "purged", "queue", 1, 1 },
};

void tui_asking_done(struct tui_asking *a)
{
    free(a->acts);
    free(a->text);
    memset(a, 0, sizeof *a);
}

void tui_acts_free(struct tui_acts *acts)
{
    tui_asking_done(&acts->asking);
    tui_asking_done(&acts->editing);
    free(acts->draft.text);
    for (size_t i = 0; i < TUI_COUNT(acts->running); i++)
        tui_asking_done(&acts->running[i]);
}

size_t tui_acts_open(const struct tui_acts *acts)
{
    size_t n = 0;
    for (size_t i = 0; i < TUI_COUNT(acts->running); i++)
        n += acts->running[i].serial ? acts->running[i].count - acts->running[i].answered : 0;
    return n;
}

void tui_draft_drop(struct tui_acts *acts)
{
    free(acts->draft.text);
    memset(&acts->draft, 0, sizeof acts->draft);
}

/* ---- answers ------------------------------------------------------------------------ */

void tui_act_leave(struct tui_model *m)
{
    if (m->acts.asking.serial)
        tui_toast(m, 0, "not done");
    tui_asking_done(&m->acts.asking);
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
        tui_act_ask(m);
}

static void mark(struct tui_model *m, const struct tui_asking *a, int is_on)
{
    struct tui_list *list = &m->lists[tui_act_screen(a->kind)];
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
        if (m->screen == tui_act_screen(slot->kind))
            tui_list_unmark_all(&m->lists[m->screen]); /* also those that had nothing to do; who marks others from now on keeps them */
        else
            mark(m, slot, 0);
        tui_toast(m, 0, "%.*s: yes", (int)strcspn(slot->question, "?"), slot->question);
        slot->send_at = m->now + (slot->count >= TUI_BULK || tui_act_rows[slot->kind].is_of_all ? TUI_UNDO_S : 0);
        return;
    }
    tui_toast(m, 1, "four acts are under way: wait until one of them is done");
    tui_asking_done(&acts->asking);
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

static void say_taken_back(struct tui_model *m, const struct tui_asking *a)
{
    const struct tui_act_row *k = &tui_act_rows[a->kind];
    if (a->count == 1)
        tui_toast(m, 0, "taken back: %s %s %.*s", k->verb, k->noun, tui_act_room(m, a), a->acts[0].target);
    else
        tui_toast(m, 0, "taken back: %s %zu %ss", k->verb, a->count, k->noun);
}

void tui_act_undo(struct tui_model *m)
{
    for (size_t i = TUI_COUNT(m->acts.running); i-- > 0;) {
        struct tui_asking *a = &m->acts.running[i];
        if (a->serial && !a->sent && m->now < a->send_at) {
            say_taken_back(m, a);
            if (a->count >= TUI_BULK) /* one was under the cursor */
                mark(m, a, 1);
            tui_asking_done(a);
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
    const struct tui_act_row *k = &tui_act_rows[a->kind];
    char text[sizeof m->toast];
    size_t at = 0;
    if (a->kind == TUI_SUBMIT && a->done)
        at += (size_t)snprintf(text, sizeof text, "submitted task %.130s", a->last_word);
    else if (a->count == 1 && a->done)
        at += (size_t)snprintf(text, sizeof text, "%s %s %.*s%s%.60s", k->done, k->noun, tui_act_room(m, a), a->acts[0].target, !*a->last_word ? "" : a->kind == TUI_PURGE ? ": " : " as ", a->last_word);
    else if (a->done)
        at += (size_t)snprintf(text, sizeof text, "%s %zu %ss", k->done, a->done, k->noun);
    if (a->changed)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%zu had changed and %s left alone", at ? ", " : "", a->changed, a->changed == 1 ? "was" : "were");
    if (a->failed)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%zu failed", at ? ", " : "", a->failed);
    if (a->unknown)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%zu without an answer, done or not", at ? ", " : "", a->unknown);
    if (*a->first_error)
        snprintf(text + at, sizeof text - at, ": %.280s", a->first_error);
    tui_toast(m, *a->first_error != 0, "%s", text);
    if (a->done && a->serial == m->acts.draft.serial)
        tui_draft_drop(&m->acts);
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
        } else {
            if (msg->b == ORB_E_UNREACHABLE || msg->b == ORB_E_TIMEOUT)
                a->unknown++; /* it may have been done before the link was lost */
            else
                a->failed++;
            if (a->failed + a->unknown == 1)
                tui_set(a->first_error, sizeof a->first_error, msg->text);
        }
        if (a->answered == a->count) {
            sum_up(m, a);
            tui_asking_done(a);
        }
        return;
    }
}
