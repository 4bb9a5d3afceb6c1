#include "keys.h"
#include "base.h"
#include "cells.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX 65536
#define BOUND_MAX 8       /* keys of one action */
#define KEY_MAX 24

const struct tui_action_row tui_actions[TUI_ACTION_COUNT] = {
#define TUI_ACTION_ROW(id, word, keys, where, writes, help) [TUI_DO_##id] = { word, keys, help, where, writes },
    TUI_ACTIONS(TUI_ACTION_ROW)
#undef TUI_ACTION_ROW
};

struct tui_keys {
    char bound[TUI_ACTION_COUNT][BOUND_MAX][KEY_MAX];
    char all[TUI_ACTION_COUNT][BOUND_MAX * KEY_MAX]; /* each with a blank in place of its end */
};

/* Names of keys that are no single character; with C-, M- and S- before them. */
static const char *const named[] = { "Up", "Down", "Left", "Right", "Home", "End", "PgUp", "PgDn", "Enter", "Esc", "Tab", "Space", "Backspace", "Del", "Ins",
                                     "F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8", "F9", "F10", "F11", "F12" };

static int is_key(const char *key)
{
    while ((key[0] == 'S' || key[0] == 'C' || key[0] == 'M') && key[1] == '-' && key[2])
        key += 2;
    for (size_t i = 0; i < TUI_COUNT(named); i++)
        if (!strcmp(key, named[i]))
            return 1;
    /* One character. */
    size_t len = strlen(key);
    return len && (unsigned char)key[0] > ' ' && key[0] != 0x7f && (len == 1 || ((unsigned char)key[0] >= 0xc0 && tui_fit(key, len, 2, &(int){ 0 }) == len));
}

static void note_all(struct tui_keys *k, int action)
{
    char *at = k->all[action]; /* has room for all of them */
    *at = 0;
    for (int i = 0; i < BOUND_MAX && k->bound[action][i][0]; i++)
        at = stpcpy(stpcpy(at, i ? " " : ""), k->bound[action][i]);
}

/* The keys of a list with blanks. NULL, or the word that is no key or one too many. */
static const char *bind(struct tui_keys *k, int action, const char *list)
{
    static char word[64];
    int n = 0;
    memset(k->bound[action], 0, sizeof k->bound[action]);
    while (*(list += strspn(list, " \t"))) {
        size_t len = strcspn(list, " \t");
        snprintf(word, sizeof word, "%.*s", (int)(len < 60 ? len : 60), list);
        list += len;
        if (n == BOUND_MAX || len >= KEY_MAX || !is_key(word))
            return word;
        memcpy(k->bound[action][n++], word, len + 1);
    }
    note_all(k, action);
    return NULL;
}

void tui_keys_set(struct tui_keys *k, enum tui_action action, const char *list)
{
    (void)bind(k, action, list);
    note_all(k, action);
}

struct tui_keys *tui_keys_new(void)
{
    struct tui_keys *k = tui_alloc(1, sizeof *k);
    for (int a = 1; a < TUI_ACTION_COUNT; a++)
        if (bind(k, a, tui_actions[a].keys))
            abort(); /* a mistake in the table */
    return k;
}

void tui_keys_free(struct tui_keys *k)
{
    free(k);
}

enum tui_action tui_keys_action(const struct tui_keys *k, const char *key)
{
    for (int a = 1; a < TUI_ACTION_COUNT; a++)
        for (int i = 0; i < BOUND_MAX && k->bound[a][i][0]; i++)
            if (!strcmp(k->bound[a][i], key))
                return (enum tui_action)a;
    return TUI_DO_NOTHING;
}

const char *tui_keys_first(const struct tui_keys *k, enum tui_action action)
{
    return k->bound[action][0];
}

const char *tui_keys_say(const struct tui_keys *k, enum tui_action action)
{
    static char name[40];
    snprintf(name, sizeof name, ":%s", tui_actions[action].name);
    return *k->bound[action][0] ? k->bound[action][0] : name;
}

const char *tui_keys_all(const struct tui_keys *k, enum tui_action action)
{
    return k->all[action];
}

enum tui_action tui_action_find(const char *name)
{
    for (int a = 1; a < TUI_ACTION_COUNT; a++)
        if (!strcmp(tui_actions[a].name, name))
            return (enum tui_action)a;
    return TUI_DO_NOTHING;
}

char *tui_keys_template(const struct tui_keys *k)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    if (!out)
        return tui_strdup("");
    fputs("# Keys of orbiter top: action = key key ...; no keys = none. A key is a character or one of\n#", out);
    for (size_t i = 0; i < TUI_COUNT(named); i++)
        fprintf(out, " %s%s", named[i], i == 12 ? "\n#" : "");
    fputs("\n# with C-, M- or S- before it. A # at the beginning of a line makes it a comment.\n", out);
    for (int a = 1; a < TUI_ACTION_COUNT; a++)
        fprintf(out, "\n# %s\n#%s = %s\n", tui_actions[a].help, tui_actions[a].name, k->all[a]);
    fclose(out);
    return text;
}

