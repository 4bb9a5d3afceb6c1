/* Kind exec: a program that gets the arguments as JSON on its stdin and answers on its stdout. */
#include "base/base.h"
#include "tool/member.h"
#include "tool/program.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define OUTPUT_MAX (16 * 1024 * 1024)

struct exec {
    struct orb_program program;
    int is_json;
    size_t output_max;
};

struct run {
    struct orb_tool_call *call;
    struct orb_child *child;
    struct orb_buf out;             /* of stdout, as much as is needed */
    size_t out_len, total;          /* bytes of stdout; with those of stderr */
    int is_too_much;
    struct orb_program_tail tail;
};

/* ---- tool files ---- */

static int read_exec(struct exec *e, const json_t *file, struct orb_error *err)
{
    const json_t *argv = NULL;
    const char *output = "text";
    int64_t output_max = OUTPUT_MAX;
    int rc = orb_member_need(file, "argv", "an array of strings, the program and its arguments", err);
    if (!rc)
        rc = orb_member_texts(file, "argv", ORB_PROGRAM_ARGV_MAX, &argv, err);
    if (!rc && (!json_array_size(argv) || !*json_string_value(json_array_get(argv, 0))))
        rc = orb_error_set(err, ORB_E_CONFIG, "/argv: its first string must be the program");
    if (!rc)
        rc = orb_member_text(file, "output", &output, err);
    if (!rc && strcmp(output, "text") != 0 && strcmp(output, "json") != 0)
        rc = orb_error_set(err, ORB_E_CONFIG, "/output: must be \"text\" or \"json\"");
    if (!rc)
        rc = orb_member_int(file, "output_max", 1, 1 << 30, &output_max, err);
    if (rc)
        return rc;
    e->program.argv = json_incref((json_t *)(uintptr_t)argv);
    e->is_json = !strcmp(output, "json");
    e->output_max = (size_t)output_max;
    return 0;
}

static void exec_free(struct exec *e)
{
    if (e)
        orb_program_done(&e->program);
    free(e);
}

static int load(struct orb_toolbox *toolbox, const json_t *file, struct orb_error *err)
{
    struct exec *e = orb_alloc(sizeof *e);
    struct orb_tool *tool = NULL;
    double timeout = ORB_TOOL_TIMEOUT_MS / 1000.0;
    int rc = read_exec(e, file, err);
    if (!rc)
        rc = orb_member_real(file, "timeout_seconds", 0.001, 86400, &timeout, err);
    if (!rc)
        rc = orb_program_read(&e->program, toolbox, file, (int64_t)timeout + 1, err);
    if (!rc)
        rc = orb_toolbox_add(toolbox, &orb_tool_kind_exec, file, &tool, err);
    if (rc)
        exec_free(e);
    else
        tool->data = e;
    return rc;
}

static void done(struct orb_tool *tool)
{
    exec_free(tool->data);
}

/* ---- one run ---- */

static void on_output(void *arg, int fd, const char *data, size_t len)
{
    struct run *r = arg;
    r->total += len;
    if (r->is_too_much)
        return;
    if (fd == 1) {
        size_t room = r->out.max - r->out.len;
        r->out_len += len;
        orb_buf_add(&r->out, data, len < room ? len : room);
    } else {
        orb_program_tail_add(&r->tail, data, len);
    }
    const struct exec *e = r->call->tool->data;
    if (r->total > e->output_max) {
        r->is_too_much = 1;
        orb_child_kill(r->child);
    }
}

static void end_json(struct run *r)
{
    struct orb_error why = { 0 };
    const char *name = r->call->tool->name;
    json_t *value = orb_json_parse(r->out.data ? r->out.data : "", r->out.len,
                                   &(struct orb_json_limits){ r->out.max, orb_json_limits_default.max_values, orb_json_limits_default.max_depth }, &why);
    struct orb_buf b;
    orb_buf_init(&b, 8 * r->out.max);
    if (!value)
        orb_tool_call_fail(r->call, "Tool '%s' did not write JSON to its stdout: %s", name, why.text);
    else if (json_is_string(value))
        orb_tool_call_end(r->call, json_string_value(value), json_string_length(value), NULL);
    else if (orb_json_dump(&b, value), b.err)
        orb_tool_call_fail(r->call, "Tool '%s' wrote too much JSON", name);
    else
        orb_tool_call_end(r->call, b.data, b.len, NULL);
    orb_buf_done(&b);
    json_decref(value);
}

