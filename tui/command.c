/* What is typed: filters and searches as one types, the palette, letters of bookmarks, answers to questions. */
#include "command.h"
#include "view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- commands that take a word -------------------------------------------------- */

static void run_open(struct tui_model *m, const char *arg)
{
    if (orb_id_is_valid(arg))
        tui_go_task(m, arg);
    else
        tui_toast(m, 1, "'%s' is no task's id: 1 to 128 of A-Z a-z 0-9 . _ -", arg);
}

static void run_filter(struct tui_model *m, const char *arg)
{
    struct tui_list *list = tui_model_list(m);
    struct orb_error err = { 0 };
    if (!list)
        tui_go_filter(m, "%s", arg);
    else if (tui_list_filter(list, arg, &err))
        tui_toast(m, 1, "filter: %s", err.text);
}

static void run_sort(struct tui_model *m, const char *arg)
{
    struct tui_list *list = tui_model_list(m);
    int field = list ? tui_field_find(list->source, arg + (*arg == '-')) : -1;
    if (field >= 0)
        tui_list_sort(list, field, (*arg == '-') != (list->source->fields[field].kind == TUI_AGE_FIELD));
    else
        tui_toast(m, 1, "'%s' is no column here: %s shows them all", arg, tui_keys_say(m->keys, TUI_DO_SORT_MENU));
}

static void run_theme(struct tui_model *m, const char *arg)
{
    tui_set(m->wants_theme, sizeof m->wants_theme, arg);
}

static void run_export(struct tui_model *m, const char *arg)
{
    tui_choose_export(m, arg);
}

static void run_tab(struct tui_model *m, const char *arg)
{
    for (int i = 0; i < TUI_TABS; i++)
        if (!strcmp(tui_tab_names[i], arg)) {
            m->open.tab = (enum tui_tab)i;
            return;
        }
    tui_toast(m, 1, "'%s' is no tab: stream, input, result, timeline, events, json", arg);
}

static void run_write_keys(struct tui_model *m, const char *arg)
{
    tui_choose_write(m, arg, tui_keys_template(m->keys));
}

static const struct command {
    const char *name, *arg, *help;
    void (*run)(struct tui_model *m, const char *arg);
} commands[] = {
    { "open", "ID", "open a task by its id", run_open },
    { "filter", "WORDS", "filter the list", run_filter },
    { "sort-by", "COLUMN", "sort by a column, -COLUMN downwards", run_sort },
    { "theme", "NAME", "another theme", run_theme },
    { "write", "FILE", "write what is shown to a file", run_export },
    { "tab", "NAME", "a tab of the task that is open", run_tab },
    { "write-keys", "FILE", "write a keys file with all that can be bound", run_write_keys },
    { "save-view", "NAME", "keep screen, filter, columns and order under a name", tui_views_save },
    { "view", "NAME", "what was kept under a name", tui_views_open },
    { "delete-view", "NAME", "forget what was kept under a name", tui_views_delete },
};

void tui_command_run(struct tui_model *m, const char *line)
{
    char name[32];
    line += strspn(line, " ");
    size_t len = strcspn(line, " ");
    const char *arg = line + len + strspn(line + len, " ");
    snprintf(name, sizeof name, "%.*s", (int)(len < 31 ? len : 31), line);
    if (!*name)
        return;
    for (size_t i = 0; i < TUI_COUNT(commands); i++)
        if (!strcmp(commands[i].name, name) && (*arg || tui_action_find(name) == TUI_DO_NOTHING)) {
            if (*arg)
                commands[i].run(m, arg);
            else
                tui_toast(m, 1, "%s %s: %s", name, commands[i].arg, commands[i].help);
            return;
        }
    enum tui_action action = strcmp(name, "q") ? tui_action_find(name) : TUI_DO_QUIT; /* as in vi */
    if (action && *arg)
        tui_toast(m, 1, tui_actions[action].writes && action != TUI_DO_SUBMIT ? "%s means what is marked or under the cursor: nothing stands behind it" : "nothing stands behind %s", name);
    else if (action)
        tui_model_do(m, action, "");
    else
        tui_toast(m, 1, "'%s' is no command: Tab after %s shows them", name, tui_keys_say(m->keys, TUI_DO_COMMAND));
}

