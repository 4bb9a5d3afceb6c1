/* MCP as values: messages, eras, lists, results, headers, names. */
#include "base/base.h"
#include "tool/mcp_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- messages ---- */

static void note(void *arg, const struct orb_mcp_message *m)
{
    struct orb_buf *b = arg;
    orb_buf_printf(b, "[%d %lld %s %lld %s]", (int)m->kind, (long long)m->number, m->method ? m->method : "-", (long long)m->code, m->text ? m->text : "-");
}

static void messages_are_read(void **state)
{
    static const struct {
        const char *text, *notes; /* notes NULL = not a message */
    } rows[] = {
        { "{\"jsonrpc\": \"2.0\", \"id\": 7, \"result\": {}}", "[0 7 - 0 -]" },
        { "{\"id\": 7, \"error\": {\"code\": -32601, \"message\": \"no\"}}", "[1 7 - -32601 no]" },
        { "{\"id\": null, \"error\": {}}", "[1 -1 - 0 no message]" },
        { "{\"id\": \"7\", \"result\": {}}", "[0 -1 - 0 -]" }, { "{\"id\": -7, \"result\": {}}", "[0 -1 - 0 -]" },
        { "{\"id\": 7.0, \"result\": {}}", "[0 -1 - 0 -]" }, { "{\"result\": {}}", "[0 -1 - 0 -]" },
        { "{\"id\": \"a\", \"method\": \"ping\"}", "[2 -1 ping 0 -]" }, { "{\"method\": \"x\"}", "[3 -1 x 0 -]" },
        { "{\"id\": [1], \"method\": \"x\"}", "[3 -1 x 0 -]" },
        { "[{\"id\": 1, \"result\": {}}, 5, {\"method\": \"x\"}]", "[0 1 - 0 -][3 -1 x 0 -]" },
        { "{\"id\": 1, \"result\": []}", NULL }, { "{}", NULL }, { "[]", NULL }, { "7", NULL }, { "", NULL }, { "{", NULL }, { "hello", NULL }, { "\xff", NULL },
    };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(rows); i++) {
        struct orb_buf b;
        struct orb_error err = { 0 };
        size_t count = 0;
        orb_buf_init(&b, 4096);
        int rc = orb_mcp_read(rows[i].text, strlen(rows[i].text), note, &b, &count, &err);
        assert_int_equal(rc, rows[i].notes ? 0 : ORB_E_PROTOCOL);
        assert_string_equal(b.data ? b.data : "", rows[i].notes ? rows[i].notes : "");
        orb_buf_done(&b);
    }
}

static void messages_are_written(void **state)
{
    json_t *arguments = json_pack("{ss}", "a", "x\ny"), *none = json_object();
    const struct {
        struct orb_mcp_outgoing message;
        const char *text;
    } rows[] = {
        { { .id = 7, .method = "tools/call", .name = "add", .arguments = arguments },
          "{\"jsonrpc\": \"2.0\", \"id\": 7, \"method\": \"tools/call\", \"params\": {\"name\": \"add\", \"arguments\": {\"a\": \"x\\ny\"}, \"_meta\": {\"progressToken\": 7}}}" },
        { { .id = 7, .method = "tools/call", .name = "add", .arguments = none },
          "{\"jsonrpc\": \"2.0\", \"id\": 7, \"method\": \"tools/call\", \"params\": {\"name\": \"add\", \"_meta\": {\"progressToken\": 7}}}" },
        { { .id = 8, .method = "tools/list", .cursor = "c" }, "{\"jsonrpc\": \"2.0\", \"id\": 8, \"method\": \"tools/list\", \"params\": {\"cursor\": \"c\"}}" },
        { { .method = "notifications/initialized" }, "{\"jsonrpc\": \"2.0\", \"method\": \"notifications/initialized\", \"params\": {}}" },
        { { .id = 1, .method = "tools/list", .is_modern = 1 },
          "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"tools/list\", \"params\": {\"_meta\": {\"io.modelcontextprotocol/protocolVersion\": \"2026-07-28\", "
          "\"io.modelcontextprotocol/clientInfo\": {\"name\": \"orbiter\", \"version\": \"" ORB_VERSION "\"}, \"io.modelcontextprotocol/clientCapabilities\": {}}}}" },
    };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(rows); i++) {
        struct orb_buf b;
        orb_buf_init(&b, 4096);
        orb_mcp_write(&b, &rows[i].message);
        assert_string_equal(b.data, rows[i].text);
        orb_buf_done(&b);
    }
    json_decref(arguments);
    json_decref(none);
}

