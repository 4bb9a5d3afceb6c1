/* Model providers: what they are asked, what they answer, and the rows of the
 * provider table. A provider is pure: it turns a call into a request and bytes
 * into deltas, and does no I/O. lib/model/call.c feeds it from the loop. */
#ifndef ORB_MODEL_MODEL_H
#define ORB_MODEL_MODEL_H

#include "base/buf.h"
#include "base/json.h"
#include <orbiter/fleet.h>

/* What one step asks. Borrowed by the codec for the call to request(). */
struct orb_model_call {
    const char *model;       /* without the provider: "gpt-4o" */
    json_t *messages;        /* array in the payload's form (docs/WIRE.md): role system, user, assistant with
                                tool_calls [{id,name,arguments}], tool {tool_call_id,tool_name,content,error}. An
                                assistant turn of this run may have kept_by, a provider's name, and kept, the array of
                                what ORB_DELTA_KEEP brought with it: that provider sends it back unchanged, others
                                leave it out */
    json_t *tools;           /* array of {name, description, parameters}, or NULL */
    double temperature;
    int64_t max_tokens;      /* 0 = not set */
    const json_t *options;   /* object or NULL: reasoning_effort (none, minimal, low, medium, high, xhigh), top_p, stop
                                (array of strings), tool_choice (auto, none, required, or a tool's name),
                                parallel_tool_calls, cache (false = no prompt-cache hints). Checked by the agent */
    const json_t *output_schema; /* JSON Schema of the answer, or NULL; it is called output_name there */
    const char *output_name;
    const char *token;       /* of the provider's token source, or NULL */
};

struct orb_usage {
    int64_t input_tokens, output_tokens, total_tokens;
    int64_t cached_tokens;      /* of the input: read from the provider's cache */
    int64_t cache_write_tokens; /* of the input: written to it */
    int64_t reasoning_tokens;   /* of the output */
};

enum orb_finish { ORB_FINISH_STOP, ORB_FINISH_TOOL_CALLS, ORB_FINISH_LENGTH, ORB_FINISH_FILTER };

enum orb_delta_type { ORB_DELTA_TEXT, ORB_DELTA_REASONING, ORB_DELTA_TOOL_CALL, ORB_DELTA_USAGE, ORB_DELTA_FINISH,
                      ORB_DELTA_KEEP /* what this provider wants back with this turn: thinking blocks, signatures */ };
struct orb_delta {
    enum orb_delta_type type;
    const char *text;        /* TEXT, REASONING; TOOL_CALL: a piece of the arguments ("" = none) */
    size_t len;
    int index;               /* TOOL_CALL: which call of this step, 0.. in order of appearance */
    const char *id, *name;   /* TOOL_CALL: NULL unless this piece brings them; they replace */
    struct orb_usage usage;  /* USAGE: replaces what came before */
    enum orb_finish finish;  /* FINISH */
    json_t *keep;            /* KEEP: borrowed; one more item of the turn's array */
};
typedef void (*orb_delta_fn)(void *arg, const struct orb_delta *delta);

/* An HTTP request as a value. */
#define ORB_REQUEST_URL_MAX 2048
struct orb_model_request {
    char url[ORB_REQUEST_URL_MAX];
    struct orb_buf headers;  /* "Name: value" lines, each ended by a NUL */
    struct orb_buf body;     /* JSON */
};

struct orb_provider;
struct orb_server; /* server.h */

