#include "tool/python_host.h"
#include "base/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STABLE_MS 10000      /* an end after so long a life is the first of its kind again */
#define BACKOFF_MS 100       /* before the second start in a row that ended badly; doubled each time */
#define BACKOFF_MAX_MS 5000
#define INPUT_MAX (ORB_CHILD_INPUT_MAX - 65536) /* stops must find room */
#define ASK_AGAIN_MAX 3

extern const char orb_python_host[];

struct orb_python_request {
    struct orb_python_request *next;
    struct orb_python_host *host;
    enum { DESCRIPTION, COROUTINE, THREAD } kind;
    enum { WAITING, SENT, ENDED } state;
    int64_t id;
    char *path;
    struct orb_buf line;
    uint64_t written;          /* h->written behind it */
    struct orb_timer *timer;   /* of a description; of a call that must stop */
    int is_stopping, lost;     /* lost: how often its host was killed for another one's sake */
    int64_t stop_ms;           /* it must stop since then */
    json_t *answer;
    char *error;
    orb_python_cb cb;
    void *arg;
};

struct orb_python_host {
    struct orb_loop *loop;
    const struct orb_program *program;
    json_t *setup, *preload;
    struct orb_child *child;
    enum { DOWN, STARTING, READY, DYING } state;
    struct orb_timer *timer;   /* until it is ready; or until it may be started */
    struct orb_buf line;
    struct orb_program_tail tail;
    int is_tail_shared;        /* there were two requests at a time: one must not read what another has printed */
    struct orb_python_request *requests;
    int64_t last_id, started_ms, not_before_ms;
    int64_t stopped_ms;        /* the last call that must stop has ended then */
    size_t sent, threads;      /* requests; those that take a thread */
    uint64_t written, read;    /* bytes of requests; as many of them it has read for sure, for it reads in order */
    int bad_ends;
    char *reason;              /* it is killed for */
    int is_for_stop, is_late;  /* killed for a call that must stop; before it was ready */
};

/* ---- the end of a request ---- */

static void request_free(struct orb_python_request *r)
{
    struct orb_python_request **p = &r->host->requests;
    while (*p != r)
        p = &(*p)->next;
    *p = r->next;
    orb_loop_forget(r->host->loop, r);
    orb_timer_free(r->timer);
    orb_buf_done(&r->line);
    json_decref(r->answer);
    free(r->error);
    free(r->path);
    free(r);
}

static void deliver(void *arg)
{
    struct orb_python_request *r = arg;
    orb_python_cb cb = r->cb;
    void *cb_arg = r->arg;
    json_t *answer = r->answer;
    char *error = r->error;
    r->answer = NULL;
    r->error = NULL;
    request_free(r);
    cb(cb_arg, answer, error);
    json_decref(answer);
    free(error);
}

static void leave_host(struct orb_python_request *r)
{
    if (r->state != SENT)
        return;
    r->host->sent--;
    r->host->threads -= r->kind == THREAD;
}

/* Callbacks may free everything: they come from the loop. */
static void end(struct orb_python_request *r, json_t *answer, const char *error)
{
    if (r->state == ENDED)
        return;
    leave_host(r);
    r->state = ENDED;
    r->answer = json_incref(answer);
    r->error = error ? orb_strdup(error) : NULL;
    if (r->timer)
        orb_timer_stop(r->timer);
    orb_loop_defer(r->host->loop, deliver, r);
}

static void ORB_PRINTF(2, 3) host_kill(struct orb_python_host *h, const char *fmt, ...)
{
    char text[ORB_TOOL_PATH_MAX + 256];
    va_list ap;
    if (h->state == DYING)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    h->is_late = h->state == STARTING;
    h->state = DYING;
    h->reason = orb_strdup(text);
    orb_child_kill(h->child);
}

/* ---- sending ---- */

static void on_request_timer(void *arg)
{
    struct orb_python_request *r = arg;
    struct orb_python_host *h = r->host;
    int64_t now = orb_loop_now_ms(h->loop), left = h->stopped_ms + ORB_PYTHON_STOP_MS - now;
    if (!r->is_stopping) {
        host_kill(h, "its Python process was stopped: importing '%s' took more than %d s", r->path, ORB_PYTHON_START_MS / 1000);
    } else if (left > 0 && now - r->stop_ms < ORB_PYTHON_STOPS_MS) {
        orb_timer_start(r->timer, left);
    } else if (h->state != DYING) {
        h->is_for_stop = 1;
        host_kill(h, "its Python process was stopped, because a call of '%s' that was to end there did not", r->path);
    }
}

