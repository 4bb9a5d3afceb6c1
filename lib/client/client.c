/* The connection of a program that submits and asks; distributed(). */
#include "client/client.h"
#include "base/base.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_state(void *arg, int is_up, const struct orb_error *err)
{
    struct orb_client *client = arg;
    if (is_up)
        client->was_up = 1;
    if (client->state && !client->is_freed)
        client->state(client->state_arg, is_up, err);
}

void orb_client_on_state(struct orb_client *client, orb_client_state_cb cb, void *arg)
{
    client->state = cb;
    client->state_arg = arg;
}

int orb_client_new(struct orb_loop *loop, const struct orb_redis_options *options, struct orb_client **out, struct orb_error *err)
{
    struct orb_client *client = orb_alloc(sizeof *client);
    int rc = orb_store_prefix(options->ns, client->prefix, err);
    if (!rc)
        rc = orb_redis_config_init(&client->config, options, err);
    if (rc) {
        free(client);
        return rc;
    }
    client->loop = loop;
    client->config.name = "orbiter-client";
    client->config.reply_timeout_ms = 10000;
    struct orb_redis_config config = client->config;
    config.state = on_state;
    config.arg = client;
    client->store = orb_store_new(loop, &config, client->prefix);
    *out = client;
    return 0;
}

static void gone(void *arg)
{
    struct orb_client *client = arg;
    orb_redis_config_done(&client->config);
    free(client);
}

static void close_links(void *arg)
{
    struct orb_client *client = arg;
    while (client->queues) {
        struct queue *q = client->queues;
        client->queues = q->next;
        orb_broker_free(q->broker);
        free(q);
    }
    orb_subscriber_free(client->subscriber);
    orb_store_free(client->store);
    /* Behind the connections' own ends, whose callbacks still come here. */
    orb_loop_defer(client->loop, gone, client);
}

void orb_client_free(struct orb_client *client)
{
    if (!client || client->is_freed)
        return;
    client->is_freed = 1;
    /* Later: this may be inside one of its callbacks. */
    orb_loop_defer(client->loop, close_links, client);
}

struct orb_subscriber *orb_client_subscriber(struct orb_client *client)
{
    if (!client->subscriber)
        client->subscriber = orb_subscriber_new(client->loop, &client->config, client->prefix);
    return client->subscriber;
}

int orb_client_send(struct orb_client *client, struct orb_buf *b, unsigned count, orb_redis_cb cb, void *arg)
{
    int rc = orb_redis_send(orb_store_redis(client->store), b, count, 0, cb, arg);
    orb_buf_done(b);
    return rc;
}

int orb_client_is_worth_waiting(const struct orb_client *client, const struct orb_error *err)
{
    return client->was_up && err->code == ORB_E_UNREACHABLE;
}

/* ---- distributed() ------------------------------------------------------ */

struct submit {
    struct orb_client *client;
    orb_submit_cb cb;
    void *arg;
    char id[ORB_ID_MAX + 1];
};

static struct orb_broker *broker_of(struct orb_client *client, const char *queue)
{
    for (struct queue *q = client->queues; q; q = q->next)
        if (!strcmp(orb_broker_queue(q->broker), queue))
            return q->broker;
    struct queue *q = orb_alloc(sizeof *q);
    q->broker = orb_broker_new(client->store, queue, NULL);
    q->next = client->queues;
    client->queues = q;
    return q->broker;
}

static void on_submitted(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct submit *submit = arg;
    struct orb_error why;
    if (!err && !strcmp(orb_reply_str(reply, NULL), "EXISTS")) {
        orb_error_set(&why, ORB_E_EXISTS, "task %s is already there; choose another id, or see it with: orbiter task status %s", submit->id, submit->id);
        err = &why;
    }
    submit->cb(submit->arg, err ? NULL : orb_task_handle_new(submit->client, submit->id), err);
    free(submit);
}

/* The agent's name for lists; the config was checked when the payload was written. */
static void agent_of(const char *agent_config, char out[128])
{
    json_t *config = orb_json_parse(agent_config, strlen(agent_config), &orb_json_limits_default, NULL);
    const char *name = orb_task_agent_name(config);
    snprintf(out, 128, "%.*s", (int)orb_utf8_truncate(name, strlen(name), 127), name);
    json_decref(config);
}

static int check_spec(const struct orb_task_spec *spec, struct orb_error *err)
{
    if (spec->task_id && !orb_id_is_valid(spec->task_id))
        return orb_error_set(err, ORB_E_INVALID, "task id \"%s\": use 1 to %d of the characters A-Z a-z 0-9 . _ -, and not \"index\"", spec->task_id, ORB_ID_MAX);
    if (!spec->agent_config)
        return orb_error_set(err, ORB_E_INVALID, "agent_config is missing");
    return orb_store_queue_check(spec->queue ? spec->queue : ORB_QUEUE_DEFAULT, err);
}

int orb_distributed(struct orb_client *client, const struct orb_task_spec *spec, orb_submit_cb cb, void *arg, struct orb_error *err)
{
    int rc = check_spec(spec, err);
    if (rc)
        return rc;
    struct submit *submit = orb_alloc(sizeof *submit);
    *submit = (struct submit){ .client = client, .cb = cb, .arg = arg };
    if (spec->task_id)
        snprintf(submit->id, sizeof submit->id, "%s", spec->task_id);
    else
        orb_id_new(submit->id);
    struct orb_buf payload;
    orb_buf_init(&payload, ORB_PAYLOAD_MAX);
    rc = orb_task_write(spec, submit->id, orb_now(), &payload, err);
    if (!rc) {
        char agent[128];
        agent_of(spec->agent_config, agent);
        orb_broker_submit(broker_of(client, spec->queue ? spec->queue : ORB_QUEUE_DEFAULT), submit->id, spec->task_id != NULL, agent,
                          payload.data, payload.len, on_submitted, submit);
    } else {
        free(submit);
    }
    orb_buf_done(&payload);
    return rc;
}
