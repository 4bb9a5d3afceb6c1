/* A provider's request on its way: from the value to HTTP. */
#ifndef ORB_MODEL_SEND_H
#define ORB_MODEL_SEND_H

#include "loop/http.h"
#include "model/model.h"

/* Sends the request and frees what it holds, also when that fails. resets: see orb_http_request. */
int orb_model_send(struct orb_loop *loop, struct orb_model_request *request_take, const char *const *resets, const struct orb_http_callbacks *callbacks, void *arg,
                   struct orb_http **out, struct orb_error *err) ORB_MUST_CHECK;
/* host:port for messages; a URL may hold a password. */
void orb_model_host(const char *url, char *out, size_t cap);

#endif
