/* Kind python: functions of modules, run in a host process (python_host.py) that all calls of a tool file share. A function cannot be
 * stopped: a host with a call that was cancelled takes no new ones, and is killed when no other call needs it. */
#include "base/base.h"
#include "tool/member.h"
#include "tool/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODULES_MAX 64
#define LINE_MAX_BYTES (96 * 1024 * 1024) /* a result of 16 MiB with every byte escaped */
#define DESCRIBE_MS 30000

extern const char orb_python_host[];

struct module_file;

/* A host process. */
struct host {
    struct host *next;
    struct module_file *file;
    struct orb_child *child;
    struct request *requests;      /* that it has not answered */
    struct orb_buf line;
    struct orb_program_tail tail;
    int64_t last_id;
    int is_retired;                /* a call was cancelled, or it broke the protocol: no new ones */
    const char *why;               /* it is killed for */
};

/* A tool file of this kind. */
struct module_file {
    struct module_file *next;
    struct orb_toolbox *toolbox;
    struct orb_program program;
    json_t *modules;
    double timeout;
    int64_t result_max;
    int is_large;
    struct host *hosts;
    struct known *known;
};

/* A function that was described. */
struct known {
    struct known *next;
    struct module_file *file;
    char *path;
    struct orb_tool *tool;
};

struct request {
    struct request *next;
    struct host *host;
    int64_t id;
    struct orb_tool_call *call;    /* NULL: a description */
    char *path;
    struct orb_timer *timeout;
    orb_toolbox_cb cb;
    void *arg;
    struct orb_error err;
};

/* ---- the ends of requests ---- */

static void request_free(struct request *r)
{
    struct request **p = &r->host->requests;
    while (*p != r)
        p = &(*p)->next;
    *p = r->next;
    orb_loop_forget(orb_toolbox_loop(r->host->file->toolbox), r);
    orb_timer_free(r->timeout);
    free(r->path);
    free(r);
}

static void request_fail(struct request *r, const char *text)
{
    struct orb_tool_call *call = r->call;
    struct orb_error err = { 0 };
    orb_toolbox_cb cb = r->cb;
    void *arg = r->arg;
    orb_error_set(&err, ORB_E_TOOL, "tool '%.128s': %s", r->path, text);
    request_free(r);
    if (call)
        orb_tool_call_fail(call, "Tool '%s' failed: %s", call->tool->name, text);
    else
        cb(arg, NULL, 0, &err);
}

static void host_kill(struct host *h, const char *why)
{
    h->is_retired = 1;
    h->why = why;
    orb_child_kill(h->child);
}

static void host_settle(struct host *h)
{
    if (h->is_retired && !h->requests)
        orb_child_kill(h->child);
}

static const char *text_member(const json_t *o, const char *name)
{
    return orb_json_get_str(o, name, NULL);
}

static struct orb_tool *tool_from(struct module_file *f, const char *path, const json_t *ok, struct orb_error *err)
{
    struct orb_tool *tool = NULL;
    struct known *k;
    json_t *parameters = json_object_get(ok, "parameters");
    const char *name = text_member(ok, "name"), *description = text_member(ok, "description");
    size_t n = name ? strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") : 0;
    if (!n || name[n] || n > ORB_TOOL_NAME_MAX || !json_is_object(parameters) || (description && strlen(description) > ORB_TOOL_DESCRIPTION_MAX)) {
        orb_error_set(err, ORB_E_TOOL, "tool '%.128s': Python says nothing usable about it (name, description, parameters)", path);
        return NULL;
    }
    tool = orb_tool_new(f->toolbox, &orb_tool_kind_python, name, description ? description : "", parameters);
    tool->timeout_ms = (int64_t)(f->timeout * 1000);
    tool->result_max = (size_t)f->result_max;
    tool->is_large = f->is_large || json_is_true(json_object_get(ok, "large"));
    k = orb_alloc(sizeof *k);
    *k = (struct known){ .next = f->known, .file = f, .path = orb_strdup(path), .tool = tool };
    tool->data = k;
    f->known = k;
    return tool;
}

static struct known *known_find(const struct module_file *f, const char *path)
{
    struct known *k = f->known;
    while (k && strcmp(k->path, path) != 0)
        k = k->next;
    return k;
}

