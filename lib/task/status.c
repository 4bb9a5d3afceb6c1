/* The six states of a task, as they are written. */
#include "task/task.h"

#include <string.h>
#include <strings.h>

static const char *const words[ORB_STATUS_COUNT] = { "pending", "running", "completed", "failed", "cancelled", "retrying" };

const char *orb_status_word(enum orb_status status)
{
    return words[status];
}

int orb_status_parse(const char *word, enum orb_status *out)
{
    for (int i = 0; i < ORB_STATUS_COUNT; i++)
        if (!strcasecmp(word, words[i])) {
            *out = (enum orb_status)i;
            return 0;
        }
    return ORB_E_USAGE;
}

int orb_status_is_final(enum orb_status status)
{
    return status == ORB_STATUS_COMPLETED || status == ORB_STATUS_FAILED || status == ORB_STATUS_CANCELLED;
}
