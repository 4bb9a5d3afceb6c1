/* Kind exec: a program that gets the arguments as JSON on its stdin and answers on its stdout. */
#include "base/base.h"
#include "loop/child.h"
#include "tool/member.h"
#include "tool/tool.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define ARGV_MAX 64
#define ENV_MAX 64
#define LIMITS_MAX 6
#define OUTPUT_MAX (16 * 1024 * 1024)
#define TAIL_BYTES 2048 /* of stderr, for the error */
#define MIB (1024 * 1024)

static const char *const passed_on[] = { "PATH", "HOME", "LANG", "TZ" };

struct exec {
    json_t *argv, *env, *env_pass;  /* env, env_pass: or NULL */
    char *cwd;
    int is_json;
    size_t output_max;
    struct orb_child_limit limits[LIMITS_MAX];
    size_t limit_count;
};

struct run {
    struct orb_tool_call *call;
    struct orb_child *child;
    struct orb_buf out;             /* of stdout, as much as is needed */
    size_t out_len, total;          /* bytes of stdout; with those of stderr */
    int is_too_much;
    char tail[TAIL_BYTES];
    size_t tail_len;
};

/* ---- tool files ---- */

static void set_limit(struct exec *e, int resource, uint64_t value)
{
    e->limits[e->limit_count++] = (struct orb_child_limit){ resource, value };
}

static int read_limits(struct exec *e, const json_t *file, int64_t timeout_ms, struct orb_error *err)
{
    int64_t cpu = timeout_ms / 1000 + 1, memory = 4096, files = 256, file_mb = 1024, processes = 0;
    int rc = orb_member_int(file, "cpu_seconds", 1, 86400, &cpu, err);
    if (!rc)
        rc = orb_member_int(file, "memory_mb", 0, 1 << 24, &memory, err);
    if (!rc)
        rc = orb_member_int(file, "open_files", 8, 1 << 20, &files, err);
    if (!rc)
        rc = orb_member_int(file, "file_mb", 0, 1 << 24, &file_mb, err);
    if (!rc)
        rc = orb_member_int(file, "processes", 0, 1 << 20, &processes, err);
    if (rc)
        return rc;
    set_limit(e, RLIMIT_CORE, 0);
    set_limit(e, RLIMIT_CPU, (uint64_t)cpu);
    set_limit(e, RLIMIT_NOFILE, (uint64_t)files);
    set_limit(e, RLIMIT_FSIZE, (uint64_t)file_mb * MIB);
    if (memory)
        set_limit(e, RLIMIT_AS, (uint64_t)memory * MIB);
    if (processes)
        set_limit(e, RLIMIT_NPROC, (uint64_t)processes);
    return 0;
}

static int read_environment(struct exec *e, const json_t *file, struct orb_error *err)
{
    const json_t *env = NULL, *pass = NULL;
    const char *key;
    json_t *ignored;
    int rc = orb_member_map(file, "env", &env, err);
    if (!rc)
        rc = orb_member_texts(file, "env_pass", ENV_MAX, &pass, err);
    if (rc)
        return rc;
    if (json_object_size(env) > ENV_MAX)
        return orb_error_set(err, ORB_E_CONFIG, "/env: at most %d variables", ENV_MAX);
    json_object_foreach((json_t *)(uintptr_t)env, key, ignored)
        if (!*key || strchr(key, '='))
            return orb_error_set(err, ORB_E_CONFIG, "/env/%.60s: is no name of a variable", key);
    e->env = json_incref((json_t *)(uintptr_t)env);
    e->env_pass = json_incref((json_t *)(uintptr_t)pass);
    return 0;
}

static int read_program(struct exec *e, const struct orb_toolbox *toolbox, const json_t *file, struct orb_error *err)
{
    const json_t *argv = NULL;
    const char *cwd = "", *output = "text", *dir = orb_toolbox_dir(toolbox);
    int64_t output_max = OUTPUT_MAX;
    int rc = orb_member_need(file, "argv", "an array of strings, the program and its arguments", err);
    if (!rc)
        rc = orb_member_texts(file, "argv", ARGV_MAX, &argv, err);
    if (!rc && (!json_array_size(argv) || !*json_string_value(json_array_get(argv, 0))))
        rc = orb_error_set(err, ORB_E_CONFIG, "/argv: its first string must be the program");
    if (!rc)
        rc = orb_member_text(file, "cwd", &cwd, err);
    if (!rc)
        rc = orb_member_text(file, "output", &output, err);
    if (!rc && strcmp(output, "text") != 0 && strcmp(output, "json") != 0)
        rc = orb_error_set(err, ORB_E_CONFIG, "/output: must be \"text\" or \"json\"");
    if (!rc)
        rc = orb_member_int(file, "output_max", 1, 1 << 30, &output_max, err);
    if (rc)
        return rc;
    size_t size = strlen(cwd) + (dir ? strlen(dir) : 0) + 2;
    e->cwd = orb_alloc(size);
    snprintf(e->cwd, size, "%s%s%s", *cwd == '/' || !dir ? "" : dir, *cwd && *cwd != '/' ? "/" : "", cwd);
    e->argv = json_incref((json_t *)(uintptr_t)argv);
    e->is_json = !strcmp(output, "json");
    e->output_max = (size_t)output_max;
    return 0;
}

