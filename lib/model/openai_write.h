/* What requests of OpenAI's two protocols, chat completions and Responses, have in common. */
#ifndef ORB_MODEL_OPENAI_WRITE_H
#define ORB_MODEL_OPENAI_WRITE_H

#include "model/model.h"
#include "model/rules.h"

#define ORB_OPENAI_HEADERS_MAX 16384

/* Where a request goes and as whom; then body writes it. Everything is freed on failure. */
typedef int (*orb_openai_body_fn)(const struct orb_provider *provider, const struct orb_model_call *call, struct orb_buf *b, struct orb_error *err);
int orb_openai_request_to(const struct orb_provider *provider, const char *path, const struct orb_model_call *call, orb_openai_body_fn body,
                          struct orb_model_request *out, struct orb_error *err) ORB_MUST_CHECK;

/* The rules of this model at this provider. */
const struct orb_model_rules *orb_openai_rules(const struct orb_provider *provider, const char *model);
/* The effort to be sent: the wanted one, or the next higher (else the highest) that the model knows; NULL = none. */
const char *orb_openai_effort(const struct orb_model_call *call, const struct orb_model_rules *rules);
/* , "temperature": ..., "top_p": ... for models that take them. */
void orb_openai_put_sampling(struct orb_buf *b, const struct orb_model_call *call, const struct orb_model_rules *rules);
/* , "tool_choice": ..., "parallel_tool_calls": ...; is_flat: a tool is named as the Responses API does. */
void orb_openai_put_choice(struct orb_buf *b, const struct orb_model_call *call, const struct orb_model_rules *rules, int is_flat);
/* A message that tells a model without such a mode what the answer must be, and a comma; nothing for the others. */
void orb_openai_put_words(struct orb_buf *b, const struct orb_model_call *call, const struct orb_model_rules *rules);
/* "name": ..., "schema": ..., "strict": ... of the output schema. */
void orb_openai_put_schema(struct orb_buf *b, const struct orb_model_call *call);
/* , "prompt_cache_key": ...: the same for all calls of an agent, so that they meet where the start of their prompt is cached. */
void orb_openai_put_cache_key(struct orb_buf *b, const struct orb_model_call *call, const struct orb_model_rules *rules);
/* Would the API take this schema as a strict one? All members required, nothing else allowed, and only keywords that it knows. */
int orb_openai_is_strict(const json_t *schema);

#endif
