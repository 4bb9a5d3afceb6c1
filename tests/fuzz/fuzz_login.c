/* What a server says of itself on a new connection, and where it sends us: replies
 * behind a first line with a letter (see the flags). */
#include "fuzz/fuzz.h"
#include "loop/login.h"
#include "loop/refusal.h"
#include "loop/route.h"

#include <hiredis/hiredis.h>

enum { CHECKS_SERVER = 1, HAS_NAMESPACE = 2, WAS_UP = 4, HAS_MASTER = 8 };

static void check_address(const struct orb_redis_url *url)
{
    ORB_ASSERT(memchr(url->host, '\0', sizeof url->host) && url->port >= 1 && url->port <= 65535);
}

static void check_texts(struct orb_route *route, const struct orb_redis_config *config, const struct orb_reply *reply)
{
    const char *text = orb_reply_str(reply, NULL);
    struct orb_error err = { 0 };
    int is_moved = !orb_route_moved(route, text);
    ORB_ASSERT(!is_moved || strchr(text, ':'));
    ORB_ASSERT(!(orb_refusal_is_trouble(text) && orb_refusal_is_passing(text)));
    orb_refusal_error(text, config, &err);
    fuzz_check_error(err.code, &err);
    ORB_ASSERT(err.code == ORB_E_PROTOCOL || err.code == ORB_E_REFUSED || err.code == ORB_E_UNREACHABLE || err.code == ORB_E_CONFIG);
}

/* The addresses to try next go round. */
static void check_turns(struct orb_route *route, const struct orb_redis_config *config)
{
    int saw_own = 0;
    for (int i = 0; i < 80 && !*config->url.master; i++) {
        ORB_ASSERT(orb_route_next(route, NULL, NULL) == 1);
        check_address(orb_route_url(route));
        saw_own |= !strcmp(orb_route_url(route)->host, config->url.host) && orb_route_url(route)->port == config->url.port;
    }
    ORB_ASSERT(saw_own || *config->url.master);
}

struct session {
    struct orb_redis_config config;
    struct orb_route *route;
    struct orb_login login;
    struct orb_buf out;
    int was_up, is_over;
};

static void take(struct session *s, const struct orb_reply *reply)
{
    if (!s->is_over) {
        enum orb_login_result result = orb_login_reply(&s->login, reply, s->was_up, &s->out);
        s->is_over = result != ORB_LOGIN_MORE;
        ORB_ASSERT(!s->out.err && (result != ORB_LOGIN_MORE || s->login.at < s->login.count));
        if (result == ORB_LOGIN_FAILED)
            fuzz_check_error(s->login.err.code, &s->login.err);
        if (s->login.notice.code)
            fuzz_check_error(s->login.notice.code, &s->login.notice);
        if (result == ORB_LOGIN_MOVED) {
            ORB_ASSERT(*s->config.url.master || orb_route_next(s->route, NULL, NULL) == 1);
            check_address(orb_route_url(s->route));
        }
    }
    check_texts(s->route, &s->config, reply);
    orb_route_learn(s->route, reply);
    check_address(orb_route_url(s->route));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct orb_loop *loop;
    struct session s = { .config = { .name = "n", .url = { .host = "here", .port = 6379 } } };
    void *reply = NULL;
    if (size < 2 || data[1] != '\n' || !fuzz_is_modest(data, size))
        return 0;
    if (!loop)
        loop = orb_loop_new();
    s.config.check_server = !!(data[0] & CHECKS_SERVER);
    s.was_up = !!(data[0] & WAS_UP);
    if (data[0] & HAS_NAMESPACE)
        strcpy(s.config.prefix, "{ns}:");
    else if (data[0] & HAS_MASTER) {
        strcpy(s.config.url.master, "m");
        s.config.url.sentinel_count = 1;
    }
    s.route = orb_route_new(loop, &s.config);
    orb_buf_init(&s.out, 64 * 1024);
    orb_login_start(&s.login, &s.config, s.route, &s.out);
    redisReader *reader = redisReaderCreate();
    redisReaderFeed(reader, (const char *)data + 2, size - 2);
    while (redisReaderGetReply(reader, &reply) == REDIS_OK && reply) {
        take(&s, reply);
        freeReplyObject(reply);
    }
    redisReaderFree(reader);
    check_turns(s.route, &s.config);
    orb_route_free(s.route);
    orb_buf_done(&s.out);
    return 0;
}
