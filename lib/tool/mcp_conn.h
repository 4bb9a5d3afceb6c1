/* The connection to one MCP server: opened at first use, shared by all tasks, opened again when it has died. The protocol is mcp_wire.h's;
 * this is the shell, with one file for each transport. */
#ifndef ORB_TOOL_MCP_CONN_H
#define ORB_TOOL_MCP_CONN_H

#include "loop/loop.h"
#include "tool/flood.h"
#include "tool/mcp_wire.h"

#include <sys/queue.h>

#define ORB_MCP_OPEN_MS 30000            /* for a step of opening, and for a list of tools; less when the server's "timeout" is less */
#define ORB_MCP_PROBE_MS 5000            /* a stdio server that is silent for so long after server/discover is a legacy one */
#define ORB_MCP_PING_MS 5000             /* a server that has let a call time out, and said nothing since, must answer within so long */
#define ORB_MCP_REQUESTS_MAX 10000       /* that wait or are under way, of one server */
#define ORB_MCP_GARBAGE_MAX (1024 * 1024) /* bytes of lines that are no messages, between two messages */
#define ORB_MCP_STDERR_MAX (64 * 1024)   /* bytes of a server's stderr that are logged, from one start to the next */
#define ORB_MCP_STDERR_LINE 400
#define ORB_MCP_MESSAGE_COST 256         /* bytes that a message counts beside its own, when it is no answer (flood.h) */
#define ORB_MCP_RARELY_MS 10000          /* a complaint that could come with every message is logged once in so long a time */
#define ORB_MCP_ANSWERS_MAX 128          /* answers to a server's own requests, and notifications, that are under way over HTTP */
#define ORB_MCP_BACKOFF_MS 100           /* after a failure, doubled up to... */
#define ORB_MCP_BACKOFF_MAX_MS 30000
#define ORB_MCP_BACKOFF_WAIT_MS 2000     /* calls wait for so long a back-off; during a longer one they fail at once */
#define ORB_MCP_LIST_MS 300000           /* a list of tools is asked for again after so long, unless the server says otherwise (ttlMs)... */
#define ORB_MCP_LIST_MIN_MS 1000
#define ORB_MCP_LIST_MAX_MS 3600000
#define ORB_MCP_END_MS 300               /* at the end: after closing stdin, and again after SIGTERM */
#define ORB_MCP_GOODBYE_MS 1000          /* at the end: for servers to hear that their sessions are over */

struct orb_mcp;

/* result is borrowed. Exactly once, from the loop. */
typedef void (*orb_mcp_cb)(void *arg, const json_t *result, const struct orb_error *err);
/* What the server says about a call under way. */
typedef void (*orb_mcp_progress_cb)(void *arg, const char *text);

struct orb_mcp_request {
    TAILQ_ENTRY(orb_mcp_request) next;
    struct orb_mcp *mcp;
    int64_t id, sent_ms;
    const char *method;
    char *name, *cursor;        /* tools/call, tools/list */
    json_t *arguments, *schema; /* tools/call */
    int is_handshake, is_sent, is_ended, is_repeated;
    int opening;                /* the opening of the connection in which it was sent */
    void *post;                 /* HTTP: the request that carries it */
    json_t *result;
    struct orb_error err;
    orb_mcp_cb cb;
    orb_mcp_progress_cb progress; /* NULL: nobody wants to know */
    void *arg;
};
TAILQ_HEAD(orb_mcp_requests, orb_mcp_request);

struct orb_mcp_driver {
    size_t parallel_max;        /* requests at a time */
    /* Starts opening; orb_mcp_opened or orb_mcp_down follows, also from inside. */
    int (*open)(struct orb_mcp *mcp, struct orb_error *err);
    /* request NULL: a notification or an answer. text is one line without its end. */
    int (*send)(struct orb_mcp *mcp, struct orb_mcp_request *request, const char *text, size_t len, struct orb_error *err);
    /* No longer wanted; the request is ended by the caller. */
    void (*drop)(struct orb_mcp *mcp, struct orb_mcp_request *request);
    /* Ends what is open, at once; may be called twice. */
    void (*close)(struct orb_mcp *mcp);
    /* For the end of the worker: asks the server to end; sends the signal (0 = none) and waits for it. May be NULL. */
    void (*ask_end)(struct orb_mcp *mcp);
    void (*wait_end)(struct orb_mcp *mcp, int wait_ms, int signo);
};
extern const struct orb_mcp_driver orb_mcp_driver_stdio, orb_mcp_driver_http, orb_mcp_driver_sse;

enum orb_mcp_state { ORB_MCP_STATE_DOWN, ORB_MCP_STATE_OPENING, ORB_MCP_STATE_UP };

typedef void (*orb_mcp_list_cb)(void *arg, const struct orb_mcp_tools *tools, const struct orb_error *err);
struct orb_mcp_waiter {
    TAILQ_ENTRY(orb_mcp_waiter) next;
    orb_mcp_list_cb cb;
    void *arg;
};

