/* MCP over a child's stdin and stdout: a message a line. Its stderr is for the log. */
#include "base/base.h"
#include "loop/child.h"
#include "tool/mcp_conn.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_BYTES 1024
#define TAIL_BYTES 64
#define LINE_COST 32            /* of a line of the log beside its text */
#define KEEP_LINE_BYTES 65536   /* memory of longer lines is given back */

struct link {
    struct orb_mcp *mcp;
    struct orb_child *child;
    int is_over;                /* it has ended */
    struct orb_buf line;
    int is_skipping;            /* the line is too long: what follows is thrown away up to its end */
    char head[HEAD_BYTES], tail[TAIL_BYTES];
    size_t tail_len, garbage;
    char log[ORB_MCP_STDERR_LINE], last_words[ORB_MCP_STDERR_LINE];
    size_t log_len, logged;
};

/* ---- stdout ---- */

static void keep_tail(struct link *l, const char *data, size_t len)
{
    if (len >= TAIL_BYTES) {
        memcpy(l->tail, data + len - TAIL_BYTES, TAIL_BYTES);
        l->tail_len = TAIL_BYTES;
        return;
    }
    size_t keep = l->tail_len + len > TAIL_BYTES ? TAIL_BYTES - len : l->tail_len;
    memmove(l->tail, l->tail + l->tail_len - keep, keep);
    memcpy(l->tail + keep, data, len);
    l->tail_len = keep + len;
}

static void begin_skipping(struct link *l)
{
    memcpy(l->head, l->line.data, HEAD_BYTES);
    keep_tail(l, l->line.data, l->line.len);
    orb_buf_done(&l->line);
    orb_buf_init(&l->line, ORB_MCP_MESSAGE_MAX);
    l->is_skipping = 1;
}

static void end_skipping(struct link *l)
{
    l->is_skipping = 0;
    orb_mcp_lost(l->mcp, orb_mcp_guess_id(l->head, HEAD_BYTES, l->tail, l->tail_len));
    l->tail_len = 0;
}

static void take_line(struct link *l, const char *line, size_t len)
{
    while (len && (line[len - 1] == '\r' || line[len - 1] == ' '))
        len--;
    if (!len)
        return;
    if (orb_mcp_receive(l->mcp, NULL, line, len, &l->mcp->flood)) {
        l->garbage = 0;
        return;
    }
    l->garbage += len;
    if (l->garbage > ORB_MCP_GARBAGE_MAX)
        orb_mcp_down(l->mcp, "it prints what is no message of MCP to its stdout: over %d bytes in a row", ORB_MCP_GARBAGE_MAX);
}

/* Part of a line; is_end: the line ends with it. */
static void take_part(struct link *l, const char *data, size_t len, int is_end)
{
    if (!l->is_skipping && !l->line.len && is_end) {
        take_line(l, data, len);
        return;
    }
    if (!l->is_skipping && len > ORB_MCP_MESSAGE_MAX - l->line.len)
        begin_skipping(l);
    if (l->is_skipping) {
        keep_tail(l, data, len);
        if (is_end)
            end_skipping(l);
        return;
    }
    orb_buf_add(&l->line, data, len);
    if (!is_end)
        return;
    take_line(l, l->line.data, l->line.len);
    if (l->line.cap > KEEP_LINE_BYTES) {
        orb_buf_done(&l->line);
        orb_buf_init(&l->line, ORB_MCP_MESSAGE_MAX);
    } else
        orb_buf_reset(&l->line);
}

static void take_output(struct link *l, const char *data, size_t len)
{
    const char *end = data + len, *eol;
    while (data < end && l->mcp->state != ORB_MCP_STATE_DOWN) {
        eol = memchr(data, '\n', (size_t)(end - data));
        take_part(l, data, (size_t)((eol ? eol : end) - data), eol != NULL);
        data = eol ? eol + 1 : end;
    }
}

/* ---- stderr ---- */

static void log_line(struct link *l)
{
    if (!l->log_len)
        return;
    memcpy(l->last_words, l->log, l->log_len);
    l->last_words[l->log_len] = '\0';
    if (l->logged < ORB_MCP_STDERR_MAX) {
        l->logged += l->log_len + LINE_COST;
        orb_mcp_log(l->mcp, l->log, l->log_len);
        if (l->logged >= ORB_MCP_STDERR_MAX)
            orb_mcp_log(l->mcp, "(it says too much: the rest is not logged)", 42);
    }
    l->log_len = 0;
}

static void take_stderr(struct link *l, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (data[i] == '\n')
            log_line(l);
        else if (data[i] && l->log_len < sizeof l->log - 1)
            l->log[l->log_len++] = data[i];
    }
}

/* ---- the child ---- */

