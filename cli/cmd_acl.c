/* orbiter acl ROLE: the ACL of a Redis user that may do what its role needs. */
#include "cli.h"

#include <orbiter/acl.h>
#include <string.h>

struct acl_options {
    const char *name;
    struct orb_option_list queues;
};

#define AT(field) offsetof(struct acl_options, field)
static const struct orb_option rows[] = {
    {"name", 0, ORB_OPTION_TEXT, AT(name), "USER", "name of the Redis user (default orbiter-ROLE)", 0, 0},
    {"queue", 0, ORB_OPTION_LIST, AT(queues), "NAME", "only this queue; may be repeated (default: all that exist, and orbiter:tasks)", 0, 0},
    {0},
};
#undef AT

struct asking {
    struct cli *cli;
    const char *role, *user;
    int code;
};

static void on_line(void *arg, const char *line, const struct orb_error *err)
{
    struct asking *a = arg;
    if (err && err->code == ORB_E_CANCELLED)
        return; /* Ctrl-C: the client is being freed */
    if (err)
        a->code = cli_fail_with(err);
    else if (a->cli->format != CLI_TABLE)
        cli_json_print(a->cli, json_pack("{ss ss ss}", "role", a->role, "user", a->user, "line", line));
    else
        printf("%s\n", line);
    cli_done(a->cli);
}

static int acl(struct cli *cli, const void *values, int argc, char **argv)
{
    const struct acl_options *options = values;
    struct orb_error err = {0};
    enum orb_acl_role role;
    char user[64];
    (void)argc;
    int rc = orb_acl_role_parse(argv[0], &role, &err);
    if (rc)
        return cli_fail_with(&err);
    snprintf(user, sizeof user, "orbiter-%s", argv[0]);
    struct asking a = {.cli = cli, .role = argv[0], .user = options->name ? options->name : user};
    rc = cli_connect(cli);
    if (rc)
        return rc;
    rc = orb_acl_line(cli->client, &(struct orb_acl_spec){.role = role, .user = a.user, .queues = options->queues.items,
                      .nqueues = options->queues.count}, on_line, &a, &err);
    if (rc)
        return cli_fail_with(&err);
    rc = cli_wait(cli);
    return rc ? rc : a.code;
}

const struct cli_command cli_cmd_acl = {
    .path = "acl",
    .synopsis = "[OPTION]... ROLE",
    .brief = "print a Redis ACL for producers, workers, viewers or operators",
    .help = "Prints one line of an ACL file for a Redis user with that role: keys and channels of this namespace, and the "
            "commands that its programs send, as far as the server at the URL has them. ROLE is one of\n"
            "\n"
            "  producer   submit, follow, read results, cancel\n"
            "  worker     orbiter-worker\n"
            "  viewer     list and follow, change nothing\n"
            "  operator   what a viewer may, and all commands that change something\n"
            "\n"
            "There is no password in it: append >PASSWORD, or # and its SHA-256 in hex. Without one nobody can log in. The line "
            "takes the place of what the user was allowed before and leaves the passwords, so it can be given again, as when "
            "there is another queue.\n"
            "\n"
            "  sum=$(printf %s \"$PASSWORD\" | sha256sum | cut -c-64)\n"
            "  orbiter acl worker --name w1 | sed \"s/^user/ACL SETUSER/; s/\\$/ #$sum/\" | redis-cli\n"
            "  orbiter acl viewer | sed \"s/\\$/ #$sum/\" >>/etc/redis/users.acl\n"
            "\n"
            "--queue does not limit a task's own keys, which are named by its id: tenants need a --namespace each.",
    .options = rows,
    .options_size = sizeof(struct acl_options),
    .min_operands = 1,
    .max_operands = 1,
    .run = acl,
};
