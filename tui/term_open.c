/* Curses on a terminal, with as many colours as it has. ncurses speaks 24-bit colour only to terminals whose entry says so, and those that
 * have it seldom have such an entry: it is compiled here, on top of their own, for the moment in which curses reads it. */
#define NCURSES_NOMACROS
#include "term_internal.h"

#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <term.h>
#include <unistd.h>

#define ENTRY "orbiter-24bit"

extern char **environ;

static int write_entry(const char *path, const char *term)
{
    FILE *file = fopen(path, "w");
    if (!file)
        return -1;
    fprintf(file,
            ENTRY "|terminal with 24-bit colour,\n"
                  "\tRGB, ccc@, initc@, initp@, oc@, setb@, setf@, colors#0x1000000, pairs#0x7FFF,\n"
                  "\tsc@, rc@,\n" /* some terminals have only one place for that, and the shell's cursor is in it */
                  "\tsgr@, sgr0=\\E[m,\n" /* with sgr, colours are sent again for each attribute that begins */
                  "\tsetab=\\E[48;2;%%p1%%{65536}%%/%%d;%%p1%%{256}%%/%%{255}%%&%%d;%%p1%%{255}%%&%%dm,\n"
                  "\tsetaf=\\E[38;2;%%p1%%{65536}%%/%%d;%%p1%%{256}%%/%%{255}%%&%%d;%%p1%%{255}%%&%%dm,\n"
                  "\tuse=%s,\n",
            term);
    return fclose(file);
}

static int compile(const char *dir, const char *source)
{
    char *const argv[] = {"tic", "-x", "-o", (char *)dir, (char *)source, NULL};
    posix_spawn_file_actions_t files;
    pid_t pid;
    int status = -1;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&files, 1, 2);
    if (posix_spawnp(&pid, "tic", &files, NULL, argv, environ) == 0)
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
    posix_spawn_file_actions_destroy(&files);
    return status;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st, (void)type, (void)walk;
    return remove(path);
}

static struct screen *start_on_entry_in(struct tui_term *term, const char *dir)
{
    char *before = getenv("TERMINFO") ? strdup(getenv("TERMINFO")) : NULL;
    setenv("TERMINFO", dir, 1);
    struct screen *screen = newterm(ENTRY, term->out_file, term->in_file);
    if (before)
        setenv("TERMINFO", before, 1);
    else
        unsetenv("TERMINFO");
    free(before);
    return screen;
}

/* NULL: it cannot be compiled here, so fewer colours it is. */
static struct screen *start_with_all_colors(struct tui_term *term, const char *name)
{
    const char *base = getenv("TMPDIR");
    char dir[256], source[288];
    struct screen *screen = NULL;
    if (!name || strpbrk(name, ",|/\\ \t\n") || snprintf(dir, sizeof dir, "%s/orbiter-XXXXXX", base && *base ? base : "/tmp") >= (int)sizeof dir || !mkdtemp(dir))
        return NULL;
    snprintf(source, sizeof source, "%s/source", dir);
    if (write_entry(source, name) == 0 && compile(dir, source) == 0)
        screen = start_on_entry_in(term, dir);
    nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return screen;
}

/* Asked first, because newterm() loses memory when it is not. */
static int is_known(const char *name, int fd)
{
    int problem;
    if (!name || !*name || setupterm(name, fd, &problem) != OK)
        return 0;
    del_curterm(cur_term);
    return 1;
}

struct screen *tui_term_start_curses(struct tui_term *term, enum tui_depth most, struct orb_error *err)
{
    const char *name = getenv("TERM");
    struct screen *screen = NULL;
    term->depth = tui_depth_find(-1) < most ? tui_depth_find(-1) : most;
    if (term->depth == TUI_TRUE)
        screen = start_with_all_colors(term, name);
    int is_true = screen != NULL;
    if (!screen && is_known(name, term->out))
        screen = newterm(name, term->out_file, term->in_file);
    if (!screen) {
        orb_error_set(err, ORB_E_CONFIG, "the terminal type TERM=%s is not known here: set TERM to one that `toe -a` lists, such as xterm-256color", name ? name : "");
        return NULL;
    }
    const char *cup = tigetstr("cup");
    if (!cup || cup == (char *)-1) {
        endwin();
        delscreen(screen);
        orb_error_set(err, ORB_E_CONFIG, "a terminal of type TERM=%s cannot place its cursor: set TERM to what it is, or take --plain, which prints lines", name ? name : "");
        return NULL;
    }
    term->colors = tigetnum("colors");
    term->looks.takes_off = term->colors >= 256; /* older ones end attributes only all together */
    if (!is_true) {
        enum tui_depth has = term->colors >= 256 ? TUI_256 : term->colors >= 8 ? TUI_16 : TUI_MONO;
        term->depth = term->depth < has ? term->depth : has;
        if (term->depth == TUI_16 && has == TUI_MONO)
            term->depth = TUI_MONO;
    }
    return screen;
}

static size_t add(char *out, size_t at, size_t cap, const char *text)
{
    size_t len = text && text != (char *)-1 ? strlen(text) : 0;
    if (at + len > cap)
        return at;
    if (len)
        memcpy(out + at, text, len);
    return at + len;
}

size_t tui_term_reset_bytes(char *out, size_t cap)
{
    size_t n = add(out, 0, cap, "\033[?2026l\033[?7h\033[?1006l\033[?1002l\033[?2004l\033[m");
    n = add(out, n, cap, tigetstr("op"));
    n = add(out, n, cap, tigetstr("cnorm"));
    n = add(out, n, cap, tigetstr("rmcup"));
    return add(out, n, cap, "\r");
}
