#include "base/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include <orbiter/client.h>
#include <stdio.h>
#include <string.h>

static void forms_of_redis_py_are_read(void **state)
{
    static const struct {
        const char *url;
        struct orb_redis_url want;
    } rows[] = {
        {"redis://localhost", {.host = "localhost", .port = 6379}},
        {"redis://localhost:6380/2", {.host = "localhost", .port = 6380, .db = 2}},
        {"redis://h/1/", {.host = "h", .port = 6379, .db = 1}},
        {"redis://h/1?db=3", {.host = "h", .port = 6379, .db = 3}},
        {"redis://h?db=4", {.host = "h", .port = 6379, .db = 4}},
        {"redis://", {.host = "localhost", .port = 6379}},
        {"redis://:7000", {.host = "localhost", .port = 7000}},
        {"rediss://u:p@Example.COM:6390/0", {.is_tls = 1, .host = "example.com", .port = 6390, .user = "u", .password = "p"}},
        {"redis://:s%40c%2Fr%25t@h", {.host = "h", .port = 6379, .password = "s@c/r%t"}},
        {"redis://:a@b:c@h", {.host = "h", .port = 6379, .password = "a@b:c"}},
        {"redis://:50%off@h", {.host = "h", .port = 6379, .password = "50%off"}},
        {"redis://user@h", {.host = "h", .port = 6379, .user = "user"}},
        {"redis://[::1]:6381/5", {.host = "::1", .port = 6381, .db = 5}},
        {"redis://[fe80::1%25eth0]", {.host = "fe80::1%eth0", .port = 6379}},
        {"unix:///run/redis.sock", {.path = "/run/redis.sock", .port = 6379}},
        {"unix://u:p@/a%20b.sock?db=9", {.path = "/a b.sock", .port = 6379, .db = 9, .user = "u", .password = "p"}},
    };
    size_t i;

    (void)state;
    for (i = 0; i < ORB_COUNT(rows); i++) {
        struct orb_redis_url u;
        struct orb_error err = {0};

        if (orb_redis_url_parse(rows[i].url, &u, &err) != 0)
            fail_msg("%s: %s", rows[i].url, err.text);
        assert_int_equal(orb_redis_url_check(rows[i].url, &err), 0);
        assert_int_equal(u.is_tls, rows[i].want.is_tls);
        assert_string_equal(u.path, rows[i].want.path);
        assert_string_equal(u.host, rows[i].want.host);
        assert_int_equal(u.port, rows[i].want.port);
        assert_int_equal(u.db, rows[i].want.db);
        assert_string_equal(u.user, rows[i].want.user);
        assert_string_equal(u.password, rows[i].want.password);
    }
}

static void sentinels_are_read(void **state)
{
    struct orb_redis_url u;
    struct orb_error err = {0};

    (void)state;
    if (orb_redis_url_parse("rediss+sentinel://u:p%40@A.example,b:1,[::1]:2/my-master/4?sentinel_user=s%26&sentinel_password=q%3f", &u, &err) != 0)
        fail_msg("%s", err.text);
    assert_true(u.is_tls);
    assert_string_equal(u.host, "");
    assert_string_equal(u.path, "");
    assert_string_equal(u.user, "u");
    assert_string_equal(u.password, "p@");
    assert_string_equal(u.master, "my-master");
    assert_int_equal(u.db, 4);
    assert_string_equal(u.sentinel_user, "s&");
    assert_string_equal(u.sentinel_password, "q?");
    assert_int_equal(u.sentinel_count, 3);
    assert_string_equal(u.sentinels[0].host, "a.example");
    assert_int_equal(u.sentinels[0].port, 26379);
    assert_string_equal(u.sentinels[1].host, "b");
    assert_int_equal(u.sentinels[1].port, 1);
    assert_string_equal(u.sentinels[2].host, "::1");
    assert_int_equal(u.sentinels[2].port, 2);
    assert_int_equal(orb_redis_url_parse("redis+sentinel://a/m/1?db=2", &u, &err), 0);
    assert_int_equal(u.db, 2);
    assert_int_equal(u.sentinel_count, 1);
}