static void on_end(void *arg, int status)
{
    struct run *r = arg;
    const char *name = r->call->tool->name;
    const struct exec *e = r->call->tool->data;
    orb_program_tail_trim(&r->tail);
    const char *colon = r->tail.len ? ": " : "";
    orb_child_free(r->child);
    if (r->is_too_much)
        orb_tool_call_fail(r->call, "Tool '%s' wrote more than %zu bytes and was stopped", name, e->output_max);
    else if (status == -SIGXCPU || (status == -SIGKILL && !r->tail.len))
        orb_tool_call_fail(r->call, "Tool '%s' was ended by signal %d (%s): it may have used up its processor time or memory", name, -status,
                           strsignal(-status));
    else if (status < 0)
        orb_tool_call_fail(r->call, "Tool '%s' was ended by signal %d (%s)%s%.*s", name, -status, strsignal(-status), colon, (int)r->tail.len, r->tail.text);
    else if (status > 0)
        orb_tool_call_fail(r->call, "Tool '%s' failed with exit status %d%s%.*s", name, status, colon, (int)r->tail.len, r->tail.text);
    else if (e->is_json)
        end_json(r);
    else
        orb_tool_call_end(r->call, r->out.data ? r->out.data : "", r->out_len, NULL);
    orb_buf_done(&r->out);
    free(r);
}

/* ---- starting ---- */

static int start(struct orb_tool_call *call, struct orb_error *err)
{
    const struct exec *e = call->tool->data;
    struct orb_buf input;
    orb_buf_init(&input, ORB_TOOL_ARGUMENTS_MAX);
    orb_json_dump(&input, call->arguments);
    orb_buf_char(&input, '\n');
    if (input.err) {
        orb_buf_done(&input);
        return orb_error_set(err, ORB_E_TOO_LARGE, "the arguments are over %d bytes", ORB_TOOL_ARGUMENTS_MAX);
    }
    struct run *r = orb_alloc(sizeof *r);
    r->call = call;
    orb_buf_init(&r->out, e->is_json ? e->output_max : call->tool->result_max + 4);
    int rc = orb_program_start(&e->program, call->loop, on_output, on_end, r, &r->child, err);
    if (!rc)
        rc = orb_child_write(r->child, input.data, input.len);
    orb_buf_done(&input);
    if (rc) {
        orb_child_free(r->child);
        orb_buf_done(&r->out);
        free(r);
        return rc;
    }
    orb_child_end_input(r->child);
    call->state = r;
    return 0;
}

static void cancel(struct orb_tool_call *call)
{
    struct run *r = call->state;
    orb_child_kill(r->child);
}

const struct orb_tool_kind orb_tool_kind_exec = {
    .name = "exec",
    .help = "a program: arguments as JSON on its stdin, the result from its stdout",
    .members = "argv  array of strings: the program and its arguments; there is no shell\n"
               "cwd  string: the folder it runs in, from the folder of the tool files (default: that folder)\n"
               "env  object of strings: its environment, beside PATH, HOME, LANG and TZ of the worker\n"
               "env_pass  array of strings: more variables of the worker that it gets\n"
               "output  \"text\" (default) or \"json\": then its stdout must be JSON\n"
               "output_max  integer: it is killed when it writes more bytes (default 16777216)\n"
               "cpu_seconds  integer: processor time (default: timeout_seconds and one more)\n"
               "memory_mb  integer: address space (default 4096; 0 = no limit)\n"
               "open_files  integer: descriptors (default 256)\n"
               "file_mb  integer: size of a file that it writes (default 1024)\n"
               "processes  integer: processes of the worker's user (default 0 = no limit)",
    .load = load,
    .start = start,
    .cancel = cancel,
    .done = done,
};
