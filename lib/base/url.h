/* Redis URLs: redis://[user[:pass]@]host[:port][/db][?db=N], rediss:// (TLS),
 * unix://[user:pass@]/path.sock[?db=N]. User, password and path are
 * percent-decoded. Source: redis-py's from_url. */
#ifndef ORB_BASE_URL_H
#define ORB_BASE_URL_H

#include <orbiter/base.h>

struct orb_redis_url {
    int is_tls;
    char path[108];     /* unix socket, "" = TCP */
    char host[256];     /* without [] for IPv6 */
    int port;           /* 6379 */
    int db;             /* 0 */
    char user[128], password[512]; /* "" = none */
};
/* ORB_E_CONFIG with the reason; the text never holds the password. */
int orb_redis_url_parse(const char *url, struct orb_redis_url *out, struct orb_error *err) ORB_MUST_CHECK;

#endif
