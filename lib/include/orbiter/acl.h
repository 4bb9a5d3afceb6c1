/* Users of Redis that may do what their role needs, and no more. */
#ifndef ORBITER_ACL_H
#define ORBITER_ACL_H

#include <orbiter/client.h>

#ifdef __cplusplus
extern "C" {
#endif

enum orb_acl_role {
    ORB_ACL_PRODUCER,  /* submits, follows, reads results, cancels */
    ORB_ACL_WORKER,    /* what orbiter-worker does */
    ORB_ACL_VIEWER,    /* reads only */
    ORB_ACL_OPERATOR   /* reads, and does what orbiter's commands change */
};
/* "producer", "worker", "viewer", "operator"; ORB_E_USAGE names them. */
ORB_API int orb_acl_role_parse(const char *word, enum orb_acl_role *out, struct orb_error *err) ORB_MUST_CHECK;

struct orb_acl_spec {
    enum orb_acl_role role;
    const char *user;            /* 1 to 64 of A-Z a-z 0-9 . _ @ - */
    const char *const *queues;   /* whose keys it may touch; nqueues 0: all that exist, and the default one */
    size_t nqueues;
};
/* line: "user NAME on ...", as an ACL file has it, without a password and without a newline; valid during the
 * callback. NULL when err is set: ORB_E_REFUSED (this user may not ask), ORB_E_CONFIG (the server lacks
 * a command), ORB_E_UNREACHABLE. */
typedef void (*orb_acl_cb)(void *arg, const char *line, const struct orb_error *err);
/* The line for the server, the namespace and the database that the client is connected to: it names only commands that this server has,
 * because Redis takes no line with one that it does not know. Fails at once with ORB_E_USAGE. */
ORB_API int orb_acl_line(struct orb_client *client, const struct orb_acl_spec *spec, orb_acl_cb cb, void *arg, struct orb_error *err) ORB_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
