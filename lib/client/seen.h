/* What was seen of a task, for acts that are only for that (lib/store/seen.lua). */
#ifndef ORB_CLIENT_SEEN_H
#define ORB_CLIENT_SEEN_H

#include "client/client.h"
#include <orbiter/operate.h>

/* "status attempt", "status" or, for NULL, "". */
#define ORB_SEEN_MAX 32
const char *orb_seen_task(const struct orb_task_seen *seen, char out[ORB_SEEN_MAX]);
/* What a script says of it now, "status attempt" or "" (gone), as an error. what: the thing, "task x". Returns ORB_E_CHANGED. */
int orb_seen_changed(const char *what, const char *now, struct orb_error *err);

#endif
