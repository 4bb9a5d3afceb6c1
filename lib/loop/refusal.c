#include "loop/refusal.h"
#include "base/base.h"

#include <stddef.h>
#include <string.h>

int orb_refusal_is(const char *text, const char *prefix)
{
    return !strncmp(text, prefix, strlen(prefix));
}

static int is_any(const char *text, const char *const *prefixes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (orb_refusal_is(text, prefixes[i]))
            return 1;
    return 0;
}

int orb_refusal_is_trouble(const char *text)
{
    static const char *const prefixes[] = {
        "LOADING", "MASTERDOWN", "READONLY", "BUSY Redis", "MOVED ", "ASK ", "TRYAGAIN", "CLUSTERDOWN",
        "ERR Script attempted to access a non local key",
    };
    return is_any(text, prefixes, ORB_COUNT(prefixes));
}

int orb_refusal_is_passing(const char *text)
{
    static const char *const prefixes[] = { "OOM ", "MISCONF ", "NOREPLICAS " };
    return is_any(text, prefixes, ORB_COUNT(prefixes));
}

void orb_refusal_error(const char *text, const struct orb_redis_config *config, struct orb_error *err)
{
    static const char *const refused[] = { "NOAUTH", "WRONGPASS", "ERR invalid password", "ERR Client sent AUTH", "ERR AUTH" };
    /* A command of ours, or one inside a script. */
    static const char *const forbidden[] = { "NOPERM", "ERR The user executing the script", "ERR ACL failure in script" };
    int code = ORB_E_PROTOCOL;
    const char *hint = "", *script = strstr(text, " script: ");
    if (orb_refusal_is(text, "MOVED ") && !*config->prefix) {
        orb_error_set(err, ORB_E_CONFIG, ORB_CLUSTER_NEEDS_NAMESPACE);
        return;
    }
    if (is_any(text, refused, ORB_COUNT(refused))) {
        code = ORB_E_REFUSED;
        hint = "; check the user and password in the Redis URL, and the user's ACL";
    } else if (is_any(text, forbidden, ORB_COUNT(forbidden))) {
        code = ORB_E_REFUSED;
        hint = "; give the Redis URL of a user who may, or change this one's ACL (see orbiter acl --help)";
    } else if (orb_refusal_is(text, "READONLY") && !*config->url.master) {
        code = ORB_E_REFUSED; /* nobody names another server */
    } else if (orb_refusal_is(text, "WRONGTYPE")) {
        orb_error_set(err, code, "Redis refused: %.*s; see with TYPE what is there, and rename or delete it",
                      (int)(script ? script - text : (ptrdiff_t)strlen(text)), text); /* without the script's place */
        return;
    } else if (orb_refusal_is_trouble(text)) {
        code = ORB_E_UNREACHABLE;
    }
    orb_error_set(err, code, "Redis refused: %s%s", text, hint);
}
