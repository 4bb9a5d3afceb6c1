/* rediss://, certificates, users and passwords, against a real server with TLS. */
#include "support/redis.h"
#include <orbiter/fleet.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PASSWORD "s3same open"      /* a blank, so that it is escaped in a URL */

static struct test_redis redis;
static char dir[TEST_PATH_MAX], config[2048];
static int port, strict_port;
static struct test_redis strict;
static char strict_config[2048];
static struct orb_loop *loop;

/* Two authorities; the first has signed a server for localhost and a client, the
 * second nothing that matters. */
static const char make_certificates[] =
    "set -e; cd \"$0\"\n"
    "ca() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj \"/CN=$1\" -keyout $1.key -out $1.crt; }\n"
    "signed() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj \"/CN=$1\" -keyout $1.key -out $1.csr\n"
    "  printf '%s' \"$2\" > $1.ext\n"
    "  openssl x509 -req -in $1.csr -CA good.crt -CAkey good.key -CAcreateserial -days 2 -extfile $1.ext -out $1.crt; }\n"
    "ca good; ca other\n"
    "signed server 'subjectAltName=DNS:localhost,IP:127.0.0.1'\n"
    "signed elsewhere 'subjectAltName=DNS:elsewhere.example'\n"
    "signed client 'extendedKeyUsage=clientAuth'\n";

static void start_server(struct test_redis *server, char *text, size_t cap, int tls_port, const char *name, const char *auth)
{
    snprintf(text, cap, "tls-port %d\nbind 127.0.0.1\ntls-cert-file %s/%s.crt\ntls-key-file %s/%s.key\ntls-ca-cert-file %s/good.crt\n"
             "tls-auth-clients %s\nuser someone on \">" PASSWORD "\" ~* &* +@all\n", tls_port, dir, name, dir, name, dir, auth);
    server->config = text;
    test_redis_start(server);
}

static int open_all(void **state)
{
    (void)state;
    struct test_child child;
    test_tempdir(dir);
    test_child_start(&child, dir, (const char *const[]){ "sh", "-c", make_certificates, dir, NULL }, NULL);
    if (test_child_wait(&child, 20000)) {
        char *text = test_child_output(&child);
        print_error("%s", text);
        free(text);
        return -1;
    }
    port = test_free_port();
    start_server(&redis, config, sizeof config, port, "server", "no");
    strict_port = test_free_port();
    start_server(&strict, strict_config, sizeof strict_config, strict_port, "server", "yes");
    loop = orb_loop_new();
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    orb_loop_free(loop);
    test_redis_stop(&redis);
    test_redis_stop(&strict);
    test_rmtree(dir);
    return 0;
}

struct heard {
    int calls, code;
    char text[512];
};

static void on_workers(void *arg, const struct orb_worker_info *rows, size_t count, const struct orb_error *err)
{
    struct heard *h = arg;
    (void)rows;
    (void)count;
    h->calls++;
    h->code = err ? err->code : 0;
    snprintf(h->text, sizeof h->text, "%s", err ? err->text : "");
}

/* One question over this connection; its code, and the error's text. */
static int ask(const struct orb_redis_options *options, char text[512])
{
    struct orb_client *client;
    struct orb_error err = { 0 };
    struct heard h = { 0 };
    int rc = orb_client_new(loop, options, &client, &err);
    snprintf(text, 512, "%s", err.text);
    if (rc)
        return rc;
    assert_int_equal(orb_fleet_workers(client, on_workers, &h), 0);
    for (int64_t deadline = test_now_ms() + test_patience(10000); !h.calls;) {
        assert_true(test_now_ms() < deadline);
        assert_int_equal(orb_loop_turn(loop, 5), 0);
    }
    orb_client_free(client);
    for (int i = 0; i < 3; i++)
        assert_int_equal(orb_loop_turn(loop, 0), 0);
    assert_int_equal(h.calls, 1);
    snprintf(text, 512, "%s", h.text);
    if (strstr(text, "s3same"))
        fail_msg("a password is told: %s", text);
    return h.code;
}

static const char *file(const char *name)
{
    static char paths[6][TEST_PATH_MAX + 32];
    static int next;
    char *path = paths[next++ % 6];
    snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    return path;
}

/* place: the URL up to the port, and what follows it after a '|'. */
static void expect(const char *place, int at_port, struct orb_redis_options options, int code, const char *part)
{
    char url[256], text[512];
    size_t head = strcspn(place, "|");
    snprintf(url, sizeof url, "%.*s%d%s", (int)head, place, at_port, place[head] ? place + head + 1 : "");
    options.url = url;
    int rc = ask(&options, text);
    if (rc != code || !strstr(text, part))
        fail_msg("%s: %d, not %d: %s", url, rc, code, text);
}