static void ids_of_long_messages(void **state)
{
    static const struct {
        const char *head, *tail;
        int64_t id;
    } rows[] = {
        { "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"c", "", 7 }, { "{\"jsonrpc\": \"2.0\", \"id\": 71, \"result\": {", "", 71 },
        { "{\"result\":{\"id\":7,\"x\":\"", "\"}}", -1 }, { "{\"result\":{\"x\":\"", "zz\"},\"id\":7}", 7 }, { "{\"result\":{\"x\":\"", "zz\"}, \"id\": 7}\r", 7 },
        { "{\"result\":{\"x\":\"", "{\"id\":7}}", -1 }, { "{\"x\":\"\\\"id\\\":7", "", -1 }, { "{\"id\":\"7\",\"result\":", "", -1 },
        { "{\"id\":7.5,\"result\":", "", -1 }, { "{\"id\":99999999999999999999,", "", -1 }, { "{\"id\":7", "", -1 }, { "", "", -1 },
    };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(rows); i++)
        if (orb_mcp_guess_id(rows[i].head, strlen(rows[i].head), rows[i].tail, strlen(rows[i].tail)) != rows[i].id)
            fail_msg("%s ... %s", rows[i].head, rows[i].tail);
}

/* ---- eras ---- */

struct keeping {
    struct orb_mcp_era *era;
    struct orb_mcp_outcome outcome;
    struct orb_error err;
    enum orb_mcp_step step;
};

static void next_of(void *arg, const struct orb_mcp_message *m)
{
    struct keeping *k = arg;
    k->outcome.message = m;
    k->step = orb_mcp_era_next(k->era, &k->outcome, &k->err);
}

#define MODERN "{\"id\":1,\"result\":{\"supportedVersions\":[\"2026-07-28\"]}}"
#define OLDER "{\"id\":1,\"error\":{\"code\":-32601,\"message\":\"x\"}}"
#define UNSUPPORTED(v) "{\"id\":1,\"error\":{\"code\":-32022,\"message\":\"x\",\"data\":{\"supported\":[\"" v "\"]}}}"
#define INITIALIZED(v) "{\"id\":1,\"result\":{\"protocolVersion\":\"" v "\"}}"

