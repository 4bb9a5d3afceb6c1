/* What every user of liborbiter needs: error codes, ids, and making outside
 * text safe to show.
 *
 * Conventions of the whole library:
 *  - A function that returns int returns 0 or a negative code of ORB_ERRORS.
 *  - Outputs come last and are untouched on failure.
 *  - Arguments are borrowed for the call unless the name ends in _take.
 *  - x_free(NULL) is fine.
 *  - One thread: every object of a loop is used from the thread that runs it.
 *  - The loop rule: a call that takes a callback either starts (returns 0, and
 *    the callback runs exactly once, later, from the loop, also when cancelled)
 *    or fails at once (negative code, no callback). */
#ifndef ORBITER_BASE_H
#define ORBITER_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ORB_API __attribute__((visibility("default")))
#define ORB_MUST_CHECK __attribute__((warn_unused_result))
#define ORB_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

#define ORB_VERSION "0.1.0"
ORB_API const char *orb_version(void);

/* The one table of errors: name, code, exit status of a program that ends
 * with it, may a task that failed with it be tried again, the class name that
 * goes into error events and the task hash (`error_type`), what it means. */
#define ORB_ERRORS(X) \
    X(NOMEM,          -1,   1, 1, "OutOfMemory",        "out of memory") \
    X(SYSTEM,         -2,   1, 1, "SystemError",        "a system call failed") \
    X(PROTOCOL,       -3,   1, 0, "ProtocolError",      "a peer answered what its protocol does not allow") \
    X(INTERNAL,       -4,   1, 0, "InternalError",      "a bug in orbiter") \
    X(STALE,          -5,   1, 0, "StaleError",         "another worker owns the task now") \
    X(UNFINISHED,     -6,   1, 0, "UnfinishedError",    "the task has no result yet") \
    X(BACKLOG,        -7,   1, 1, "BacklogError",       "too much is waiting to be sent to Redis") \
    X(USAGE,          -10,  2, 0, "UsageError",         "wrong options or arguments") \
    X(INVALID,        -11,  2, 0, "InvalidInput",       "input that is not valid") \
    X(TOO_LARGE,      -12,  2, 0, "TooLarge",           "input over a limit") \
    X(CONFIG,         -13,  2, 0, "ConfigError",        "a missing or wrong setting") \
    X(TASK_FAILED,    -20,  3, 0, "TaskFailed",         "the task failed") \
    X(CANCELLED,      -21,  4, 0, "Cancelled",          "cancelled") \
    X(NOT_FOUND,      -22,  5, 0, "NotFound",           "no such task, queue or worker") \
    X(REFUSED,        -23,  6, 0, "Refused",            "refused: password, permission or read-only") \
    X(FINISHED,       -24,  6, 0, "AlreadyFinished",    "the task has already finished") \
    X(EXISTS,         -25,  6, 0, "AlreadyExists",      "a task with this id is already there") \
    X(FULL,           -26,  6, 0, "QueueFull",          "the queue is full") \
    X(CHANGED,        -27,  6, 0, "Changed",            "it has changed since it was looked at") \
    X(UNREACHABLE,    -30,  7, 1, "RedisUnreachable",   "Redis cannot be reached") \
    X(PARTLY,         -31,  8, 0, "PartlyDone",         "done for some, not for all") \
    X(TIMEOUT,        -32, 124, 1, "TimeoutError",      "timed out") \
    X(INTERRUPTED,    -33, 130, 0, "Interrupted",       "interrupted") \
    X(NOT_REPLICATED, -34,  9, 0, "NotReplicated",      "accepted, but no replica has it yet") \
    X(DEADLINE,       -35,  3, 0, "DeadlineError",      "the task's deadline has passed") \
    X(QUARANTINED,    -36,  3, 0, "Quarantined",        "the task's workers died while they ran it") \
    X(MODEL_AUTH,     -40,  1, 0, "AuthenticationError", "the model provider refused the key") \
    X(MODEL_PERMISSION, -41, 1, 0, "PermissionDeniedError", "the key may not use this model") \
    X(MODEL_NOT_FOUND, -42, 1, 0, "NotFoundError",      "no such provider or model") \
    X(MODEL_INVALID,  -43,  1, 0, "BadRequestError",    "the provider rejected the request") \
    X(MODEL_PARAMETER, -44, 1, 0, "UnsupportedParameterError", "the model rejects a parameter") \
    X(MODEL_CONTEXT,  -45,  1, 0, "ContextLengthError", "the prompt is too long for the model") \
    X(MODEL_FILTER,   -46,  1, 0, "ContentFilterError", "the provider filtered the content") \
    X(MODEL_QUOTA,    -47,  1, 0, "QuotaError",         "the account's quota is used up") \
    X(MODEL_RATE,     -48,  1, 1, "RateLimitError",     "rate limited") \
    X(MODEL_OVERLOADED, -49, 1, 1, "OverloadedError",   "the provider is overloaded") \
    X(MODEL_TIMEOUT,  -50,  1, 1, "APITimeoutError",    "the provider did not answer in time") \
    X(MODEL_SERVER,   -51,  1, 1, "InternalServerError", "the provider failed") \
    X(MODEL_NETWORK,  -52,  1, 1, "APIConnectionError", "the provider cannot be reached") \
    X(MODEL_TRUNCATED, -53, 1, 1, "StreamTruncatedError", "the provider's stream ended early") \
    X(AGENT,          -60,  1, 0, "AgentError",         "the agent's configuration cannot be run") \
    X(SWARM,          -61,  1, 0, "SwarmError",         "the swarm's configuration cannot be run") \
    X(TOOL,           -62,  1, 0, "ToolError",          "a tool cannot be used") \
    X(BUDGET,         -63,  1, 0, "BudgetError",        "the task's limit of cost or tokens was reached") \
    X(LOOP,           -64,  1, 0, "LoopError",          "the agent went round in a circle")