static void request_send(struct orb_python_host *h, struct orb_python_request *r)
{
    if (!h->sent)
        h->tail.len = 0, h->is_tail_shared = 0;
    else
        h->is_tail_shared = 1;
    if (orb_child_write(h->child, r->line.data, r->line.len)) {
        host_kill(h, "there is no memory for what its Python process is asked");
        return;
    }
    r->state = SENT;
    h->sent++;
    h->written += r->line.len;
    r->written = h->written;
    h->threads += r->kind == THREAD;
    if (r->kind == DESCRIPTION)
        orb_timer_start(r->timer, ORB_PYTHON_START_MS);
    else
        orb_buf_done(&r->line); /* a description may be asked for again */
}

static void send_waiting(struct orb_python_host *h)
{
    for (struct orb_python_request *r = h->requests; r && h->state == READY; r = r->next) {
        if (r->state != WAITING || (r->kind == THREAD && h->threads >= ORB_PYTHON_THREADS_MAX))
            continue;
        if (h->written - h->read + r->line.len > INPUT_MAX)
            return;
        request_send(h, r);
    }
}

/* ---- what it writes ---- */

static void remember(struct orb_python_host *h, const char *path)
{
    const json_t *one;
    size_t i;
    json_array_foreach(h->preload, i, one)
        if (!strcmp(json_string_value(one), path))
            return;
    if (json_array_size(h->preload) < ORB_PYTHON_PRELOAD_MAX)
        json_array_append_new(h->preload, json_string(path));
}

static void take_line(struct orb_python_host *h, const char *line, size_t len)
{
    struct orb_error why;
    struct orb_json_limits limits = orb_json_limits_default;
    limits.max_bytes = ORB_PYTHON_LINE_MAX;
    json_t *answer = orb_json_parse(line, len, &limits, &why);
    int64_t id = orb_json_get_int(answer, "id", -1);
    struct orb_python_request *r = h->requests;
    while (r && (r->state != SENT || r->id != id))
        r = r->next;
    if (r) {
        const char *error = orb_json_get_str(answer, "error", NULL);
        h->read = r->written > h->read ? r->written : h->read;
        if (!error && r->kind == DESCRIPTION)
            remember(h, r->path);
        if (r->is_stopping)
            h->stopped_ms = orb_loop_now_ms(h->loop);
        end(r, error ? NULL : answer, error);
    } else if (h->state == STARTING && json_is_true(json_object_get(answer, "ready"))) {
        h->state = READY;
        orb_timer_stop(h->timer);
    } else {
        host_kill(h, "its Python process was stopped: it wrote what is no answer to anything");
    }
    json_decref(answer);
}

static void on_output(void *arg, int fd, const char *data, size_t len)
{
    struct orb_python_host *h = arg;
    if (fd == 2) {
        orb_program_tail_add(&h->tail, data, len);
        return;
    }
    while (len && h->state != DYING) {
        const char *newline = memchr(data, '\n', len);
        size_t n = newline ? (size_t)(newline - data) : len;
        orb_buf_add(&h->line, data, n);
        if (h->line.err)
            host_kill(h, "its Python process was stopped: it wrote a line of more than %d bytes", ORB_PYTHON_LINE_MAX);
        else if (newline)
            take_line(h, h->line.data ? h->line.data : "", h->line.len);
        if (newline && h->line.cap > 65536)
            orb_buf_done(&h->line), orb_buf_init(&h->line, ORB_PYTHON_LINE_MAX);
        else if (newline)
            orb_buf_reset(&h->line);
        n += newline != NULL;
        data += n;
        len -= n;
    }
    send_waiting(h);
}

/* ---- its end ---- */

static void pump(struct orb_python_host *h);

