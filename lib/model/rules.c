#include "model/rules.h"
#include "base/base.h"

#include <ctype.h>
#include <string.h>

#define GEMINI_3 (ORB_RULE_LEVEL_THINKING | ORB_RULE_SIGNATURES | ORB_RULE_SCHEMA | ORB_RULE_SCHEMA_BESIDE_TOOLS)

static const struct orb_model_rules rows[] = {
    { "openai", "", ORB_RULE_SCHEMA, 0 },
    { "openai", "o1", ORB_RULE_NO_SAMPLING | ORB_RULE_COMPLETION_TOKENS | ORB_RULE_EFFORT | ORB_RULE_SCHEMA, 0 },
    { "openai", "o3", ORB_RULE_NO_SAMPLING | ORB_RULE_COMPLETION_TOKENS | ORB_RULE_EFFORT | ORB_RULE_SCHEMA, 0 },
    { "openai", "o4", ORB_RULE_NO_SAMPLING | ORB_RULE_COMPLETION_TOKENS | ORB_RULE_EFFORT | ORB_RULE_SCHEMA, 0 },
    { "openai", "gpt-5", ORB_RULE_NO_SAMPLING | ORB_RULE_COMPLETION_TOKENS | ORB_RULE_EFFORT | ORB_RULE_SCHEMA, 0 },
    { "gemini", "", ORB_RULE_SCHEMA, 0 },
    { "gemini", "gemini-2.5", ORB_RULE_BUDGET_THINKING | ORB_RULE_SCHEMA, 0 },
    { "gemini", "gemini-2.5-pro", ORB_RULE_BUDGET_THINKING | ORB_RULE_ALWAYS_THINKS | ORB_RULE_SCHEMA, 0 },
    { "gemini", "gemini-3", GEMINI_3, 0 },
    { "gemini", "gemini-3-pro", GEMINI_3 | ORB_RULE_ALWAYS_THINKS | ORB_RULE_TWO_LEVELS, 0 },
    { "gemini", "gemini-3.1-pro", GEMINI_3 | ORB_RULE_ALWAYS_THINKS, 0 },
    { "", "", 0, 0 }, /* any other */
};

static int is_row_of(const struct orb_model_rules *row, const char *family, const char *model)
{
    const char *slash = strrchr(model, '/'); /* routers write openai/gpt-5 */
    const char *name = slash ? slash + 1 : model;
    size_t n = strlen(row->prefix);
    if (*row->provider && strcmp(row->provider, family))
        return 0;
    return strncmp(name, row->prefix, n) == 0 && (!n || !isalnum((unsigned char)name[n]));
}

const struct orb_model_rules *orb_model_rules_find(const char *family, const char *model)
{
    const struct orb_model_rules *best = &rows[ORB_COUNT(rows) - 1];
    for (size_t i = 0; i + 1 < ORB_COUNT(rows); i++)
        if (is_row_of(&rows[i], family, model) && (!*best->provider || strlen(rows[i].prefix) > strlen(best->prefix)))
            best = &rows[i];
    return best;
}
