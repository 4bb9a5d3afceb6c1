/* What each role may do in Redis, as the text of an ACL: one row per key, channel and command in acl.c. */
#ifndef ORB_STORE_ACL_H
#define ORB_STORE_ACL_H

#include "base/buf.h"
#include <orbiter/acl.h>

#define ORB_ACL_COMMANDS_MAX 96

struct orb_acl_grant {
    enum orb_acl_role role;
    const char *user;
    const char *prefix;           /* of every key and channel: "{ns}:", or "" */
    const char *const *queues;
    size_t nqueues;
    const char *const *commands;  /* those of the role that the server knows */
    size_t ncommands;
    int has_database;             /* the URL names one: its users must be able to select it */
};

/* The commands of a role, in the order of the table. Returns how many. */
size_t orb_acl_commands(enum orb_acl_role role, const char *out[ORB_ACL_COMMANDS_MAX]);
/* May a server be without it? */
int orb_acl_is_optional(const char *command);
/* Appends the line, without a newline. */
void orb_acl_write(const struct orb_acl_grant *grant, struct orb_buf *b);

#endif
