/* What the commands about dead letters share. */
#ifndef ORB_CLI_DEAD_H
#define ORB_CLI_DEAD_H

#include "cli.h"

#include <orbiter/dead.h>

/* The members of a letter, without its payload. */
json_t *dead_json(const struct orb_dead_letter *letter);
/* The task's id, or the letter's when it has none. */
const char *dead_name(const struct orb_dead_letter *letter);

/* Letters picked by ids (operands), by --queue or by --reason, and what came of each. */
struct dead_pick {
    struct cli *cli;
    struct orb_dead_filter filter;
    char *is_seen;              /* of each id */
    size_t matched, done;
    int code, is_mixed;         /* code: of all so far, unless they differ */
    struct orb_error end;       /* of the walk */
    char said[sizeof((struct orb_error *)0)->text]; /* the error that was said last */
};
/* 0, or a code that was said: nothing was picked, an id is none. */
int dead_pick_init(struct dead_pick *pick, struct cli *cli, const char *queue, const char *reason, int argc, char **argv);
void dead_pick_done(struct dead_pick *pick);
/* From the callbacks: what came of a letter; said when it is an error. */
void dead_picked(struct dead_pick *pick, const struct orb_dead_letter *letter, const struct orb_error *err);
/* The same for the end; stops the waiting. */
void dead_pick_end(struct dead_pick *pick, const struct orb_error *err);
/* Says which ids were not found; the code of it all. */
int dead_pick_code(struct dead_pick *pick);

#endif