static void wrong_urls_are_refused_with_a_reason(void **state)
{
    static const char *const rows[][2] = {
        {"", "none is given"},
        {"localhost:6379", "must begin with"},
        {"REDIS://h", "must begin with"},
        {"redis+sentinels://h/m", "must begin with"},
        {"redis+sentinel://h", "primary's name"},
        {"redis+sentinel://h/", "primary's name"},
        {"redis+sentinel://h//0", "primary's name"},
        {"redis+sentinel://h/a%20b", "primary's name"},
        {"redis+sentinel:///m", "no Sentinel"},
        {"redis+sentinel://a,/m", "no Sentinel"},
        {"redis+sentinel://a,,b/m", "no Sentinel"},
        {"redis+sentinel://:1/m", "without a host"},
        {"redis+sentinel://a:x/m", "port"},
        {"redis+sentinel://a,a,a,a,a,a,a,a,a/m", "more than 8"},
        {"redis+sentinel://a/m/x", "database"},
        {"redis+sentinel://a/m?timeout=1", "sentinel_user="},
        {"redis+sentinel://a/m?sentinel_user=%00", "sentinel_user"},
        {"redis://a?sentinel_user=x", "only db=N is"},
        {"redis://h:0", "port"},
        {"redis://h:65536", "port"},
        {"redis://h:+1", "port"},
        {"redis://h:6379x", "port"},
        {"redis://::1", "port"},
        {"redis://[::1", "IPv6"},
        {"redis://[::1]6379", "IPv6"},
        {"redis://h/abc", "database"},
        {"redis://h/-1", "database"},
        {"redis://h/99999999999", "database"},
        {"redis://h?db=x", "db is not a number"},
        {"redis://h?timeout=3", "only db=N"},
        {"redis://h/0#x", "%23"},
        {"redis://ho st", "space"},
        {"redis://h\n", "line end"},
        {"redis://a%00b", "host"},
        {"redis://a%1bb", "host"},
        {"redis://:a%00@h", "NUL"},
        {"unix://", "path"},
        {"unix://relative/path", "absolute path"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < ORB_COUNT(rows); i++) {
        struct orb_redis_url u = {.port = 1};
        struct orb_error err = {0};

        assert_int_equal(orb_redis_url_parse(rows[i][0], &u, &err), ORB_E_CONFIG);
        assert_int_equal(u.port, 1);
        if (!strstr(err.text, rows[i][1]))
            fail_msg("%s: '%s' does not hold '%s'", rows[i][0], err.text, rows[i][1]);
        assert_int_equal(orb_redis_url_check(rows[i][0], NULL), ORB_E_CONFIG);
    }
    assert_int_equal(orb_redis_url_check(NULL, NULL), ORB_E_CONFIG);
}

static void parts_over_their_limit_are_refused(void **state)
{
    static const struct {
        const char *fmt;
        int fits; /* bytes */
    } rows[] = {
        {"redis://%.*s:p@h", 127}, {"redis://:%.*s@h", 511}, {"redis://%.*s", 255}, {"unix:///%.*s", 106},
    };
    char part[600], url[700];
    size_t i;

    (void)state;
    memset(part, 'x', sizeof(part));
    for (i = 0; i < ORB_COUNT(rows); i++) {
        (void)snprintf(url, sizeof(url), rows[i].fmt, rows[i].fits, part);
        assert_int_equal(orb_redis_url_check(url, NULL), 0);
        (void)snprintf(url, sizeof(url), rows[i].fmt, rows[i].fits + 1, part);
        assert_int_equal(orb_redis_url_check(url, NULL), ORB_E_CONFIG);
    }
}

/* Pieces of a password that was not encoded land in every part of the URL. */
static void no_message_and_no_mask_shows_a_password(void **state)
{
    static const char *const urls[] = {
        "redis://u:hunter2/hunter2@h", "redis://u:hunter2?hunter2@h",  "redis://u:hunter2#hunter2@h",
        "redis://u:x@hunter2@[h",      "redis://:hunter2@h:hunter2",   "redis://h?password=hunter2",
        "redis://:hunter2@h/hunter2",  "unix://u:hunter2@/run/s?db=q", "http://u:hunter2@h",
        "redis://u:hunter2 @h",        "redis://u:hunter2@h:6379/0",   "unix://u:hunter2@/run/s",
        "rediss://hunter2:hunter2@h",  "redis://u:/hunter2@h",
        "redis+sentinel://u:hunter2@a,b/m?sentinel_password=hunter2", "redis+sentinel://u:hunter2/hunter2@a/m",
        "redis+sentinel://a/m?sentinel_password=hunter2&hunter2", "redis+sentinel://u:hunter2,hunter2@a,b/m/hunter2",
    };
    size_t i;

    (void)state;
    for (i = 0; i < ORB_COUNT(urls); i++) {
        struct orb_error err = {0};
        char mask[300];

        if (orb_redis_url_check(urls[i], &err) != 0)
            assert_null(strstr(err.text, "hunter2"));
        orb_redis_url_mask(urls[i], mask, sizeof(mask));
        assert_null(strstr(mask, "hunter2"));
    }
}

static void mask_is_that_of_the_banner(void **state)
{
    static const char *const rows[][2] = {
        {"redis://localhost:6379/0", "redis://localhost:6379/***"},
        {"redis://u:p@Cache.example/3?db=1", "redis://cache.example:6379/***"},
        {"rediss://h:6390", "redis://h:6390/***"},
        {"redis://[::1]:6381", "redis://[::1]:6381/***"},
        {"redis://", "redis://unknown:6379/***"},
        {"unix://u:p@/run/redis.sock", "unix://***"},
        {"redis+sentinel://u:p@A:1,[::1]:2,c/mymaster/3?sentinel_password=p", "redis+sentinel://a:1,[::1]:2,c:26379/***"},
        {"redis+sentinel://a", "redis://***"},
        {"nonsense", "redis://***"},
        {"redis://h:port", "redis://***"},
    };
    char mask[96], small[8];
    size_t i;

    (void)state;
    for (i = 0; i < ORB_COUNT(rows); i++) {
        orb_redis_url_mask(rows[i][0], mask, sizeof(mask));
        assert_string_equal(mask, rows[i][1]);
    }
    orb_redis_url_mask("redis://h", small, sizeof(small));
    assert_string_equal(small, "redis:/");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_of_redis_py_are_read),
        cmocka_unit_test(sentinels_are_read),
        cmocka_unit_test(wrong_urls_are_refused_with_a_reason),
        cmocka_unit_test(parts_over_their_limit_are_refused),
        cmocka_unit_test(no_message_and_no_mask_shows_a_password),
        cmocka_unit_test(mask_is_that_of_the_banner),
    };

    return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
