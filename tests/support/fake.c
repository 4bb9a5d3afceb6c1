#include "support/fake.h"
#include "model/token.h"
#include "support/rsa.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void start(struct test_fake *fake, const char *prices)
{
    static const char line[] = "listening 127.0.0.1:";
    char program[TEST_PATH_MAX], table[TEST_PATH_MAX + 16];
    test_tempdir(fake->dir);
    test_build_path("fake-provider", program);
    snprintf(fake->ledger, sizeof(fake->ledger), "%s/ledger", fake->dir);
    snprintf(table, sizeof(table), "%s/prices", fake->dir);
    if (prices)
        test_file_write(table, prices);
    const char *const argv[] = { program, "--listen", "127.0.0.1:0", "--ledger", fake->ledger, prices ? "--prices" : NULL, table, NULL };
    test_child_start(&fake->child, fake->dir, argv, NULL);
    test_child_expect(&fake->child, "\n", 10000);
    char *output = test_child_output(&fake->child);
    const char *at = strstr(output, line);
    if (!at)
        fail_msg("the fake provider does not listen: %s", output);
    snprintf(fake->url, sizeof(fake->url), "http://127.0.0.1:%d/v1", atoi(at + strlen(line)));
    free(output);
}

void test_fake_start(struct test_fake *fake)
{
    start(fake, NULL);
}

void test_fake_start_with_prices(struct test_fake *fake, const char *prices)
{
    start(fake, prices);
}

void test_fake_stop(struct test_fake *fake)
{
    if (fake->child.pid) {
        test_child_signal(&fake->child, SIGTERM);
        test_child_wait(&fake->child, 10000);
    }
    if (fake->dir[0])
        test_rmtree(fake->dir);
    fake->dir[0] = '\0';
}

json_t *test_fake_ledger(const struct test_fake *fake)
{
    json_t *lines = json_array();
    char *text = test_file_read(fake->ledger, NULL), *next = text, *line;
    while (next && strchr(next, '\n')) { /* a line without its end is still being written */
        line = strsep(&next, "\n");
        json_t *value = json_loads(line, 0, NULL);
        if (!value)
            fail_msg("the ledger has a bad line: %s", line);
        json_array_append_new(lines, value);
    }
    free(text);
    return lines;
}

static const char *word(const json_t *line, const char *key)
{
    const char *s = json_string_value(json_object_get(line, key));
    return s ? s : "";
}

json_t *test_fake_request(const struct test_fake *fake, const char *model)
{
    json_t *lines = test_fake_ledger(fake), *line, *found = NULL;
    size_t i;
    json_array_foreach (lines, i, line)
        if (strcmp(word(line, "event"), "request") == 0 &&
            (!model || strcmp(word(line, "model"), model) == 0))
            found = line;
    json_incref(found);
    json_decref(lines);
    return found;
}

struct wait {
    const struct test_fake *fake;
    const char *model;
    json_t *end;
};

static int has_end(void *arg)
{
    struct wait *w = arg;
    json_t *request = test_fake_request(w->fake, w->model), *line;
    json_t *lines = test_fake_ledger(w->fake);
    size_t i;
    json_array_foreach (lines, i, line)
        if (request && strcmp(word(line, "event"), "end") == 0 &&
            json_equal(json_object_get(line, "n"), json_object_get(request, "n")))
            w->end = json_incref(line);
    json_decref(lines);
    json_decref(request);
    return w->end != NULL;
}

json_t *test_fake_wait_end(const struct test_fake *fake, const char *model, int timeout_ms)
{
    struct wait w = { fake, model, NULL };
    test_wait_until("the provider's ledger shows the end of the request", has_end, &w, timeout_ms);
    return w.end;
}

void test_fake_account(const struct test_fake *fake, const struct test_rsa *rsa, const char *script)
{
    char path[TEST_PATH_MAX + 16], uri[2 * TEST_PATH_MAX];
    snprintf(path, sizeof(path), "%s/public.pem", fake->dir);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(rsa->public_pem, file);
    fclose(file);
    snprintf(uri, sizeof(uri), "%.*s/token?key=%s&%s", (int)(strlen(fake->url) - strlen("/v1")), fake->url, path, script);
    json_t *json = json_pack("{s:s, s:s, s:s, s:s}", "type", "service_account", "client_email", "robot@p-1", "private_key", rsa->private_pem, "token_uri", uri);
    snprintf(path, sizeof(path), "%s/key.json", fake->dir);
    assert_int_equal(json_dump_file(json, path, 0), 0);
    json_decref(json);
    setenv("GOOGLE_APPLICATION_CREDENTIALS", path, 1);
    orb_token_forget(&orb_provider_vertex);
}
