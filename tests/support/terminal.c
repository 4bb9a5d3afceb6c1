#include "support/terminal.h"
#include "support/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <vterm.h>

enum { LOG_MAX = 64 * 1024 * 1024 };
#define ASK_SYNC "\033[?2026$p"

struct test_terminal {
    int master;        /* -1: hung up */
    int slave;         /* ours, too, so that its modes can be read after the program's end */
    pid_t leader;
    int told;          /* what the leader says of the program */
    pid_t pid;         /* 0: it has ended */
    int status;
    int rows, cols;
    VTerm *vterm;
    VTermScreen *screen;
    int is_alternate, has_cursor, has_mouse, sync;
    size_t answered;   /* of the log: what is before this was looked through */
    char *log;
    size_t len, cap;
    size_t shown;      /* of the log */
};

static int on_property(VTermProp property, VTermValue *value, void *arg)
{
    struct test_terminal *t = arg;
    if (property == VTERM_PROP_ALTSCREEN)
        t->is_alternate = value->boolean;
    else if (property == VTERM_PROP_CURSORVISIBLE)
        t->has_cursor = value->boolean;
    else if (property == VTERM_PROP_MOUSE)
        t->has_mouse = value->number != VTERM_PROP_MOUSE_NONE;
    return 1;
}

static const VTermScreenCallbacks callbacks = {.settermprop = on_property};

static void write_all(int fd, const char *bytes, size_t len)
{
    while (len) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno != EINTR)
            return; /* hung up: the test sees it at the end */
        bytes += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
}

static void on_answer(const char *bytes, size_t len, void *arg)
{
    struct test_terminal *t = arg;
    if (t->master >= 0 && !memmem(bytes, len, "2026", 4)) /* answered below */
        write_all(t->master, bytes, len);
}

static void run(const char *const argv[], const char *const env[])
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    tcsetpgrp(0, getpid());
    signal(SIGTTOU, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    for (size_t i = 0; env && env[i]; i++)
        if (strchr(env[i], '='))
            putenv((char *)env[i]);
        else
            unsetenv(env[i]);
    closefrom(3);
    execvp(argv[0], (char *const *)argv);
    _exit(127);
}

/* What a shell is to the program: without one in its session it could not be stopped. Tells its pid, and then every status it has. */
static void lead(struct test_terminal *t, int tell, const char *const argv[], const char *const env[])
{
    int status;
    pid_t pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGTTOU, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    setsid();
    ioctl(t->slave, TIOCSCTTY, 0);
    for (int fd = 0; fd < 3; fd++)
        dup2(t->slave, fd);
    close(t->slave);
    close(t->master);
    pid = fork();
    if (pid == 0)
        run(argv, env);
    write_all(tell, (const char *)&pid, sizeof pid);
    for (int fd = 0; fd < 3; fd++)
        close(fd);
    do {
        waitpid(pid, &status, WUNTRACED);
        write_all(tell, (const char *)&status, sizeof status);
    } while (WIFSTOPPED(status));
    _exit(0);
}