static void answer(struct request *r, const json_t *reply)
{
    struct orb_tool_call *call = r->call;
    const char *error = text_member(reply, "error");
    const json_t *ok = json_object_get(reply, "ok");
    struct orb_error err = { 0 };
    if (error || !ok) {
        request_fail(r, error ? error : "the Python host gave no answer");
    } else if (call) {
        size_t have = json_string_length(ok), len = (size_t)orb_json_get_int(reply, "len", 0);
        request_free(r);
        orb_tool_call_end(call, json_is_string(ok) ? json_string_value(ok) : "", have > call->tool->result_max && len > have ? len : have, NULL);
    } else {
        struct known *k = known_find(r->host->file, r->path);
        struct orb_tool *tool = k ? k->tool : tool_from(r->host->file, r->path, ok, &err);
        orb_toolbox_cb cb = r->cb;
        void *arg = r->arg;
        request_free(r);
        cb(arg, &tool, tool != NULL, tool ? NULL : &err);
    }
}

/* ---- the host's lines ---- */

static void take_line(struct host *h, const char *line, size_t len)
{
    struct orb_error why;
    struct orb_json_limits limits = orb_json_limits_default;
    limits.max_bytes = LINE_MAX_BYTES;
    json_t *reply = orb_json_parse(line, len, &limits, &why);
    int64_t id = orb_json_get_int(reply, "id", -1);
    struct request *r = h->requests;
    while (r && r->id != id)
        r = r->next;
    if (!reply)
        host_kill(h, "the Python host wrote what is not of its protocol");
    else if (r) /* else it was cancelled */
        answer(r, reply);
    json_decref(reply);
}

static void on_output(void *arg, int fd, const char *data, size_t len)
{
    struct host *h = arg;
    const char *end;
    if (fd == 2) {
        orb_program_tail_add(&h->tail, data, len);
        return;
    }
    while (!h->why && (end = memchr(data, '\n', len))) {
        size_t n = (size_t)(end - data);
        orb_buf_add(&h->line, data, n);
        if (!h->line.err)
            take_line(h, h->line.data ? h->line.data : "", h->line.len);
        else
            host_kill(h, "the Python host wrote too long a line");
        orb_buf_reset(&h->line);
        data += n + 1;
        len -= n + 1;
    }
    orb_buf_add(&h->line, data, len);
    if (h->line.err && !h->why)
        host_kill(h, "the Python host wrote too long a line");
    host_settle(h);
}

static void on_end(void *arg, int status)
{
    struct host *h = arg, **p = &h->file->hosts;
    char text[ORB_PROGRAM_TAIL + 128];
    while (*p != h)
        p = &(*p)->next;
    *p = h->next;
    orb_program_tail_trim(&h->tail);
    if (h->why)
        snprintf(text, sizeof text, "%s", h->why);
    else
        snprintf(text, sizeof text, "the Python host ended with status %d%s%.*s", status, h->tail.len ? ": " : "", (int)h->tail.len, h->tail.text);
    while (h->requests)
        request_fail(h->requests, text);
    orb_child_free(h->child);
    orb_buf_done(&h->line);
    free(h);
}

/* ---- sending ---- */

static int send_json(struct host *h, const json_t *value)
{
    struct orb_buf b;
    orb_buf_init(&b, ORB_CHILD_INPUT_MAX);
    orb_json_dump(&b, value);
    orb_buf_char(&b, '\n');
    int rc = b.err ? b.err : orb_child_write(h->child, b.data, b.len);
    orb_buf_done(&b);
    return rc;
}

static int host_start(struct module_file *f, struct host **out, struct orb_error *err)
{
    struct host *h = orb_alloc(sizeof *h);
    h->file = f;
    orb_buf_init(&h->line, LINE_MAX_BYTES);
    int rc = orb_program_start(&f->program, orb_toolbox_loop(f->toolbox), on_output, on_end, h, &h->child, err);
    if (rc) {
        free(h);
        return rc;
    }
    h->next = f->hosts;
    f->hosts = h;
    json_t *program = json_string(orb_python_host), *setup = json_pack("{sO}", "modules", f->modules);
    rc = send_json(h, program);
    if (!rc)
        rc = send_json(h, setup);
    json_decref(program);
    json_decref(setup);
    if (rc)
        host_kill(h, "no memory");
    *out = h;
    return 0;
}

