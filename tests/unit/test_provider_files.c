#include "base/base.h"
#include "model/files.h"
#include "model/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int add(const char *file, const char *text, struct orb_error *err)
{
    return orb_provider_file_add(file, text, strlen(text), err);
}

static void what_is_wrong(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        { "", "it is no JSON" },
        { "[]", "one JSON object" },
        { "{\"nam\":\"x\"}", "unknown key \"nam\" (did you mean \"name\"?)" },
        { "{\"api_key\":\"sk\"}", "unknown key \"api_key\"" },
        { "{\"protocol\":\"openai\",\"base_url\":\"http://h\"}", "\"name\" is missing" },
        { "{\"name\":1}", "\"name\" must be text" },
        { "{\"name\":\"\"}", "1 to 32 bytes" },
        { "{\"name\":\"My\"}", "may have a-z" },
        { "{\"name\":\"-x\"}", "may have a-z" },
        { "{\"name\":\"a:b\"}", "may have a-z" },
        { "{\"name\":\"openai\"}", "built in" },
        { "{\"name\":\"vllm\"}", "built in" },
        { "{\"name\":\"a\\u0000b\"}", "control character" },
        { "{\"name\":\"x\",\"base_url\":\"http://h\"}", "\"protocol\" must be" },
        { "{\"name\":\"x\",\"protocol\":\"azure\",\"base_url\":\"http://h\"}", "\"protocol\" must be" },
        { "{\"name\":\"x\",\"protocol\":\"openai\"}", "\"base_url\" is missing" },
        { "{\"name\":\"x\",\"protocol\":\"openai\",\"base_url\":\"ftp://h\"}", "must begin with http" },
        { "{\"name\":\"x\",\"protocol\":\"openai\",\"base_url\":\"https:///v1\"}", "and a host" },
        { "{\"name\":\"x\",\"protocol\":\"openai\",\"base_url\":\"https://u:p@h\"}", "\"key_env\"" },
        { "{\"name\":\"x\",\"protocol\":\"openai\",\"base_url\":\"https://h/a b\"}", "a blank" },
        { "{\"name\":\"x\",\"protocol\":\"openai\",\"base_url\":\"http://h:99999/v1\"}", "\"base_url\" is no URL" },
        { "{\"name\":\"x\",\"protocol\":\"openai\",\"base_url\":\"http://[::1/v1\"}", "\"base_url\" is no URL" },
        { "{\"name\":\"x\",\"protocol\":\"openai\",\"base_url\":\"http://h\",\"key_env\":\"K\",\"headers\":{\"authorization\":\"Bearer x\"}}", "holds the key of \"key_env\"" },
        { "{\"name\":\"x\",\"protocol\":\"gemini\",\"base_url\":\"http://h\",\"key_env\":\"K\",\"headers\":{\"X-Goog-Api-Key\":\"${G}\"}}", "holds the key of \"key_env\"" },
        { "{\"name\":\"x\",\"protocol\":\"anthropic\",\"base_url\":\"http://h\",\"headers\":{\"Anthropic-Version\":\"2\"}}", "set by the protocol" },
        { "{\"name\":\"x\",\"protocol\":\"openai\",\"base_url\":\"http://h\",\"headers\":{\"X-A\":\"1\",\"x-a\":\"2\"}}", "stands there twice" },
        { "{\"name\":\"x\",\"protocol\":\"openai\",\"base_url\":\"http://h\",\"key_env\":\"sk-123\"}", "not the key" },
        { "{\"name\":\"x\",\"protocol\":\"openai\",\"base_url\":\"http://h\",\"headers\":[]}", "must be an object" },
        { "{\"name\":\"x\",\"protocol\":\"openai\",\"base_url\":\"http://h\",\"headers\":{\"a b\":\"c\"}}", "no name of a header" },
        { "{\"name\":\"x\",\"protocol\":\"openai\",\"base_url\":\"http://h\",\"headers\":{\"A\":\"c\\r\\nB: d\"}}", "control character" },
        { "{\"name\":\"x\",\"protocol\":\"openai\",\"base_url\":\"http://h\",\"headers\":{\"Host\":\"c\"}}", "set by the protocol" },
        { "{\"name\":\"x\",\"protocol\":\"openai\",\"base_url\":\"http://h\",\"headers\":{\"A\":\"${B} c\"}}", "must end with its ${VARIABLE}" },
        { "{\"name\":\"x\",\"protocol\":\"openai\",\"base_url\":\"http://h\",\"headers\":{\"A\":\"${}\"}}", "must end with its ${VARIABLE}" },
        { "{\"name\":\"x\",\"protocol\":\"openai\",\"base_url\":\"http://h\",\"headers\":{\"A\":\"\\u00e9\"}}", "ASCII only" },
        { "{\"name\":\"x\",\"protocol\":\"openai\",\"base_url\":\"http://h\",\"headers\":{\"1\":\"\",\"2\":\"\",\"3\":\"\",\"4\":\"\",\"5\":\"\",\"6\":\"\",\"7\":\"\","
          "\"8\":\"\",\"9\":\"\"}}", "more than 8" },
        { "{\"name\":\"x\",\"protocol\":\"openai\",\"base_url\":\"http://h\",\"help\":{}}", "\"help\" must be text" },
    };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(cases); i++) {
        struct orb_error err = { 0 };
        int rc = add("dir/x.json", cases[i].text, &err);
        if (rc != ORB_E_CONFIG || !strstr(err.text, cases[i].words) || !strstr(err.text, "provider file dir/x.json: "))
            fail_msg("%s: code %d '%s', expected '%s'", cases[i].text, rc, err.text, cases[i].words);
    }
    assert_null(orb_provider_file_at(0));
}

