/* One model call on the loop: the shell around a provider's pure code. */
#ifndef ORB_MODEL_CALL_H
#define ORB_MODEL_CALL_H

#include "loop/loop.h"
#include "model/model.h"

struct orb_model_stream;
struct orb_model_callbacks {
    orb_delta_fn delta;
    /* Exactly once, last; the stream is freed after it. code 0 = the reply is complete. err is
     * never NULL; its retry_after_ms is what the provider asked for. */
    void (*done)(void *arg, int code, const struct orb_error *err);
};
/* model: the full string, "openai:gpt-4o" (call->model is set from it). A
 * connect that fails is repeated once. */
int orb_model_stream_start(struct orb_loop *loop, const char *model, struct orb_model_call *call,
                           const struct orb_model_callbacks *callbacks, void *arg,
                           struct orb_model_stream **out, struct orb_error *err) ORB_MUST_CHECK;
/* Closes the provider's connection at once; done comes later with
 * ORB_E_CANCELLED. No delta after it. May be called inside delta. */
void orb_model_stream_cancel(struct orb_model_stream *stream);

#endif