static void exec_free(struct exec *e)
{
    if (!e)
        return;
    json_decref(e->argv);
    json_decref(e->env);
    json_decref(e->env_pass);
    free(e->cwd);
    free(e);
}

static int load(struct orb_toolbox *toolbox, const json_t *file, struct orb_error *err)
{
    struct exec *e = orb_alloc(sizeof *e);
    struct orb_tool *tool = NULL;
    double timeout = ORB_TOOL_TIMEOUT_MS / 1000.0;
    int rc = read_program(e, toolbox, file, err);
    if (!rc)
        rc = read_environment(e, file, err);
    if (!rc)
        rc = orb_member_real(file, "timeout_seconds", 0.001, 86400, &timeout, err);
    if (!rc)
        rc = read_limits(e, file, (int64_t)(timeout * 1000), err);
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
        size_t n = len < TAIL_BYTES ? len : TAIL_BYTES, keep = r->tail_len + n > TAIL_BYTES ? TAIL_BYTES - n : r->tail_len;
        memmove(r->tail, r->tail + r->tail_len - keep, keep);
        memcpy(r->tail + keep, data + len - n, n);
        r->tail_len = keep + n;
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
    while (r->tail_len > 0 && memchr(" \t\r\n", r->tail[r->tail_len - 1], 4))
        r->tail_len--;
    for (size_t i = 0; i < r->tail_len; i++)
        r->tail[i] = r->tail[i] ? r->tail[i] : '?';
    const char *colon = r->tail_len ? ": " : "";
    orb_child_free(r->child);
    if (r->is_too_much)
        orb_tool_call_fail(r->call, "Tool '%s' wrote more than %zu bytes and was stopped", name, e->output_max);
    else if (status == -SIGXCPU || (status == -SIGKILL && !r->tail_len))
        orb_tool_call_fail(r->call, "Tool '%s' was ended by signal %d (%s): it may have used up its processor time or memory", name, -status,
                           strsignal(-status));
    else if (status < 0)
        orb_tool_call_fail(r->call, "Tool '%s' was ended by signal %d (%s)%s%.*s", name, -status, strsignal(-status), colon, (int)r->tail_len, r->tail);
    else if (status > 0)
        orb_tool_call_fail(r->call, "Tool '%s' failed with exit status %d%s%.*s", name, status, colon, (int)r->tail_len, r->tail);
    else if (e->is_json)
        end_json(r);
    else
        orb_tool_call_end(r->call, r->out.data ? r->out.data : "", r->out_len, NULL);
    orb_buf_done(&r->out);
    free(r);
}

/* ---- starting ---- */

static void add_variable(const char **env, size_t *count, const char *name, const char *value)
{
    size_t size = strlen(name) + strlen(value) + 2;
    char *line = orb_alloc(size);
    snprintf(line, size, "%s=%s", name, value);
    env[(*count)++] = line;
}

/* Nothing of the worker's but this: its environment holds keys. */
static void environment(const struct exec *e, const char **env)
{
    size_t i, n = 0;
    const json_t *one;
    const char *key;
    json_t *value;
    for (i = 0; i < ORB_COUNT(passed_on); i++)
        if (getenv(passed_on[i]) && !json_object_get(e->env, passed_on[i]))
            add_variable(env, &n, passed_on[i], getenv(passed_on[i]));
    json_array_foreach(e->env_pass, i, one)
        if (getenv(json_string_value(one)) && !json_object_get(e->env, json_string_value(one)))
            add_variable(env, &n, json_string_value(one), getenv(json_string_value(one)));
    json_object_foreach(e->env, key, value)
        add_variable(env, &n, key, json_string_value(value));
}

static int start_child(struct run *r, const struct exec *e, struct orb_error *err)
{
    const char *argv[ARGV_MAX + 1] = { NULL }, *env[2 * ENV_MAX + ORB_COUNT(passed_on) + 1] = { NULL };
    for (size_t i = 0; i < json_array_size(e->argv); i++)
        argv[i] = json_string_value(json_array_get(e->argv, i));
    environment(e, env);
    const struct orb_child_options options = {
        .argv = argv, .env = env, .is_env_whole = 1, .cwd = *e->cwd ? e->cwd : NULL, .is_group = 1, .limits = e->limits,
        .limit_count = e->limit_count, .has_input = 1, .output = on_output, .ended = on_end, .arg = r,
    };
    int rc = orb_child_start(r->call->loop, &options, &r->child, err);
    for (size_t i = 0; env[i]; i++)
        free((char *)(uintptr_t)env[i]);
    return rc;
}

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
    int rc = start_child(r, e, err);
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