enum orb_code {
    ORB_OK = 0,
#define ORB_ERROR_ENUM(name, code, exit, retry, type, text) ORB_E_##name = code,
    ORB_ERRORS(ORB_ERROR_ENUM)
#undef ORB_ERROR_ENUM
};

/* Detail of one error: the thing, the reason and the next step in words. */
struct orb_error {
    int code;              /* 0 or a code of ORB_ERRORS */
    int64_t retry_after_ms; /* what the peer asked for; 0 = nothing */
    char text[488];        /* valid UTF-8, no control bytes */
};

ORB_API const char *orb_error_text(int code); /* what the code means; static */
ORB_API const char *orb_error_type(int code); /* class name, e.g. "RateLimitError"; static */
ORB_API int orb_error_exit(int code);         /* exit status */
ORB_API int orb_error_is_retryable(int code);
ORB_API const char *orb_error_message(const struct orb_error *err); /* err->text, or the code's text when empty */

/* Fill err (may be NULL) and return code, so that `return orb_error_set(...)`
 * works. Text over the limit is cut at a character; control bytes are replaced. */
ORB_API int orb_error_set(struct orb_error *err, int code, const char *fmt, ...) ORB_PRINTF(3, 4);

/* Task ids: [A-Za-z0-9._-]{1,128}, not "index". New ones are a version 4 UUID
 * as 32 lower-case hex digits, as the Python package makes them. */
#define ORB_ID_MAX 128
ORB_API void orb_id_new(char out[33]);
ORB_API int orb_id_is_valid(const char *id);

/* Text from outside made safe for a terminal: control characters (C0 but tab
 * and newline, DEL, C1), bidi controls, zero-width and tag characters and bytes that
 * are not UTF-8 become visible marks such as \x1b or \u202e; nothing else
 * changes. With ORB_SAFE_LINE tab and newline become \t and \n as well. Writes at most
 * cap bytes, never half a character, always terminated (cap > 0); returns the
 * bytes of src consumed, so that long text can be shown in pieces.
 * A mark is never split: 16 bytes of cap are enough to make progress. */
enum { ORB_SAFE_TEXT = 0, ORB_SAFE_LINE = 1 };
ORB_API size_t orb_safe_text(const char *src, size_t len, int flags, char *dst, size_t cap);

/* Terminal columns of UTF-8 text (control and invalid bytes count 0). */
ORB_API size_t orb_text_columns(const char *s, size_t len);

ORB_API double orb_now(void); /* seconds since 1970, wall clock */

#ifdef __cplusplus
}
#endif
#endif
