#include "client/seen.h"

#include <stdio.h>
#include <string.h>

const char *orb_seen_task(const struct orb_task_seen *seen, char out[ORB_SEEN_MAX])
{
    if (!seen)
        *out = '\0';
    else if (seen->attempt < 0)
        snprintf(out, ORB_SEEN_MAX, "%s", orb_status_word(seen->status));
    else
        snprintf(out, ORB_SEEN_MAX, "%s %d", orb_status_word(seen->status), seen->attempt);
    return out;
}

int orb_seen_changed(const char *what, const char *now, struct orb_error *err)
{
    int word = (int)strcspn(now, " ");
    if (!word)
        return orb_error_set(err, ORB_E_CHANGED, "%s has changed since it was looked at: it is gone; nothing was done", what);
    return orb_error_set(err, ORB_E_CHANGED, "%s has changed since it was looked at: it is %.*s now, in attempt %s; nothing was done, look again", what,
                         word, now, now[word] ? now + word + 1 : "0");
}
