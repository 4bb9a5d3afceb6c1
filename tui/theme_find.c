/* Where themes are: the user's folders, the system's, beside the program, and built in. */
#include "memory.h"
#include "theme_file.h"
#include "themes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <orbiter/options.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 64 * 1024, FOLDERS_MAX = 32, THEMES_MAX = 256, PATH_CAP = 4096 };
#define SUFFIX ".theme"

struct folders {
    char *paths[FOLDERS_MAX];
    size_t count;
};

static void add(struct folders *f, const char *base, size_t len, const char *below)
{
    char path[PATH_CAP];
    int n = snprintf(path, sizeof path, "%.*s%s", (int)len, base, below);
    if (len > 0 && *base == '/' && n < (int)sizeof path && f->count < FOLDERS_MAX)
        f->paths[f->count++] = tui_dup(path, (size_t)n);
}

/* The folder of a variable of the XDG base directories, or its default below HOME. */
static void add_home(struct folders *f, const char *variable, const char *below)
{
    char path[PATH_CAP];
    const char *value = getenv(variable), *home = getenv("HOME");
    if (value && *value == '/')
        add(f, value, strlen(value), "/orbiter/themes");
    else if (home && snprintf(path, sizeof path, "%s%s", home, below) < (int)sizeof path)
        add(f, path, strlen(path), "/orbiter/themes");
}

/* Where `make install` puts them, and where they are in the sources. */
static void add_own(struct folders *f)
{
    char self[PATH_CAP];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0)
        return;
    self[n] = '\0';
    for (int up = 0; up < 2; up++)
        if (strrchr(self, '/'))
            *strrchr(self, '/') = '\0';
    add(f, self, strlen(self), "/share/orbiter/themes");
    add(f, self, strlen(self), "/themes");
}

static struct folders find_folders(void)
{
    struct folders f = {0};
    const char *dirs = getenv("XDG_DATA_DIRS");
    add_home(&f, "XDG_CONFIG_HOME", "/.config");
    add_home(&f, "XDG_DATA_HOME", "/.local/share");
    for (dirs = dirs && *dirs ? dirs : "/usr/local/share:/usr/share"; *dirs; dirs += strcspn(dirs, ":"), dirs += *dirs == ':')
        add(&f, dirs, strcspn(dirs, ":"), "/orbiter/themes");
    add_own(&f);
    return f;
}

static void free_folders(struct folders *f)
{
    for (size_t i = 0; i < f->count; i++)
        free(f->paths[i]);
}

/* NULL: errno, or 0 when the file is no text of at most FILE_MAX. */
static char *read_file(const char *path)
{
    struct stat st;
    char *text = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        text = tui_alloc(FILE_MAX + 1, 1);
        ssize_t n = read(fd, text, FILE_MAX + 1);
        if (n < 0 || n > FILE_MAX || strlen(text) != (size_t)n) {
            errno = n < 0 ? errno : 0;
            free(text);
            text = NULL;
        }
    } else
        errno = 0;
    int reason = errno;
    close(fd);
    errno = reason;
    return text;
}

static int read_path(const char *path, char **text, char **file, struct orb_error *err)
{
    char *read = read_file(path);
    if (!read && errno)
        return orb_error_set(err, ORB_E_CONFIG, "%s: %s: name a theme of `orbiter theme list`, or a file", path, strerror(errno));
    if (!read)
        return orb_error_set(err, ORB_E_CONFIG, "%s: no text file of at most %d bytes: name a theme file", path, FILE_MAX);
    *text = read;
    *file = tui_dup(path, strlen(path));
    return 0;
}

static int unknown(const char *name, struct orb_error *err)
{
    const char *names[THEMES_MAX], *near;
    size_t count = 0;
    for (const struct tui_theme_row *row = tui_theme_list(); row->name; row++)
        names[count++] = row->name;
    near = orb_options_nearest(name, names, count);
    if (near)
        return orb_error_set(err, ORB_E_CONFIG, "no theme '%s': did you mean '%s'? `orbiter theme list` shows them", name, near);
    return orb_error_set(err, ORB_E_CONFIG, "no theme '%s': `orbiter theme list` shows them; a file is named with its folder, as ./%s" SUFFIX, name, name);
}

int tui_theme_find(const char *name, char **text, char **file, struct orb_error *err)
{
    int rc = -1;
    if (strchr(name, '/'))
        return read_path(name, text, file, err);
    struct folders folders = find_folders();
    for (size_t i = 0; i < folders.count && rc == -1; i++) {
        char path[PATH_CAP + 256];
        snprintf(path, sizeof path, "%s/%.200s" SUFFIX, folders.paths[i], name);
        if (access(path, F_OK) == 0)
            rc = read_path(path, text, file, err);
    }
    free_folders(&folders);
    if (rc != -1)
        return rc;
    for (const struct tui_theme_text *t = tui_theme_texts; t->name; t++)
        if (!strcmp(t->name, name)) {
            *text = tui_dup(t->text, strlen(t->text));
            *file = tui_dup("", 0);
            return 0;
        }
    return unknown(name, err);
}

static struct tui_theme_row rows[THEMES_MAX + 1];
static size_t row_count;

static void add_row(const char *name, size_t len, const char *file)
{
    for (size_t i = 0; i < row_count; i++)
        if (strlen(rows[i].name) == len && !memcmp(rows[i].name, name, len))
            return;
    if (row_count == THEMES_MAX || len == 0 || *name == '.')
        return;
    rows[row_count++] = (struct tui_theme_row){tui_dup(name, len), tui_dup(file, strlen(file))};
}

static void add_rows_of(const char *folder)
{
    char path[2 * PATH_CAP];
    struct dirent *entry;
    DIR *dir = opendir(folder);
    while (dir && (entry = readdir(dir))) {
        size_t len = strlen(entry->d_name), suffix = strlen(SUFFIX);
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (len > suffix && !strcmp(entry->d_name + len - suffix, SUFFIX))
            add_row(entry->d_name, len - suffix, path);
    }
    if (dir)
        closedir(dir);
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct tui_theme_row *)a)->name, ((const struct tui_theme_row *)b)->name);
}

const struct tui_theme_row *tui_theme_list(void)
{
    for (size_t i = 0; i < row_count; i++) {
        free((char *)rows[i].name);
        free((char *)rows[i].file);
    }
    row_count = 0;
    struct folders folders = find_folders();
    for (size_t i = 0; i < folders.count; i++)
        add_rows_of(folders.paths[i]);
    free_folders(&folders);
    for (const struct tui_theme_text *t = tui_theme_texts; t->name; t++)
        add_row(t->name, strlen(t->name), "");
    qsort(rows, row_count, sizeof *rows, compare);
    rows[row_count] = (struct tui_theme_row){0};
    return rows;
}
