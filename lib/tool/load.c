/* Tool files: each *.json of the folder, in the order of their names. */
#include "base/base.h"
#include "tool/member.h"
#include "tool/toolbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <orbiter/options.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const common_members[] = { "name", "path", "description", "parameters", "kind", "timeout_seconds", "result_max", "large" };
#define NAMES_MAX 64
#define NAME_BYTES 64

static int kind_of(const json_t *file, const struct orb_tool_kind **out, struct orb_error *err)
{
    const char *name = NULL;
    struct orb_buf names;
    int rc = orb_member_need(file, "kind", "how the tool is run; see orbiter tool kinds", err);
    if (!rc)
        rc = orb_member_text(file, "kind", &name, err);
    if (rc)
        return rc;
    for (size_t i = 0; orb_tool_kinds[i]; i++)
        if (!strcmp(orb_tool_kinds[i]->name, name)) {
            *out = orb_tool_kinds[i];
            return 0;
        }
    orb_buf_init(&names, 1024);
    for (size_t i = 0; orb_tool_kinds[i]; i++)
        orb_buf_printf(&names, "%s%s", i ? ", " : "", orb_tool_kinds[i]->name);
    rc = orb_error_set(err, ORB_E_CONFIG, "/kind: there is no kind '%.60s'; the kinds are %s", name, names.err ? "" : names.data);
    orb_buf_done(&names);
    return rc;
}

/* The names of the kind's members are the first words of the lines. */
static size_t known_names(const struct orb_tool_kind *kind, char names[NAMES_MAX][NAME_BYTES])
{
    size_t n = 0;
    for (size_t i = 0; i < ORB_COUNT(common_members); i++)
        snprintf(names[n++], NAME_BYTES, "%s", common_members[i]);
    for (const char *line = kind->members; line && *line && n < NAMES_MAX;) {
        snprintf(names[n++], NAME_BYTES, "%.*s", (int)strcspn(line, " \n"), line);
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    return n;
}

static int check_members(const json_t *file, const struct orb_tool_kind *kind, struct orb_error *err)
{
    char names[NAMES_MAX][NAME_BYTES];
    const char *list[NAMES_MAX], *key;
    size_t n = known_names(kind, names);
    json_t *ignored;
    for (size_t i = 0; i < n; i++)
        list[i] = names[i];
    json_object_foreach((json_t *)(uintptr_t)file, key, ignored) {
        size_t i = 0;
        while (i < n && strcmp(list[i], key) != 0)
            i++;
        if (i < n)
            continue;
        const char *near = orb_options_nearest(key, list, n);
        return orb_error_set(err, ORB_E_CONFIG, "/%.60s: a tool file of kind %s has no such member%s%s%s; see docs/tools.md", key, kind->name,
                             near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
    }
    return 0;
}

static int load_value(struct orb_toolbox *toolbox, const json_t *file, struct orb_error *err)
{
    const struct orb_tool_kind *kind = NULL;
    if (!json_is_object(file))
        return orb_error_set(err, ORB_E_CONFIG, "must hold a JSON object");
    if (json_object_get(file, "mcpServers") && !json_object_get(file, "kind"))
        return orb_tool_kind_mcp.load(toolbox, file, err); /* a mcp.json, as other programs have it */
    int rc = kind_of(file, &kind, err);
    if (!rc)
        rc = check_members(file, kind, err);
    return rc ? rc : kind->load(toolbox, file, err);
}

static int load_file(struct orb_toolbox *toolbox, const char *path, struct orb_error *err)
{
    struct orb_error why = { 0 };
    char *text = NULL;
    size_t len;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return orb_error_set(err, ORB_E_CONFIG, "%s: cannot be opened: %s", path, strerror(errno));
    int rc = orb_input_read(fd, path, ORB_TOOL_FILE_BYTES, &text, &len, &why);
    close(fd);
    if (rc)
        return orb_error_set(err, ORB_E_CONFIG, "%s", why.text);
    json_t *file = orb_json_parse(text, len, &orb_json_limits_default, &why);
    free(text);
    rc = file ? 0 : ORB_E_CONFIG;
    toolbox->loading = path;
    if (file)
        rc = load_value(toolbox, file, &why);
    toolbox->loading = NULL;
    json_decref(file);
    return rc ? orb_error_set(err, ORB_E_CONFIG, "%s: %s", path, why.text) : 0;
}

static int is_tool_file(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);
    return entry->d_name[0] != '.' && n > 5 && !strcmp(entry->d_name + n - 5, ".json");
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

int orb_toolbox_load(struct orb_toolbox *toolbox, struct orb_error *err)
{
    struct dirent **names;
    char path[4096 + 256];
    int n = scandir(toolbox->dir, &names, is_tool_file, by_name), rc = 0;
    if (n < 0)
        return orb_error_set(err, ORB_E_CONFIG, "the folder of tool files '%s' cannot be read: %s", toolbox->dir, strerror(errno));
    if (n > ORB_TOOL_FILES_MAX)
        rc = orb_error_set(err, ORB_E_CONFIG, "the folder '%s' has over %d tool files", toolbox->dir, ORB_TOOL_FILES_MAX);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s", toolbox->dir, names[i]->d_name);
        if (!rc)
            rc = load_file(toolbox, path, err);
        free(names[i]);
    }
    free(names);
    return rc;
}
