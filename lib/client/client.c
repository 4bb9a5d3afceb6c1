/* The connection of a program that submits and asks; distributed(). */
#include "client/client.h"
#include "base/base.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLICA_WAIT_MS 500 /* for a replica to have what was submitted */
#define EXTRAS_MAX (4 * 1024)

void orb_client_hurry(struct orb_client *client, const struct orb_redis *risen)
{
    struct orb_redis *mine = orb_store_redis(client->store);
    if (client->is_freed)
        return;
    if (mine != risen)
        orb_redis_hurry(mine, risen);
    if (client->subscriber)
        orb_subscriber_hurry(client->subscriber, risen);
    orb_feed_hurry(client->feeds, risen);
}

static void on_state(void *arg, int is_up, const struct orb_error *err)
{
    struct orb_client *client = arg;
    if (is_up) {
        client->was_up = 1;
        orb_client_hurry(client, orb_store_redis(client->store));
    }
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
    orb_beats_free(client->beats);
    free(client);
}

static void close_links(void *arg)
{
    struct orb_client *client = arg;
    orb_dead_close(client);
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

/* A submit that is to be on a replica too: all that it takes to send it again. */
struct durable {
    char agent[128];
    struct orb_buf payload, extras;
    int is_again;
};

struct submit {
    struct submit *next;        /* of those that one WAIT is for */
    struct orb_client *client;
    struct orb_broker *broker;
    orb_submit_cb cb;
    void *arg;
    char id[ORB_ID_MAX + 1];
    char first[ORB_ID_MAX + 1]; /* the task that has its idempotency key already, or "" */
    int is_chosen;
    int64_t max_depth;
    struct durable *durable;    /* NULL: nothing of it is needed any more */
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

static void submit_free(struct submit *submit)
{
    if (submit->durable) {
        orb_buf_done(&submit->durable->payload);
        orb_buf_done(&submit->durable->extras);
        free(submit->durable);
    }
    free(submit);
}

static void submit_end(struct submit *submit, int is_there, const struct orb_error *err)
{
    const char *id = *submit->first ? submit->first : submit->id;
    submit->cb(submit->arg, is_there ? orb_task_handle_new(submit->client, id) : NULL, err);
    submit_free(submit);
}

/* ---- is it on a replica? --------------------------------------------------- */

/* The submits that were answered in one turn, and whose writes one WAIT asks for. It is sent
 * behind their answers: ahead of them, a script that has to be sent once more would come behind it. */
struct replica_wait {
    struct orb_client *client;
    struct submit *first;
};

static void on_submitted(void *arg, const struct orb_reply *reply, const struct orb_error *err);

static void send_again(struct submit *submit)
{
    struct durable *d = submit->durable;
    d->is_again = 1;
    orb_broker_submit(submit->broker, &(struct orb_submission){
        .id = submit->id, .is_chosen = submit->is_chosen, .agent = d->agent, .payload = d->payload.data, .len = d->payload.len,
        .extras = d->extras.data, .extras_len = d->extras.len }, on_submitted, submit);
}

static void waited(struct submit *submit, const struct orb_reply *reply, const struct orb_error *err)
{
    struct orb_error why;
    const char *id = *submit->first ? submit->first : submit->id;
    if (err && err->code == ORB_E_CANCELLED) {
        submit_end(submit, 0, err);
        return;
    }
    /* What another connection asks says nothing of the writes of this one. */
    if (err && err->code == ORB_E_UNREACHABLE && !submit->durable->is_again) {
        send_again(submit);
        return;
    }
    if (err)
        orb_error_set(&why, ORB_E_NOT_REPLICATED, "task %s was submitted, but it is not known whether a replica has it: %s", id, err->text);
    else
        orb_error_set(&why, ORB_E_NOT_REPLICATED, "task %s was submitted, but no replica has it yet", id);
    submit_end(submit, 1, err || orb_reply_int(reply) < 1 ? &why : NULL);
}

static void on_waited(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct replica_wait *wait = arg;
    for (struct submit *submit = wait->first, *next; submit; submit = next) {
        next = submit->next;
        waited(submit, reply, err);
    }
    free(wait);
}

static void send_wait(void *arg)
{
    struct replica_wait *wait = arg;
    struct orb_client *client = wait->client;
    struct orb_error gone;
    struct orb_buf b;
    client->wait = NULL;
    if (client->is_freed) {
        orb_error_set(&gone, ORB_E_CANCELLED, "the client was freed");
        on_waited(wait, NULL, &gone);
        return;
    }
    orb_buf_init(&b, 256);
    orb_cmd_start(&b, 3);
    orb_cmd_str(&b, "WAIT");
    orb_cmd_int(&b, 1);
    orb_cmd_int(&b, REPLICA_WAIT_MS);
    int rc = orb_redis_is_up(orb_store_redis(client->store)) ? orb_client_send(client, &b, 1, on_waited, wait) : ORB_E_UNREACHABLE;
    orb_buf_done(&b);
    if (rc)
        on_waited(wait, NULL, &(struct orb_error){ .code = ORB_E_UNREACHABLE, .text = "the connection to Redis broke" });
}

static void wait_for_replica(struct submit *submit)
{
    struct orb_client *client = submit->client;
    if (!client->wait) {
        client->wait = orb_alloc(sizeof *client->wait);
        client->wait->client = client;
        orb_loop_defer(client->loop, send_wait, client->wait);
    }
    submit->next = client->wait->first;
    client->wait->first = submit;
}

/* ---- the script's answer --------------------------------------------------- */

static int read_answer(struct submit *submit, const char *answer, struct orb_error *err)
{
    const char *queue = orb_broker_queue(submit->broker);
    submit->first[0] = '\0';
    if (!strcmp(answer, "EXISTS"))
        return orb_error_set(err, ORB_E_EXISTS, "task %s is already there; choose another id, or see it with: orbiter task status %s", submit->id, submit->id);
    if (!strncmp(answer, "FULL ", 5))
        return orb_error_set(err, ORB_E_FULL, "the queue %s is full: %.20s tasks wait, and the limit of this submit is %lld; "
                             "try again later, start more workers, or raise the limit", queue, answer + 5, (long long)submit->max_depth);
    if (strncmp(answer, "FIRST ", 6))
        return 0;
    if (!orb_id_is_valid(answer + 6))
        return orb_error_set(err, ORB_E_PROTOCOL, "what Redis holds for this idempotency key is no task id");
    snprintf(submit->first, sizeof submit->first, "%s", answer + 6);
    return 0;
}

static void on_submitted(void *arg, const struct orb_reply *reply, const struct orb_error *err)
{
    struct submit *submit = arg;
    struct orb_error why;
    if (!err && read_answer(submit, orb_reply_str(reply, NULL), &why))
        err = &why;
    int was_taken = submit->durable && submit->durable->is_again;
    if (err && was_taken && err->code == ORB_E_UNREACHABLE) {
        waited(submit, NULL, err);
        return;
    }
    if (!err && submit->durable)
        wait_for_replica(submit);
    else
        submit_end(submit, !err, err);
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

/* Leaves nothing in the buffers when they are still needed. */
static void send_new(struct submit *submit, const struct orb_task_spec *spec, struct orb_buf *payload, struct orb_buf *extras)
{
    char agent[128];
    agent_of(spec->agent_config, agent);
    orb_broker_write_extras(spec, extras);
    submit->broker = broker_of(submit->client, spec->queue ? spec->queue : ORB_QUEUE_DEFAULT);
    orb_broker_submit(submit->broker, &(struct orb_submission){
        .id = submit->id, .is_chosen = submit->is_chosen, .agent = agent, .payload = payload->data, .len = payload->len,
        .extras = extras->len ? extras->data : "", .extras_len = extras->len }, on_submitted, submit);
    if (spec->durability != ORB_DURABILITY_REPLICA)
        return;
    submit->durable = orb_alloc(sizeof *submit->durable);
    *submit->durable = (struct durable){ .payload = *payload, .extras = *extras };
    memcpy(submit->durable->agent, agent, sizeof agent);
    orb_buf_init(payload, ORB_PAYLOAD_MAX);
    orb_buf_init(extras, EXTRAS_MAX);
}

int orb_distributed(struct orb_client *client, const struct orb_task_spec *spec, orb_submit_cb cb, void *arg, struct orb_error *err)
{
    int rc = check_spec(spec, err);
    if (rc)
        return rc;
    struct submit *submit = orb_alloc(sizeof *submit);
    *submit = (struct submit){ .client = client, .cb = cb, .arg = arg, .is_chosen = spec->task_id != NULL, .max_depth = spec->max_depth };
    if (spec->task_id)
        snprintf(submit->id, sizeof submit->id, "%s", spec->task_id);
    else
        orb_id_new(submit->id);
    struct orb_buf payload, extras;
    orb_buf_init(&payload, ORB_PAYLOAD_MAX);
    orb_buf_init(&extras, EXTRAS_MAX);
    rc = orb_task_write(spec, submit->id, orb_now(), &payload, err);
    if (!rc)
        send_new(submit, spec, &payload, &extras);
    else
        free(submit);
    orb_buf_done(&payload);
    orb_buf_done(&extras);
    return rc;
}
