/* The tools of a worker, and the list of them. */
#include "tool/toolbox.h"
#include "base/base.h"
#include "tool/member.h"
#include "tool/schema.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* ---- one tool ---- */

struct orb_tool *orb_tool_new(struct orb_toolbox *toolbox, const struct orb_tool_kind *kind, const char *name, const char *description,
                              json_t *parameters)
{
    struct orb_tool *tool = orb_alloc(sizeof *tool);
    *tool = (struct orb_tool){ .kind = kind, .toolbox = toolbox, .refs = 1, .name = orb_strdup(name), .description = orb_strdup(description),
                               .timeout_ms = ORB_TOOL_TIMEOUT_MS, .result_max = ORB_TOOL_RESULT_MAX };
    tool->parameters = parameters ? json_incref(parameters) : json_pack("{ss s{}}", "type", "object", "properties");
    return tool;
}

struct orb_tool *orb_tool_ref(struct orb_tool *tool)
{
    tool->refs++;
    return tool;
}

void orb_tool_unref(struct orb_tool *tool)
{
    if (!tool || --tool->refs > 0)
        return;
    if (tool->base)
        orb_tool_unref(tool->base);
    else if (tool->kind->done)
        tool->kind->done(tool);
    json_decref(tool->parameters);
    free(tool->description);
    free(tool->name);
    free(tool);
}

/* ---- the list ---- */

static int is_name(const char *name)
{
    size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
    return n > 0 && n <= ORB_TOOL_NAME_MAX && !name[n];
}

static int is_path(const char *path)
{
    size_t n = strlen(path);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)path[i] <= ' ' || (unsigned char)path[i] >= 0x7f)
            return 0;
    return n > 0 && n <= ORB_TOOL_PATH_MAX;
}

static const struct orb_tool_entry *entry_find(const struct orb_toolbox *toolbox, const char *name)
{
    for (size_t i = 0; i < toolbox->count; i++)
        if (!strcmp(toolbox->entries[i].path, name))
            return &toolbox->entries[i];
    for (size_t i = 0; i < toolbox->count; i++)
        if (!strcmp(toolbox->entries[i].tool->name, name))
            return &toolbox->entries[i];
    return NULL;
}

static int check_free(const struct orb_toolbox *toolbox, const char *member, const char *name, struct orb_error *err)
{
    const struct orb_tool_entry *other = entry_find(toolbox, name);
    if (!other)
        return 0;
    return orb_error_set(err, ORB_E_CONFIG, "/%s: '%s' is taken by %s; choose another one", member, name, *other->file ? other->file : "a built-in tool");
}

static int check_parameters(const json_t *parameters, struct orb_error *err)
{
    struct orb_error why;
    if (orb_schema_check(parameters, &why))
        return orb_error_set(err, ORB_E_CONFIG, "/parameters%s%s", why.text[0] == '/' ? "" : ": ", why.text);
    const json_t *type = json_object_get(parameters, "type");
    if (!json_is_string(type) || strcmp(json_string_value(type), "object") != 0)
        return orb_error_set(err, ORB_E_CONFIG, "/parameters: must be a schema of type object: {\"type\": \"object\", \"properties\": {...}}");
    return 0;
}

/* What all tool files have. */
struct common {
    const char *name, *path, *description;
    double timeout;
    int64_t result_max;
    int is_large;
};

static int read_common(const json_t *file, struct common *c, struct orb_error *err)
{
    *c = (struct common){ .timeout = ORB_TOOL_TIMEOUT_MS / 1000.0, .result_max = ORB_TOOL_RESULT_MAX };
    int rc = orb_member_need(file, "name", "how the model calls the tool", err);
    if (!rc)
        rc = orb_member_text(file, "name", &c->name, err);
    if (!rc && !is_name(c->name))
        rc = orb_error_set(err, ORB_E_CONFIG, "/name: '%.80s': use 1 to %d of the characters A-Z a-z 0-9 _ -", c->name, ORB_TOOL_NAME_MAX);
    if (!rc && !strcmp(c->name, ORB_TOOL_RETRIEVE))
        rc = orb_error_set(err, ORB_E_CONFIG, "/name: '%s' is a tool of the worker itself; choose another one", c->name);
    c->path = c->name;
    if (!rc)
        rc = orb_member_text(file, "path", &c->path, err);
    if (!rc && !is_path(c->path))
        rc = orb_error_set(err, ORB_E_CONFIG, "/path: '%.80s': use 1 to %d visible ASCII characters", c->path, ORB_TOOL_PATH_MAX);
    if (!rc)
        rc = orb_member_need(file, "description", "what the tool does, for the model", err);
    if (!rc)
        rc = orb_member_text(file, "description", &c->description, err);
    if (!rc && strlen(c->description) > ORB_TOOL_DESCRIPTION_MAX)
        rc = orb_error_set(err, ORB_E_CONFIG, "/description: over %d bytes", ORB_TOOL_DESCRIPTION_MAX);
    if (!rc)
        rc = orb_member_real(file, "timeout_seconds", 0.001, 86400, &c->timeout, err);
    if (!rc)
        rc = orb_member_int(file, "result_max", 1, 16 * 1024 * 1024, &c->result_max, err);
    if (!rc)
        rc = orb_member_flag(file, "large", &c->is_large, err);
    return rc;
}

