/* Acts whose text is edited first: the editor, then the question about what it left. What was typed is kept until it has come to a task. */
#include "act_inner.h"
#include "form.h"

#include <stdlib.h>
#include <string.h>

static void keep_draft(struct tui_acts *acts, const struct tui_asking *a)
{
    tui_draft_drop(acts);
    tui_set(acts->draft.id, sizeof acts->draft.id, a->acts[0].target);
    acts->draft.text = tui_dup(a->text, a->text_len);
    acts->draft.len = a->text_len;
    acts->draft.serial = a->serial;
}

/* The editor first, the question about what it left. */
void tui_act_edit(struct tui_model *m, enum tui_act_kind kind)
{
    static const char *targets[TUI_ACTS_MAX];
    struct tui_draft *draft = &m->acts.draft;
    size_t n = kind == TUI_SUBMIT ? 0 : tui_act_targets(m, TUI_OF_TASK, targets);
    if (kind != TUI_SUBMIT && n != 1) {
        tui_toast(m, 1, n ? "one task at a time: %s takes the marks away" : "no task here to resubmit", tui_keys_say(m->keys, TUI_DO_UNMARK));
        return;
    }
    const char *id = n ? targets[0] : "";
    if (!draft->text || strcmp(draft->id, id) != 0)
        tui_draft_drop(&m->acts);
    if (kind == TUI_SUBMIT && !draft->text) {
        draft->text = tui_form_text(*m->model ? m->model : NULL);
        draft->len = strlen(draft->text);
    }
    struct tui_asking *a = tui_act_begin(m, kind, 1);
    if (n)
        tui_act_add_task(m, a, id);
    else
        tui_act_add(a, "", "");
    tui_asking_done(&m->acts.editing);
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
        tui_toast(m, 1, "not submitted, %s opens it again: %s", tui_keys_say(m->keys, TUI_DO_SUBMIT), orb_error_message(&err));
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
        tui_asking_done(e);
        return;
    }
    tui_asking_done(a);
    *a = *e;
    memset(e, 0, sizeof *e);
    a->text = tui_dup(msg->text, msg->text_len);
    a->text_len = msg->text_len;
    a->acts[0].text = a->text;
    a->acts[0].text_len = a->text_len;
    keep_draft(&m->acts, a);
    if (check_edited(m, a))
        tui_act_ask(m);
    else
        tui_asking_done(a);
}