static int host_get(struct module_file *f, struct host **out, struct orb_error *err)
{
    for (struct host *h = f->hosts; h; h = h->next)
        if (!h->is_retired && orb_child_pid(h->child)) {
            *out = h;
            return 0;
        }
    return host_start(f, out, err);
}

static int request_new(struct module_file *f, const char *path, json_t *message_take, struct request **out, struct orb_error *err)
{
    struct host *h;
    int rc = host_get(f, &h, err);
    if (!rc) {
        json_object_set_new(message_take, "id", json_integer(++h->last_id));
        json_object_set_new(message_take, "path", json_string(path));
        rc = send_json(h, message_take);
        if (rc)
            orb_error_set(err, ORB_E_TOO_LARGE, "too much waits for the Python host, or the arguments are too large");
    }
    json_decref(message_take);
    if (rc)
        return rc;
    struct request *r = orb_alloc(sizeof *r);
    *r = (struct request){ .next = h->requests, .host = h, .id = h->last_id, .path = orb_strdup(path) };
    h->requests = r;
    *out = r;
    return 0;
}

/* ---- calls ---- */

static int start(struct orb_tool_call *call, struct orb_error *err)
{
    const struct known *k = call->tool->data;
    struct request *r = NULL;
    json_t *message = json_pack("{ss sO sI}", "op", "call", "arguments", call->arguments, "max", (json_int_t)call->tool->result_max);
    int rc = request_new(k->file, k->path, message, &r, err);
    if (rc)
        return rc;
    r->call = call;
    call->state = r;
    return 0;
}

static void cancelled(void *arg)
{
    struct request *r = arg;
    struct host *h = r->host;
    request_fail(r, "cancelled");
    host_settle(h);
}

static void cancel(struct orb_tool_call *call)
{
    struct request *r = call->state;
    r->host->is_retired = 1;
    /* Alone in its host: the end of that is its end. */
    if (r->host->requests == r && !r->next)
        orb_child_kill(r->host->child);
    else
        orb_loop_defer(call->loop, cancelled, r);
}

/* ---- descriptions ---- */

static int is_module(const struct module_file *f, const char *path)
{
    const json_t *one;
    size_t i;
    json_array_foreach(f->modules, i, one) {
        size_t n = json_string_length(one);
        if (!strncmp(json_string_value(one), path, n) && path[n] == '.' && path[n + 1])
            return 1;
    }
    return 0;
}

/* A function that is known already: told later all the same. */
struct told {
    struct orb_tool *tool;
    orb_toolbox_cb cb;
    void *arg;
};

static void tell(void *arg)
{
    struct told *t = arg;
    t->cb(t->arg, &t->tool, 1, NULL);
    orb_tool_unref(t->tool);
    free(t);
}

static void describe_is_late(void *arg)
{
    struct request *r = arg;
    host_kill(r->host, "the import took too long");
}

static int resolve(struct orb_toolbox *toolbox, const json_t *item, orb_toolbox_cb cb, void *arg,
                   struct orb_error *err)
{
    struct module_file *f = *orb_toolbox_slot(toolbox, &orb_tool_kind_python);
    const char *path = json_string_value(item);
    struct request *r;
    while (path && f && !is_module(f, path))
        f = f->next;
    if (!path || !f)
        return 0;
    const struct known *k = known_find(f, path);
    if (k) {
        struct told *t = orb_alloc(sizeof *t);
        *t = (struct told){ orb_tool_ref(k->tool), cb, arg };
        orb_loop_defer(orb_toolbox_loop(toolbox), tell, t);
        return 1;
    }
    int rc = request_new(f, path, json_pack("{ss}", "op", "describe"), &r, err);
    if (rc)
        return rc;
    r->cb = cb;
    r->arg = arg;
    r->timeout = orb_timer_new(orb_toolbox_loop(toolbox), describe_is_late, r);
    orb_timer_start(r->timeout, DESCRIBE_MS);
    return 1;
}

/* ---- tool files ---- */

