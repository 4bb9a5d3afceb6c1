/* Many questions to Redis that travel together, and what is done when all have been answered. */
#ifndef ORB_CLIENT_ASK_H
#define ORB_CLIENT_ASK_H

#include "client/client.h"

struct orb_ask {
    struct orb_client *client;
    void (*done)(void *arg);   /* all have been read; err says whether one failed */
    void *arg;
    size_t pending;
    struct orb_error err;
};
/* err: the key is not there or not what it should be; with ORB_ASK_CLOSED, this user may not read it (ORB_E_REFUSED). Then
 * reply is NULL, which reads as empty. Other errors are the ask's. */
typedef void (*orb_ask_fn)(void *arg, size_t which, const struct orb_reply *reply, const struct orb_error *err);
enum { ORB_ASK_CLOSED = 1 };
/* One command, in b, which is initialised anew. which: for the one who reads. */
void orb_ask(struct orb_ask *ask, struct orb_buf *b_take, orb_ask_fn read, size_t which, int flags);
/* The same from words, NULL at the end. */
void orb_ask_words(struct orb_ask *ask, orb_ask_fn read, size_t which, int flags, const char *const *words);
/* done comes, later, also when nothing was asked. Once for the questions since the last one. */
void orb_ask_end(struct orb_ask *ask);

#endif
