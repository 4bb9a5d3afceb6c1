#include "client/actor.h"
#include "base/base.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Static texts: a process has one user and one name, whatever number of clients. */
const char *orb_actor_who(void)
{
    static char who[128];
    const char *name = getenv("ORBITER_USER");
    char raw[128];
    if (!name || !*name) {
        struct passwd entry, *found = NULL;
        char text[1024];
        if (getpwuid_r(getuid(), &entry, text, sizeof text, &found) || !found)
            snprintf(raw, sizeof raw, "uid %u", (unsigned)getuid());
        else
            snprintf(raw, sizeof raw, "%s", entry.pw_name);
        name = raw;
    }
    orb_safe_text(name, strlen(name), ORB_SAFE_LINE, who, sizeof who);
    return who;
}

const char *orb_actor_from(void)
{
    static char from[300];
    char host[256] = "localhost";
    gethostname(host, sizeof host - 1);
    snprintf(from, sizeof from, "%s:%d", host, (int)getpid());
    return from;
}