size_t tui_command_list(struct tui_command_row *out, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < TUI_COUNT(commands) && n < max; i++)
        out[n++] = (struct tui_command_row){ commands[i].name, commands[i].arg, commands[i].help };
    return n;
}

/* ---- completion ------------------------------------------------------------------ */

static void offer(struct tui_prompt *p, const char *word, size_t len, const char *name)
{
    if (p->candidate_count < TUI_COMPLETIONS && !strncmp(name, word, len))
        tui_set(p->candidates[p->candidate_count++], sizeof *p->candidates, name);
}

static void complete_command(struct tui_model *m)
{
    struct tui_prompt *p = &m->prompt;
    size_t start = p->cursor;
    while (start && p->text[start - 1] != ' ')
        start--;
    p->start = start;
    const char *word = p->text + start;
    size_t len = p->cursor - start;
    if (!start) {
        for (size_t i = 0; i < TUI_COUNT(commands); i++)
            offer(p, word, len, commands[i].name);
        for (int a = 1; a < TUI_ACTION_COUNT; a++)
            offer(p, word, len, tui_actions[a].name);
    } else if (!strncmp(p->text, "tab ", 4)) {
        for (int i = 0; i < TUI_TABS; i++)
            offer(p, word, len, tui_tab_names[i]);
    } else if (!strncmp(p->text, "sort-by ", 8) && tui_model_list(m)) {
        for (size_t i = 0; i < tui_model_list(m)->source->field_count; i++)
            offer(p, word, len, tui_model_list(m)->source->fields[i].name);
    } else if (!strncmp(p->text, "view ", 5) || !strncmp(p->text, "delete-view ", 12)) {
        for (size_t i = 0; i < m->saved.view_count; i++)
            offer(p, word, len, m->saved.views[i].name);
    } else if (!strncmp(p->text, "open ", 5)) {
        p->candidate_count = tui_field_complete(&tui_task_source, m, TUI_TASK_ID, word, len, p->candidates, TUI_COMPLETIONS);
    } else if (!strncmp(p->text, "theme ", 6)) {
        for (const char *const *name = m->themes; name && *name; name++)
            offer(p, word, len, *name);
    }
}

static void complete(struct tui_model *m, const char *key)
{
    struct tui_prompt *p = &m->prompt;
    const struct tui_list *list = tui_model_list(m);
    if (p->candidate < 0) {
        p->candidate_count = 0;
        if (p->use == TUI_PROMPT_COMMAND)
            complete_command(m);
        else if (p->use == TUI_PROMPT_FILTER && list)
            p->candidate_count = tui_query_complete(list->source, m, p->text, p->cursor, p->candidates, TUI_COMPLETIONS, &p->start);
    }
    tui_prompt_complete(p, !strcmp(key, "S-Tab") ? -1 : 1);
}

/* ---- prompts ---------------------------------------------------------------------- */

static void changed(struct tui_model *m)
{
    struct orb_error err = { 0 };
    struct tui_prompt *p = &m->prompt;
    p->error[0] = 0;
    if (p->use == TUI_PROMPT_FILTER && tui_model_list(m)) {
        if (tui_list_filter(tui_model_list(m), p->text, &err)) /* the last one that was right stays */
            tui_set(p->error, sizeof p->error, err.text + strspn(err.text, "0123456789: ")); /* the place is under the cursor */
    } else if (p->use == TUI_PROMPT_SEARCH) {
        struct tui_pane *pane = tui_model_pane(m);
        if (pane)
            tui_pane_search(pane, p->text);
    }
}

static void leave(struct tui_model *m)
{
    struct tui_prompt *p = &m->prompt;
    struct orb_error err;
    if (p->use == TUI_PROMPT_FILTER && tui_model_list(m))
        (void)!tui_list_filter(tui_model_list(m), p->before, &err);
    if (p->use == TUI_PROMPT_SEARCH && tui_model_pane(m))
        tui_pane_search(tui_model_pane(m), "");
    if (p->use == TUI_PROMPT_QUESTION)
        tui_act_leave(m);
    tui_prompt_close(p, 0);
}