static void what_is_sent(void **state)
{
    static const char lines[] = "Content-Type: application/json\0Accept: text/event-stream\0Accept-Encoding: identity\0Authorization: Bearer sk-mine-123\0"
                                "X-Team: red blue\0X-Token: Token t-0123456789abcdef";
    struct orb_model_request r = { 0 };
    struct orb_model_call call = { .temperature = 1.0 };
    const struct orb_provider *p;
    struct orb_error err = { 0 };
    (void)state;
    assert_int_equal(add("mine.json", "{\"name\":\"mine-1\",\"protocol\":\"responses\",\"base_url\":\"https://models.example.com/v1/\",\"key_env\":\"MINE_KEY\","
                                      "\"headers\":{\"X-Team\":\"red blue\",\"X-Token\":\"Token ${MINE_TOKEN}\",\"X-None\":\"${MINE_NOTHING}\"},\"help\":\"ours\"}", &err), 0);
    assert_int_equal(orb_provider_find("mine-1:a:b", &p, &call.model, &err), 0);
    assert_string_equal(call.model, "a:b");
    assert_string_equal(p->info.help, "ours");
    assert_string_equal(p->info.settings, "MINE_KEY, MINE_TOKEN, MINE_NOTHING");
    assert_int_equal(orb_model_check("mine-1:x", &err), 0);
    unsetenv("MINE_KEY");
    call.messages = json_pack("[{s:s, s:s}]", "role", "user", "content", "hi");
    assert_int_equal(p->codec->request(p, &call, &r, &err), ORB_E_MODEL_AUTH);
    assert_non_null(strstr(err.text, "MINE_KEY is not set"));
    setenv("MINE_KEY", "sk-mine-123", 1);
    setenv("MINE_TOKEN", "t-0123456789abcdef", 1);
    assert_int_equal(p->codec->request(p, &call, &r, &err), 0);
    assert_string_equal(r.url, "https://models.example.com/v1/responses");
    assert_int_equal(r.headers.len, sizeof(lines));
    assert_memory_equal(r.headers.data, lines, sizeof(lines));
    orb_buf_done(&r.headers);
    orb_buf_done(&r.body);
    json_decref(call.messages);
    char text[] = "refused sk-mine-123 and t-0123456789abcdef";
    orb_server_hide_keys(p->server, text);
    assert_string_equal(text, "refused *** and ***");
    assert_int_equal(add("other.json", "{\"name\":\"mine-1\",\"protocol\":\"openai\",\"base_url\":\"http://h\"}", &err), ORB_E_CONFIG);
    assert_non_null(strstr(err.text, "is that of mine.json"));
}

static void file_write(const char *dir, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void folders(void **state)
{
    char dir[] = "/tmp/orbiter-test-XXXXXX", path[256];
    const struct orb_provider *p;
    const char *model;
    struct orb_error err = { 0 };
    (void)state;
    assert_non_null(mkdtemp(dir));
    file_write(dir, "a.json", "{\"name\":\"first\",\"protocol\":\"openai\",\"base_url\":\"http://h\"}");
    file_write(dir, "b.json", "{\"name\":\"second\",\"protocol\":\"nothing\",\"base_url\":\"http://h\"}");
    file_write(dir, "notes.txt", "no JSON");
    file_write(dir, ".hidden.json", "no JSON");
    assert_int_equal(orb_provider_load(dir, &err), ORB_E_CONFIG);
    assert_non_null(strstr(err.text, "/b.json: "));
    assert_int_equal(orb_provider_find("first:x", &p, &model, &err), ORB_E_MODEL_NOT_FOUND); /* all or none */
    file_write(dir, "b.json", "{\"name\":\"second\",\"protocol\":\"openai\",\"base_url\":\"http://h\"}");
    assert_int_equal(orb_provider_load(dir, &err), 0);
    assert_int_equal(orb_provider_find("first:x", &p, &model, &err), 0);
    assert_int_equal(orb_provider_find("second:x", &p, &model, &err), 0);
    assert_int_equal(orb_provider_load(dir, &err), ORB_E_CONFIG); /* the same names again */
    const char *const names[] = { "a.json", "b.json", "notes.txt", ".hidden.json" };
    for (size_t i = 0; i < ORB_COUNT(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        unlink(path);
    }
    snprintf(path, sizeof(path), "%s/c.json", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(orb_provider_load(dir, &err), ORB_E_SYSTEM);
    assert_non_null(strstr(err.text, "c.json"));
    rmdir(path);
    rmdir(dir);
    assert_int_equal(orb_provider_load(dir, &err), ORB_E_CONFIG);
    assert_non_null(strstr(err.text, "--providers"));
}

static void there_is_room_for_so_many(void **state)
{
    struct orb_error err = { 0 };
    char text[128];
    int rc = 0, count = 0;
    (void)state;
    while (orb_provider_file_at((size_t)count))
        count++;
    for (; !rc && count < 1000; count += !rc) {
        snprintf(text, sizeof(text), "{\"name\":\"p%d\",\"protocol\":\"openai\",\"base_url\":\"http://h\"}", count);
        rc = add("many.json", text, &err);
    }
    assert_int_equal(count, ORB_PROVIDER_FILES_MAX);
    assert_non_null(strstr(err.text, "more than 64"));
    const struct orb_provider_info *list = orb_provider_list();
    int n = 0;
    while (list[n].name)
        n++;
    assert_string_equal(list[n - 1].name, "p63");
    assert_int_equal(orb_model_check("nobody:x", &err), ORB_E_MODEL_NOT_FOUND);
    assert_non_null(strstr(err.text, "Write the model as provider:model"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong),
        cmocka_unit_test(what_is_sent),
        cmocka_unit_test(folders),
        cmocka_unit_test(there_is_room_for_so_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
