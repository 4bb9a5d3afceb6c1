/* A provider's wire format, one file and one row each (dialect.c). All of them
 * answer the same scripts (script.c); a key that a format has no room for does nothing there. */
#ifndef FAKE_DIALECT_H
#define FAKE_DIALECT_H

#include "fake.h"

struct dialect {
    const char *name;
    const char *path;                         /* what the request's path ends in, before its query; a * stands for anything up to it */
    char *(*model)(const char *path, const json_t *body);     /* allocated */
    char *(*user_text)(const json_t *body, int is_last);      /* of the first or last user message, allocated */
    int (*is_after_tool)(const json_t *body); /* the last turn is the answer of a tool */
    void (*first)(struct reply *r);           /* what may stand before text */
    void (*text)(struct reply *r, const char *text, size_t len);
    void (*calls)(struct reply *r);           /* the tool calls */
    void (*error)(struct reply *r);           /* an error inside the stream */
    void (*tail)(struct reply *r);            /* finish, usage, the end of the stream but for its last HTTP chunk */
    void (*refusal)(struct reply *r, const char *key); /* a whole HTTP reply */
    void (*plain)(struct reply *r);           /* a whole HTTP reply with JSON in place of a stream */
    /* What the real API would refuse: 0, or the HTTP status and why. script: what the model's name asks for. May be NULL. */
    int (*check)(const char *path, const json_t *body, const char *key, const struct script *script, char *why, size_t cap);
};
/* NULL when no dialect has this path. */
const struct dialect *dialect_find(const char *path);

extern const struct dialect dialect_openai; /* openai.c */
extern const struct dialect dialect_anthropic; /* anthropic.c */

/* ---- of Anthropic's ---- */

#define FAKE_ANTHROPIC_REDACTED "ZmFrZQ=="
void fake_anthropic_signature(const char *thinking, char out[32]);
char *fake_anthropic_mistake(const json_t *body); /* anthropic_check.c; allocated, or NULL */
extern const struct dialect dialect_responses; /* responses.c */
extern const struct dialect dialect_gemini; /* gemini.c */

/* ---- what they share ---- */

const char *dialect_eol(const struct reply *r);
/* One server-sent event as the script wants it: line ends, comments, several data lines. event: its name, or NULL. */
void dialect_event(struct reply *r, const char *event, const char *json, size_t len, int is_last);
void dialect_event_json(struct reply *r, const char *event, json_t *value_take, int is_last);
/* A whole HTTP reply; extra: header lines, or "". */
void dialect_whole(struct reply *r, int64_t status, const char *type, const char *extra, const char *body);
/* The script's page in place of JSON: 1 when it was sent. */
int dialect_page(struct reply *r);
/* A refusal with the headers that the script asks for, or the script's page. */
void dialect_refuse(struct reply *r, json_t *root_take);
/* The script's message; $KEY in it is the key that came (may be NULL). */
void dialect_message(const struct reply *r, const char *key, char *out, size_t cap);
/* The arguments of the calls, as JSON text; allocated. */
char *dialect_arguments(const struct reply *r);

/* What OpenAI's two protocols reject of a reasoning model, and of any. 0, or -1 and why. tokens: the member that it has for the limit. */
int dialect_check_openai(const json_t *body, const char *tokens, char *why, size_t cap);
/* The finish word of the script, as this dialect says it: pairs of normal word and own word, ended by NULL. def when there is none. */
const char *dialect_finish(const struct reply *r, const char *const *pairs, const char *def);

#endif