/* Keeps the order of names. */
static void entry_insert(struct orb_toolbox *toolbox, struct orb_tool_entry entry)
{
    size_t at = 0;
    struct orb_tool_entry *more = orb_alloc((toolbox->count + 1) * sizeof *more);
    while (at < toolbox->count && strcmp(toolbox->entries[at].tool->name, entry.tool->name) < 0)
        at++;
    if (toolbox->count) {
        memcpy(more, toolbox->entries, at * sizeof *more);
        memcpy(more + at + 1, toolbox->entries + at, (toolbox->count - at) * sizeof *more);
    }
    more[at] = entry;
    free(toolbox->entries);
    toolbox->entries = more;
    toolbox->count++;
}

static int make(struct orb_toolbox *toolbox, const struct orb_tool_kind *kind, const json_t *file, const struct common *c, struct orb_tool **out,
                struct orb_error *err)
{
    json_t *parameters = json_object_get(file, "parameters");
    int rc = parameters ? check_parameters(parameters, err) : 0;
    if (rc)
        return rc;
    struct orb_tool *tool = orb_tool_new(toolbox, kind, c->name, c->description, parameters);
    tool->timeout_ms = (int64_t)(c->timeout * 1000);
    tool->result_max = (size_t)c->result_max;
    tool->is_large = c->is_large;
    *out = tool;
    return 0;
}

int orb_toolbox_make(struct orb_toolbox *toolbox, const struct orb_tool_kind *kind, const json_t *file, struct orb_tool **out, struct orb_error *err)
{
    struct common c;
    int rc = read_common(file, &c, err);
    return rc ? rc : make(toolbox, kind, file, &c, out, err);
}

int orb_toolbox_add(struct orb_toolbox *toolbox, const struct orb_tool_kind *kind, const json_t *file, struct orb_tool **out, struct orb_error *err)
{
    struct common c;
    int rc = read_common(file, &c, err);
    if (!rc)
        rc = check_free(toolbox, "name", c.name, err);
    if (!rc && strcmp(c.path, c.name) != 0)
        rc = check_free(toolbox, "path", c.path, err);
    if (!rc)
        rc = make(toolbox, kind, file, &c, out, err);
    if (rc)
        return rc;
    struct orb_buf schema;
    orb_buf_init(&schema, 16 * ORB_TOOL_FILE_BYTES);
    orb_json_dump(&schema, (*out)->parameters);
    char *text = orb_buf_take(&schema);
    entry_insert(toolbox, (struct orb_tool_entry){ *out, orb_strdup(c.path), orb_strdup(toolbox->loading ? toolbox->loading : ""),
                                                   text ? text : orb_strdup("{}") });
    return 0;
}

/* ---- the toolbox ---- */

struct orb_loop *orb_toolbox_loop(const struct orb_toolbox *toolbox)
{
    return toolbox->loop;
}

const char *orb_toolbox_dir(const struct orb_toolbox *toolbox)
{
    return toolbox->dir;
}

void **orb_toolbox_slot(struct orb_toolbox *toolbox, const struct orb_tool_kind *kind)
{
    size_t i = 0;
    while (orb_tool_kinds[i] != kind)
        i++;
    ORB_ASSERT(i < ORB_TOOL_KINDS_MAX);
    return &toolbox->slots[i];
}

size_t orb_toolbox_count(const struct orb_toolbox *toolbox)
{
    return toolbox->count;
}

struct orb_tool *orb_toolbox_at(const struct orb_toolbox *toolbox, size_t i)
{
    return toolbox->entries[i].tool;
}

struct orb_tool *orb_toolbox_find(const struct orb_toolbox *toolbox, const char *name)
{
    const struct orb_tool_entry *entry = entry_find(toolbox, name);
    return entry ? entry->tool : NULL;
}

int orb_toolbox_new(struct orb_loop *loop, const char *dir, struct orb_toolbox **out, struct orb_error *err)
{
    struct orb_toolbox *toolbox = orb_alloc(sizeof *toolbox);
    toolbox->loop = loop;
    int rc = orb_tool_builtin_add(toolbox, err);
    if (!rc && dir) {
        toolbox->dir = realpath(dir, NULL);
        rc = toolbox->dir ? orb_toolbox_load(toolbox, err)
                          : orb_error_set(err, ORB_E_CONFIG, "the folder of tool files '%s' cannot be opened: %m; name another one with --tools", dir);
    }
    if (rc)
        orb_toolbox_free(toolbox);
    else
        *out = toolbox;
    return rc;
}

void orb_toolbox_free(struct orb_toolbox *toolbox)
{
    if (!toolbox)
        return;
    orb_toolbox_drop_resolutions(toolbox);
    for (size_t i = 0; i < toolbox->count; i++) {
        orb_tool_unref(toolbox->entries[i].tool);
        free(toolbox->entries[i].path);
        free(toolbox->entries[i].file);
        free(toolbox->entries[i].schema);
    }
    for (size_t i = 0; orb_tool_kinds[i]; i++)
        if (orb_tool_kinds[i]->close)
            orb_tool_kinds[i]->close(toolbox);
    orb_hand_drop_all(toolbox);
    free(toolbox->entries);
    free(toolbox->dir);
    free(toolbox);
}