/* Each answer is "STATUS body"; "T" = too late, "S 200" = the stream is open. */
static void eras_are_found(void **state)
{
    static const struct {
        enum orb_mcp_transport transport;
        const char *answers[5];
        enum orb_mcp_step step;
        const char *version, *error;
    } rows[] = {
        { ORB_MCP_STDIO, { "0 " MODERN }, ORB_MCP_READY, "2026-07-28", "" },
        { ORB_MCP_STDIO, { "0 " UNSUPPORTED("2026-07-28") }, ORB_MCP_READY, "2026-07-28", "" },
        { ORB_MCP_STDIO, { "0 " UNSUPPORTED("2099-01-01") }, ORB_MCP_FAILED, "", "2099-01-01" },
        { ORB_MCP_STDIO, { "0 " UNSUPPORTED("2025-06-18"), "0 " INITIALIZED("2025-06-18") }, ORB_MCP_READY, "2025-06-18", "" },
        { ORB_MCP_STDIO, { "0 " OLDER, "0 " INITIALIZED("2025-11-25") }, ORB_MCP_READY, "2025-11-25", "" },
        { ORB_MCP_STDIO, { "T", "0 " INITIALIZED("2024-11-05") }, ORB_MCP_READY, "2024-11-05", "" },
        { ORB_MCP_STDIO, { "T", "T" }, ORB_MCP_FAILED, "", "in time" },
        { ORB_MCP_STDIO, { "T", "0 " INITIALIZED("2026-07-28") }, ORB_MCP_FAILED, "", "2026-07-28" },
        { ORB_MCP_STDIO, { "T", "0 " OLDER }, ORB_MCP_FAILED, "", "error -32601: x" },
        { ORB_MCP_HTTP, { "200 " MODERN }, ORB_MCP_READY, "2026-07-28", "" },
        { ORB_MCP_HTTP, { "400 " UNSUPPORTED("2026-07-28") }, ORB_MCP_READY, "2026-07-28", "" },
        { ORB_MCP_HTTP, { "400 ", "200 " INITIALIZED("2025-03-26") }, ORB_MCP_READY, "2025-03-26", "" },
        { ORB_MCP_HTTP, { "400 " OLDER, "200 " INITIALIZED("2025-03-26") }, ORB_MCP_READY, "2025-03-26", "" },
        { ORB_MCP_HTTP, { "404 ", "405 ", "S 200", "0 " INITIALIZED("2024-11-05") }, ORB_MCP_READY, "2024-11-05", "" },
        { ORB_MCP_HTTP, { "404 ", "404 ", "S 404" }, ORB_MCP_FAILED, "", "HTTP 404" },
        { ORB_MCP_HTTP, { "401 " }, ORB_MCP_FAILED, "", "headers" }, { ORB_MCP_HTTP, { "301 " }, ORB_MCP_FAILED, "", "redirects" },
        { ORB_MCP_HTTP, { "500 " }, ORB_MCP_FAILED, "", "HTTP 500" }, { ORB_MCP_HTTP, { "T" }, ORB_MCP_FAILED, "", "in time" },
        { ORB_MCP_HTTP, { "400 {\"error\":{\"code\":-32020,\"message\":\"m\"}}" }, ORB_MCP_FAILED, "", "error -32020" },
        { ORB_MCP_SSE, { "S 200", "0 " INITIALIZED("2024-11-05") }, ORB_MCP_READY, "2024-11-05", "" },
        { ORB_MCP_SSE, { "S 403" }, ORB_MCP_FAILED, "", "headers" },
    };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(rows); i++) {
        struct orb_mcp_era era;
        struct keeping k = { .era = &era };
        orb_mcp_era_init(&era, rows[i].transport);
        k.step = orb_mcp_era_begin(&era);
        for (size_t n = 0; n < ORB_COUNT(rows[i].answers) && rows[i].answers[n]; n++) {
            const char *a = rows[i].answers[n];
            const char *body = strchr(a, ' ');
            size_t count;
            k.outcome = (struct orb_mcp_outcome){ .is_timeout = *a == 'T', .status = atoi(a + (*a == 'S' ? 2 : 0)) };
            if (!body || *a == 'S' || orb_mcp_read(body + 1, strlen(body + 1), next_of, &k, &count, NULL))
                k.step = orb_mcp_era_next(&era, &k.outcome, &k.err);
        }
        if (k.step != rows[i].step || strcmp(era.version, rows[i].version) != 0 || !strstr(k.err.text, rows[i].error))
            fail_msg("row %zu: step %d, version '%s', error '%s'", i, (int)k.step, era.version, k.err.text);
        if (k.step == ORB_MCP_READY && !era.is_modern && era.transport != ORB_MCP_SSE)
            assert_int_equal(orb_mcp_era_begin(&era), ORB_MCP_INITIALIZE); /* what is known is not probed again */
    }
}

/* ---- headers and names ---- */

