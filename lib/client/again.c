#include "client/again.h"
#include "client/actor.h"
#include "client/seen.h"
#include "base/base.h"

#include <stdio.h>
#include <string.h>

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

struct orb_batch *orb_again_batch_new(struct orb_client *client, const char *queue)
{
    char key[ORB_KEY_MAX];
    const char *const args[] = { queue, TEXT(ORB_TASK_TTL_S), orb_actor_who(), orb_actor_from() };
    return orb_batch_new(client->store, &orb_script_resubmit, orb_store_key(client->store, queue, "", key), args, ORB_COUNT(args));
}

int orb_again_add(struct orb_batch *batch, const struct orb_again *again, orb_redis_cb cb, void *arg, struct orb_error *err)
{
    struct orb_buf payload;
    struct orb_task_facts facts;
    char deadline[32] = "";
    const struct orb_task_again what = { .id = again->id, .resubmit_of = again->resubmit_of, .created_at = orb_now(),
                                         .input = again->input, .input_len = again->input_len };
    orb_buf_init(&payload, ORB_PAYLOAD_MAX);
    int rc = orb_task_rewrite(again->payload, again->payload_len, &what, &payload, &facts, err);
    if (!rc) {
        if (facts.deadline_seconds > 0)
            snprintf(deadline, sizeof deadline, "%.0f", facts.deadline_seconds * 1000);
        struct orb_buf *body = orb_batch_add(batch, 8, cb, arg);
        orb_cmd_str(body, again->id);
        orb_cmd_str(body, facts.agent);
        orb_cmd_arg(body, payload.data, payload.len);
        orb_cmd_int(body, facts.priority);
        orb_cmd_str(body, deadline);
        orb_cmd_str(body, again->resubmit_of);
        orb_cmd_str(body, again->letter);
        orb_cmd_str(body, again->seen);
    }
    orb_buf_done(&payload);
    return rc;
}

int orb_again_answer(const struct orb_reply *reply, const char *name, struct orb_error *err)
{
    const char *answer = orb_reply_str(reply, NULL);
    if (orb_reply_count(reply) == 2 && !strcmp(orb_reply_str(orb_reply_at(reply, 0), NULL), "changed"))
        return orb_seen_changed(name, orb_reply_str(orb_reply_at(reply, 1), NULL), err);
    if (orb_reply_count(reply) == 2)
        return orb_error_set(err, ORB_E_PROTOCOL, "%s was not repeated: the key %.200s in Redis is no stream; see what it is with TYPE, and rename "
                             "or delete it", name, orb_reply_str(orb_reply_at(reply, 1), NULL));
    if (!strcmp(answer, "GONE"))
        return orb_error_set(err, ORB_E_NOT_FOUND, "dead letter %s is gone: it was replayed or purged meanwhile", name);
    if (!strcmp(answer, "EXISTS"))
        return orb_error_set(err, ORB_E_EXISTS, "%s was not repeated: the new id is there already; try again", name);
    return 0;
}