static void describe_end(struct orb_python_host *h, int status, char *out, size_t cap)
{
    char how[96], many[64] = "";
    int is_shown = h->state == STARTING || (h->sent == 1 && !h->is_tail_shared);
    if (h->reason) {
        snprintf(out, cap, "%s", h->reason);
        return;
    }
    orb_program_tail_trim(&h->tail);
    if (status < 0)
        snprintf(how, sizeof how, "was ended by signal %d (%s)", -status, strsignal(-status));
    else
        snprintf(how, sizeof how, "ended with exit status %d", status);
    if (h->sent > 1)
        snprintf(many, sizeof many, " while %zu calls ran there", h->sent);
    snprintf(out, cap, "its Python process %s%s%s%s%.*s", how, h->state == STARTING ? " before it was ready" : "", many, is_shown && h->tail.len ? ": " : "",
             is_shown ? (int)h->tail.len : 0, h->tail.text);
}

/* What was not begun waits for the next process, unless this one could not be started. */
static void end_requests(struct orb_python_host *h, int was_starting, const char *text)
{
    for (struct orb_python_request *r = h->requests; r; r = r->next) {
        if (r->state == SENT && r->kind == DESCRIPTION && h->is_for_stop && r->lost++ < ASK_AGAIN_MAX) {
            leave_host(r);
            r->state = WAITING;
            orb_timer_stop(r->timer);
        } else if (r->state == SENT || was_starting) {
            end(r, NULL, text);
        }
    }
}

static void bad_end(struct orb_python_host *h)
{
    int64_t now = orb_loop_now_ms(h->loop), wait = 0;
    if (now - h->started_ms >= STABLE_MS)
        h->bad_ends = 0;
    h->bad_ends++;
    for (int i = 1; i < h->bad_ends && wait < BACKOFF_MAX_MS; i++)
        wait = wait ? 2 * wait : BACKOFF_MS;
    h->not_before_ms = now + (wait < BACKOFF_MAX_MS ? wait : BACKOFF_MAX_MS);
}

static void on_end(void *arg, int status)
{
    struct orb_python_host *h = arg;
    char text[ORB_PROGRAM_TAIL + 512];
    describe_end(h, status, text, sizeof text);
    int was_starting = h->state == STARTING || h->is_late;
    if (!h->is_for_stop)
        bad_end(h);
    end_requests(h, was_starting, text);
    orb_child_free(h->child);
    h->child = NULL;
    h->state = DOWN;
    orb_timer_stop(h->timer);
    orb_buf_done(&h->line);
    orb_buf_init(&h->line, ORB_PYTHON_LINE_MAX);
    free(h->reason);
    h->reason = NULL;
    h->is_for_stop = h->is_late = 0;
    pump(h);
}

/* ---- its start ---- */

static int send_json(struct orb_python_host *h, json_t *value_take)
{
    struct orb_buf b;
    orb_buf_init(&b, ORB_CHILD_INPUT_MAX);
    orb_json_dump(&b, value_take);
    orb_buf_char(&b, '\n');
    int rc = b.err ? b.err : orb_child_write(h->child, b.data, b.len);
    orb_buf_done(&b);
    json_decref(value_take);
    return rc;
}

static void host_start(struct orb_python_host *h)
{
    struct orb_error err = { 0 };
    h->started_ms = orb_loop_now_ms(h->loop);
    h->tail.len = 0;
    h->written = h->read = 0;
    if (orb_program_start(h->program, h->loop, on_output, on_end, h, &h->child, &err)) {
        bad_end(h);
        end_requests(h, 1, orb_error_message(&err));
        return;
    }
    h->state = STARTING;
    json_t *setup = json_copy(h->setup);
    json_object_set(setup, "preload", h->preload);
    json_object_set_new(setup, "line_max", json_integer(ORB_PYTHON_LINE_MAX));
    json_object_set_new(setup, "blocks_max", json_integer(ORB_PYTHON_BLOCKS_MAX));
    int rc = send_json(h, json_string(orb_python_host)), more = send_json(h, setup);
    if (rc || more)
        host_kill(h, "there is no memory for its Python process");
    orb_timer_start(h->timer, ORB_PYTHON_START_MS);
}

static int is_wanted(const struct orb_python_host *h)
{
    for (const struct orb_python_request *r = h->requests; r; r = r->next)
        if (r->state == WAITING)
            return 1;
    return 0;
}

