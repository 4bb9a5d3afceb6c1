/* Files that commands take, and what a worker could do nothing with in them: it is
 * said before anything is sent. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX = ORB_AGENT_FILE_MAX };

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

static int read_array(const char *name, json_t **out)
{
    json_error_t where;
    char *text;
    size_t len;
    int rc = read_text(name, &text, &len);
    if (rc)
        return rc;
    json_t *value = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where);
    if (strspn(text, " \t\r\n") == len)
        rc = cli_fail(ORB_E_INVALID, "%s is empty: it must hold a JSON array of messages", name);
    else if (!value)
        rc = cli_fail(ORB_E_INVALID, "%s: line %d, column %d: %s", name, where.line, where.column, where.text);
    else if (!json_is_array(value))
        rc = cli_fail(ORB_E_INVALID, "%s must hold a JSON array of messages", name);
    free(text);
    if (rc)
        json_decref(value);
    else
        *out = value;
    return rc;
}

/* ---- agents ----------------------------------------------------------- */

static const char *env(const char *name)
{
    return getenv(name);
}

/* "FILE#NAME" is the agent NAME of FILE, unless there is a file that is called so. *agent NULL = all of it. */
static char *split(const char *name, const char **agent)
{
    char *path = strdup(name), *hash = path ? strrchr(path, '#') : NULL;
    *agent = NULL;
    if (hash && access(name, F_OK)) {
        *hash = '\0';
        *agent = hash + 1;
    }
    return path;
}

static int is_yaml(const char *path)
{
    return orb_agent_format_of(path, "", 0) == ORB_AGENT_YAML;
}

int cli_file_agent(const char *name, const struct orb_agent_file *how, char **out)
{
    struct orb_agent_file file = *how;
    char *path = split(name, &file.agent), *text = NULL;
    int rc;
    file.env = env;
    if (!path)
        return cli_fail(ORB_E_NOMEM, "out of memory");
    if (is_yaml(path) && access(path, F_OK))
        rc = cli_fail(ORB_E_INVALID, "YAML file not found: %s", path);
    else
        rc = read_text(path, &text, &file.len);
    if (!rc) {
        file.name = path;
        file.text = text;
        file.format = orb_agent_format_of(path, text, file.len);
        rc = orb_agent_file_read(&file, out);
    }
    free(text);
    free(path);
    return rc;
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
    json_t *messages = NULL;
    int rc = read_array(name, &messages);
    for (size_t i = 0; !rc && i < json_array_size(messages); i++)
        rc = check_message(name, i + 1, json_array_get(messages, i));
    if (rc)
        json_decref(messages);
    else
        *out = messages;
    return rc;
}
