/* distributed() and TaskHandle: submit tasks, follow their events, wait for
 * their results, cancel them. The wire format is that of the Python package
 * orbiter-distributed (docs/WIRE.md). */
#ifndef ORBITER_CLIENT_H
#define ORBITER_CLIENT_H

#include <orbiter/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where Redis is. All strings are copied. */
struct orb_redis_options {
    const char *url;        /* redis:// rediss:// unix:// redis+sentinel://, see docs/WIRE.md */
    const char *ns;         /* namespace, NULL or "" = none: prefixes every key with {ns}: */
    const char *tls_ca;     /* PEM file or directory of CAs, NULL = the system's */
    const char *tls_cert;   /* client certificate, PEM, or NULL */
    const char *tls_key;    /* its key, PEM, or NULL */
    int is_read_only;       /* of a client: what would change something fails with ORB_E_REFUSED, and nothing of it is sent */
};

/* 0, or ORB_E_CONFIG with what is wrong. Never puts a password into err. */
ORB_API int orb_redis_url_check(const char *url, struct orb_error *err) ORB_MUST_CHECK;
/* The URL as it may be shown: scheme, host and port, the rest as three stars,
 * as the worker's banner has it; only scheme and stars when it cannot be
 * parsed. */
ORB_API void orb_redis_url_mask(const char *url, char *out, size_t cap);

/* ---- client ----------------------------------------------------------- */

struct orb_client;

/* Starts connecting; commands wait for the connection. A client that loses its
 * connection connects again when the next command is given; what was in flight
 * fails with ORB_E_UNREACHABLE. */
ORB_API int orb_client_new(struct orb_loop *loop, const struct orb_redis_options *options,
                           struct orb_client **out, struct orb_error *err) ORB_MUST_CHECK;
/* Told when the connection is made (is_up 1) and when it is lost or cannot be made (0, with the
 * reason; again for every try): results and streams that are waited for go on waiting. */
typedef void (*orb_client_state_cb)(void *arg, int is_up, const struct orb_error *err);
ORB_API void orb_client_on_state(struct orb_client *client, orb_client_state_cb cb, void *arg);
/* Cancels what is pending (callbacks run, later, with ORB_E_CANCELLED) and
 * closes. Handles must be freed before. */
ORB_API void orb_client_free(struct orb_client *client);

/* ---- tasks ------------------------------------------------------------ */

enum orb_status {
    ORB_STATUS_PENDING, ORB_STATUS_RUNNING, ORB_STATUS_COMPLETED,
    ORB_STATUS_FAILED, ORB_STATUS_CANCELLED, ORB_STATUS_RETRYING,
    ORB_STATUS_COUNT
};
ORB_API const char *orb_status_word(enum orb_status status);
/* In any letter case; ORB_E_USAGE when it is none. */
ORB_API int orb_status_parse(const char *word, enum orb_status *out) ORB_MUST_CHECK;
ORB_API int orb_status_is_final(enum orb_status status);

/* A task as its hash says. Strings are never NULL ("" = not set). Valid during
 * the callback that got it. */
struct orb_task_info {
    const char *id, *queue, *agent, *worker_id;
    enum orb_status status;
    double created_at, started_at, completed_at; /* Unix seconds, 0 = not yet */
    int retries, attempt;
    int recoveries;         /* attempts that ended with the death of their worker */
    int priority;           /* 0..9 */
    double due_at;          /* not begun before, 0 = at once */
    double deadline;        /* has failed unless it has ended by then, 0 = none */
    const char *resubmit_of; /* id of the task that this one repeats, or "" */
    const char *result;     /* JSON object text with at least "output", or "" */
    const char *output;     /* result.output, or "" */
    const char *error, *error_type;
    const char *partial;    /* text of a cancelled or failed attempt */
    const char *usage;      /* JSON object text, or "" */
    int64_t input_tokens, output_tokens, total_tokens; /* of usage; 0 = none */
    double cost;            /* dollars, of usage; below 0 = there is no price */
};

#define ORB_QUEUE_DEFAULT "orbiter:tasks"
#define ORB_PAYLOAD_MAX (1024 * 1024) /* bytes of one task's JSON */