static void enter(struct tui_model *m)
{
    struct tui_prompt *p = &m->prompt;
    char text[TUI_PROMPT_MAX + 1];
    enum tui_prompt_use use = p->use;
    if (use == TUI_PROMPT_FILTER && *p->error)
        return; /* it says what is wrong */
    memcpy(text, p->text, sizeof text);
    tui_prompt_close(p, use == TUI_PROMPT_FILTER || use == TUI_PROMPT_SEARCH || use == TUI_PROMPT_COMMAND);
    if (use == TUI_PROMPT_COMMAND)
        tui_command_run(m, text);
    else if (use == TUI_PROMPT_QUESTION)
        tui_act_answer(m, text);
    else if (use == TUI_PROMPT_NAME)
        tui_choose_export(m, text);
}

/* A question that y or n answers waits for no Enter; neither does a bookmark's letter. */
static int answer_at_once(struct tui_model *m, const char *key)
{
    struct tui_prompt *p = &m->prompt;
    if (p->use == TUI_PROMPT_LETTER && strlen(key) == 1 && key[0] > ' ') {
        int is_jump = !strncmp(p->label, "jump", 4);
        tui_prompt_close(p, 0);
        tui_bookmark(m, key[0], is_jump);
        return 1;
    }
    if (p->use == TUI_PROMPT_QUESTION && !*m->acts.asking.must_type && strlen(key) == 1) {
        tui_prompt_close(p, 0);
        tui_act_answer(m, key);
        return 1;
    }
    return 0;
}

void tui_command_prompt(struct tui_model *m, enum tui_prompt_answer answer, const char *key)
{
    if (answer == TUI_PROMPT_CHANGED && answer_at_once(m, key))
        return;
    switch (answer) {
    case TUI_PROMPT_CHANGED: changed(m); break;
    case TUI_PROMPT_ENTERED: enter(m); break;
    case TUI_PROMPT_LEFT: leave(m); break;
    case TUI_PROMPT_COMPLETE:
        complete(m, key);
        changed(m);
        break;
    case TUI_PROMPT_GOES_ON: break;
    }
}

/* ---- actions that open something --------------------------------------------------- */

/* From the overview it is the tasks that are looked through. */
static int find(struct tui_model *m)
{
    struct tui_pane *pane = tui_model_pane(m);
    if (m->screen == TUI_OVERVIEW)
        tui_go(m, TUI_TASKS);
    struct tui_list *list = tui_model_list(m);
    if (pane)
        tui_prompt_open(&m->prompt, TUI_PROMPT_SEARCH, "search: ", pane->search);
    else if (list)
        tui_prompt_open(&m->prompt, TUI_PROMPT_FILTER, "filter: ", list->filter);
    return pane || list;
}

int tui_command_act(struct tui_model *m, enum tui_action action)
{
    switch (action) {
    case TUI_DO_FIND: return find(m);
    case TUI_DO_COMMAND: tui_prompt_open(&m->prompt, TUI_PROMPT_COMMAND, ":", ""); return 1;
    case TUI_DO_BOOKMARK: tui_prompt_open(&m->prompt, TUI_PROMPT_LETTER, "bookmark this as (a letter): ", ""); return 1;
    case TUI_DO_JUMP: tui_prompt_open(&m->prompt, TUI_PROMPT_LETTER, "jump to bookmark (a letter): ", ""); return 1;
    case TUI_DO_EXPORT:
        if (!tui_model_list(m) && !tui_model_pane(m))
            return 0;
        tui_prompt_open(&m->prompt, TUI_PROMPT_NAME, "write to file: ", tui_choose_export_name(m));
        return 1;
    default: return tui_choose_open(m, action);
    }
}

void tui_command_menu(struct tui_model *m, enum tui_menu_answer answer)
{
    tui_choose_answer(m, answer);
}
