/* Agent files: the first byte says which format the rest is read as, and how. What is
 * accepted, a worker can read. */
#include "fuzz/fuzz.h"
#include "agent/plan.h"

#include <orbiter/agent.h>

struct heard {
    int findings, errors, line;
};

static void on_finding(void *arg, const struct orb_finding *f)
{
    struct heard *heard = arg;
    ORB_ASSERT(f->text[0] && fuzz_is_line(f->text));
    ORB_ASSERT(f->line >= heard->line && f->column >= 0 && (f->line == 0) == (f->column == 0));
    heard->line = f->line;
    heard->errors += !f->is_warning;
    heard->findings++;
}

static const char *env(const char *name)
{
    ORB_ASSERT(*name);
    return strcmp(name, "A") ? NULL : "value of ${A}";
}

static void check_config(const char *config)
{
    const struct orb_json_limits limits = { ORB_AGENT_FILE_MAX, 100000, 200 };
    struct orb_error err = { 0 };
    struct orb_plan *plan;
    size_t len = strlen(config);
    ORB_ASSERT(len <= ORB_AGENT_FILE_MAX && fuzz_is_ascii(config, len));
    json_t *value = orb_json_parse(config, len, &limits, &err);
    ORB_ASSERT(value);
    ORB_ASSERT(!orb_plan_read(value, &plan, &err));
    orb_plan_free(plan);
    json_decref(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum orb_agent_format formats[] = { ORB_AGENT_JSON, ORB_AGENT_YAML, ORB_AGENT_MARKDOWN };
    struct heard heard = { 0 };
    char *config = NULL;
    if (!size)
        return 0;
    char *text = fuzz_text(data + 1, size - 1);
    struct orb_agent_file file = { .name = "dir/file.txt", .text = text, .len = size - 1, .env = env, .cb = on_finding, .arg = &heard,
                                   .agent = data[0] & 16 ? "a" : NULL, .is_swarm = data[0] >> 5 & 1, .is_parallel = data[0] >> 5 & 1 };
    file.format = data[0] % 4 == 3 ? orb_agent_format_of(file.name, text, file.len) : formats[data[0] % 4];
    int rc = orb_agent_file_read(&file, &config);
    ORB_ASSERT(heard.findings <= ORB_FINDINGS_MAX);
    ORB_ASSERT(rc ? rc == ORB_E_INVALID && heard.findings && !config : !heard.errors && config);
    if (config)
        check_config(config);
    free(config);
    free(text);
    return 0;
}