struct test_terminal *test_terminal_start(int rows, int cols, const char *const argv[], const char *const env[])
{
    struct test_terminal *t = calloc(1, sizeof *t);
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
    assert_non_null(t);
    t->rows = rows;
    t->cols = cols;
    t->has_cursor = 1;
    t->vterm = vterm_new(rows, cols);
    vterm_set_utf8(t->vterm, 1);
    vterm_output_set_callback(t->vterm, on_answer, t);
    t->screen = vterm_obtain_screen(t->vterm);
    vterm_screen_set_callbacks(t->screen, &callbacks, t);
    vterm_screen_enable_altscreen(t->screen, 1);
    vterm_screen_reset(t->screen, 1);
    t->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (t->master < 0 || grantpt(t->master) || unlockpt(t->master))
        fail_msg("no pty: %s", strerror(errno));
    t->slave = open(ptsname(t->master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(t->slave >= 0);
    ioctl(t->slave, TIOCSWINSZ, &size);
    int tell[2];
    assert_int_equal(pipe2(tell, O_CLOEXEC), 0);
    t->leader = fork();
    if (t->leader == 0)
        lead(t, tell[1], argv, env);
    close(tell[1]);
    t->told = tell[0];
    assert_int_equal(read(t->told, &t->pid, sizeof t->pid), sizeof t->pid);
    return t;
}

void test_terminal_end(struct test_terminal *t)
{
    if (!t)
        return;
    if (t->pid)
        kill(t->pid, SIGKILL);
    waitpid(t->leader, NULL, 0);
    close(t->told);
    if (t->master >= 0)
        close(t->master);
    if (t->slave >= 0)
        close(t->slave);
    vterm_free(t->vterm);
    free(t->log);
    free(t);
}

/* A question may come in two pieces: what may be the beginning of one is looked at again. */
static void answer(struct test_terminal *t)
{
    static const char question[] = ASK_SYNC;
    char text[32], *at;
    while ((at = memmem(t->log + t->answered, t->len - t->answered, question, strlen(question)))) {
        snprintf(text, sizeof text, "\033[?2026;%d$y", t->sync);
        write_all(t->master, text, strlen(text));
        t->answered = (size_t)(at - t->log) + strlen(question);
    }
    if (t->len - t->answered > strlen(question))
        t->answered = t->len - strlen(question) + 1;
}

/* Whole characters only: libvterm 0.1 loses the rest of one whose beginning came behind ASCII. */
static void show(struct test_terminal *t)
{
    size_t end = t->len, back = 0;
    while (back < 3 && back < end && ((unsigned char)t->log[end - back - 1] & 0xc0) == 0x80)
        back++;
    if (back < end) {
        unsigned char first = (unsigned char)t->log[end - back - 1];
        size_t wanted = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
        if (wanted > back + 1)
            end -= back + 1;
    }
    if (end > t->shown)
        vterm_input_write(t->vterm, t->log + t->shown, end - t->shown);
    t->shown = end > t->shown ? end : t->shown;
}

int test_terminal_pump(struct test_terminal *t, int wait_ms)
{
    struct pollfd ready = {t->master, POLLIN, 0};
    if (t->master < 0 || poll(&ready, 1, wait_ms) != 1)
        return 0;
    if (t->cap - t->len < 65536) {
        t->cap = t->cap * 2 + 131072;
        assert_true(t->cap < LOG_MAX);
        t->log = realloc(t->log, t->cap);
        assert_non_null(t->log);
    }
    ssize_t n = read(t->master, t->log + t->len, 65536);
    if (n <= 0)
        return 0;
    t->len += (size_t)n;
    show(t);
    answer(t);
    return 1;
}

static void fail_with_screen(struct test_terminal *t, const char *what, int timeout_ms)
{
    char *text = test_terminal_text(t);
    print_error("the screen:\n%s", text);
    free(text);
    fail_msg("waited %d ms for: %s", timeout_ms, what);
}

void test_terminal_wait(struct test_terminal *t, const char *what, int (*ready)(struct test_terminal *t, void *arg), void *arg, int timeout_ms)
{
    int64_t deadline = test_now_ms() + test_patience(timeout_ms);
    while (!ready(t, arg)) {
        if (test_now_ms() > deadline)
            fail_with_screen(t, what, test_patience(timeout_ms));
        test_terminal_pump(t, 5);
    }
}

static int has_text(struct test_terminal *t, void *arg)
{
    char *text = test_terminal_text(t);
    int has = strstr(text, arg) != NULL;
    free(text);
    return has;
}

void test_terminal_expect(struct test_terminal *t, const char *text, int timeout_ms)
{
    test_terminal_wait(t, text, has_text, (char *)text, timeout_ms);
}

/* 1: the program has ended or stopped, and all it printed was taken. */
static int hear(struct test_terminal *t, int *status)
{
    struct pollfd ready = {t->told, POLLIN, 0};
    if (!t->pid || poll(&ready, 1, 0) != 1 || read(t->told, status, sizeof *status) != sizeof *status)
        return 0;
    while (test_terminal_pump(t, 0))
        ;
    return 1;
}

static int has_ended(struct test_terminal *t, void *arg)
{
    int status;
    (void)arg;
    if (hear(t, &status) && !WIFSTOPPED(status)) {
        t->pid = 0;
        t->status = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
    }
    return t->pid == 0;
}

int test_terminal_wait_end(struct test_terminal *t, int timeout_ms)
{
    test_terminal_wait(t, "its end", has_ended, NULL, timeout_ms);
    return t->status;
}

static int has_stopped(struct test_terminal *t, void *arg)
{
    int status;
    (void)arg;
    return hear(t, &status) && WIFSTOPPED(status);
}

void test_terminal_wait_stop(struct test_terminal *t, int timeout_ms)
{
    test_terminal_wait(t, "its standing still", has_stopped, NULL, timeout_ms);
}

void test_terminal_send(struct test_terminal *t, const char *bytes, size_t len)
{
    write_all(t->master, bytes, len);
}

void test_terminal_type(struct test_terminal *t, const char *bytes)
{
    test_terminal_send(t, bytes, strlen(bytes));
}

void test_terminal_resize(struct test_terminal *t, int rows, int cols)
{
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
    while (test_terminal_pump(t, 0))
        ;
    t->rows = rows;
    t->cols = cols;
    vterm_set_size(t->vterm, rows, cols);
    ioctl(t->master, TIOCSWINSZ, &size);
}

void test_terminal_signal(struct test_terminal *t, int signo)
{
    kill(t->pid, signo);
}

void test_terminal_hang_up(struct test_terminal *t)
{
    close(t->slave);
    close(t->master);
    t->slave = t->master = -1;
}

pid_t test_terminal_pid(const struct test_terminal *t)
{
    return t->pid;
}

void test_terminal_size(const struct test_terminal *t, int *rows, int *cols)
{
    *rows = t->rows;
    *cols = t->cols;
}

void test_terminal_set_sync(struct test_terminal *t, int value)
{
    t->sync = value;
}

static int32_t color_of(const VTermColor *color, int is_default)
{
    if (is_default)
        return -1;
    if (VTERM_COLOR_IS_INDEXED(color))
        return color->indexed.idx;
    return 0x1000000 | color->rgb.red << 16 | color->rgb.green << 8 | color->rgb.blue;
}

static size_t encode(uint32_t cp, char *out)
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xc0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3f));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xe0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
        out[2] = (char)(0x80 | (cp & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
    out[3] = (char)(0x80 | (cp & 0x3f));
    return 4;
}

void test_terminal_cell_at(struct test_terminal *t, int row, int col, struct test_terminal_cell *out)
{
    VTermScreenCell cell;
    size_t n = 0;
    memset(out, 0, sizeof *out);
    if (!vterm_screen_get_cell(t->screen, (VTermPos){row, col}, &cell))
        fail_msg("no cell %d, %d", row, col);
    if (cell.chars[0] != (uint32_t)-1) /* the right half of a wide one has -1 */
        for (size_t i = 0; i < VTERM_MAX_CHARS_PER_CELL && cell.chars[i]; i++)
            n += encode(cell.chars[i], out->text + n);
    if (!cell.chars[0])
        strcpy(out->text, " ");
    out->width = cell.chars[0] == (uint32_t)-1 ? 0 : cell.width;
    out->fg = color_of(&cell.fg, VTERM_COLOR_IS_DEFAULT_FG(&cell.fg));
    out->bg = color_of(&cell.bg, VTERM_COLOR_IS_DEFAULT_BG(&cell.bg));
    out->is_bold = cell.attrs.bold;
    out->is_italic = cell.attrs.italic;
    out->is_underlined = cell.attrs.underline != 0;
    out->is_reversed = cell.attrs.reverse;
}

/* Its length without trailing blanks. */
static size_t add_row(struct test_terminal *t, int row, char *out)
{
    struct test_terminal_cell cell;
    size_t end = 0;
    for (int col = 0; col < t->cols; col++) {
        test_terminal_cell_at(t, row, col, &cell);
        size_t n = strlen(cell.text);
        memcpy(out + end, cell.text, n);
        end += n;
    }
    while (end && out[end - 1] == ' ')
        end--;
    return end;
}

char *test_terminal_text(struct test_terminal *t)
{
    char *text = calloc((size_t)t->rows, (size_t)t->cols * sizeof(struct test_terminal_cell) + 1);
    size_t end = 0;
    assert_non_null(text);
    for (int row = 0; row < t->rows; row++) {
        end += add_row(t, row, text + end);
        text[end++] = '\n';
    }
    text[end] = '\0';
    return text;
}

const char *test_terminal_row(struct test_terminal *t, int row)
{
    static char *text;
    text = realloc(text, (size_t)t->cols * sizeof(struct test_terminal_cell) + 1);
    assert_non_null(text);
    text[add_row(t, row, text)] = '\0';
    return text;
}

int test_terminal_is_alternate(const struct test_terminal *t)
{
    return t->is_alternate;
}

int test_terminal_has_cursor(const struct test_terminal *t)
{
    return t->has_cursor;
}

void test_terminal_cursor(struct test_terminal *t, int *row, int *col)
{
    VTermPos pos;
    vterm_state_get_cursorpos(vterm_obtain_state(t->vterm), &pos);
    *row = pos.row;
    *col = pos.col;
}

int test_terminal_has_mouse(const struct test_terminal *t)
{
    return t->has_mouse;
}

/* libvterm knows the mode, but does not tell; the last one in the log counts. */
int test_terminal_is_pasting_marked(const struct test_terminal *t)
{
    int is_on = 0;
    for (size_t at = 0; at + 8 <= t->len; at++)
        if (!memcmp(t->log + at, "\033[?2004", 7))
            is_on = t->log[at + 7] == 'h';
    return is_on;
}

void test_terminal_modes(const struct test_terminal *t, struct termios *out)
{
    assert_int_equal(tcgetattr(t->slave, out), 0);
}

void test_terminal_set_modes(struct test_terminal *t, const struct termios *modes)
{
    assert_int_equal(tcsetattr(t->slave, TCSANOW, modes), 0);
}

const char *test_terminal_log(const struct test_terminal *t, size_t *len)
{
    *len = t->len;
    return t->log;
}
