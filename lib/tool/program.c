#include "tool/program.h"
#include "base/base.h"
#include "tool/member.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define ENV_MAX 64
#define MIB (1024 * 1024)

static const char *const passed_on[] = { "PATH", "HOME", "LANG", "TZ" };

/* ---- tool files ---- */

static void set_limit(struct orb_program *p, int resource, uint64_t value)
{
    p->limits[p->limit_count++] = (struct orb_child_limit){ resource, value };
}

static int read_limits(struct orb_program *p, const json_t *file, int64_t cpu, struct orb_error *err)
{
    int64_t memory = 4096, files = 256, file_mb = 1024, processes = 0;
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
    set_limit(p, RLIMIT_CORE, 0);
    set_limit(p, RLIMIT_NOFILE, (uint64_t)files);
    set_limit(p, RLIMIT_FSIZE, (uint64_t)file_mb * MIB);
    if (cpu)
        set_limit(p, RLIMIT_CPU, (uint64_t)cpu);
    if (memory)
        set_limit(p, RLIMIT_AS, (uint64_t)memory * MIB);
    if (processes)
        set_limit(p, RLIMIT_NPROC, (uint64_t)processes);
    return 0;
}

static int read_environment(struct orb_program *p, const json_t *file, struct orb_error *err)
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
    p->env = json_incref((json_t *)(uintptr_t)env);
    p->env_pass = json_incref((json_t *)(uintptr_t)pass);
    return 0;
}

static int read_cwd(struct orb_program *p, const struct orb_toolbox *toolbox, const json_t *file, struct orb_error *err)
{
    const char *cwd = "", *dir = orb_toolbox_dir(toolbox);
    int rc = orb_member_text(file, "cwd", &cwd, err);
    if (rc)
        return rc;
    size_t size = strlen(cwd) + (dir ? strlen(dir) : 0) + 2;
    p->cwd = orb_alloc(size);
    snprintf(p->cwd, size, "%s%s%s", *cwd == '/' || !dir ? "" : dir, *cwd && *cwd != '/' ? "/" : "", cwd);
    return 0;
}

int orb_program_read(struct orb_program *p, const struct orb_toolbox *toolbox, const json_t *file, int64_t cpu_seconds, struct orb_error *err)
{
    int rc = read_cwd(p, toolbox, file, err);
    if (!rc)
        rc = read_environment(p, file, err);
    return rc ? rc : read_limits(p, file, cpu_seconds, err);
}

void orb_program_done(struct orb_program *p)
{
    json_decref(p->argv);
    json_decref(p->env);
    json_decref(p->env_pass);
    free(p->cwd);
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
static void environment(const struct orb_program *p, const char **env)
{
    size_t i, n = 0;
    const json_t *one;
    const char *key;
    json_t *value;
    for (i = 0; i < ORB_COUNT(passed_on); i++)
        if (getenv(passed_on[i]) && !json_object_get(p->env, passed_on[i]))
            add_variable(env, &n, passed_on[i], getenv(passed_on[i]));
    json_array_foreach(p->env_pass, i, one)
        if (getenv(json_string_value(one)) && !json_object_get(p->env, json_string_value(one)))
            add_variable(env, &n, json_string_value(one), getenv(json_string_value(one)));
    json_object_foreach(p->env, key, value)
        add_variable(env, &n, key, json_string_value(value));
}

int orb_program_start(const struct orb_program *p, struct orb_loop *loop, void (*output)(void *arg, int fd, const char *data, size_t len),
                      void (*ended)(void *arg, int status), void *arg, struct orb_child **out, struct orb_error *err)
{
    const char *argv[ORB_PROGRAM_ARGV_MAX + 1] = { NULL }, *env[2 * ENV_MAX + ORB_COUNT(passed_on) + 1] = { NULL };
    for (size_t i = 0; i < json_array_size(p->argv) && i < ORB_PROGRAM_ARGV_MAX; i++)
        argv[i] = json_string_value(json_array_get(p->argv, i));
    environment(p, env);
    const struct orb_child_options options = {
        .argv = argv, .env = env, .is_env_whole = 1, .cwd = *p->cwd ? p->cwd : NULL, .is_group = 1, .limits = p->limits,
        .limit_count = p->limit_count, .has_input = 1, .output = output, .ended = ended, .arg = arg,
    };
    int rc = orb_child_start(loop, &options, out, err);
    for (size_t i = 0; env[i]; i++)
        free((char *)(uintptr_t)env[i]);
    return rc;
}

/* ---- stderr ---- */

void orb_program_tail_add(struct orb_program_tail *tail, const char *data, size_t len)
{
    size_t n = len < ORB_PROGRAM_TAIL ? len : ORB_PROGRAM_TAIL, keep = tail->len + n > ORB_PROGRAM_TAIL ? ORB_PROGRAM_TAIL - n : tail->len;
    memmove(tail->text, tail->text + tail->len - keep, keep);
    memcpy(tail->text + keep, data + len - n, n);
    tail->len = keep + n;
}

void orb_program_tail_trim(struct orb_program_tail *tail)
{
    while (tail->len > 0 && memchr(" \t\r\n", tail->text[tail->len - 1], 4))
        tail->len--;
    for (size_t i = 0; i < tail->len; i++)
        tail->text[i] = tail->text[i] ? tail->text[i] : '?';
}