/* What to run. Strings are borrowed for the call. */
struct orb_task_spec {
    const char *agent_config;    /* JSON object: agent or swarm; required */
    const char *input;           /* UTF-8 */
    size_t input_len;
    const char *messages;        /* JSON array of prior messages, or NULL */
    const char *metadata;        /* JSON object, or NULL */
    const char *queue;           /* NULL = ORB_QUEUE_DEFAULT */
    const char *task_id;         /* NULL = a new one */
    int detailed;                /* all events, not only text, tool calls and errors */
    double timeout_seconds;      /* per attempt; 0 = none; negative = the default, 300 */
    double first_token_timeout;  /* seconds until the model says something, per model call; 0 = no limit */
    double idle_timeout;         /* seconds between two pieces of what it says; 0 = no limit */
    double delay_seconds;        /* not before this long from now */
    double at;                   /* not before this time, Unix seconds; 0 = now */
    double deadline_seconds;     /* from now (or from when it is due): has failed unless it has ended by then; 0 = none */
    int has_priority, priority;  /* 0..9, 9 is the most urgent; 5 unless set. C workers only serve others than 5 */
    int has_max_retries, max_retries; /* 0..100; 3 unless set */
    int64_t max_depth;           /* refused with ORB_E_FULL when so many tasks wait already; 0 = no limit */
    const char *idempotency_key; /* one task for all submits with this key, for a day; NULL = none; at most 1,024 bytes */
    const char *resubmit_of;     /* id of the task that this one repeats, or NULL */
    int durability;              /* what a submit waits for, see orb_distributed */
};
enum { ORB_DURABILITY_LOCAL, ORB_DURABILITY_REPLICA };

struct orb_task_handle;
typedef void (*orb_submit_cb)(void *arg, struct orb_task_handle *handle, const struct orb_error *err);

/* Submit. On success the callback gets a handle that it owns; on failure NULL
 * and ORB_E_EXISTS (the id is there already), ORB_E_FULL, ORB_E_UNREACHABLE, ORB_E_REFUSED.
 * Fails at once with ORB_E_INVALID or ORB_E_TOO_LARGE. Submits of one turn
 * travel together. With an idempotency key that was used before, in whatever queue, nothing is
 * submitted, and the handle is that of the first task.
 * ORB_DURABILITY_REPLICA: the callback comes when a replica of Redis has the task, too. When none
 * says so within half a second it gets both, the handle and ORB_E_NOT_REPLICATED: the task is
 * submitted, but a failover might lose it. */
ORB_API int orb_distributed(struct orb_client *client, const struct orb_task_spec *spec,
                            orb_submit_cb cb, void *arg, struct orb_error *err) ORB_MUST_CHECK;

/* A handle for a task that is already there (not checked), NULL = no memory. */
ORB_API struct orb_task_handle *orb_task_handle_new(struct orb_client *client, const char *id);
/* Ends what is pending on it: callbacks run, later, with ORB_E_CANCELLED.
 * May be called inside a callback of the handle. */
ORB_API void orb_task_handle_free(struct orb_task_handle *handle);
ORB_API const char *orb_task_handle_id(const struct orb_task_handle *handle);

/* info is NULL when err is not. ORB_E_NOT_FOUND when there is no such task. */
typedef void (*orb_task_cb)(void *arg, const struct orb_task_info *info, const struct orb_error *err);
/* The task now. */
ORB_API int orb_task_handle_status(struct orb_task_handle *handle, orb_task_cb cb, void *arg) ORB_MUST_CHECK;
/* The task when it is completed, failed or cancelled; waits for it. A task that is not there
 * (yet) is ORB_E_NOT_FOUND. Survives a lost connection for as long as it takes. */
ORB_API int orb_task_handle_result(struct orb_task_handle *handle, orb_task_cb cb, void *arg) ORB_MUST_CHECK;

/* state: the state the task was in, or NULL when err is set: ORB_E_NOT_FOUND, or
 * ORB_E_FINISHED with state still set. */
