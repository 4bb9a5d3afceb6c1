/* A model provider for tests: the wire formats of dialect.h over HTTP/1.1, scripted
 * by the request's model name, with a ledger of what it was asked and of how
 * each reply ended. It speaks to programs under test only, on the loopback. */
#ifndef FAKE_H
#define FAKE_H

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What a request's model name asks for: "fake?tokens=10&rate=50". The keys are
 * listed in script.c. */
struct script {
    int64_t tokens, rate, first, status, retry_after, retry_after_ms, should_retry, error_at, cut, reset, stall, split, fails, calls, again, reasoning;
    int64_t html, crlf, comment, nodone, nousage, nofinish, usage_last, noindex, index0, noid, argsobj, repeat, stopfinish,
        nochoices, prefilter, deltanull, multiline, errstr, errtop, noblank, echo, plain, hold, sign;
    int64_t limit_reset_at, refusal, details, timings, endless, size, args_size, early, steps, prompt, cached, written;
    char *text, *tool, *args, *code, *type, *message, *finish, *limit_reset, *bad;
};
/* 0, or -1 with why in why. */
int script_parse(const char *model, struct script *out, char *why, size_t cap);
void script_free(struct script *s);
void script_help(FILE *out); /* the keys, one a line */

/* ledger.c: JSON lines; closed by ledger_close. */
int ledger_open(const char *path);
void ledger_close(void);
void ledger_request(int64_t n, const char *path, const char *authorization, const char *organization, const char *key, const char *model, json_t *body);
void ledger_end(int64_t n, const char *reason, int64_t tokens, const char *sha256, const char *text, json_t *bill_take);

/* Tokens, as a usage tells them: cached and written ones are of the input, reasoning is of the output. */
struct counts {
    int64_t input, cached, written, output, reasoning;
};

struct conn;
struct dialect;

/* One reply being sent. */
struct reply {
    struct conn *conn;
    const struct dialect *dialect;
    int64_t n;                 /* number of the request */
    struct script script;
    char *text;                /* of the answer; NULL: tokens w1 w2 … */
    char *input;               /* last user message */
    size_t text_pos;
    int64_t total, sent, start_us;
    int is_tool_step;
    char model[64];            /* without its script */
    struct counts told;        /* by the last usage that was sent */
    int has_told;
    int64_t block;             /* of Anthropic's: the content block, and whether it is one of text */
    int is_text_open;
    struct event timer;
    EVP_MD_CTX *sha;
    char said[1024];           /* the start of what was sent, for the ledger */
    size_t said_len;
};

/* reply.c */
/* key: what came as the key, without "Bearer "; may be NULL. */
struct reply *reply_new(struct conn *conn, int64_t n, const struct dialect *dialect, const char *path, json_t *body, const char *key);
void reply_end(struct reply *reply, const char *reason); /* writes the ledger and frees */
void tallies_free(void);

/* bad.c: what the script's bad= names, in place of a reply */
int bad_is_known(const char *name);
void bad_start(struct reply *reply);

/* bill.c */
int bill_open(const char *path); /* of --prices */
void bill_close(void);
/* The counts of a usage that is being sent. written: what this dialect has for tokens written to the cache when the script says nothing. */
const struct counts *bill_tell(struct reply *r, int64_t written, int64_t output, int64_t reasoning);
json_t *bill_of(const struct reply *r); /* null when nothing was told */

/* token.c: an OAuth server */
int token_is_path(const char *path);
void token_serve(struct conn *conn, int64_t n, const char *path, const char *body, size_t len);
int token_is_good(const char *token); /* the newest that was given */

/* conn.c */
struct event_base *fake_base(void);
void conn_accept(int fd);
void conn_close_all(void);
void conn_split(struct conn *conn, size_t bytes); /* from here on send so many bytes per write */
void conn_send(struct conn *conn, const char *data, size_t len);
void conn_chunk(struct conn *conn, const char *data, size_t len); /* as one HTTP chunk */
size_t conn_unsent(struct conn *conn); /* bytes that the client has not taken yet */
#define CONN_UNSENT_MAX (256 * 1024)   /* what has no end waits then */
/* The reply has been sent whole; reads the next request. */
void conn_replied(struct conn *conn);
/* Closes after what was sent (is_reset: with a TCP reset, at once). */
void conn_close(struct conn *conn, int is_reset);

#endif
