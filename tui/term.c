/* Opening, closing and leaving the terminal, and what comes from it. term_draw.c shows. */
#define NCURSES_NOMACROS
#include "term_internal.h"
#include "term_restore.h"
#include "memory.h"

#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <term.h>
#include <time.h>
#include <unistd.h>

enum { SIZE_LIMIT = 1000, USUAL_ROWS = 24, USUAL_COLS = 80, RESIZE_MS = 500, ANSWER_MS = 200, RESET_MAX = 512 };
#define PASTE_ON "\033[?2004h"
#define PASTE_OFF "\033[?2004l"
/* Presses, drags and the wheel, with numbers of any size (SGR). */
#define MOUSE_ON "\033[?1002h\033[?1006h"
#define MOUSE_OFF "\033[?1006l\033[?1002l"
#define ASK_SYNC "\033[?2026$p"
enum { MODE_SYNC = 2026 };

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void tui_term_write(struct tui_term *term, const char *bytes, size_t len)
{
    while (len && !term->is_gone) {
        ssize_t n = write(term->out, bytes, len);
        if (n >= 0) {
            bytes += n;
            len -= (size_t)n;
        } else if (errno == EAGAIN)
            poll(&(struct pollfd){term->out, POLLOUT, 0}, 1, -1);
        else if (errno != EINTR)
            term->is_gone = 1;
    }
}

static void put(struct tui_term *term, const char *text)
{
    tui_term_write(term, text, strlen(text));
}

static int clamp(int value, int fallback)
{
    return value < 1 ? fallback : value > SIZE_LIMIT ? SIZE_LIMIT : value;
}

static void measure(struct tui_term *term)
{
    struct winsize size = {0};
    ioctl(term->out, TIOCGWINSZ, &size);
    term->rows = clamp(size.ws_row, USUAL_ROWS);
    term->cols = clamp(size.ws_col, USUAL_COLS);
    resizeterm(term->rows, term->cols);
    term->is_stale = 1; /* also when it is as it was: the terminal may have moved its lines meanwhile */
}

static void watch_input(struct tui_term *term, int is_on)
{
    struct epoll_event event = {.events = EPOLLIN};
    epoll_ctl(term->wait, is_on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, term->in, &event);
}

static void set_modes(struct tui_term *term)
{
    char reset[RESET_MAX];
    reset_prog_mode();
    put(term, PASTE_ON);
    if (term->has_mouse)
        put(term, MOUSE_ON);
    tui_restore_arm(term->out, &term->modes, reset, tui_term_reset_bytes(reset, sizeof reset));
}

/* Asked once, and the answer is not waited for. Terminals without a second screen are too old for the question. */
static void ask(struct tui_term *term)
{
    const char *second_screen = tigetstr("smcup");
    if (!second_screen || second_screen == (char *)-1)
        return;
    put(term, ASK_SYNC);
    term->is_asked = 1;
    term->asked_ms = now_ms();
}

static int open_files(struct tui_term *term)
{
    struct epoll_event event = {.events = EPOLLIN};
    term->wait = epoll_create1(EPOLL_CLOEXEC);
    term->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    term->frame = memfd_create("frame", MFD_CLOEXEC);
    if (term->wait < 0 || term->timer < 0 || term->frame < 0 || pipe2(term->wake, O_NONBLOCK | O_CLOEXEC))
        return -1;
    watch_input(term, 1);
    return epoll_ctl(term->wait, EPOLL_CTL_ADD, term->timer, &event) || epoll_ctl(term->wait, EPOLL_CTL_ADD, term->wake[0], &event);
}

static void close_all(struct tui_term *term)
{
    const int fds[] = {term->in, term->out, term->wait, term->timer, term->wake[0], term->wake[1], term->frame};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    if (term->in_file)
        fclose(term->in_file);
    if (term->out_file)
        fclose(term->out_file);
    tui_parser_done(&term->parser);
    tui_grid_free(term->shown);
    free(term);
}

static FILE *stream_of(int fd, const char *mode)
{
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    return own < 0 ? NULL : fdopen(own, mode);
}

