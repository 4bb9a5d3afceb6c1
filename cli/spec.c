/* What `orbiter submit` sends, made from files, options and stdin. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the agent -------------------------------------------------------- */

/* A provider that we do not know may be one of the fleet's Python workers. */
static int check_model(const struct cli *cli, const char *model)
{
    struct orb_error err = {0};
    int rc = orb_model_check(model, &err);
    if (rc == ORB_E_MODEL_NOT_FOUND)
        cli_note(cli, "warning: -m %s: %s", model, orb_error_message(&err));
    else if (rc)
        return cli_fail(ORB_E_INVALID, "-m %s: %s", model, orb_error_message(&err));
    return 0;
}

/* The six keys that are always written, in the order in which Python writes them. */
static json_t *plain_agent(const char *model)
{
    return json_pack("{ss ss ss si sf sn}", "name", "assistant", "model", model, "instructions", "", "max_steps", 10,
                     "temperature", 1.0, "max_tokens");
}

struct saying {
    const struct cli *cli;
    const char *name;
};

/* "FILE: line 1, column 2: what is wrong" */
static void on_finding(void *arg, const struct orb_finding *f)
{
    const struct saying *s = arg;
    char place[64] = "";
    if (f->line)
        snprintf(place, sizeof place, "line %d, column %d: ", f->line, f->column);
    if (f->is_warning)
        cli_note(s->cli, "warning: %s: %s%s", s->name, place, f->text);
    else
        (void)cli_fail(ORB_E_INVALID, "%s: %s%s", s->name, place, f->text);
}

static int read_agent(const struct cli *cli, const struct cli_spec *spec, json_t **out)
{
    const char *name = spec->swarm_file ? spec->swarm_file : spec->agent_file;
    struct saying saying = {cli, name};
    char *text = NULL;
    if (spec->agent_file && spec->swarm_file)
        return cli_fail(ORB_E_USAGE, "give --agent or --swarm, not both");
    const struct orb_agent_file how = {
        .is_swarm = spec->swarm_file != NULL, .is_parallel = spec->swarm_file || spec->is_parallel, .cb = on_finding, .arg = &saying,
    };
    int rc = cli_file_agent(name, &how, &text);
    if (rc)
        return rc;
    *out = json_loads(text, JSON_ALLOW_NUL, NULL);
    free(text);
    if (!*out)
        return cli_fail(ORB_E_NOMEM, "out of memory");
    if ((spec->model || spec->instructions) && json_object_get(*out, "agents"))
        return cli_fail(ORB_E_USAGE, "-m and --instructions are for one agent, and %s is a swarm: set them in the file", name);
    return 0;
}

int cli_spec_agent(const struct cli *cli, const struct cli_spec *spec, char **out)
{
    json_t *agent = NULL;
    int rc = cli_load_providers(NULL);
    if (!rc && spec->model)
        rc = check_model(cli, spec->model);
    if (rc)
        return rc;
    if (spec->agent_file || spec->swarm_file)
        rc = read_agent(cli, spec, &agent);
    else
        agent = plain_agent(cli->is_dev ? CLI_DEV_MODEL : CLI_MODEL);
    if (!rc && spec->model)
        json_object_set_new(agent, "model", json_string(spec->model));
    if (!rc && spec->instructions && json_object_set_new(agent, "instructions", json_string(spec->instructions)))
        rc = cli_fail(ORB_E_INVALID, "--instructions is not UTF-8");
    if (!rc && !(*out = json_dumps(agent, JSON_ENSURE_ASCII)))
        rc = cli_fail(ORB_E_NOMEM, "out of memory");
    json_decref(agent);
    return rc;
}

/* ---- metadata and messages -------------------------------------------- */

/* K=V or K:=JSON */
static int add_metadata(json_t *object, const char *item)
{
    const char *equals = strchr(item, '=');
    json_error_t where;
    if (!equals || equals == item || (equals == item + 1 && *item == ':'))
        return cli_fail(ORB_E_USAGE, "--metadata needs KEY=TEXT or KEY:=JSON, not '%s'", item);
    int is_json = equals[-1] == ':';
    json_t *value = is_json ? json_loads(equals + 1, JSON_DECODE_ANY, &where) : json_string(equals + 1);
    if (!value && is_json)
        return cli_fail(ORB_E_INVALID, "--metadata %s: column %d: %s", item, where.column, where.text);
    char *key = strndup(item, (size_t)(equals - item) - (size_t)is_json);
    int rc = key && value ? json_object_set_new(object, key, value) : -1;
    free(key);
    return rc ? cli_fail(ORB_E_INVALID, "--metadata %s is not UTF-8", item) : 0;
}

int cli_spec_metadata(const struct orb_option_list *items, char **out)
{
    if (items->count == 0)
        return 0;
    json_t *object = json_object();
    int rc = 0;
    for (size_t i = 0; i < items->count && !rc; i++)
        rc = add_metadata(object, items->items[i]);
    if (!rc)
        *out = json_dumps(object, JSON_ENSURE_ASCII);
    json_decref(object);
    return rc;
}

int cli_spec_messages(const char *file, char **out)
{
    json_t *messages = NULL;
    int rc = file ? cli_file_messages(file, &messages) : 0;
    if (messages && !(*out = json_dumps(messages, JSON_ENSURE_ASCII)))
        rc = cli_fail(ORB_E_NOMEM, "out of memory");
    json_decref(messages);
    return rc;
}

/* ---- input ------------------------------------------------------------ */

int cli_spec_input(int argc, char **argv, char **out, size_t *len)
{
    struct orb_error err = {0};
    int rc, is_operand = argc > 0 && strcmp(argv[0], "-");
    if (argc == 0 && isatty(STDIN_FILENO))
        return cli_fail(ORB_E_USAGE, "no input: give it as an operand, or '-' to read stdin");
    if (is_operand)
        rc = orb_input_check(argv[0], strlen(argv[0]), "the input", ORB_PAYLOAD_MAX, &err);
    else
        rc = orb_input_read(STDIN_FILENO, "stdin", ORB_PAYLOAD_MAX, out, len, &err);
    if (rc) /* a stdin that cannot be read is no input */
        return cli_fail(rc == ORB_E_SYSTEM ? ORB_E_INVALID : rc, "%s", orb_error_message(&err));
    if (is_operand) {
        *out = strdup(argv[0]);
        *len = strlen(argv[0]);
        if (!*out)
            return cli_fail(ORB_E_NOMEM, "out of memory");
    }
    return 0;
}
