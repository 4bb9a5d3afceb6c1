/* What models reject or want, as data: one row of rules.c for a family of
 * models. Codecs ask here and hold no model's name. */
#ifndef ORB_MODEL_RULES_H
#define ORB_MODEL_RULES_H

#include <stdint.h>

enum {
    ORB_RULE_NO_SAMPLING = 1,          /* OpenAI, Anthropic: rejects temperature and top_p other than the default; every Gemini takes them */
    ORB_RULE_COMPLETION_TOKENS = 2,    /* OpenAI chat: max_completion_tokens in place of max_tokens */
    ORB_RULE_ADAPTIVE_THINKING = 4,    /* Anthropic: thinking by effort; rejects a budget */
    ORB_RULE_BUDGET_THINKING = 8,      /* Anthropic, Gemini: thinking by a budget of tokens */
    ORB_RULE_LEVEL_THINKING = 16,      /* Gemini: thinking by level */
    ORB_RULE_SIGNATURES = 32,          /* Gemini: function calls must come back with a thought signature */
    ORB_RULE_EFFORT = 64,              /* OpenAI: takes reasoning_effort */
    ORB_RULE_SCHEMA = 128,             /* has a native mode for structured output */
    ORB_RULE_SCHEMA_BESIDE_TOOLS = 256, /* Gemini: that mode goes together with tools */
    ORB_RULE_ALWAYS_THINKS = 512,      /* Gemini: cannot be told not to think */
    ORB_RULE_TWO_LEVELS = 1024,        /* Gemini: thinks at level low or high only */
    /* OpenAI. ORB_RULE_EFFORT alone means low, medium and high; the nearest of those that a model knows is sent. */
    ORB_RULE_EFFORT_NONE = 1 << 16,
    ORB_RULE_EFFORT_MINIMAL = 1 << 17,
    ORB_RULE_EFFORT_ONLY_HIGH = 1 << 18,
    ORB_RULE_DEVELOPER = 1 << 19,      /* the role developer in place of system */
    ORB_RULE_NO_STOP = 1 << 20,        /* rejects stop */
    ORB_RULE_NO_PARALLEL = 1 << 21,    /* rejects parallel_tool_calls */
    ORB_RULE_CACHE_KEY = 1 << 22       /* takes prompt_cache_key */
};
struct orb_model_rules {
    const char *provider;  /* its codec's family: "openai", "anthropic", "gemini" */
    const char *prefix;    /* of the model's name, without what a router puts before it ("openai/"); it ends there or at no letter or digit */
    unsigned flags;
    int64_t max_tokens;    /* sent when the agent sets none and the API demands it; 0 = none */
};
/* The row with the longest prefix; never NULL. */
const struct orb_model_rules *orb_model_rules_find(const char *family, const char *model);

#endif
