/* Messages on stderr and data on stdout. */
#include "cli.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MESSAGE_MAX = 2048 };

static void say(const char *fmt, va_list args)
{
    char text[MESSAGE_MAX], safe[MESSAGE_MAX * 2];
    vsnprintf(text, sizeof text, fmt, args);
    orb_safe_text(text, strlen(text), ORB_SAFE_LINE, safe, sizeof safe);
    /* What was printed before must stand before it where both go to one place. */
    fflush(stdout);
    fprintf(stderr, "orbiter: %s\n", safe);
}

int cli_fail(int code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say(fmt, args);
    va_end(args);
    return code;
}

int cli_fail_with(const struct orb_error *err)
{
    return cli_fail(err->code, "%s", orb_error_message(err));
}

int cli_fail_submit(const struct orb_error *err)
{
    /* It was on its way. One that could not be sent says that Redis cannot be connected to. */
    if (err->code == ORB_E_UNREACHABLE && strstr(err->text, "connection to Redis broke"))
        return cli_fail(err->code, "%s: the task may have been submitted or not; 'orbiter task list' tells", orb_error_message(err));
    return cli_fail_with(err);
}

void cli_note(const struct cli *cli, const char *fmt, ...)
{
    va_list args;
    if (cli->common.is_quiet)
        return;
    va_start(args, fmt);
    say(fmt, args);
    va_end(args);
}

void cli_write_safe(FILE *out, const char *text, size_t len, int flags)
{
    char piece[4096];
    while (len) {
        size_t used = orb_safe_text(text, len, flags, piece, sizeof piece);
        if (used == 0)
            return;
        fputs(piece, out);
        text += used;
        len -= used;
    }
}

void cli_print_safe(const char *text, size_t len, int flags)
{
    cli_write_safe(stdout, text, len, flags);
}

void cli_print_text(const char *text, size_t len)
{
    if (isatty(STDOUT_FILENO))
        cli_print_safe(text, len, ORB_SAFE_TEXT);
    else
        fwrite(text, 1, len, stdout);
}

/* A pipe whose reader is gone says so, also after the write that failed. */
static int is_reader_gone(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO};
    return poll(&out, 1, 0) == 1 && (out.revents & (POLLERR | POLLHUP));
}

int cli_flush(void)
{
    static int is_said;
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    int error = errno;
    if (error == EPIPE || is_reader_gone())
        return ORB_E_CANCELLED; /* `orbiter ... | head` */
    if (is_said++)
        return ORB_E_SYSTEM;
    return cli_fail(ORB_E_SYSTEM, "cannot write to stdout: %s", error ? strerror(error) : "write error");
}

void *cli_alloc(size_t size)
{
    void *p = calloc(1, size);
    if (!p) {
        fputs("orbiter: out of memory\n", stderr);
        abort();
    }
    return p;
}