/* A provider that speaks HTTP with server-sent events. */
struct orb_codec {
    size_t state_size;       /* zeroed state for one reply */
    int (*request)(const struct orb_provider *provider, const struct orb_model_call *call, struct orb_model_request *out, struct orb_error *err);
    /* The data of one server-sent event (event: its name, "" = none). 0; 1 = the reply is
     * complete, ignore the rest; or negative with err. */
    int (*data)(const struct orb_provider *provider, void *state, const char *event, const char *data, size_t len, orb_delta_fn fn, void *arg, struct orb_error *err);
    /* Was the last word said, so that only what stands behind it may follow (usage, the mark of the end)? NULL: data says it all. */
    int (*is_ending)(const void *state);
    /* The body has ended. ORB_E_MODEL_TRUNCATED when it ended too early. */
    int (*end)(void *state, orb_delta_fn fn, void *arg, struct orb_error *err);
    /* A reply whose HTTP status is not 2xx, or whose body is no event stream:
     * the class of error and a message. Returns the code. */
    int (*refusal)(const struct orb_provider *provider, int http_status, const char *body, size_t len, struct orb_error *err);
    void (*done)(void *state); /* frees what state holds; may be NULL */
};

/* A token that requests need, and that another request brings (OAuth). The shell keeps it until it is near its end. */
struct orb_token_source {
    int (*request)(const struct orb_provider *provider, struct orb_model_request *out, struct orb_error *err);
    /* *token is the caller's; life_s: how long it is good. */
    int (*reply)(const struct orb_provider *provider, int http_status, const char *body, size_t len, char **token, int64_t *life_s,
                 struct orb_error *err);
};

/* A provider without a server: it says what comes when. */
struct orb_source {
    size_t state_size;       /* zeroed */
    int (*start)(void *state, const struct orb_model_call *call, struct orb_error *err);
    /* Give what is due at elapsed_us since the start. 0: more at *next_us
     * (since the start); 1: complete; negative: failed, with err. */
    int (*next)(void *state, int64_t elapsed_us, orb_delta_fn fn, void *arg, int64_t *next_us, struct orb_error *err);
    void (*done)(void *state);
};

struct orb_provider {
    struct orb_provider_info info;
    int (*check)(const char *model, struct orb_error *err); /* NULL: any name without blanks */
    const struct orb_codec *codec;    /* one of the two */
    const struct orb_source *source;
    const struct orb_server *server;  /* of a codec: where it is and as whom it is asked */
    const struct orb_token_source *token; /* or NULL */
    const char *family;               /* whose rows of rules.c hold; NULL = the provider's name */
};

/* All there are, in order: the rows of provider.c, those of compatible.c, those of files (files.c); NULL behind the last. */
const struct orb_provider *orb_provider_at(size_t i);
/* Splits "provider:model" at the first colon (no colon: openai) and finds the
 * row; *model points into text. ORB_E_MODEL_NOT_FOUND names those there are. */
int orb_provider_find(const char *text, const struct orb_provider **out, const char **model, struct orb_error *err) ORB_MUST_CHECK;

/* Is this a model that the provider may be asked for? ORB_E_MODEL_INVALID. */
int orb_provider_check(const struct orb_provider *provider, const char *model, struct orb_error *err) ORB_MUST_CHECK;

/* chain.c: the models of a model string, "a:x" or "a:x | b:y", each asked when the one before failed. */
#define ORB_MODELS_MAX 16
#define ORB_MODEL_BYTES_MAX 511
struct orb_models {
    char *copy;
    const char *at[ORB_MODELS_MAX]; /* without the blanks around them */
    size_t count;
};
/* ORB_E_MODEL_INVALID when one of a chain is missing, or there are too many or too long ones. */
int orb_models_read(const char *text, struct orb_models *out, struct orb_error *err) ORB_MUST_CHECK;
void orb_models_done(struct orb_models *models);

extern const struct orb_provider orb_provider_openai; /* openai.c */
extern const struct orb_provider orb_provider_sim;    /* sim.c */
extern const struct orb_provider orb_provider_anthropic; /* anthropic.c */
extern const struct orb_provider orb_provider_responses; /* responses.c */
extern const struct orb_provider orb_provider_azure;  /* azure.c */
/* compatible.c: servers that speak OpenAI's protocol; ended by a NULL name. */
extern const struct orb_provider orb_provider_compatible[];
#define ORB_COMPATIBLE_MAX 16
extern const struct orb_provider orb_provider_gemini; /* gemini.c */
extern const struct orb_provider orb_provider_vertex; /* vertex.c */

#endif
