#include "term_restore.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BYTES_MAX = 512, WRITE_WAIT_MS = 100, STACK_BYTES = 64 * 1024 };

/* Read by signal handlers: complete before is_armed. */
static struct termios modes;
static char bytes[BYTES_MAX];
static size_t len;
static int tty = -1, wake = -1;
static volatile sig_atomic_t is_armed, news[TUI_NEWS_COUNT];

static void put_back(void)
{
    struct pollfd ready = {tty, POLLOUT, 0};
    if (!is_armed)
        return;
    is_armed = 0;
    /* A line that takes nothing must not keep the program from ending. */
    if (poll(&ready, 1, WRITE_WAIT_MS) == 1 && write(tty, bytes, len) < 0)
        errno = 0;
    tcsetattr(tty, TCSANOW, &modes);
}

static void tell(enum tui_news what)
{
    news[what] = 1;
    if (write(wake, "", 1) < 0)
        errno = 0; /* full: it is awake */
}

static void on_news(int signo)
{
    int kept = errno;
    tell(signo == SIGWINCH ? TUI_NEWS_RESIZED : TUI_NEWS_CONTINUED);
    errno = kept;
}

/* The second one ends the program, if it does not end by itself. */
static void on_hang_up(int signo)
{
    int kept = errno;
    (void)signo;
    signal(SIGHUP, SIG_DFL);
    put_back();
    tell(TUI_NEWS_HUNG_UP);
    errno = kept;
}

static void on_stop(int signo);

static void set(int signo, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigfillset(&action.sa_mask); /* SIGTTOU, too: the terminal is put back from the background as well */
    sigaction(signo, &action, NULL);
}

static void on_stop(int signo)
{
    int kept = errno;
    sigset_t stop, before;
    put_back();
    signal(signo, SIG_DFL);
    raise(signo);
    sigemptyset(&stop);
    sigaddset(&stop, signo);
    sigprocmask(SIG_UNBLOCK, &stop, &before); /* stands still here */
    sigprocmask(SIG_SETMASK, &before, NULL);
    set(signo, on_stop, SA_RESTART);
    tell(TUI_NEWS_CONTINUED); /* also when nobody could have stopped it */
    errno = kept;
}

static const int ends[] = {SIGINT, SIGQUIT, SIGTERM};
static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
enum { END_COUNT = sizeof ends / sizeof *ends, CRASH_COUNT = sizeof crashes / sizeof *crashes };
static struct sigaction before_crash[CRASH_COUNT];

static void on_end(int signo)
{
    put_back();
    signal(signo, SIG_DFL);
    raise(signo);
}

/* What was there before has the last word. */
static void on_crash(int signo, siginfo_t *info, void *context)
{
    (void)context;
    put_back();
    for (int i = 0; i < CRASH_COUNT; i++)
        if (crashes[i] == signo)
            sigaction(signo, &before_crash[i], NULL);
    if (info->si_code <= 0) /* sent, no fault that would happen again */
        raise(signo);
}

static int is_default(int signo)
{
    struct sigaction now;
    return sigaction(signo, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) && now.sa_handler == SIG_DFL;
}

/* A stack that has overflowed cannot carry a handler. */
static void give_stack(void)
{
    static char room[STACK_BYTES];
    stack_t now, own = {.ss_sp = room, .ss_size = sizeof room};
    if (sigaltstack(NULL, &now) == 0 && now.ss_flags & SS_DISABLE)
        sigaltstack(&own, NULL);
}

void tui_restore_start(int wake_fd)
{
    static int is_registered;
    wake = wake_fd;
    for (int i = 0; i < TUI_NEWS_COUNT; i++)
        news[i] = 0;
    if (!is_registered++)
        atexit(put_back);
    give_stack();
    set(SIGWINCH, on_news, SA_RESTART);
    set(SIGCONT, on_news, SA_RESTART);
    if (is_default(SIGTSTP))
        set(SIGTSTP, on_stop, SA_RESTART);
    if (is_default(SIGHUP))
        set(SIGHUP, on_hang_up, SA_RESTART);
    for (int i = 0; i < END_COUNT; i++)
        if (is_default(ends[i]))
            set(ends[i], on_end, 0);
    for (int i = 0; i < CRASH_COUNT; i++) {
        struct sigaction action = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK};
        sigfillset(&action.sa_mask);
        sigaction(crashes[i], &action, &before_crash[i]);
    }
}

static void unset(int signo, void (*handler)(int))
{
    struct sigaction now;
    if (sigaction(signo, NULL, &now) == 0 && now.sa_handler == handler)
        signal(signo, SIG_DFL);
}

void tui_restore_stop(void)
{
    tui_restore_disarm();
    unset(SIGWINCH, on_news);
    unset(SIGCONT, on_news);
    unset(SIGTSTP, on_stop);
    unset(SIGHUP, on_hang_up);
    for (int i = 0; i < END_COUNT; i++)
        unset(ends[i], on_end);
    for (int i = 0; i < CRASH_COUNT; i++)
        sigaction(crashes[i], &before_crash[i], NULL);
    wake = -1;
}

void tui_restore_arm(int fd, const struct termios *was, const char *text, size_t n)
{
    is_armed = 0;
    tty = fd;
    modes = *was;
    len = n < sizeof bytes ? n : sizeof bytes;
    memcpy(bytes, text, len);
    is_armed = 1;
}

void tui_restore_disarm(void)
{
    is_armed = 0;
}

int tui_restore_take(enum tui_news what)
{
    int has_happened = news[what];
    news[what] = 0;
    return has_happened;
}
