/* Which of the two protocols a server speaks: asked in the modern one first. A table of what each answer means. */
#include "base/base.h"
#include "tool/mcp_wire.h"

#include <stdio.h>
#include <string.h>

#define MISSING_CAPABILITY (-32021)
#define UNSUPPORTED_VERSION (-32022)
#define HEADER_MISMATCH (-32020)

static const char *const legacy[] = { "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25" };

static int is_legacy(const char *version)
{
    for (size_t i = 0; i < ORB_COUNT(legacy); i++)
        if (!strcmp(legacy[i], version))
            return 1;
    return 0;
}

void orb_mcp_era_init(struct orb_mcp_era *era, enum orb_mcp_transport transport)
{
    *era = (struct orb_mcp_era){ .transport = transport };
}

static enum orb_mcp_step go(struct orb_mcp_era *era, enum orb_mcp_step step)
{
    return era->step = step;
}

static enum orb_mcp_step fail(struct orb_mcp_era *era, struct orb_error *err, const char *text)
{
    orb_error_set(err, ORB_E_PROTOCOL, "%s", text);
    return go(era, ORB_MCP_FAILED);
}

static enum orb_mcp_step ready(struct orb_mcp_era *era, int is_modern, const char *version)
{
    era->is_known = 1;
    era->is_modern = is_modern;
    snprintf(era->version, sizeof era->version, "%s", version);
    return go(era, ORB_MCP_READY);
}

enum orb_mcp_step orb_mcp_era_begin(struct orb_mcp_era *era)
{
    if (era->transport == ORB_MCP_SSE)
        return go(era, ORB_MCP_STREAM);
    if (!era->is_known)
        return go(era, ORB_MCP_PROBE);
    return go(era, era->is_modern ? ORB_MCP_READY : ORB_MCP_INITIALIZE);
}

/* From a list of versions to the step: ours, the older protocol, or none. */
static enum orb_mcp_step choose(struct orb_mcp_era *era, const json_t *versions, struct orb_error *err)
{
    struct orb_buf list;
    const json_t *item;
    size_t i;
    int has_legacy = 0;
    json_array_foreach(versions, i, item) {
        const char *version = json_is_string(item) ? json_string_value(item) : "";
        if (!strcmp(version, ORB_MCP_MODERN))
            return ready(era, 1, ORB_MCP_MODERN);
        has_legacy |= is_legacy(version);
    }
    if (has_legacy)
        return go(era, ORB_MCP_INITIALIZE);
    orb_buf_init(&list, 4096);
    json_array_foreach(versions, i, item)
        if (i < 8 && json_is_string(item))
            orb_buf_printf(&list, "%s%.20s", list.len ? ", " : "", json_string_value(item));
    orb_error_set(err, ORB_E_PROTOCOL, "it speaks no version of MCP that this client knows (%s); use a server of %s or %s to %s",
                  list.len ? list.data : "it names none", ORB_MCP_MODERN, legacy[0], ORB_MCP_LEGACY);
    orb_buf_done(&list);
    return go(era, ORB_MCP_FAILED);
}

static enum orb_mcp_step refused(struct orb_mcp_era *era, const struct orb_mcp_outcome *o, struct orb_error *err)
{
    if (o->status == 401 || o->status == 403)
        orb_error_set(err, ORB_E_PROTOCOL, "it refused us with HTTP %d; set \"headers\" in the server's tool file", o->status);
    else if (o->status >= 300 && o->status < 400)
        orb_error_set(err, ORB_E_PROTOCOL, "it redirects (HTTP %d), which is not followed; set \"url\" to where it is", o->status);
    else if (o->message && o->message->kind == ORB_MCP_ERROR)
        orb_error_set(err, ORB_E_PROTOCOL, "it answered with error %lld: %.300s", (long long)o->message->code, o->message->text);
    else if (o->status && (o->status < 200 || o->status > 299))
        orb_error_set(err, ORB_E_PROTOCOL, "it answered with HTTP %d", o->status);
    else if (o->is_timeout)
        orb_error_set(err, ORB_E_PROTOCOL, "it did not answer in time");
    else
        orb_error_set(err, ORB_E_PROTOCOL, "%.400s", o->text ? o->text : "its answer is not one of MCP");
    return go(era, ORB_MCP_FAILED);
}

/* Is it the refusal of somebody who does not know the modern protocol? */
static int is_older(const struct orb_mcp_era *era, const struct orb_mcp_outcome *o)
{
    if (!o->status)
        return o->message || (o->is_timeout && era->transport == ORB_MCP_STDIO);
    return (o->status == 200 && o->message) || o->status == 400 || o->status == 404 || o->status == 405 || o->status == 406 || o->status == 415 || o->status == 422;
}

static enum orb_mcp_step after_probe(struct orb_mcp_era *era, const struct orb_mcp_outcome *o, struct orb_error *err)
{
    const struct orb_mcp_message *m = o->message;
    if (m && m->kind == ORB_MCP_RESULT && json_is_array(json_object_get(m->result, "supportedVersions")))
        return choose(era, json_object_get(m->result, "supportedVersions"), err);
    if (m && m->kind == ORB_MCP_ERROR && m->code == UNSUPPORTED_VERSION && json_is_array(json_object_get(m->data, "supported")))
        return choose(era, json_object_get(m->data, "supported"), err);
    if (m && m->kind == ORB_MCP_ERROR && o->status && (m->code == HEADER_MISMATCH || m->code == MISSING_CAPABILITY))
        return refused(era, o, err);
    return is_older(era, o) ? go(era, ORB_MCP_INITIALIZE) : refused(era, o, err);
}

static enum orb_mcp_step after_initialize(struct orb_mcp_era *era, const struct orb_mcp_outcome *o, struct orb_error *err)
{
    const struct orb_mcp_message *m = o->message;
    if (m && m->kind == ORB_MCP_RESULT) {
        const char *version = orb_json_get_str(m->result, "protocolVersion", "");
        if (is_legacy(version))
            return ready(era, 0, version);
        orb_error_set(err, ORB_E_PROTOCOL, "it wants version '%.40s' of MCP, which this client does not know", version);
        return go(era, ORB_MCP_FAILED);
    }
    if (era->transport == ORB_MCP_HTTP && !era->is_known && (o->status == 400 || o->status == 404 || o->status == 405)) {
        era->transport = ORB_MCP_SSE;
        return go(era, ORB_MCP_STREAM);
    }
    return refused(era, o, err);
}

enum orb_mcp_step orb_mcp_era_next(struct orb_mcp_era *era, const struct orb_mcp_outcome *o, struct orb_error *err)
{
    switch (era->step) {
    case ORB_MCP_PROBE:
        return after_probe(era, o, err);
    case ORB_MCP_INITIALIZE:
        return after_initialize(era, o, err);
    case ORB_MCP_STREAM:
        return o->status == 200 ? go(era, ORB_MCP_INITIALIZE) : refused(era, o, err);
    case ORB_MCP_READY:
    case ORB_MCP_FAILED:
        break;
    }
    return fail(era, err, "the connection is in no state to be asked");
}