static void a_verified_server_is_talked_to(void **state)
{
    (void)state;
    struct orb_redis_options o = { .tls_ca = file("good.crt") };
    expect("rediss://localhost:", port, o, 0, "");
    expect("rediss://127.0.0.1:", port, o, 0, "");
}

static void an_unknown_authority_is_refused(void **state)
{
    (void)state;
    expect("rediss://localhost:", port, (struct orb_redis_options){ .tls_ca = file("other.crt") }, ORB_E_UNREACHABLE, "certificate");
    expect("rediss://localhost:", port, (struct orb_redis_options){ 0 }, ORB_E_UNREACHABLE, "certificate");
}

static void a_certificate_for_another_host_is_refused(void **state)
{
    (void)state;
    struct test_redis elsewhere = { 0 };
    char text[2048];
    int at = test_free_port();
    start_server(&elsewhere, text, sizeof text, at, "elsewhere", "no");
    struct orb_redis_options o = { .tls_ca = file("good.crt") };
    expect("rediss://localhost:", at, o, ORB_E_UNREACHABLE, "ostname mismatch");
    expect("rediss://127.0.0.1:", at, o, ORB_E_UNREACHABLE, "IP address mismatch");
    test_redis_stop(&elsewhere);
}

static void a_client_certificate_where_one_is_asked_for(void **state)
{
    (void)state;
    struct orb_redis_options o = { .tls_ca = file("good.crt") };
    expect("rediss://localhost:", strict_port, o, ORB_E_UNREACHABLE, "");
    o.tls_cert = file("client.crt");
    o.tls_key = file("client.key");
    expect("rediss://localhost:", strict_port, o, 0, "");
}

static void files_that_cannot_be_used_are_named(void **state)
{
    (void)state;
    struct orb_redis_options o = { .tls_ca = file("missing.crt") };
    expect("rediss://localhost:", port, o, ORB_E_CONFIG, "missing.crt");
    o.tls_ca = file("good.crt");
    o.tls_cert = file("missing.pem");
    expect("rediss://localhost:", port, o, ORB_E_CONFIG, "missing.pem");
    o.tls_cert = file("client.crt");
    o.tls_key = file("server.key"); /* of another certificate */
    expect("rediss://localhost:", port, o, ORB_E_CONFIG, "server.key");
}

static void plain_and_tls_do_not_mix(void **state)
{
    (void)state;
    expect("redis://localhost:", port, (struct orb_redis_options){ 0 }, ORB_E_UNREACHABLE, "");
}

static void users_and_passwords(void **state)
{
    (void)state;
    struct orb_redis_options o = { .tls_ca = file("good.crt") };
    expect("rediss://someone:s3same%20open@localhost:", port, o, 0, "");
    expect("rediss://someone:s3same-wrong@localhost:", port, o, ORB_E_REFUSED, "WRONGPASS");
    expect("rediss://nobody:s3same%20open@localhost:", port, o, ORB_E_REFUSED, "WRONGPASS");
}

/* What a user's ACL does not allow is refused, with what to look at. */
static void a_user_who_may_not(void **state)
{
    (void)state;
    struct orb_redis_options o = { .tls_ca = file("good.crt") };
    test_redis_expect(&redis, "OK", "ACL SETUSER reader on >r ~* &* +@read +@connection -scan");
    expect("rediss://reader:r@localhost:", port, o, ORB_E_REFUSED, "ACL");
    test_redis_expect(&redis, "OK", "ACL SETUSER reader +scan +time");
    expect("rediss://reader:r@localhost:", port, o, 0, "");
}

static void a_database_and_a_name_that_does_not_resolve(void **state)
{
    (void)state;
    struct orb_redis_options o = { .tls_ca = file("good.crt") };
    expect("rediss://localhost:|/3", port, o, 0, "");
    expect("rediss://localhost:|/999", port, o, ORB_E_PROTOCOL, "DB index");
    expect("rediss://u:s3same@name.invalid:", port, o, ORB_E_UNREACHABLE, "name.invalid");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_verified_server_is_talked_to),
        cmocka_unit_test(an_unknown_authority_is_refused),
        cmocka_unit_test(a_certificate_for_another_host_is_refused),
        cmocka_unit_test(a_client_certificate_where_one_is_asked_for),
        cmocka_unit_test(files_that_cannot_be_used_are_named),
        cmocka_unit_test(plain_and_tls_do_not_mix),
        cmocka_unit_test(users_and_passwords),
        cmocka_unit_test(a_user_who_may_not),
        cmocka_unit_test(a_database_and_a_name_that_does_not_resolve),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
