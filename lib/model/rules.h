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
    ORB_RULE_SCHEMA = 128,             /* has a native mode for structured output */
    ORB_RULE_SCHEMA_BESIDE_TOOLS = 256, /* Gemini: that mode goes together with tools */
    ORB_RULE_ALWAYS_THINKS = 512,      /* Gemini: cannot be told not to think */
    ORB_RULE_TWO_LEVELS = 1024,        /* Gemini: thinks at level low or high only */
    /* OpenAI: the efforts that it takes, of which the nearest is sent; none: it takes no such parameter. */
    ORB_RULE_EFFORT_NONE = 1 << 11,
    ORB_RULE_EFFORT_MINIMAL = 1 << 12,
    ORB_RULE_EFFORT_LOW = 1 << 13,
    ORB_RULE_EFFORT_MEDIUM = 1 << 14,
    ORB_RULE_EFFORT_HIGH = 1 << 15,
    ORB_RULE_EFFORT_XHIGH = 1 << 16,   /* Anthropic: with it xhigh, else max */
    ORB_RULE_DEVELOPER = 1 << 19,      /* the role developer in place of system */
    ORB_RULE_NO_STOP = 1 << 20,        /* rejects stop */
    ORB_RULE_NO_PARALLEL = 1 << 21,    /* rejects parallel_tool_calls */
    ORB_RULE_CACHE_KEY = 1 << 22       /* takes prompt_cache_key */
};
#define ORB_RULE_EFFORT_UP (ORB_RULE_EFFORT_MEDIUM | ORB_RULE_EFFORT_HIGH)
#define ORB_RULE_EFFORT (ORB_RULE_EFFORT_LOW | ORB_RULE_EFFORT_UP)
#define ORB_RULE_EFFORT_ANY (ORB_RULE_EFFORT | ORB_RULE_EFFORT_NONE | ORB_RULE_EFFORT_MINIMAL | ORB_RULE_EFFORT_XHIGH)
struct orb_model_rules {
    const char *provider;  /* its codec's family: "openai", "anthropic", "gemini" */
    const char *prefix;    /* of the model's name, without what a router puts before it ("openai/"); it ends there or at no letter or digit */
    unsigned flags;
    int64_t max_tokens;    /* sent when the agent sets none and the API demands it; 0 = none */
};
/* The row with the longest prefix; never NULL. */
const struct orb_model_rules *orb_model_rules_find(const char *family, const char *model);

#endif
