/* The table of what each role may do: does it cover the scripts, and is the line as Redis reads it? */
#include "base/base.h"
#include "store/acl.h"
#include "store/scripts.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { P = 1 << ORB_ACL_PRODUCER, W = 1 << ORB_ACL_WORKER, O = 1 << ORB_ACL_OPERATOR };

/* Who runs a script. One that is not here is an operator's. */
static int runners(const char *script)
{
    static const struct { const char *name; int roles; } rows[] = {
        { "submit", P | O }, { "cancel", P | O },
        { "begin", W }, { "finish", W }, { "retry", W }, { "requeue", W }, { "sweep", W }, { "recover", W }, { "claim", W }, { "check", W },
        { "poison", W }, { "join", W }, { "leave", W }, { "replay", W }, { "advance", W },
    };
    for (size_t i = 0; i < ORB_COUNT(rows); i++)
        if (!strcmp(rows[i].name, script))
            return rows[i].roles;
    return O;
}

static int has(enum orb_acl_role role, const char *command)
{
    const char *list[ORB_ACL_COMMANDS_MAX];
    size_t n = orb_acl_commands(role, list);
    for (size_t i = 0; i < n; i++)
        if (!strcmp(list[i], command))
            return 1;
    return 0;
}

/* The word in quotes at text, in lower case; "" when there is none. */
static const char *quoted(const char *text, char out[32])
{
    size_t n = 0;
    if (*text++ == '\'')
        for (; text[n] && text[n] != '\'' && n < 31; n++)
            out[n] = (char)tolower((unsigned char)text[n]);
    out[n] = '\0';
    return out;
}

/* "xgroup|create" for call('XGROUP', 'CREATE', ...). */
static void command_of(const char *text, char out[64])
{
    char name[32], sub[32];
    quoted(text, name);
    int is_container = !strcmp(name, "xgroup") || !strcmp(name, "xinfo");
    snprintf(out, 64, "%s%s%s", name, is_container ? "|" : "", is_container ? quoted(text + strlen(name) + 4, sub) : "");
}

static int check_calls(const struct orb_script *script, const char *function)
{
    int calls = 0;
    for (const char *at = script->text; (at = strstr(at, function)); at++) {
        char command[64];
        if (at[strlen(function)] != '\'')
            continue;
        command_of(at + strlen(function), command);
        calls++;
        for (enum orb_acl_role role = ORB_ACL_PRODUCER; role <= ORB_ACL_OPERATOR; role++)
            if (runners(script->name) & 1 << role && !has(role, command))
                fail_msg("script %s: role %d lacks the command %s: add it to its row in lib/store/acl.c", script->name, (int)role, command);
    }
    return calls;
}

static void roles_have_the_commands_of_their_scripts(void **state)
{
    (void)state;
#define SCRIPT(name) &orb_script_##name,
    static const struct orb_script *const scripts[] = { ORB_SCRIPTS(SCRIPT) };
#undef SCRIPT
    for (size_t i = 0; i < ORB_COUNT(scripts); i++)
        assert_true(check_calls(scripts[i], "call(") + check_calls(scripts[i], "pcall_redis(") + check_calls(scripts[i], "hint(") > 0);
}

static void dangerous_commands_are_in_no_role(void **state)
{
    (void)state;
    static const char *const words[] = {
        "keys", "flush", "config", "shutdown", "debug", "acl", "destroy", "kill", "replicaof", "slaveof", "migrate", "restore", "module",
        "function", "monitor", "save", "swapdb", "failover", "reset", "rename", "move", "copy", "dump", "script|kill", "client|list", "fcall",
    };
    for (enum orb_acl_role role = ORB_ACL_PRODUCER; role <= ORB_ACL_OPERATOR; role++) {
        const char *list[ORB_ACL_COMMANDS_MAX];
        size_t n = orb_acl_commands(role, list);
        assert_true(n > 10);
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < ORB_COUNT(words); k++)
                assert_null(strstr(list[i], words[k]));
    }
}

static void viewers_have_no_writes(void **state)
{
    (void)state;
    static const char *const words[] = { "set", "add", "del", "rem", "eval", "script", "publish", "expire", "create", "trim", "ack", "claim", "incr" };
    const char *list[ORB_ACL_COMMANDS_MAX];
    size_t n = orb_acl_commands(ORB_ACL_VIEWER, list);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < ORB_COUNT(words); k++)
            if (strncmp(list[i], "client|", 7) != 0)
                assert_null(strstr(list[i], words[k]));
}

static void the_text(void **state)
{
    (void)state;
    struct orb_buf b;
    orb_buf_init(&b, 8192);
    struct orb_acl_grant grant = {
        .role = ORB_ACL_VIEWER, .user = "v", .prefix = "{blue}:", .queues = (const char *const[]){ "jobs", "a*?[]\\\"'b" }, .nqueues = 2,
        .commands = (const char *const[]){ "get", "xinfo|groups" }, .ncommands = 2,
    };
#define QUEUE(q) " %R~{blue}:" q " %R~{blue}:" q ":p[0-46-9] %R~{blue}:" q ":delayed %R~{blue}:" q ":dead %R~{blue}:" q ":paused" \
    " %R~{blue}:" q ":leased %R~{blue}:" q ":sweep %R~{blue}:" q ":spent"
    orb_acl_write(&grant, &b);
    assert_string_equal(b.data, "user v on clearselectors resetkeys %R~{blue}:orbiter:task:* %R~{blue}:orbiter:payload:* %R~{blue}:orbiter:stream:* %R~{blue}:orbiter:queues"
        " %R~{blue}:orbiter:index:* %R~{blue}:orbiter:workers:* %R~{blue}:orbiter:lease:* %R~{blue}:orbiter:feed %R~{blue}:orbiter:audit"
        QUEUE("jobs") QUEUE("a\\*\\?\\[\\]\\\\??b") " resetchannels &{blue}:orbiter:events:* -@all +get +xinfo|groups");
    orb_buf_reset(&b);
    grant = (struct orb_acl_grant){ .role = ORB_ACL_PRODUCER, .user = "p", .prefix = "", .queues = (const char *const[]){ "q" }, .nqueues = 1, .has_database = 1 };
    orb_acl_write(&grant, &b);
    assert_string_equal(b.data, "user p on clearselectors resetkeys ~orbiter:task:* ~orbiter:payload:* ~orbiter:stream:* ~orbiter:queues"
        " %W~orbiter:feed %W~orbiter:audit ~orbiter:idem:* %R~orbiter:none ~q ~q:p[0-46-9] ~q:delayed %W~orbiter:index:q:open %W~orbiter:index:q:retrying"
        " %W~orbiter:index:q:completed %W~orbiter:index:q:failed %W~orbiter:index:q:cancelled"
        " resetchannels &orbiter:events:* &orbiter:cancel:* &q:wake -@all +select");
    orb_buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roles_have_the_commands_of_their_scripts),
        cmocka_unit_test(dangerous_commands_are_in_no_role),
        cmocka_unit_test(viewers_have_no_writes),
        cmocka_unit_test(the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
