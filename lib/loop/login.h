/* What is said first on a new connection: user, database, name; and whether the
 * server is one that can be used: the primary, the right node of a Cluster. */
#ifndef ORB_LOOP_LOGIN_H
#define ORB_LOOP_LOGIN_H

#include "loop/redis.h"
#include "loop/route.h"

struct orb_login {
    const struct orb_redis_config *config;
    struct orb_route *route;
    unsigned char steps[8];
    int count, at;
    int is_cluster, is_node_asked;
    int is_moved;              /* this is not the server to go to, and the route has another */
    struct orb_error err;      /* the first that counts */
    int is_hopeless;           /* err stays as it is, however often one connects */
    struct orb_error notice;   /* code 0: none */
};
/* MORE: replies are still to come. MOVED: another node has the slot, the route knows it; or another Sentinel may know better. */
enum orb_login_result { ORB_LOGIN_MORE, ORB_LOGIN_OK, ORB_LOGIN_FAILED, ORB_LOGIN_MOVED };

/* Appends the commands to out. config and route are borrowed. */
void orb_login_start(struct orb_login *login, const struct orb_redis_config *config, struct orb_route *route, struct orb_buf *out);
/* The next reply. was_up: a connection stood before, then what is wrong with the server's settings is
 * only a notice. May append more commands to out. */
enum orb_login_result orb_login_reply(struct orb_login *login, const struct orb_reply *reply, int was_up, struct orb_buf *out);

#endif
