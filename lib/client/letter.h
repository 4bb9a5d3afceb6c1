/* A dead letter as it stands in Redis, and which letters are meant. */
#ifndef ORB_CLIENT_LETTER_H
#define ORB_CLIENT_LETTER_H

#include "loop/redis.h"
#include <orbiter/dead.h>

/* An entry of XRANGE; borrows from it and from queue. Its size in bytes. */
size_t orb_letter_read(const struct orb_reply *entry, const char *queue, struct orb_dead_letter *out);

/* A copy that owns its texts. */
struct orb_letter_copy {
    struct orb_dead_letter letter;
    char *memory;
};
void orb_letter_dup(const struct orb_dead_letter *letter, struct orb_letter_copy *out);
void orb_letter_done(struct orb_letter_copy *copy);

/* A filter that owns its texts, and knows which ids have been found. */
struct orb_letter_match {
    char *queue, *reason;
    char **ids;
    char *is_found;
    size_t id_count, open; /* open: ids not found yet */
};
void orb_letter_match_init(struct orb_letter_match *match, const struct orb_dead_filter *filter);
void orb_letter_match_done(struct orb_letter_match *match);
/* An id matches the first letter only that has it. */
int orb_letter_is_match(struct orb_letter_match *match, const struct orb_dead_letter *letter);

#endif
