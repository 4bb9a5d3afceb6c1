/* The line of an ACL: the server is asked which commands it has, and which queues there are. */
#include "client/client.h"
#include "store/acl.h"
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUES_MAX 1000
#define LINE_MAX_BYTES (4 * 1024 * 1024)

static const char *const roles[] = { "producer", "worker", "viewer", "operator" };

int orb_acl_role_parse(const char *word, enum orb_acl_role *out, struct orb_error *err)
{
    for (size_t i = 0; i < ORB_COUNT(roles); i++)
        if (!strcmp(word, roles[i])) {
            *out = (enum orb_acl_role)i;
            return 0;
        }
    return orb_error_set(err, ORB_E_USAGE, "role '%s': use producer, worker, viewer or operator", word);
}

struct question {
    struct orb_client *client;
    orb_acl_cb cb;
    void *arg;
    enum orb_acl_role role;
    char user[65];
    char **queues;
    size_t nqueues;
    int wants_queues;
    const char *asked[ORB_ACL_COMMANDS_MAX], *known[ORB_ACL_COMMANDS_MAX];
    size_t nasked, nknown;
};

static void end(struct question *q, const char *line, const struct orb_error *err)
{
    q->cb(q->arg, line, err);
    for (size_t i = 0; i < q->nqueues; i++)
        free(q->queues[i]);
    free(q->queues);
    free(q);
}

static void write_line(struct question *q)
{
    struct orb_buf b;
    struct orb_error err;
    orb_buf_init(&b, LINE_MAX_BYTES);
    orb_acl_write(&(struct orb_acl_grant){
        .role = q->role, .user = q->user, .prefix = q->client->prefix, .queues = (const char *const *)q->queues, .nqueues = q->nqueues,
        .commands = q->known, .ncommands = q->nknown, .has_database = q->client->config.url.db != 0 }, &b);
    if (b.err)
        orb_error_set(&err, b.err, "the ACL is too long: name fewer queues");
    end(q, b.err ? NULL : b.data, b.err ? &err : NULL);
    orb_buf_done(&b);
}

static void refused(struct question *q, const char *what, const struct orb_error *err)
{
    struct orb_error why = *err;
    if (err->code == ORB_E_REFUSED)
        orb_error_set(&why, err->code, "cannot ask Redis %s (%s): give the URL of a user who may, such as the one that sets ACLs", what, err->text);
    end(q, NULL, &why);
}

static void add_queue(struct question *q, const char *name)
{
    for (size_t i = 0; i < q->nqueues; i++)
        if (!strcmp(q->queues[i], name))
            return;
    q->queues[q->nqueues++] = orb_strdup(name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void on_queues(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct question *q = arg;
    struct orb_error why;
    size_t count = orb_reply_count(reply);
    if (err) {
        refused(q, "which queues there are", err);
        return;
    }
    if (count > QUEUES_MAX) {
        orb_error_set(&why, ORB_E_TOO_LARGE, "there are %zu queues, more than %d: name those that are meant", count, QUEUES_MAX);
        end(q, NULL, &why);
        return;
    }
    q->queues = orb_alloc((count + 1) * sizeof *q->queues);
    add_queue(q, ORB_QUEUE_DEFAULT);
    for (size_t i = 0; i < count; i++)
        if (!orb_store_queue_check(orb_reply_str(orb_reply_at(reply, i), NULL), NULL)) /* whoever wrote it: it is no queue */
            add_queue(q, orb_reply_str(orb_reply_at(reply, i), NULL));
    qsort(q->queues, q->nqueues, sizeof *q->queues, by_name);
    write_line(q);
}

static int keep_known(struct question *q, const struct orb_reply *reply, struct orb_error *err)
{
    for (size_t i = 0; i < q->nasked; i++) {
        if (orb_reply_type(orb_reply_at(reply, i)) == ORB_REPLY_ARRAY)
            q->known[q->nknown++] = q->asked[i];
        else if (!orb_acl_is_optional(q->asked[i]))
            return orb_error_set(err, ORB_E_CONFIG, "this Redis has no command %s, which a %s needs: it is older than 7.0, or the command was "
                                 "renamed in its configuration; use Redis 7.0 or later with all commands", q->asked[i], roles[q->role]);
    }
    return 0;
}

static void on_commands(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct question *q = arg;
    struct orb_error why;
    if (err) {
        refused(q, "which commands it has", err);
        return;
    }
    if (orb_reply_count(reply) != q->nasked) {
        orb_error_set(&why, ORB_E_PROTOCOL, "Redis told of %zu commands, not of the %zu it was asked for", orb_reply_count(reply), q->nasked);
        end(q, NULL, &why);
        return;
    }
    if (keep_known(q, reply, &why)) {
        end(q, NULL, &why);
        return;
    }
    if (!q->wants_queues) {
        write_line(q);
        return;
    }
    struct orb_buf b;
    orb_buf_init(&b, 4096);
    orb_cmd_start(&b, 2);
    orb_cmd_str(&b, "SMEMBERS");
    orb_store_key_arg(q->client->store, &b, "orbiter:queues", "");
    int rc = orb_client_send(q->client, &b, 1, on_queues, q);
    if (rc) {
        orb_error_set(&why, rc, "%s", orb_error_text(rc));
        end(q, NULL, &why);
    }
}

static int check(const struct orb_acl_spec *spec, struct orb_error *err)
{
    size_t n = strspn(spec->user, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@-");
    if (!n || n > 64 || spec->user[n])
        return orb_error_set(err, ORB_E_USAGE, "user \"%s\": use 1 to 64 of the characters A-Z a-z 0-9 . _ @ -", spec->user);
    if (!strcmp(spec->user, "default"))
        return orb_error_set(err, ORB_E_USAGE, "user \"default\": everybody is that user until it has a password; choose another name");
    if (spec->nqueues > QUEUES_MAX)
        return orb_error_set(err, ORB_E_TOO_LARGE, "%zu queues are more than %d", spec->nqueues, QUEUES_MAX);
    for (size_t i = 0; i < spec->nqueues; i++) {
        int rc = orb_store_queue_check(spec->queues[i], err);
        if (rc)
            return rc;
    }
    return 0;
}

int orb_acl_line(struct orb_client *client, const struct orb_acl_spec *spec, orb_acl_cb cb, void *arg, struct orb_error *err)
{
    int rc = check(spec, err);
    if (rc)
        return rc;
    struct question *q = orb_alloc(sizeof *q);
    *q = (struct question){ .client = client, .cb = cb, .arg = arg, .role = spec->role, .wants_queues = !spec->nqueues };
    snprintf(q->user, sizeof q->user, "%s", spec->user);
    q->nasked = orb_acl_commands(q->role, q->asked);
    struct orb_buf b;
    orb_buf_init(&b, 16 * 1024);
    orb_cmd_start(&b, 2 + q->nasked);
    orb_cmd_str(&b, "COMMAND");
    orb_cmd_str(&b, "INFO");
    for (size_t i = 0; i < q->nasked; i++)
        orb_cmd_str(&b, q->asked[i]);
    q->queues = spec->nqueues ? orb_alloc(spec->nqueues * sizeof *q->queues) : NULL;
    for (size_t i = 0; i < spec->nqueues; i++)
        add_queue(q, spec->queues[i]);
    rc = orb_client_send(client, &b, 1, on_commands, q);
    if (!rc)
        return 0;
    for (size_t i = 0; i < q->nqueues; i++)
        free(q->queues[i]);
    free(q->queues);
    free(q);
    return orb_error_set(err, rc, "%s", orb_error_text(rc));
}