/* Does what is to be done next for those who wait. */
static void pump(struct orb_python_host *h)
{
    int64_t wait = h->not_before_ms - orb_loop_now_ms(h->loop);
    if (h->state == READY)
        send_waiting(h);
    else if (h->state == DOWN && is_wanted(h) && wait > 0)
        orb_timer_start(h->timer, wait);
    else if (h->state == DOWN && is_wanted(h))
        host_start(h);
}

static void on_timer(void *arg)
{
    struct orb_python_host *h = arg;
    if (h->state == STARTING)
        host_kill(h, "its Python process was stopped: it was not ready after %d s", ORB_PYTHON_START_MS / 1000);
    else
        pump(h);
}

struct orb_python_host *orb_python_host_new(struct orb_loop *loop, const struct orb_program *program, const json_t *setup)
{
    struct orb_python_host *h = orb_alloc(sizeof *h);
    *h = (struct orb_python_host){ .loop = loop, .program = program, .setup = json_copy((json_t *)(uintptr_t)setup), .preload = json_array() };
    h->timer = orb_timer_new(loop, on_timer, h);
    orb_buf_init(&h->line, ORB_PYTHON_LINE_MAX);
    return h;
}

void orb_python_host_free(struct orb_python_host *h)
{
    if (!h)
        return;
    while (h->requests)
        request_free(h->requests);
    orb_child_free(h->child);
    orb_timer_free(h->timer);
    orb_buf_done(&h->line);
    json_decref(h->setup);
    json_decref(h->preload);
    free(h->reason);
    free(h);
}

/* ---- requests ---- */

static struct orb_python_request *request_new(struct orb_python_host *h, int kind, const char *path, orb_python_cb cb, void *arg)
{
    struct orb_python_request *r = orb_alloc(sizeof *r), **p = &h->requests;
    *r = (struct orb_python_request){ .host = h, .kind = kind, .id = ++h->last_id, .path = orb_strdup(path), .cb = cb, .arg = arg };
    orb_buf_init(&r->line, ORB_TOOL_ARGUMENTS_MAX + 8 * ORB_TOOL_PATH_MAX);
    orb_buf_printf(&r->line, "{\"id\": %lld, \"op\": \"%s\", \"path\": ", (long long)r->id, kind == DESCRIPTION ? "describe" : "call");
    orb_json_str(&r->line, path, strlen(path));
    while (*p)
        p = &(*p)->next;
    *p = r;
    return r;
}

void orb_python_describe(struct orb_python_host *h, const char *path, orb_python_cb cb, void *arg)
{
    struct orb_python_request *r = request_new(h, DESCRIPTION, path, cb, arg);
    orb_buf_str(&r->line, "}\n");
    r->timer = orb_timer_new(h->loop, on_request_timer, r);
    pump(h);
}

int orb_python_call(struct orb_python_host *h, const char *path, const json_t *arguments, size_t result_max, int is_async, orb_python_cb cb, void *arg,
                    struct orb_python_request **out, struct orb_error *err)
{
    struct orb_python_request *r = request_new(h, is_async ? COROUTINE : THREAD, path, cb, arg);
    orb_buf_printf(&r->line, ", \"max\": %zu, \"arguments\": ", result_max);
    orb_json_dump(&r->line, arguments);
    orb_buf_str(&r->line, "}\n");
    if (r->line.err) {
        request_free(r);
        return orb_error_set(err, ORB_E_TOO_LARGE, "the arguments are over %d bytes", ORB_TOOL_ARGUMENTS_MAX);
    }
    *out = r;
    pump(h);
    return 0;
}

void orb_python_stop(struct orb_python_request *r)
{
    char line[64];
    if (r->state == ENDED || r->is_stopping)
        return;
    if (r->state == WAITING) {
        end(r, NULL, "it was stopped");
        return;
    }
    r->is_stopping = 1;
    r->stop_ms = orb_loop_now_ms(r->host->loop);
    r->timer = orb_timer_new(r->host->loop, on_request_timer, r);
    int n = snprintf(line, sizeof line, "{\"id\": %lld, \"op\": \"stop\"}\n", (long long)r->id);
    int rc = orb_child_write(r->host->child, line, (size_t)n);
    orb_timer_start(r->timer, rc ? 0 : ORB_PYTHON_STOP_MS);
}
