/* Redis URLs: redis://[user[:pass]@]host[:port][/db][?db=N], rediss:// (TLS),
 * unix://[user:pass@]/path.sock[?db=N]. User, password and path are
 * percent-decoded. Source: redis-py's from_url. Ours:
 * redis+sentinel://[user[:pass]@]host[:port][,host[:port]]../master[/db][?db=N&sentinel_user=U&sentinel_password=P],
 * rediss+sentinel:// (TLS to all of them). */
#ifndef ORB_BASE_URL_H
#define ORB_BASE_URL_H

#include <orbiter/base.h>

#define ORB_SENTINELS_MAX 8
struct orb_redis_address {
    char host[256];     /* without [] for IPv6 */
    int port;
};

struct orb_redis_url {
    int is_tls;
    char path[108];     /* unix socket, "" = TCP */
    char host[256];     /* without [] for IPv6 */
    int port;           /* 6379 */
    int db;             /* 0 */
    char user[128], password[512]; /* "" = none */
    char master[128];   /* what the Sentinels call the primary; "" = there are none, else host is "" */
    struct orb_redis_address sentinels[ORB_SENTINELS_MAX];
    int sentinel_count;
    char sentinel_user[128], sentinel_password[512];
};
/* ORB_E_CONFIG with the reason; the text never holds the password. */
int orb_redis_url_parse(const char *url, struct orb_redis_url *out, struct orb_error *err) ORB_MUST_CHECK;

#endif
