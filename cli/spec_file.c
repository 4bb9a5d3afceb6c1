/* JSON files that submit takes, and what a worker could do nothing with in
 * them: it is said before anything is sent. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX = 1024 * 1024, STEPS_MAX = 1000, PLACE_MAX = 160 };

struct file {
    const char *name;
    char *text;    /* kept to find a key's line in */
    json_t *value;
};

/* ---- reading ---------------------------------------------------------- */

/* All of the file, without the mark at the start that some editors write. */
static int read_text(const char *name, char **out, size_t *len)
{
    static const char mark[] = "\xef\xbb\xbf";
    struct orb_error err = {0};
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return cli_fail(ORB_E_INVALID, "cannot open %s: %s", name, strerror(errno));
    int rc = orb_input_read(fd, name, FILE_MAX, out, len, &err);
    close(fd);
    if (rc)
        return cli_fail(rc == ORB_E_SYSTEM ? ORB_E_INVALID : rc, "%s", orb_error_message(&err));
    if (!strncmp(*out, mark, 3)) {
        *len -= 3;
        memmove(*out, *out + 3, *len + 1);
    }
    return 0;
}

static int read_json(const char *name, int wanted, const char *wanted_name, struct file *out)
{
    json_error_t where;
    size_t len;
    int rc = read_text(name, &out->text, &len);
    if (rc)
        return rc;
    if (strspn(out->text, " \t\r\n") == len)
        return cli_fail(ORB_E_INVALID, "%s is empty: it must hold a JSON %s", name, wanted_name);
    out->value = json_loadb(out->text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where);
    if (!out->value)
        return cli_fail(ORB_E_INVALID, "%s: line %d, column %d: %s", name, where.line, where.column, where.text);
    if ((int)json_typeof(out->value) != wanted)
        return cli_fail(ORB_E_INVALID, "%s must hold a JSON %s", name, wanted_name);
    return 0;
}

static void file_done(struct file *file)
{
    free(file->text);
    json_decref(file->value);
    *file = (struct file){0};
}

/* ---- where a key stands ----------------------------------------------- */

/* A key of the outermost object, NULL when it is not written plainly. The text is valid JSON. */
static const char *key_at(const char *text, const char *key)
{
    size_t len = strlen(key);
    int depth = 0;
    for (const char *p = text; *p; p++) {
        depth += (*p == '{' || *p == '[') - (*p == '}' || *p == ']');
        if (*p != '"')
            continue;
        const char *start = p++;
        while (*p && *p != '"')
            p += *p == '\\' && p[1] ? 2 : 1;
        if (!*p)
            return NULL;
        int is_key = p[1 + strspn(p + 1, " \t\r\n")] == ':';
        if (depth == 1 && is_key && (size_t)(p - start) == len + 1 && !strncmp(start + 1, key, len))
            return start;
    }
    return NULL;
}

/* "FILE: line 1, column 2: 'name' must be a string". place is that of an agent inside, or "". */
static int say_wrong(const struct file *file, const char *place, const char *key, const char *want)
{
    const char *at = *place ? NULL : key_at(file->text, key);
    int line = 1, column = 1;
    if (!at)
        return cli_fail(ORB_E_INVALID, "%s: %s%s'%s' must be %s", file->name, place, *place ? ": " : "", key, want);
    for (const char *p = file->text; p < at; p++) {
        column = *p == '\n' ? 1 : column + (((unsigned char)*p & 0xc0) != 0x80);
        line += *p == '\n';
    }
    return cli_fail(ORB_E_INVALID, "%s: line %d, column %d: '%s' must be %s", file->name, line, column, key, want);
}

/* ---- agents ----------------------------------------------------------- */

static int is_text(const json_t *value)
{
    return json_is_string(value);
}

static int is_number(const json_t *value)
{
    return json_is_number(value);
}

static int is_array(const json_t *value)
{
    return json_is_array(value);
}

static int is_step_count(const json_t *value)
{
    return json_is_integer(value) && json_integer_value(value) >= 1 && json_integer_value(value) <= STEPS_MAX;
}

static int is_token_count(const json_t *value)
{
    return json_is_null(value) || (json_is_integer(value) && json_integer_value(value) >= 1);
}