static void file_free(struct module_file *f)
{
    while (f->known) {
        struct known *k = f->known;
        f->known = k->next;
        orb_tool_unref(k->tool);
        free(k->path);
        free(k);
    }
    while (f->hosts) {
        struct host *h = f->hosts;
        f->hosts = h->next;
        while (h->requests)
            request_free(h->requests);
        orb_child_free(h->child);
        orb_buf_done(&h->line);
        free(h);
    }
    orb_program_done(&f->program);
    json_decref(f->modules);
    free(f);
}

static void close_all(struct orb_toolbox *toolbox)
{
    void **slot = orb_toolbox_slot(toolbox, &orb_tool_kind_python);
    for (struct module_file *f = *slot, *next; f; f = next) {
        next = f->next;
        file_free(f);
    }
    *slot = NULL;
}

static int read_modules(struct module_file *f, const json_t *file, struct orb_error *err)
{
    static const char *const none[] = { "name", "path", "description", "parameters" };
    const json_t *modules = NULL, *one;
    const char *python = "python3";
    size_t i;
    for (i = 0; i < ORB_COUNT(none); i++)
        if (json_object_get(file, none[i]))
            return orb_error_set(err, ORB_E_CONFIG, "/%s: each function has its own; leave it out", none[i]);
    int rc = orb_member_need(file, "modules", "an array of strings, the modules whose functions agents may name", err);
    if (!rc)
        rc = orb_member_texts(file, "modules", MODULES_MAX, &modules, err);
    if (!rc)
        rc = orb_member_text(file, "python", &python, err);
    if (!rc && !json_array_size(modules))
        rc = orb_error_set(err, ORB_E_CONFIG, "/modules: must name at least one module");
    json_array_foreach(modules, i, one)
        if (!rc && (!json_string_length(one) || strpbrk(json_string_value(one), " /\\") || json_string_value(one)[json_string_length(one) - 1] == '.'))
            rc = orb_error_set(err, ORB_E_CONFIG, "/modules/%zu: must be the name of a module, such as \"mytools\"", i);
    if (rc)
        return rc;
    f->modules = json_incref((json_t *)(uintptr_t)modules);
    f->program.argv = json_pack("[ssss]", python, "-u", "-c", "import sys, json; exec(json.loads(sys.stdin.readline()))");
    return f->program.argv ? 0 : orb_error_set(err, ORB_E_CONFIG, "/python: is not a program");
}

static int load(struct orb_toolbox *toolbox, const json_t *file, struct orb_error *err)
{
    struct module_file *f = orb_alloc(sizeof *f);
    void **slot = orb_toolbox_slot(toolbox, &orb_tool_kind_python);
    *f = (struct module_file){ .next = *slot, .toolbox = toolbox, .timeout = ORB_TOOL_TIMEOUT_MS / 1000.0, .result_max = ORB_TOOL_RESULT_MAX };
    int rc = read_modules(f, file, err);
    if (!rc)
        rc = orb_member_real(file, "timeout_seconds", 0.001, 86400, &f->timeout, err);
    if (!rc)
        rc = orb_member_int(file, "result_max", 1, 16 * 1024 * 1024, &f->result_max, err);
    if (!rc)
        rc = orb_member_flag(file, "large", &f->is_large, err);
    if (!rc)
        rc = orb_program_read(&f->program, toolbox, file, 0, err);
    if (rc)
        file_free(f);
    else
        *slot = f;
    return rc;
}

const struct orb_tool_kind orb_tool_kind_python = {
    .name = "python",
    .help = "functions of Python modules, which agents name by their dotted paths",
    .members = "modules  array of strings: functions of these modules, and of those below them, are tools\n"
               "python  string: the interpreter (default python3)\n"
               "cwd  string: the folder it runs in, where it also looks for modules (default: the folder of the tool files)\n"
               "env  object of strings: its environment, beside PATH, HOME, LANG and TZ of the worker\n"
               "env_pass  array of strings: more variables of the worker that it gets\n"
               "cpu_seconds  integer: processor time of the host process, all calls together (default: no limit)\n"
               "memory_mb  integer: its address space (default 4096; 0 = no limit)\n"
               "open_files  integer: its descriptors (default 256)\n"
               "file_mb  integer: size of a file that it writes (default 1024)\n"
               "processes  integer: processes of the worker's user (default 0 = no limit)",
    .load = load,
    .resolve = resolve,
    .start = start,
    .cancel = cancel,
    .close = close_all,
};