struct orb_mcp {
    struct orb_loop *loop;
    struct orb_mcp_config *config;
    void (*log)(void *arg, const char *server, const char *line); /* may be NULL */
    void *log_arg;
    enum orb_mcp_state state;
    const struct orb_mcp_driver *driver;
    struct orb_mcp_era era;
    void *link;                 /* the driver's */
    char *session;              /* MCP-Session-Id, or NULL */
    int64_t last_id, opened_ms, failed_ms, heard_ms;
    int opening, failures, is_ending, is_failing;
    int is_asked;               /* whether it is still there */
    struct orb_error failure;   /* why it is down */
    struct orb_flood flood;     /* of what it says beside its answers */
    int64_t complained_ms;
    struct orb_timer *timer;    /* opening: the step's limit; down: the back-off; up: the limit of is_asked */
    struct orb_mcp_requests waiting, sent, ended;
    size_t count, sent_count;
    /* The list of tools. */
    struct orb_mcp_tools tools, partial;
    int has_tools, is_listing, is_stale; /* stale: the server has said so, or was opened anew */
    int64_t listed_ms;
    struct orb_timer *list_timer;
    struct orb_mcp_request *list_request;
    TAILQ_HEAD(orb_mcp_waiters, orb_mcp_waiter) waiters, told; /* told: those of the list that has just ended */
};

/* Takes config. */
struct orb_mcp *orb_mcp_new(struct orb_loop *loop, struct orb_mcp_config *config_take);
/* Requests and lists under way get no callback any more. What is open must have been ended before (orb_mcp_end_all). */
void orb_mcp_free(struct orb_mcp *mcp);
/* Ends servers and sessions as the protocol wants it: waits at most ORB_MCP_GOODBYE_MS (when there are sessions) and
 * 2 * ORB_MCP_END_MS for all of them together. */
void orb_mcp_end_all(struct orb_mcp *const *list, size_t count);

/* schema: of the tool, for the headers that it wants; may be NULL. ORB_E_TOO_LARGE, ORB_E_TOOL. */
int orb_mcp_call(struct orb_mcp *mcp, const char *tool, json_t *arguments, json_t *schema, orb_mcp_cb cb, orb_mcp_progress_cb progress, void *arg,
                 struct orb_mcp_request **out, struct orb_error *err) ORB_MUST_CHECK;
/* The callback comes with ORB_E_CANCELLED. */
void orb_mcp_cancel(struct orb_mcp_request *request);
/* The same, because its time is over: a server that others depend on, too, is asked whether it is still there. */
void orb_mcp_timed_out(struct orb_mcp_request *request);
/* Those that the configuration allows are up to the caller. Follows the loop rule. */
void orb_mcp_list(struct orb_mcp *mcp, orb_mcp_list_cb cb, void *arg);
/* No callback with this arg any more. */
void orb_mcp_list_forget(struct orb_mcp *mcp, void *arg);

/* ---- for drivers ---- */

void orb_mcp_opened(struct orb_mcp *mcp);
/* A message came; request: the one on whose own stream, or NULL. 0 = it is not one. flood: where its bytes were counted; those of
 * an answer are forgiven. */
int orb_mcp_receive(struct orb_mcp *mcp, struct orb_mcp_request *request, const char *text, size_t len, struct orb_flood *flood);
/* Bytes came on a stream that is no request's own: what answers nothing has a maximum, then the connection goes down. */
void orb_mcp_count(struct orb_mcp *mcp, size_t bytes);
#define ORB_MCP_FLOOD_TEXT "it sends over 16 MiB that answer nothing, and more than 1 MiB a second"
/* HTTP refused it, or its stream ended without an answer. status 0 = there was no answer at all; body: what the server said, or NULL. */
void orb_mcp_refused(struct orb_mcp *mcp, struct orb_mcp_request *request, int status, const char *body, size_t len, const char *text);
/* The message with this id was too long to be read. */
void orb_mcp_lost(struct orb_mcp *mcp, int64_t id);
/* The connection is gone: what was sent fails. May be called from inside of any callback. */
void orb_mcp_down(struct orb_mcp *mcp, const char *fmt, ...) ORB_PRINTF(2, 3);
void orb_mcp_log(struct orb_mcp *mcp, const char *line, size_t len);

/* mcp_http.c: DELETE for each session of streamable HTTP; returns when all have answered or the time is over. */
void orb_mcp_end_sessions(struct orb_mcp *const *list, size_t count);

/* ---- between mcp_conn.c, mcp_request.c and mcp_cache.c ---- */

void orb_mcp_advance(struct orb_mcp *mcp);       /* opens, or sends what waits */
void orb_mcp_request_end(struct orb_mcp_request *request, json_t *result, const struct orb_error *err);
struct orb_mcp_request *orb_mcp_request_new(struct orb_mcp *mcp, const char *method, orb_mcp_cb cb, void *arg);
int orb_mcp_request_send(struct orb_mcp_request *request, struct orb_error *err) ORB_MUST_CHECK;
void orb_mcp_send_plain(struct orb_mcp *mcp, const struct orb_mcp_outgoing *message);
void orb_mcp_handshake(struct orb_mcp *mcp, const struct orb_mcp_outcome *outcome);

#endif