typedef void (*orb_cancel_cb)(void *arg, const char *state, const struct orb_error *err);
ORB_API int orb_task_handle_cancel(struct orb_task_handle *handle, orb_cancel_cb cb, void *arg) ORB_MUST_CHECK;

/* ---- the same once more ------------------------------------------------ */

/* A new task that repeats the one with this id, whatever state that is in (one that runs goes on beside it): the same
 * agent, messages, metadata, limits, priority and queue, and `resubmit_of` = id. It begins at once; its deadline, if there was one,
 * is as far from now as it was from the first submit; the idempotency key is not taken over.
 * input, input_len: another input, UTF-8, or NULL. Written to the audit stream. The callback owns the new task's handle.
 * ORB_E_NOT_FOUND: no such task, or its payload is gone (it is kept as long as the task); ORB_E_INVALID:
 * the payload cannot be read; ORB_E_TOO_LARGE. Fails at once with ORB_E_USAGE when id is none. */
ORB_API int orb_resubmit(struct orb_client *client, const char *id, const char *input, size_t input_len,
                         orb_submit_cb cb, void *arg, struct orb_error *err) ORB_MUST_CHECK;
/* What a task was submitted with. Texts are never NULL; the JSON is as Python writes it. Valid during the callback. */
struct orb_payload {
    const char *json;            /* the whole, as it was queued */
    size_t json_len;
    const char *agent_config;    /* JSON object: an agent, or a swarm */
    const char *input;           /* UTF-8; may hold zero bytes */
    size_t input_len;
    const char *messages;        /* JSON array */
    const char *metadata;        /* JSON object */
    int detailed;
    double timeout_seconds;      /* per attempt; 0 = none */
};
/* payload is NULL when err is set: as of orb_resubmit. */
typedef void (*orb_payload_cb)(void *arg, const struct orb_payload *payload, const struct orb_error *err);
/* To be shown, or to be changed before it is resubmitted. Fails at once with ORB_E_USAGE when id is none. */
ORB_API int orb_task_payload(struct orb_client *client, const char *id, orb_payload_cb cb, void *arg,
                             struct orb_error *err) ORB_MUST_CHECK;

/* ---- events ----------------------------------------------------------- */

enum orb_event_type {
    ORB_EVENT_TEXT, ORB_EVENT_TOOL_CALL, ORB_EVENT_STEP, ORB_EVENT_TOOL_RESULT,
    ORB_EVENT_REASONING, ORB_EVENT_ERROR, ORB_EVENT_STATUS, ORB_EVENT_USAGE,
    ORB_EVENT_OTHER /* a type of a newer writer: only stream_id and json are set */
};

/* One event of a task's stream. Strings are never NULL; valid during the
 * callback. Fields that the type does not have are "" or 0. */
struct orb_event {
    enum orb_event_type type;
    const char *stream_id;   /* id of the stream entry: resume from here */
    int64_t seq, attempt;    /* 0 = the writer gave none (a Python worker) */
    const char *agent_name;
    const char *text;        /* text, reasoning; error's message; status' message; tool result */
    size_t text_len;
    const char *word;        /* step and status: the status; error: error_type; tools: tool_name */
    const char *tool_call_id;
    int64_t step_number;
    int ok;                  /* tool_result: success; error: recoverable */
    int64_t input_tokens, output_tokens, total_tokens; /* usage */
    int is_last;             /* the terminal event: the callback's end follows */
    const char *json;        /* the event as it was written */
    size_t json_len;
};

/* event is NULL once, at the end: err is NULL when the task has ended, else why
 * the stream stopped. */
typedef void (*orb_event_cb)(void *arg, const struct orb_event *event, const struct orb_error *err);
/* Every event from from_id on (NULL or "0" = the first), then what comes, until the
 * task has ended. from_id is exclusive: give the stream_id seen last. Events of an attempt
 * that a later one has overtaken are left out. Survives a lost connection
 * without a gap. One stream and one result per handle at a time. */
ORB_API int orb_task_handle_stream(struct orb_task_handle *handle, const char *from_id,
                                   orb_event_cb cb, void *arg, struct orb_error *err) ORB_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
