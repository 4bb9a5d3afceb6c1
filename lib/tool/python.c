/* Kind python: functions of modules, run in a host process (python_host.h) that all calls of a tool file share. */
#include "base/base.h"
#include "tool/member.h"
#include "tool/python_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODULES_MAX 64
#define FUNCTIONS_MAX 256
#define FOLDERS_MAX 16
#define KNOWN_MAX 1000 /* functions of a tool file that are described once only */

/* A tool file of this kind. */
struct module_file {
    struct module_file *next;
    struct orb_toolbox *toolbox;
    struct orb_program program;
    json_t *setup;                  /* of the host: modules, functions, folders */
    json_t *limits;                 /* members of the file that each of its tools has */
    struct orb_python_host *host;
    struct known *known;
    size_t known_count;
    struct question *questions;
};

/* A function that was described; it is not listed. */
struct known {
    struct known *next;
    char *path;
    struct orb_tool *tool;
};

/* The data of a tool. */
struct function {
    struct module_file *file;
    char *path;
    int is_async;
};

/* An agent's item, under way. */
struct question {
    struct question *next;
    struct module_file *file;
    char *path;
    struct orb_tool *tool;          /* known already */
    orb_toolbox_cb cb;
    void *arg;
};

/* ---- from a description to a tool ---- */

/* The description as a tool file has it. */
static json_t *file_from(const struct module_file *f, const char *path, const json_t *answer, struct orb_error *err)
{
    const json_t *text = json_object_get(answer, "parameters");
    json_t *file = json_deep_copy(f->limits), *parameters;
    parameters = json_is_string(text) ? orb_json_parse(json_string_value(text), json_string_length(text), &orb_json_limits_default, err)
                                      : (orb_error_set(err, ORB_E_TOOL, "/parameters: are missing"), NULL);
    if (!parameters) {
        json_decref(file);
        return NULL;
    }
    json_object_set_new(file, "parameters", parameters);
    json_object_set_new(file, "path", json_string(path));
    json_object_set(file, "name", json_object_get(answer, "name"));
    json_object_set(file, "description", json_object_get(answer, "description"));
    if (json_is_true(json_object_get(answer, "large")))
        json_object_set_new(file, "large", json_true());
    return file;
}

/* make: orb_toolbox_make or orb_toolbox_add. */
static struct orb_tool *tool_from(struct module_file *f, const char *path, const json_t *answer, __typeof__(orb_toolbox_make) *make, struct orb_error *err)
{
    struct orb_tool *tool = NULL;
    json_t *file = file_from(f, path, answer, err);
    if (file && make(f->toolbox, &orb_tool_kind_python, file, &tool, err) == 0) {
        struct function *function = orb_alloc(sizeof *function);
        *function = (struct function){ f, orb_strdup(path), json_is_true(json_object_get(answer, "is_async")) };
        tool->data = function;
    }
    json_decref(file);
    return tool;
}

static void done(struct orb_tool *tool)
{
    struct function *function = tool->data;
    if (function)
        free(function->path);
    free(function);
}

/* ---- an agent's item ---- */

static struct orb_tool *known_find(const struct module_file *f, const char *path)
{
    for (struct known *k = f->known; k; k = k->next)
        if (!strcmp(k->path, path))
            return k->tool;
    return NULL;
}

/* From now on the file's, too. */
static void known_add(struct module_file *f, const char *path, struct orb_tool *tool)
{
    if (f->known_count == KNOWN_MAX)
        return;
    struct known *k = orb_alloc(sizeof *k);
    *k = (struct known){ f->known, orb_strdup(path), orb_tool_ref(tool) };
    f->known = k;
    f->known_count++;
}

static void question_free(struct question *q)
{
    struct question **p = &q->file->questions;
    while (*p != q)
        p = &(*p)->next;
    *p = q->next;
    orb_loop_forget(orb_toolbox_loop(q->file->toolbox), q);
    orb_tool_unref(q->tool);
    free(q->path);
    free(q);
}

static void question_end(struct question *q, struct orb_tool *tool_take, const struct orb_error *why)
{
    struct orb_error err = { 0 };
    orb_toolbox_cb cb = q->cb;
    void *arg = q->arg;
    if (!tool_take)
        orb_error_set(&err, ORB_E_TOOL, "tool '%.128s': %s", q->path, why->text);
    question_free(q);
    cb(arg, &tool_take, tool_take != NULL, tool_take ? NULL : &err);
    orb_tool_unref(tool_take);
}

static void tell_known(void *arg)
{
    struct question *q = arg;
    question_end(q, orb_tool_ref(q->tool), NULL);
}

static void on_description(void *arg, const json_t *answer, const char *error)
{
    struct question *q = arg;
    struct orb_error err = { 0 };
    /* Another one may have asked the same meanwhile. */
    struct orb_tool *tool = known_find(q->file, q->path);
    if (tool) {
        orb_tool_ref(tool);
    } else if (error) {
        orb_error_set(&err, ORB_E_TOOL, "%s", error);
    } else {
        tool = tool_from(q->file, q->path, answer, orb_toolbox_make, &err);
        if (tool)
            known_add(q->file, q->path, tool);
    }
    question_end(q, tool, &err);
}

