/* What an attempt has come to: what is told of its end. */
#ifndef ORB_EXEC_ENDING_H
#define ORB_EXEC_ENDING_H

#include "exec/local.h"

#define ORB_RESULT_MAX (32 * 1024 * 1024) /* of a task, as JSON */

struct orb_ending {
    enum orb_status status;  /* completed, failed or cancelled */
    struct orb_error err;    /* why it has not completed; else code 0 */
    struct orb_buf result;   /* of one that has completed: a JSON object */
    struct orb_buf partial;  /* of others: what was said until then */
    char usage[320];         /* JSON object, "" = it never began */
    char message[640];       /* of the terminal event */
};

/* err: the one of the attempt's callback, or NULL. is_cancelled: whatever the attempt has come to. */
void orb_ending_init(struct orb_ending *ending, const struct orb_attempt *attempt, const struct orb_error *err, int is_cancelled);
void orb_ending_done(struct orb_ending *ending);
/* What the attempt has said until now; out is the caller's. */
void orb_attempt_text(const struct orb_attempt *attempt, struct orb_buf *out);

#endif
