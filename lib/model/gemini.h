/* The parts of Google's providers: gemini.c makes requests of gemini_content.c's conversations, gemini_stream.c reads
 * replies, vertex.c asks for the same at another place. Source: the reference of models.generateContent, v1beta. */
#ifndef ORB_MODEL_GEMINI_H
#define ORB_MODEL_GEMINI_H

#include "model/model.h"

/* What an item of a turn's kept array is (ORB_DELTA_KEEP): the signature of a thought and where it belongs.
 *   {"call": 0, "id": "fc_1", "thoughtSignature": "…"}   of the first call; either of both may be missing
 *   {"from": 0, "to": 12, "thoughtSignature": "…"}       of a part with these bytes of the turn's text */

struct orb_gemini_state {
    int calls;              /* so far */
    size_t text_len;        /* so far */
    size_t kept_bytes;
    enum orb_finish finish;
    int has_finish;
};

/* The message array as contents, and what the system says (gemini_content.c). */
int orb_gemini_contents(const struct orb_provider *provider, const struct orb_model_call *call, struct orb_buf *b, struct orb_error *err);
/* A text part of each system message, comma between; 0 when there is none. */
int orb_gemini_system(const struct orb_model_call *call, struct orb_buf *b);
/* The whole body (gemini.c). */
int orb_gemini_body(const struct orb_provider *provider, const struct orb_model_call *call, struct orb_buf *b, struct orb_error *err);
/* text as one segment of a URL's path. */
void orb_gemini_put_segment(struct orb_buf *b, const char *text);
/* URL, headers and body of a call; path: before the model's name. */
int orb_gemini_request(const struct orb_provider *provider, const struct orb_server *server, const char *path, const struct orb_model_call *call,
                       struct orb_model_request *out, struct orb_error *err);

int orb_gemini_data(const struct orb_provider *provider, void *state, const char *event, const char *data, size_t len, orb_delta_fn fn, void *arg,
                    struct orb_error *err);
int orb_gemini_is_ending(const void *state);
int orb_gemini_end(void *state, orb_delta_fn fn, void *arg, struct orb_error *err);

#endif
