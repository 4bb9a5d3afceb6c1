/* The table of commands: one row each, in the order of the help. */
#include "cli.h"

#include <string.h>

#define COMMANDS(X) \
    X(dev) X(start_worker) X(run) X(submit) \
    X(task_list) X(task_status) X(task_result) X(task_stream) X(task_cancel) X(task_resubmit) \
    X(dead_list) X(dead_show) X(dead_replay) X(dead_purge) \
    X(queue_list) X(queue_pause) X(queue_resume) X(queue_purge) \
    X(worker_list) X(worker_drain) X(audit_list) X(provider_list) X(agent_check) \
    X(tool_kinds) X(tool_list) X(tool_call) X(mcp_list) X(mcp_tools) X(mcp_call) X(theme_list) X(theme_check) X(theme_show) X(acl) X(help)

#define DECLARE(name) extern const struct cli_command cli_cmd_##name;
COMMANDS(DECLARE)
#undef DECLARE

const struct cli_command *const cli_commands[] = {
#define ROW(name) &cli_cmd_##name,
    COMMANDS(ROW)
#undef ROW
    NULL,
};

#define AT(field) offsetof(struct cli_common, field)
const struct orb_option cli_common_options[] = {
    {"output", 'o', ORB_OPTION_TEXT, AT(output), "FORMAT",
     "table (for people, default), json (one document) or jsonl (one object per line)", 0, 0},
    {"quiet", 'q', ORB_OPTION_FLAG, AT(is_quiet), NULL, "say nothing on stderr but errors", 0, 0},
    {"no-color", 0, ORB_OPTION_FLAG, AT(no_color), NULL, "no colours", 0, 0},
    {"help", 'h', ORB_OPTION_FLAG, AT(wants_help), NULL, "print this help", 0, 0},
    {0},
};
#undef AT

/* How many of argv's words the path is, 0 when they differ. */
static int match(const char *path, int argc, char **argv)
{
    for (int words = 0; words < argc; words++) {
        size_t len = strcspn(path, " ");
        if (strlen(argv[words]) != len || memcmp(argv[words], path, len))
            return 0;
        if (!path[len])
            return words + 1;
        path += len + 1;
    }
    return 0;
}

const struct cli_command *cli_command_find(int argc, char **argv, int *words)
{
    for (const struct cli_command *const *c = cli_commands; *c; c++)
        if ((*words = match((*c)->path, argc, argv)) > 0)
            return *c;
    return NULL;
}

int cli_command_unknown(int argc, char **argv)
{
    enum { MAX = 64 };
    const char *names[MAX], *near = NULL;
    char words[128];
    size_t count = 0, len = strlen(argv[0]);
    int is_group = 0;
    for (const struct cli_command *const *c = cli_commands; *c && count < MAX; c++) {
        names[count++] = (*c)->path;
        is_group |= !strncmp((*c)->path, argv[0], len) && (*c)->path[len] == ' ';
    }
    if (is_group && argc == 1)
        return cli_fail(ORB_E_USAGE, "orbiter %s needs one more word (see orbiter %s --help)", argv[0], argv[0]);
    if (argc > 1) {
        snprintf(words, sizeof words, "%s %s", argv[0], argv[1]);
        near = orb_options_nearest(words, names, count);
    }
    if (!near && !is_group) {
        snprintf(words, sizeof words, "%s", argv[0]);
        near = orb_options_nearest(words, names, count);
    }
    if (near)
        return cli_fail(ORB_E_USAGE, "unknown command '%s' (did you mean '%s'?)", words, near);
    return cli_fail(ORB_E_USAGE, "unknown command '%s' (see orbiter --help)", words);
}