/* The length of the longest listed module that a path is in, or 0. */
static size_t module_length(const struct module_file *f, const char *path)
{
    const json_t *one;
    size_t i, longest = 0;
    json_array_foreach(json_object_get(f->setup, "modules"), i, one) {
        size_t n = json_string_length(one);
        if (n > longest && !strncmp(json_string_value(one), path, n) && path[n] == '.' && path[n + 1])
            longest = n;
    }
    return longest;
}

static int resolve(struct orb_toolbox *toolbox, const json_t *item, orb_toolbox_cb cb, void *arg,
                   struct orb_error *err)
{
    const char *path = json_string_value(item);
    struct module_file *best = NULL;
    size_t longest = 0;
    for (struct module_file *f = *orb_toolbox_slot(toolbox, &orb_tool_kind_python); path && f; f = f->next) {
        size_t n = module_length(f, path);
        if (n > longest)
            longest = n, best = f;
    }
    if (!best)
        return 0;
    if (json_string_length(item) > ORB_TOOL_PATH_MAX)
        return orb_error_set(err, ORB_E_TOOL, "tool '%.60s...': its path is over %d bytes", path, ORB_TOOL_PATH_MAX);
    struct question *q = orb_alloc(sizeof *q);
    *q = (struct question){ .next = best->questions, .file = best, .path = orb_strdup(path), .tool = known_find(best, path), .cb = cb, .arg = arg };
    best->questions = q;
    if (q->tool) {
        orb_tool_ref(q->tool);
        orb_loop_defer(orb_toolbox_loop(toolbox), tell_known, q);
    } else {
        orb_python_describe(best->host, path, on_description, q);
    }
    return 1;
}

/* ---- calls ---- */

static void on_answer(void *arg, const json_t *answer, const char *error)
{
    struct orb_tool_call *call = arg;
    const json_t *text = json_object_get(answer, "text");
    if (error) {
        orb_tool_call_fail(call, "Tool '%s' failed: %s", call->tool->name, error);
        return;
    }
    size_t have = json_string_length(text), len = (size_t)orb_json_get_int(answer, "len", 0);
    orb_tool_call_end(call, have ? json_string_value(text) : "", have > call->tool->result_max && len > have ? len : have, json_object_get(answer, "blocks"));
}

static int start(struct orb_tool_call *call, struct orb_error *err)
{
    const struct function *function = call->tool->data;
    struct orb_python_request *request = NULL;
    int rc = orb_python_call(function->file->host, function->path, call->arguments, call->tool->result_max, function->is_async, on_answer, call, &request, err);
    call->state = request;
    return rc;
}