static void on_output(void *arg, int fd, const char *data, size_t len)
{
    struct link *l = arg;
    orb_mcp_count(l->mcp, len);
    if (fd == 1)
        take_output(l, data, len);
    else
        take_stderr(l, data, len);
}

static void on_ended(void *arg, int status)
{
    struct link *l = arg;
    const char *last = l->last_words;
    log_line(l);
    l->is_over = 1;
    if (status < 0)
        orb_mcp_down(l->mcp, "its process ended (signal %d)%s%s", -status, *last ? "; it last said: " : "", last);
    else
        orb_mcp_down(l->mcp, "its process ended (exit status %d)%s%s", status, *last ? "; it last said: " : "", last);
}

/* What a program may need to run; nothing that may be a secret. */
static const char *const safe_names[] = { "HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ", NULL };

static int is_in(char *const *env, const char *name)
{
    size_t len = strlen(name);
    for (; *env; env++)
        if (!strncmp(*env, name, len) && (*env)[len] == '=')
            return 1;
    return 0;
}

/* Pointers into config and memory of ours (the first *own). */
static const char **make_env(const struct orb_mcp_config *config, size_t *own)
{
    size_t n = 0, count = 0;
    while (config->env[count])
        count++;
    const char **env = orb_alloc((count + ORB_COUNT(safe_names) + 1) * sizeof *env);
    for (size_t i = 0; safe_names[i]; i++) {
        const char *value = getenv(safe_names[i]);
        if (!value || is_in(config->env, safe_names[i]))
            continue;
        size_t size = strlen(safe_names[i]) + strlen(value) + 2;
        char *line = orb_alloc(size);
        snprintf(line, size, "%s=%s", safe_names[i], value);
        env[n++] = line;
    }
    *own = n;
    memcpy(env + n, config->env, count * sizeof *env);
    return env;
}

static const char **make_argv(const struct orb_mcp_config *config)
{
    size_t count = 0;
    while (config->args[count])
        count++;
    const char **argv = orb_alloc((count + 2) * sizeof *argv);
    argv[0] = config->command;
    memcpy(argv + 1, config->args, count * sizeof *argv);
    return argv;
}

static int stdio_open(struct orb_mcp *m, struct orb_error *err)
{
    struct link *l = orb_alloc(sizeof *l);
    size_t own;
    const char **argv = make_argv(m->config), **env = make_env(m->config, &own);
    struct orb_child_options options = { .argv = argv, .env = env, .is_env_whole = 1, .cwd = m->config->cwd, .is_group = 1, .has_input = 1,
                                         .output = on_output, .ended = on_ended, .arg = l };
    l->mcp = m;
    orb_buf_init(&l->line, ORB_MCP_MESSAGE_MAX);
    int rc = orb_child_start(m->loop, &options, &l->child, err);
    for (size_t i = 0; i < own; i++)
        free((char *)(uintptr_t)env[i]);
    free(env);
    free(argv);
    if (rc) {
        free(l);
        return rc;
    }
    m->link = l;
    orb_mcp_opened(m);
    return 0;
}

static int stdio_send(struct orb_mcp *m, struct orb_mcp_request *request, const char *text, size_t len, struct orb_error *err)
{
    struct link *l = m->link;
    (void)request;
    if (!l || l->is_over)
        return orb_error_set(err, ORB_E_TOOL, "its process has ended");
    if (orb_child_write(l->child, text, len))
        return orb_error_set(err, ORB_E_TOOL, "it does not read its stdin: up to %d bytes wait", ORB_CHILD_INPUT_MAX);
    if (!orb_child_write(l->child, "\n", 1))
        return 0;
    /* No other message may follow one that is not whole. */
    orb_mcp_down(m, "it does not read its stdin: up to %d bytes wait", ORB_CHILD_INPUT_MAX);
    return orb_error_set(err, ORB_E_TOOL, "%s", m->failure.text);
}

static void stdio_drop(struct orb_mcp *m, struct orb_mcp_request *request)
{
    (void)m, (void)request;
}

static void stdio_close(struct orb_mcp *m)
{
    struct link *l = m->link;
    m->link = NULL;
    if (!l)
        return;
    orb_child_free(l->child); /* and the rest of its group */
    orb_buf_done(&l->line);
    free(l);
}

static void stdio_ask_end(struct orb_mcp *m)
{
    struct link *l = m->link;
    if (l && !l->is_over)
        orb_child_end_input(l->child);
}

static void stdio_wait_end(struct orb_mcp *m, int wait_ms, int signo)
{
    struct link *l = m->link;
    if (!l || l->is_over || orb_child_wait(l->child, 0))
        return;
    if (signo)
        orb_child_signal(l->child, signo);
    orb_child_wait(l->child, wait_ms);
}

const struct orb_mcp_driver orb_mcp_driver_stdio = { 1000, stdio_open, stdio_send, stdio_drop, stdio_close, stdio_ask_end, stdio_wait_end };
