#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048
#define LINES_MAX 500

/* The folder of a variable, or its default below the home; 0 when there is neither. */
static int folder(const char *variable, const char *below_home, char *out, size_t cap)
{
    const char *dir = getenv(variable), *home = getenv("HOME");
    if (dir && *dir == '/')
        return snprintf(out, cap, "%s/orbiter", dir) < (int)cap;
    return home && *home == '/' && snprintf(out, cap, "%s/%s/orbiter", home, below_home) < (int)cap;
}

const char *tui_state_keys_file(void)
{
    static char file[4096 + 16];
    char dir[4096];
    if (!folder("XDG_CONFIG_HOME", ".config", dir, sizeof dir))
        return NULL;
    snprintf(file, sizeof file, "%s/keys.conf", dir);
    return access(file, F_OK) ? NULL : file;
}

/* "bookmark x = tasks | ...", "view NAME = ...", "theme = NAME", "mouse = off" */
static void read_line(struct tui_state *state, struct tui_saved *saved, char *line)
{
    int is_letter = !strncmp(line, "bookmark ", 9) && line[9]; /* which may be = itself */
    char *is = is_letter ? strstr(line + 10, " = ") : strstr(line, " = ");
    if (!is)
        return;
    *is = 0;
    const char *value = is + 3;
    if (!strcmp(line, "theme"))
        tui_set(state->theme, sizeof state->theme, value);
    else if (!strcmp(line, "mouse"))
        state->is_mouse_off = !strcmp(value, "off");
    else if (!strncmp(line, "view ", 5) && tui_view_name_is_valid(line + 5))
        tui_saved_add(saved, line + 5, value);
    else if (is_letter && !line[10]) {
        char **place = &saved->bookmarks[(unsigned char)line[9] & (TUI_LETTERS - 1)];
        free(*place);
        *place = tui_strdup(value);
    }
}

static void read_file(struct tui_state *state, struct tui_saved *saved)
{
    char line[LINE_MAX_BYTES];
    FILE *in = fopen(state->file, "re");
    for (int i = 0; in && i < LINES_MAX && fgets(line, sizeof line, in); i++) {
        line[strcspn(line, "\n")] = 0;
        read_line(state, saved, line);
    }
    if (in)
        fclose(in);
}

void tui_state_load(struct tui_state *state, struct tui_saved *saved)
{
    char dir[4000];
    memset(state, 0, sizeof *state);
    if (!folder("XDG_STATE_HOME", ".local/state", dir, sizeof dir))
        return;
    snprintf(state->file, sizeof state->file, "%s/top.state", dir);
    read_file(state, saved);
}

/* Another console may have written since. */
static void merge_file(const struct tui_state *state, struct tui_saved *saved)
{
    struct tui_state there = { 0 };
    struct tui_saved kept = { 0 };
    memcpy(there.file, state->file, sizeof there.file);
    read_file(&there, &kept);
    tui_saved_merge(saved, &kept);
    tui_saved_done(&kept);
}

/* One line each, whatever a filter from the command line has in it. */
static void write_line(FILE *out, const char *name, const char *value)
{
    fprintf(out, "%s = ", name);
    for (; *value; value++)
        fputc((unsigned char)*value < ' ' ? ' ' : *value, out);
    fputc('\n', out);
}

static void write_lines(FILE *out, const struct tui_state *state, const struct tui_saved *saved)
{
    fputs("# Written by orbiter top.\n", out);
    if (*state->theme)
        fprintf(out, "theme = %s\n", state->theme);
    if (state->is_mouse_off)
        fputs("mouse = off\n", out);
    char name[60];
    for (int i = '!'; i < TUI_LETTERS; i++) {
        snprintf(name, sizeof name, "bookmark %c", i);
        if (saved->bookmarks[i])
            write_line(out, name, saved->bookmarks[i]);
    }
    for (size_t i = 0; i < saved->view_count; i++) {
        snprintf(name, sizeof name, "view %.40s", saved->views[i].name);
        write_line(out, name, saved->views[i].text);
    }
}

static int make_folder(char *path)
{
    for (char *at = path + 1; (at = strchr(at, '/')); at++) {
        *at = 0;
        int rc = mkdir(path, 0700);
        *at = '/';
        if (rc && errno != EEXIST)
            return -1;
    }
    return 0;
}

int tui_state_save(const struct tui_state *state, struct tui_saved *saved, struct orb_error *err)
{
    char file[4096], temporary[4096 + 8];
    if (!*state->file)
        return orb_error_set(err, ORB_E_SYSTEM, "bookmarks and views are not kept: set HOME or XDG_STATE_HOME");
    merge_file(state, saved);
    memcpy(file, state->file, sizeof file);
    snprintf(temporary, sizeof temporary, "%s.XXXXXX", state->file);
    int fd = make_folder(file) ? -1 : mkstemp(temporary);
    FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!out)
        return orb_error_set(err, ORB_E_SYSTEM, "bookmarks and views are not kept: %s: %s", state->file, strerror(errno));
    write_lines(out, state, saved);
    if (fclose(out) || rename(temporary, state->file)) {
        int error = errno;
        unlink(temporary);
        return orb_error_set(err, ORB_E_SYSTEM, "bookmarks and views are not kept: %s: %s", state->file, strerror(error));
    }
    return 0;
}
