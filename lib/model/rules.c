#include "model/rules.h"
#include "base/base.h"

#include <ctype.h>
#include <string.h>

/* What OpenAI's reasoning models have in common. */
#define REASONING (ORB_RULE_NO_SAMPLING | ORB_RULE_NO_STOP | ORB_RULE_COMPLETION_TOKENS | ORB_RULE_SCHEMA)
#define OPENAI_ANY (REASONING | ORB_RULE_DEVELOPER | ORB_RULE_CACHE_KEY) /* without its efforts */
#define OPENAI_REASONING (OPENAI_ANY | ORB_RULE_EFFORT)
#define OPENAI_XHIGH (OPENAI_REASONING | ORB_RULE_EFFORT_XHIGH)
#define OPENAI_CHAT (OPENAI_ANY | ORB_RULE_EFFORT_MEDIUM)
#define OPENAI_PRO (OPENAI_ANY | ORB_RULE_EFFORT_UP | ORB_RULE_EFFORT_XHIGH)

#define GEMINI_3 (ORB_RULE_LEVEL_THINKING | ORB_RULE_SIGNATURES | ORB_RULE_SCHEMA | ORB_RULE_SCHEMA_BESIDE_TOOLS)

static const struct orb_model_rules rows[] = {
    { "openai", "", ORB_RULE_SCHEMA, 0 },
    { "openai", "gpt-3.5", 0, 0 },
    { "openai", "gpt-4", 0, 0 },
    { "openai", "gpt-4o", ORB_RULE_SCHEMA | ORB_RULE_CACHE_KEY, 0 },
    { "openai", "gpt-4.1", ORB_RULE_SCHEMA | ORB_RULE_CACHE_KEY, 0 },
    { "openai", "gpt-4.5", ORB_RULE_SCHEMA | ORB_RULE_CACHE_KEY, 0 },
    { "openai", "o1", OPENAI_REASONING | ORB_RULE_NO_PARALLEL, 0 },
    { "openai", "o3", OPENAI_REASONING | ORB_RULE_NO_PARALLEL, 0 },
    { "openai", "o4", OPENAI_REASONING | ORB_RULE_NO_PARALLEL, 0 },
    { "openai", "gpt-5", OPENAI_REASONING | ORB_RULE_EFFORT_MINIMAL, 0 },
    { "openai", "gpt-5-codex", OPENAI_REASONING, 0 },
    { "openai", "gpt-5-pro", OPENAI_ANY | ORB_RULE_EFFORT_HIGH, 0 },
    { "openai", "gpt-5-chat", ORB_RULE_COMPLETION_TOKENS | ORB_RULE_SCHEMA | ORB_RULE_CACHE_KEY, 0 }, /* does not reason */
    { "openai", "gpt-5.1", OPENAI_REASONING | ORB_RULE_EFFORT_NONE, 0 },
    { "openai", "gpt-5.1-chat", OPENAI_CHAT, 0 },
    { "openai", "gpt-5.1-codex", OPENAI_REASONING, 0 },
    { "openai", "gpt-5.1-codex-max", OPENAI_XHIGH, 0 },
    { "openai", "gpt-5.2", OPENAI_XHIGH | ORB_RULE_EFFORT_NONE, 0 },
    { "openai", "gpt-5.2-chat", OPENAI_CHAT, 0 },
    { "openai", "gpt-5.2-codex", OPENAI_XHIGH, 0 },
    { "openai", "gpt-5.2-pro", OPENAI_PRO, 0 },
    { "openai", "gpt-5.3", OPENAI_XHIGH, 0 },
    { "openai", "gpt-5.3-chat", OPENAI_CHAT, 0 },
    { "openai", "gpt-5.4", OPENAI_XHIGH | ORB_RULE_EFFORT_NONE, 0 },
    { "openai", "gpt-5.4-pro", OPENAI_PRO, 0 },
    { "openai", "gpt-5.5", OPENAI_XHIGH | ORB_RULE_EFFORT_NONE, 0 },
    { "openai", "gpt-5.5-pro", OPENAI_PRO, 0 },
    { "openai", "gpt-oss", ORB_RULE_EFFORT | ORB_RULE_SCHEMA, 0 }, /* on servers of one's own */
    /* OpenRouter turns every effort into what the model behind it knows. */
    { "openrouter", "", ORB_RULE_EFFORT_ANY | ORB_RULE_SCHEMA, 0 },
    { "openrouter", "o1", REASONING | ORB_RULE_EFFORT_ANY, 0 },
    { "openrouter", "o3", REASONING | ORB_RULE_EFFORT_ANY, 0 },
    { "openrouter", "o4", REASONING | ORB_RULE_EFFORT_ANY, 0 },
    { "openrouter", "gpt-5", REASONING | ORB_RULE_EFFORT_ANY, 0 },
    /* Old models are named; what is not named is newer and follows the newest. */
    { "anthropic", "", ORB_RULE_BUDGET_THINKING, 4096 }, /* other servers' models */
    { "anthropic", "claude", ORB_RULE_NO_SAMPLING | ORB_RULE_ADAPTIVE_THINKING | ORB_RULE_EFFORT_XHIGH | ORB_RULE_SCHEMA, 32000 },
    { "anthropic", "claude-opus-4-6", ORB_RULE_ADAPTIVE_THINKING | ORB_RULE_SCHEMA, 32000 },
    { "anthropic", "claude-sonnet-4-6", ORB_RULE_ADAPTIVE_THINKING | ORB_RULE_SCHEMA, 32000 },
    { "anthropic", "claude-opus-4-5", ORB_RULE_BUDGET_THINKING | ORB_RULE_SCHEMA, 32000 },
    { "anthropic", "claude-sonnet-4-5", ORB_RULE_BUDGET_THINKING | ORB_RULE_SCHEMA, 32000 },
    { "anthropic", "claude-haiku-4-5", ORB_RULE_BUDGET_THINKING | ORB_RULE_SCHEMA, 32000 },
    { "anthropic", "claude-opus-4-1", ORB_RULE_BUDGET_THINKING, 32000 },
    { "anthropic", "claude-opus-4-0", ORB_RULE_BUDGET_THINKING, 32000 },
    { "anthropic", "claude-opus-4-20250514", ORB_RULE_BUDGET_THINKING, 32000 },
    { "anthropic", "claude-sonnet-4-0", ORB_RULE_BUDGET_THINKING, 32000 },
    { "anthropic", "claude-sonnet-4-20250514", ORB_RULE_BUDGET_THINKING, 32000 },
    { "anthropic", "claude-3-7", ORB_RULE_BUDGET_THINKING, 32000 },
    { "anthropic", "claude-3-5", 0, 8192 },
    { "anthropic", "claude-3", 0, 4096 },
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
