/* A schema and a value, one line each: whatever they are, the check ends, soon, and says something. Also the first line as a
 * pattern, matched against the second. */
#include "fuzz/fuzz.h"
#include "tool/pattern.h"
#include "tool/schema.h"

static void check_pattern(const char *pattern, size_t n, const char *text, size_t text_len)
{
    struct orb_error err = { 0 };
    int64_t steps = ORB_PATTERN_STEPS_MAX;
    int rc = orb_pattern_check(pattern, n, &err);
    if (rc)
        fuzz_check_error(rc, &err);
    int found = orb_pattern_match(pattern, n, text, text_len, &steps, &err);
    ORB_ASSERT(rc ? found == rc : found == 0 || found == 1 || found == ORB_E_TOO_LARGE);
}

static void check_schema(const json_t *schema, const json_t *value)
{
    struct orb_error err = { 0 };
    int rc = orb_schema_check(schema, &err);
    if (rc)
        fuzz_check_error(rc, &err);
    memset(&err, 0, sizeof err);
    rc = orb_schema_validate(schema, value, &err);
    ORB_ASSERT(rc == 0 || rc == ORB_E_INVALID || rc == ORB_E_TOO_LARGE);
    if (rc)
        fuzz_check_error(rc, &err);
    ORB_ASSERT(orb_schema_validate(schema, value, NULL) == rc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
    if (!line || size > 65536)
        return 0;
    struct orb_error err;
    size_t n = (size_t)(line - data), rest = size - n - 1;
    json_t *schema = orb_json_parse((const char *)data, n, &orb_json_limits_default, &err);
    json_t *value = orb_json_parse((const char *)line + 1, rest, &orb_json_limits_default, &err);
    if (schema && value)
        check_schema(schema, value);
    json_decref(schema);
    json_decref(value);
    check_pattern((const char *)data, n, (const char *)line + 1, rest);
    return 0;
}