static const struct rule {
    const char *key;
    int (*is_right)(const json_t *value);
    const char *want;
} rules[] = {
    {"name", is_text, "a string"},
    {"model", is_text, "a string"},
    {"instructions", is_text, "a string"},
    {"max_steps", is_step_count, "a whole number from 1 to 1000"},
    {"temperature", is_number, "a number"},
    {"max_tokens", is_token_count, "null or a whole number above 0"},
    {"tools", is_array, "an array"},
    {"handoffs", is_array, "an array of agents"},
};
enum { RULE_COUNT = sizeof rules / sizeof *rules };

static int check_agents(const struct file *file, const char *place, const char *key, const json_t *agents);

static int check_agent(const struct file *file, const char *place, const json_t *agent)
{
    const json_t *name = json_object_get(agent, "name");
    if (!name || (json_is_string(name) && !json_string_length(name)))
        return cli_fail(ORB_E_INVALID, "%s: %s%sthe agent has no 'name': add one, for example \"name\": \"assistant\"",
                        file->name, place, *place ? ": " : "");
    for (int i = 0; i < RULE_COUNT; i++) {
        const json_t *value = json_object_get(agent, rules[i].key);
        if (value && !rules[i].is_right(value))
            return say_wrong(file, place, rules[i].key, rules[i].want);
    }
    return check_agents(file, place, "handoffs", json_object_get(agent, "handoffs"));
}

/* Agents inside a swarm or an agent. They are no deeper than jansson reads. */
static int check_agents(const struct file *file, const char *place, const char *key, const json_t *agents)
{
    int rc = 0;
    for (size_t i = 0; i < json_array_size(agents) && !rc; i++) {
        const json_t *agent = json_array_get(agents, i);
        char inside[PLACE_MAX];
        snprintf(inside, sizeof inside, "%s%s%s[%zu]", place, *place ? "." : "", key, i);
        if (json_is_object(agent))
            rc = check_agent(file, inside, agent);
        else
            rc = cli_fail(ORB_E_INVALID, "%s: %s must be a JSON object", file->name, inside);
    }
    return rc;
}

/* A swarm has agents instead of a name. */
static int check_config(const struct file *file, int is_changed)
{
    const json_t *agents = json_object_get(file->value, "agents");
    if (!agents)
        return check_agent(file, "", file->value);
    if (!json_array_size(agents))
        return say_wrong(file, "", "agents", "an array with agents in it");
    if (is_changed)
        return cli_fail(ORB_E_USAGE, "-m and --instructions are for one agent, and %s is a swarm: set them in the file",
                        file->name);
    return check_agents(file, "", "agents", agents);
}

/* What the check leaves is the caller's. */
static int take(struct file *file, int rc, json_t **out)
{
    if (!rc)
        *out = json_incref(file->value);
    file_done(file);
    return rc;
}

int cli_file_agent(const char *name, int is_changed, json_t **out)
{
    struct file file = {.name = name};
    int rc = read_json(name, JSON_OBJECT, "object", &file);
    if (!rc)
        rc = check_config(&file, is_changed);
    return take(&file, rc, out);
}

/* ---- messages --------------------------------------------------------- */

static int check_message(const char *name, size_t number, const json_t *message)
{
    static const char *const roles[] = {"user", "system", "assistant", "tool"};
    const char *role = json_string_value(json_object_get(message, "role"));
    size_t i = 0;
    if (!json_is_object(message))
        return cli_fail(ORB_E_INVALID, "%s: message %zu must be a JSON object", name, number);
    while (i < 4 && role && strcmp(role, roles[i]))
        i++;
    if (!role || i == 4)
        return cli_fail(ORB_E_INVALID, "%s: message %zu: 'role' must be user, system, assistant or tool", name, number);
    if (strcmp(role, "tool"))
        return 0;
    if (!json_is_string(json_object_get(message, "tool_call_id")))
        return cli_fail(ORB_E_INVALID, "%s: message %zu: role tool needs a string 'tool_call_id'", name, number);
    if (!json_is_string(json_object_get(message, "tool_name")))
        return cli_fail(ORB_E_INVALID, "%s: message %zu: role tool needs a string 'tool_name'", name, number);
    return 0;
}

int cli_file_messages(const char *name, json_t **out)
{
    struct file file = {.name = name};
    int rc = read_json(name, JSON_ARRAY, "array of messages", &file);
    for (size_t i = 0; !rc && i < json_array_size(file.value); i++)
        rc = check_message(name, i + 1, json_array_get(file.value, i));
    return take(&file, rc, out);
}
