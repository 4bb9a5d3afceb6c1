/* What an MCP server says: the first letter says what the rest is. */
#include "fuzz/fuzz.h"
#include "tool/mcp_wire.h"

struct notes {
    struct orb_mcp_era era;
    int messages;
};

static void check_list(const json_t *result)
{
    struct orb_mcp_tools tools = { .ttl_ms = -1 };
    struct orb_error err = { 0 };
    int rc = orb_mcp_tools_add(&tools, result, &err);
    ORB_ASSERT(tools.count <= ORB_MCP_TOOLS_MAX);
    if (rc)
        fuzz_check_error(rc, &err);
    for (size_t i = 0; i < tools.count; i++) {
        char name[ORB_MCP_JOINED_MAX];
        orb_mcp_join("s", tools.items[i].name, name);
        ORB_ASSERT(json_is_object(tools.items[i].schema) && orb_utf8_is_valid(tools.items[i].description, strlen(tools.items[i].description)));
        ORB_ASSERT(strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name));
        ORB_ASSERT(orb_mcp_tools_find(&tools, tools.items[i].name) == &tools.items[i]);
        struct orb_buf lines;
        orb_buf_init(&lines, 1 << 20);
        orb_mcp_header_lines(tools.items[i].schema, result, &lines);
        for (size_t at = 0; at < lines.len; at++)
            ORB_ASSERT(!lines.data[at] || (lines.data[at] >= ' ' && lines.data[at] < 0x7f));
        orb_buf_done(&lines);
    }
    orb_mcp_tools_done(&tools);
}

static void check_result(const json_t *result)
{
    struct orb_buf text;
    json_t *blocks = NULL;
    int is_error = 0;
    struct orb_error err = { 0 };
    orb_buf_init(&text, 2 * ORB_MCP_MESSAGE_MAX);
    int rc = orb_mcp_result_read(result, &text, &blocks, &is_error, &err);
    if (rc)
        fuzz_check_error(rc, &err);
    else
        ORB_ASSERT(orb_utf8_is_valid(text.data ? text.data : "", text.len) && (!blocks || json_array_size(blocks) <= ORB_MCP_BLOCKS_MAX + 1));
    json_decref(blocks);
    orb_buf_done(&text);
}

static void on_message(void *arg, const struct orb_mcp_message *m)
{
    struct notes *n = arg;
    struct orb_buf b;
    n->messages++;
    if (m->kind == ORB_MCP_REQUEST) {
        orb_buf_init(&b, 8192);
        ORB_ASSERT(!orb_mcp_write_answer(&b, m) || (!b.err && fuzz_is_ascii(b.data, b.len)));
        orb_buf_done(&b);
    }
    if (m->kind == ORB_MCP_NOTIFICATION) {
        orb_buf_init(&b, ORB_MCP_PROGRESS_MAX + 128);
        int64_t id = orb_mcp_progress_read(m->params, &b);
        ORB_ASSERT(!b.err && (id == -1) == !b.len && orb_utf8_is_valid(b.data ? b.data : "", b.len) && (!b.len || strlen(b.data) == b.len));
        orb_buf_done(&b);
    }
    if (m->kind == ORB_MCP_RESULT) {
        check_list(m->result);
        check_result(m->result);
    }
    for (int status = 0; status <= 400; status += 200) {
        struct orb_mcp_era era = n->era;
        struct orb_mcp_outcome outcome = { .message = m, .status = status };
        struct orb_error err = { 0 };
        if (orb_mcp_era_next(&era, &outcome, &err) == ORB_MCP_FAILED)
            fuzz_check_error(ORB_E_PROTOCOL, &err);
        else if (era.step == ORB_MCP_READY)
            ORB_ASSERT(strlen(era.version) == 10);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct notes n = { .messages = 0 };
    struct orb_error err = { 0 };
    size_t count = 0, half = size / 2;
    if (size < 1)
        return 0;
    orb_mcp_era_init(&n.era, (enum orb_mcp_transport)(data[0] % 3));
    orb_mcp_era_begin(&n.era);
    if (data[0] & 4)
        n.era.step = ORB_MCP_INITIALIZE;
    int rc = orb_mcp_read((const char *)data + 1, size - 1, on_message, &n, &count, &err);
    if (rc)
        fuzz_check_error(rc, &err);
    ORB_ASSERT(rc ? !n.messages : (size_t)n.messages == count && count);
    int64_t id = orb_mcp_guess_id((const char *)data, half, (const char *)data + half, size - half);
    ORB_ASSERT(id >= -1);
    return 0;
}