static void start_colors(struct tui_term *term)
{
    if (term->depth == TUI_MONO)
        return;
    start_color();
    use_default_colors();
}

static void start(struct tui_term *term)
{
    typeahead(-1); /* a frame is sent whole, whatever is typed meanwhile */
    raw();
    noecho();
    nonl();
    leaveok(stdscr, TRUE);
    curs_set(0);
    start_colors(term);
    def_prog_mode();
    measure(term);
    set_modes(term);
    ask(term);
}

int tui_term_open(const struct tui_term_options *options, struct tui_term **out, struct orb_error *err)
{
    if (!isatty(options->in) || !isatty(options->out))
        return orb_error_set(err, ORB_E_CONFIG, "%s is no terminal: run it in one, without redirecting it", isatty(options->in) ? "stdout" : "stdin");
    struct tui_term *term = tui_alloc(1, sizeof *term);
    term->wait = term->timer = term->wake[0] = term->wake[1] = term->frame = -1;
    term->in = fcntl(options->in, F_DUPFD_CLOEXEC, 3);
    term->out = fcntl(options->out, F_DUPFD_CLOEXEC, 3);
    term->in_file = stream_of(options->in, "r");
    term->out_file = stream_of(options->out, "w");
    term->has_mouse = options->has_mouse;
    term->is_utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
    if (term->in < 0 || term->out < 0 || !term->in_file || !term->out_file || tcgetattr(term->in, &term->modes) || open_files(term)) {
        orb_error_set(err, ORB_E_SYSTEM, "the terminal cannot be opened: %s", strerror(errno));
        close_all(term);
        return ORB_E_SYSTEM;
    }
    tui_restore_start(term->wake[1]); /* before curses, which takes only the signals that nobody has */
    term->screen = tui_term_start_curses(term, options->depth, err);
    if (!term->screen) {
        tui_restore_stop();
        close_all(term);
        return ORB_E_CONFIG;
    }
    tui_parser_init(&term->parser, (char)term->modes.c_cc[VERASE]);
    start(term);
    *out = term;
    return 0;
}

void tui_term_leave(struct tui_term *term)
{
    if (term->is_left)
        return;
    tui_term_plain(term);
    put(term, MOUSE_OFF PASTE_OFF);
    endwin();
    tcsetattr(term->out, TCSADRAIN, &term->modes);
    tui_restore_disarm();
    watch_input(term, 0);
    term->is_left = 1;
}

void tui_term_return(struct tui_term *term)
{
    if (!term->is_left)
        return;
    term->is_left = 0;
    set_modes(term);
    watch_input(term, 1);
    tui_restore_take(TUI_NEWS_CONTINUED);
    term->is_resizing = 1; /* it may have another size now */
    term->resized_ms = 0;
    if (write(term->wake[1], "", 1) < 0)
        errno = 0;
}

void tui_term_suspend(struct tui_term *term)
{
    tui_term_leave(term);
    kill(0, SIGTSTP); /* with all that the shell started with it, as if the terminal had sent it */
    tui_term_return(term);
}

/* An answer that comes after the end would be typed into the shell. */
static void swallow_answer(struct tui_term *term)
{
    int64_t until = term->asked_ms + ANSWER_MS, now;
    struct tui_input input;
    while (term->is_asked && !term->is_gone && (now = now_ms()) < until) {
        poll(&(struct pollfd){term->wait, POLLIN, 0}, 1, (int)(until - now));
        while (tui_term_read(term, &input))
            ;
    }
}

void tui_term_close(struct tui_term *term)
{
    if (!term)
        return;
    if (!term->is_left)
        swallow_answer(term);
    tui_term_leave(term);
    tui_restore_stop();
    delscreen(term->screen);
    close_all(term);
}

static void wait_until(struct tui_term *term)
{
    int64_t when = term->is_resizing ? term->resized_ms + RESIZE_MS : 0;
    if (term->late_ms && (!when || term->late_ms < when))
        when = term->late_ms;
    struct itimerspec at = {.it_value = {when / 1000, when % 1000 * 1000000}};
    timerfd_settime(term->timer, TFD_TIMER_ABSTIME, &at, NULL);
}