static void cancel(struct orb_tool_call *call)
{
    orb_python_stop(call->state);
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
    while (f->questions)
        question_free(f->questions);
    orb_python_host_free(f->host);
    orb_program_done(&f->program);
    json_decref(f->setup);
    json_decref(f->limits);
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

static int check_names(const char *member, const json_t *names, int needs_dot, struct orb_error *err)
{
    const json_t *one;
    size_t i;
    json_array_foreach(names, i, one) {
        const char *s = json_string_value(one);
        size_t n = strlen(s);
        if (!n || n > ORB_TOOL_PATH_MAX || s[0] == '.' || s[n - 1] == '.' || strstr(s, "..") || strpbrk(s, " /\\") || (needs_dot && !strchr(s, '.')))
            return orb_error_set(err, ORB_E_CONFIG, "/%s/%zu: '%.60s': must be the name of a %s", member, i, s,
                                 needs_dot ? "function with its module, such as \"mytools.search\"" : "module, such as \"mytools\"");
    }
    return 0;
}

/* Folders of the setup: from the folder the process runs in; without any, that one. */
static int read_folders(const struct module_file *f, const json_t *file, json_t **out, struct orb_error *err)
{
    const json_t *folders = NULL, *one;
    size_t i;
    int rc = orb_member_texts(file, "folders", FOLDERS_MAX, &folders, err);
    json_t *all = json_array();
    json_array_foreach(folders, i, one) {
        const char *s = json_string_value(one);
        json_array_append_new(all, *s == '/' ? json_string(s) : json_sprintf("%s/%s", f->program.cwd, s));
    }
    if (!folders)
        json_array_append_new(all, json_string(*f->program.cwd ? f->program.cwd : "."));
    *out = all;
    return rc;
}

static int read_setup(struct module_file *f, const json_t *file, struct orb_error *err)
{
    const json_t *modules = NULL, *functions = NULL;
    json_t *folders = NULL;
    int rc = orb_member_texts(file, "modules", MODULES_MAX, &modules, err);
    if (!rc)
        rc = orb_member_texts(file, "functions", FUNCTIONS_MAX, &functions, err);
    if (!rc && !json_array_size(modules) && !json_array_size(functions))
        rc = orb_error_set(err, ORB_E_CONFIG, "/modules: name the modules whose functions agents may name, or single \"functions\"");
    if (!rc)
        rc = check_names("modules", modules, 0, err);
    if (!rc)
        rc = check_names("functions", functions, 1, err);
    if (!rc)
        rc = read_folders(f, file, &folders, err);
    if (!rc)
        f->setup = json_pack("{so* so* sO}", "modules", modules ? json_deep_copy(modules) : json_array(), "functions",
                             functions ? json_deep_copy(functions) : json_array(), "folders", folders);
    json_decref(folders);
    return rc;
}

static int read_file(struct module_file *f, const json_t *file, struct orb_error *err)
{
    static const char *const none[] = { "name", "path", "description", "parameters" }, *const limits[] = { "timeout_seconds", "result_max", "large" };
    const char *python = "python3";
    size_t i;
    for (i = 0; i < ORB_COUNT(none); i++)
        if (json_object_get(file, none[i]))
            return orb_error_set(err, ORB_E_CONFIG, "/%s: each function has its own; leave it out", none[i]);
    f->limits = json_object();
    for (i = 0; i < ORB_COUNT(limits); i++)
        if (json_object_get(file, limits[i]))
            json_object_set(f->limits, limits[i], json_object_get(file, limits[i]));
    int rc = orb_program_read(&f->program, f->toolbox, file, 0, err);
    if (!rc)
        rc = orb_member_text(file, "python", &python, err);
    if (!rc && !*python)
        rc = orb_error_set(err, ORB_E_CONFIG, "/python: must be a program, such as \"python3\"");
    if (!rc)
        f->program.argv = json_pack("[sssss]", python, "-I", "-u", "-c", ORB_PYTHON_STARTER);
    return rc ? rc : read_setup(f, file, err);
}

/* The functions that are named one by one are listed: a process of the moment describes them. */
struct listing {
    struct module_file *file;
    size_t next;
    int rc;
    struct orb_error *err;
};

static void on_listed(void *arg, const json_t *answer, const char *error)
{
    struct listing *l = arg;
    const char *path = json_string_value(json_array_get(json_object_get(l->file->setup, "functions"), l->next));
    struct orb_error why = { 0 };
    if (error)
        orb_error_set(&why, ORB_E_TOOL, "%s", error);
    if (!l->rc && (error || !tool_from(l->file, path, answer, orb_toolbox_add, &why)))
        l->rc = orb_error_set(l->err, ORB_E_CONFIG, "/functions/%zu: '%s': %s", l->next, path, why.text);
    l->next++;
}

static int list_functions(struct module_file *f, struct orb_error *err)
{
    const json_t *functions = json_object_get(f->setup, "functions"), *one;
    struct listing l = { .file = f, .err = err };
    size_t i, count = json_array_size(functions);
    struct orb_loop *loop = count ? orb_loop_new() : NULL; /* of its own: the caller's must not turn yet */
    if (!loop)
        return count ? orb_error_set(err, ORB_E_NOMEM, "/functions: no descriptors") : 0;
    struct orb_python_host *host = orb_python_host_new(loop, &f->program, f->setup);
    json_array_foreach(functions, i, one)
        orb_python_describe(host, json_string_value(one), on_listed, &l); /* answered in this order */
    while (l.next < count && !l.rc)
        if (orb_loop_turn(loop, -1))
            l.rc = orb_error_set(err, ORB_E_CONFIG, "/functions: the loop of their description failed");
    orb_python_host_free(host);
    orb_loop_free(loop);
    return l.rc;
}

static int check_modules(const struct module_file *f, const struct module_file *others, struct orb_error *err)
{
    const json_t *one, *other;
    size_t i, j;
    for (const struct module_file *o = others; o; o = o->next)
        json_array_foreach(json_object_get(f->setup, "modules"), i, one)
            json_array_foreach(json_object_get(o->setup, "modules"), j, other)
                if (json_equal(one, other))
                    return orb_error_set(err, ORB_E_CONFIG, "/modules/%zu: '%s' is in another tool file, too; leave it out of one", i, json_string_value(one));
    return 0;
}

static int load(struct orb_toolbox *toolbox, const json_t *file, struct orb_error *err)
{
    struct module_file *f = orb_alloc(sizeof *f);
    void **slot = orb_toolbox_slot(toolbox, &orb_tool_kind_python);
    f->toolbox = toolbox;
    int rc = read_file(f, file, err);
    if (!rc)
        rc = check_modules(f, *slot, err);
    if (rc) {
        file_free(f);
        return rc;
    }
    f->host = orb_python_host_new(orb_toolbox_loop(toolbox), &f->program, f->setup);
    f->next = *slot; /* its functions refer to it from here on */
    *slot = f;
    return list_functions(f, err);
}

const struct orb_tool_kind orb_tool_kind_python = {
    .name = "python",
    .help = "functions of Python modules, which agents name by their dotted paths",
    .members = "modules  array of strings: functions of these modules, and of those below them, are tools\n"
               "functions  array of strings: these functions are tools, and are listed\n"
               "python  string: the interpreter (default python3)\n"
               "folders  array of strings: where modules are looked for first, from cwd (default: cwd)\n"
               "cwd  string: the folder it runs in, from the folder of the tool files (default: that folder)\n"
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
    .done = done,
    .close = close_all,
};