static void header_values(void **state)
{
    static const char *const rows[][2] = {
        { "plain text", "plain text" }, { "", "=?base64?" "?=" }, { " a", "=?base64?IGE=?=" }, { "a\n", "=?base64?YQo=?=" }, { "\xc3\xbc", "=?base64?w7w=?=" },
        { "=?base64?YQ==?=", "=?base64?PT9iYXNlNjQ/WVE9PT89?=" }, { "=?x?=", "=?x?=" },
    };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(rows); i++) {
        struct orb_buf b;
        orb_buf_init(&b, 256);
        orb_mcp_header_value(&b, rows[i][0], strlen(rows[i][0]));
        assert_string_equal(b.data, rows[i][1]);
        orb_buf_done(&b);
    }
}

static void header_annotations(void **state)
{
    static const struct {
        const char *schema;
        int is_good;
    } rows[] = {
        { "{\"properties\":{\"a\":{\"type\":\"string\",\"x-mcp-header\":\"A\"},\"b\":{\"properties\":{\"c\":{\"type\":\"integer\",\"x-mcp-header\":\"C\"}}}}}", 1 },
        { "{\"properties\":{\"x-mcp-header\":{\"type\":\"string\"}}}", 1 }, { "{}", 1 },
        { "{\"properties\":{\"a\":{\"type\":\"array\",\"x-mcp-header\":\"A\"}}}", 0 }, { "{\"properties\":{\"a\":{\"type\":\"number\",\"x-mcp-header\":\"A\"}}}", 0 },
        { "{\"properties\":{\"a\":{\"type\":\"string\",\"x-mcp-header\":\"A b\"}}}", 0 }, { "{\"properties\":{\"a\":{\"type\":\"string\",\"x-mcp-header\":\"\"}}}", 0 },
        { "{\"properties\":{\"a\":{\"type\":\"string\",\"x-mcp-header\":1}}}", 0 }, { "{\"x-mcp-header\":\"A\"}", 0 },
        { "{\"properties\":{\"a\":{\"type\":\"string\",\"x-mcp-header\":\"A\"},\"b\":{\"type\":\"string\",\"x-mcp-header\":\"a\"}}}", 0 },
        { "{\"properties\":{\"a\":{\"items\":{\"type\":\"string\",\"x-mcp-header\":\"A\"}}}}", 0 },
        { "{\"anyOf\":[{\"properties\":{\"a\":{\"type\":\"string\",\"x-mcp-header\":\"A\"}}}]}", 0 },
    };
    (void)state;
    for (size_t i = 0; i < ORB_COUNT(rows); i++) {
        json_t *schema = json_loads(rows[i].schema, 0, NULL);
        struct orb_error err = { 0 };
        assert_non_null(schema);
        if ((orb_mcp_header_check(schema, &err) == 0) != rows[i].is_good)
            fail_msg("%s: %s", rows[i].schema, err.text);
        json_decref(schema);
    }
    json_t *schema = json_loads(rows[0].schema, 0, NULL), *arguments = json_loads("{\"a\": \"x\", \"b\": {\"c\": -5}, \"z\": 1}", 0, NULL);
    static const char want[] = "Mcp-Param-A: x\0Mcp-Param-C: -5";
    struct orb_buf b;
    orb_buf_init(&b, 256);
    orb_mcp_header_lines(schema, arguments, &b);
    assert_int_equal(b.len, sizeof want);
    assert_memory_equal(b.data, want, sizeof want);
    orb_buf_done(&b);
    json_decref(schema);
    json_decref(arguments);
}

static void names(void **state)
{
    char out[ORB_MCP_JOINED_MAX], large[300];
    (void)state;
    orb_mcp_join("my-server", "a.b_c", out);
    assert_string_equal(out, "mcp__my_server__a_b_c");
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    orb_mcp_join(large, large, out);
    assert_int_equal(strlen(out), ORB_MCP_JOINED_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_read), cmocka_unit_test(messages_are_written), cmocka_unit_test(ids_of_long_messages), cmocka_unit_test(eras_are_found),
        cmocka_unit_test(header_values), cmocka_unit_test(header_annotations), cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