/* 1: bytes have come, or the terminal has gone. */
static int receive(struct tui_term *term)
{
    size_t room;
    char *to = tui_parser_room(&term->parser, &room);
    struct pollfd ready = {term->in, POLLIN, 0};
    if (term->is_left || term->is_gone || poll(&ready, 1, 0) <= 0)
        return 0;
    ssize_t n = read(term->in, to, room);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return 0;
    if (n <= 0)
        term->is_gone = 1;
    else
        tui_parser_add(&term->parser, (size_t)n);
    return 1;
}

static int read_input(struct tui_term *term, struct tui_input *out)
{
    int64_t now = now_ms();
    if (term->late_ms && now >= term->late_ms)
        tui_parser_late(&term->parser);
    do
        while (tui_parser_next(&term->parser, out)) {
            term->late_ms = 0;
            if (out->kind != TUI_INPUT_REPLY)
                return 1;
            if (out->mode == MODE_SYNC) {
                term->is_asked = 0;
                term->is_sync = out->value == 1 || out->value == 2;
            }
        }
    while (receive(term));
    int wait = tui_parser_wait_ms(&term->parser);
    if (wait < 0)
        term->late_ms = 0;
    else if (!term->late_ms || now >= term->late_ms)
        term->late_ms = now + wait;
    return 0;
}

static void drain(int fd)
{
    char bytes[64];
    while (read(fd, bytes, sizeof bytes) > 0)
        ;
}

/* Signals, as they are told. */
static int read_news(struct tui_term *term, struct tui_input *out)
{
    drain(term->wake[0]);
    drain(term->timer);
    term->is_gone |= tui_restore_take(TUI_NEWS_HUNG_UP);
    term->is_resizing |= tui_restore_take(TUI_NEWS_RESIZED);
    if (!term->is_left && !term->is_gone && tui_restore_take(TUI_NEWS_CONTINUED)) {
        tui_term_plain(term);
        endwin(); /* put_back went behind curses' back; now it knows where it is */
        set_modes(term);
        term->is_resizing = 1;
        term->resized_ms = 0;
    }
    if (term->is_left || !term->is_resizing || now_ms() < term->resized_ms + RESIZE_MS)
        return 0;
    term->is_resizing = 0;
    measure(term);
    term->resized_ms = now_ms();
    out->kind = TUI_INPUT_RESIZE;
    out->rows = term->rows;
    out->cols = term->cols;
    return 1;
}

int tui_term_read(struct tui_term *term, struct tui_input *out)
{
    memset(out, 0, sizeof *out);
    int has = !term->is_gone && (read_news(term, out) || read_input(term, out));
    if (term->is_gone && !term->is_gone_told) {
        watch_input(term, 0);
        term->is_gone_told = 1;
        memset(out, 0, sizeof *out);
        out->kind = TUI_INPUT_GONE;
        return 1;
    }
    if (!has && !term->is_gone)
        wait_until(term);
    return has;
}

int tui_term_fd(const struct tui_term *term)
{
    return term->wait;
}

void tui_term_size(const struct tui_term *term, int *rows, int *cols)
{
    *rows = term->rows;
    *cols = term->cols;
}

enum tui_depth tui_term_depth(const struct tui_term *term)
{
    return term->depth;
}

int tui_term_is_utf8(const struct tui_term *term)
{
    return term->is_utf8;
}

int tui_term_is_ready(const struct tui_term *term)
{
    return poll(&(struct pollfd){term->out, POLLOUT, 0}, 1, 0) == 1;
}

int tui_term_is_settled(const struct tui_term *term)
{
    return !term->is_left && !term->is_gone && !term->is_resizing;
}

void tui_term_redraw(struct tui_term *term)
{
    term->is_stale = 1;
}

void tui_term_mouse(struct tui_term *term, int is_on)
{
    if (term->has_mouse == !!is_on)
        return;
    term->has_mouse = !!is_on;
    if (!term->is_left)
        put(term, is_on ? MOUSE_ON : MOUSE_OFF);
}