/* ---- the keys file ---------------------------------------------------------- */

static int nearest(const char *file, int line, const char *word, struct orb_error *err)
{
    const char *names[TUI_ACTION_COUNT];
    size_t best = 0, best_len = 0;
    for (int a = 1; a < TUI_ACTION_COUNT; a++) {
        names[a] = tui_actions[a].name;
        size_t n = 0;
        while (names[a][n] && names[a][n] == word[n])
            n++;
        if (n > best_len) {
            best_len = n;
            best = (size_t)a;
        }
    }
    if (best_len > 1)
        return orb_error_set(err, ORB_E_CONFIG, "%s:%d: '%s' is no action; is '%s' meant?", file, line, word, names[best]);
    return orb_error_set(err, ORB_E_CONFIG, "%s:%d: '%s' is no action; the help screen lists them all", file, line, word);
}

static int read_line(struct tui_keys *k, const char *file, int number, char *line, int *lines, struct orb_error *err)
{
    char *value = strchr(line, '=');
    value = value ? value + 1 + strspn(value + 1, " \t") : line;
    char *comment = line[0] == '#' ? line : strstr(value + (*value == '#'), " # "); /* right behind the = it is a key */
    if (comment)
        *comment = 0;
    line += strspn(line, " \t\r");
    line[strcspn(line, "\r")] = 0;
    if (!*line)
        return 0;
    char *is = strchr(line + 1, '=');
    if (!is)
        return orb_error_set(err, ORB_E_CONFIG, "%s:%d: no '=' in '%.60s': write action = key", file, number, line);
    *is = 0;
    line[strcspn(line, " \t")] = 0;
    enum tui_action action = tui_action_find(line);
    if (!action)
        return nearest(file, number, line, err);
    if (lines[action])
        return orb_error_set(err, ORB_E_CONFIG, "%s:%d: %s has keys already, in line %d: put them all in one of the lines", file, number, line, lines[action]);
    const char *bad = bind(k, action, is + 1);
    if (bad)
        return orb_error_set(err, ORB_E_CONFIG, "%s:%d: '%s' is no key, or one too many (%d): use a character, or a name such as PgDn, F5, C-d", file, number,
                             bad, BOUND_MAX);
    lines[action] = number;
    return 0;
}

/* One key, one meaning. */
static int check_clashes(const struct tui_keys *k, const char *file, const int *lines, struct orb_error *err)
{
    for (int a = 1; a < TUI_ACTION_COUNT; a++)
        for (int i = 0; i < BOUND_MAX && k->bound[a][i][0]; i++)
            for (int b = a + 1; b < TUI_ACTION_COUNT; b++)
                for (int j = 0; j < BOUND_MAX && k->bound[b][j][0]; j++)
                    if (!strcmp(k->bound[a][i], k->bound[b][j]))
                        return orb_error_set(err, ORB_E_CONFIG, "%s:%d: the key '%s' is bound twice, to %s and %s: give one of them another", file,
                                             lines[a] > lines[b] ? lines[a] : lines[b], k->bound[a][i], tui_actions[a].name, tui_actions[b].name);
    return 0;
}

int tui_keys_load(struct tui_keys *keys, const char *file, struct orb_error *err)
{
    struct tui_keys *k = tui_alloc(1, sizeof *k);
    int lines[TUI_ACTION_COUNT] = { 0 }, number = 0, rc = 0;
    size_t size = 0;
    char line[1024];
    FILE *in = fopen(file, "re");
    if (!in) {
        rc = orb_error_set(err, ORB_E_CONFIG, "%s: cannot be read (%s): give the path of a keys file", file, strerror(errno));
        free(k);
        return rc;
    }
    *k = *keys;
    while (!rc && fgets(line, sizeof line, in)) {
        size_t len = strlen(line);
        number++;
        size += len;
        if (size > FILE_MAX || (len && line[len - 1] != '\n' && !feof(in)))
            rc = orb_error_set(err, ORB_E_CONFIG, "%s:%d: a line of more than %zu bytes, or a file of more than %d: this is no keys file", file, number,
                               sizeof line - 2, FILE_MAX);
        line[strcspn(line, "\n")] = 0;
        if (!rc)
            rc = read_line(k, file, number, line, lines, err);
    }
    if (!rc && ferror(in))
        rc = orb_error_set(err, ORB_E_CONFIG, "%s: cannot be read (%s)", file, strerror(errno));
    fclose(in);
    if (!rc)
        rc = check_clashes(k, file, lines, err);
    if (!rc)
        *keys = *k;
    free(k);
    return rc;
}
