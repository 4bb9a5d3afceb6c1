#include "fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { KIND_NUMBER, KIND_TEXT };
static const struct key {
    const char *name;
    enum kind kind;
    size_t offset;
    int64_t def;
    const char *help;
} keys[] = {
#define NUMBER(name, def, help) { #name, KIND_NUMBER, offsetof(struct script, name), def, help }
#define TEXT(name, help) { #name, KIND_TEXT, offsetof(struct script, name), 0, help }
    NUMBER(tokens, 10, "tokens of the answer (w1 w2 …)"),
    NUMBER(rate, 0, "tokens a second, 0 = at once"),
    NUMBER(first, 0, "ms before the first token"),
    TEXT(text, "the answer, word by word"),
    NUMBER(echo, 0, "answer the last user message"),
    NUMBER(reasoning, 0, "tokens of reasoning before; 2 and more use the older field name"),
    TEXT(tool, "call this tool, then answer when its result has come"),
    TEXT(args, "the arguments of the call"),
    NUMBER(calls, 1, "so many calls of the tool"),
    NUMBER(steps, 1, "call it so many times, one after the other"),
    NUMBER(again, 0, "call it again after every result, in each conversation"),
    NUMBER(status, 0, "refuse with this HTTP status"),
    NUMBER(fails, -1, "refuse, or cut, reset or error_at, only the first so many equal requests"),
    TEXT(code, "the error's code"),
    TEXT(type, "the error's type"),
    TEXT(message, "the error's message; $KEY is the key that was sent"),
    NUMBER(retry_after, -1, "header, seconds"),
    NUMBER(retry_after_ms, -1, "header, milliseconds"),
    NUMBER(should_retry, -1, "header x-should-retry"),
    NUMBER(html, 0, "a web page as the error's body"),
    NUMBER(errstr, 0, "the error as a string"),
    NUMBER(errtop, 0, "the error at the top level, as vLLM had it"),
    NUMBER(plain, 0, "answer with JSON instead of a stream"),
    NUMBER(error_at, -1, "an error object in the stream after so many tokens"),
    NUMBER(cut, -1, "close after so many tokens"),
    NUMBER(reset, -1, "reset the connection after so many tokens"),
    NUMBER(stall, -1, "silence for ever after so many tokens"),
    NUMBER(hold, 0, "keep the body open after [DONE]"),
    NUMBER(split, 0, "bytes per write (1 = dribble)"),
    NUMBER(crlf, 0, "lines end with CR LF; 2 = CR"),
    NUMBER(comment, 0, "comment lines between events"),
    NUMBER(multiline, 0, "data over several lines"),
    NUMBER(noblank, 0, "no blank line after the last event"),
    NUMBER(nodone, 0, "no [DONE]"),
    NUMBER(early, 0, "the reason of the finish with every token (openai, gemini)"),
    NUMBER(nofinish, 0, "no finish_reason"),
    NUMBER(nousage, 0, "no usage"),
    NUMBER(prompt, -1, "tokens of input that the usage tells, 9 unless it is given"),
    NUMBER(cached, -1, "so many of them from the cache, else 4"),
    NUMBER(written, -1, "so many written to it, else none, or 2 of Anthropic's"),
    NUMBER(usage_last, 0, "usage on the last choice's chunk"),
    NUMBER(noindex, 0, "tool calls without index"),
    NUMBER(index0, 0, "tool calls all with index 0"),
    NUMBER(noid, 0, "tool calls without id"),
    NUMBER(argsobj, 0, "arguments as an object"),
    NUMBER(repeat, 0, "id and name on every piece of a call"),
    NUMBER(stopfinish, 0, "finish_reason stop after tool calls"),
    NUMBER(nochoices, 0, "usage chunk with choices null"),
    NUMBER(prefilter, 0, "a first chunk without choices, as Azure sends"),
    NUMBER(deltanull, 0, "null for delta and its members"),
    NUMBER(timings, 0, "members that llama.cpp and vLLM add to a chunk"),
    NUMBER(details, 0, "reasoning_details beside the reasoning, as OpenRouter sends; they must come back with the calls"),
    NUMBER(refusal, 0, "the answer is a refusal"),
    NUMBER(endless, 0, "tokens without end"),
    NUMBER(size, 0, "bytes of a token"),
    NUMBER(args_size, 0, "bytes of the call's arguments"),
    TEXT(finish, "how it ends: length or content_filter"),
    TEXT(limit_reset, "header x-ratelimit-reset-tokens, such as 6m0s"),
    NUMBER(limit_reset_at, -1, "header anthropic-ratelimit-input-tokens-reset, so many seconds from now"),
    TEXT(bad, "a head or body that breaks the rules, or never ends; bad.c has the names"),
    NUMBER(sign, 0, "thought signatures, which must come back"),
#undef NUMBER
#undef TEXT
};
#define KEY_COUNT (sizeof(keys) / sizeof(*keys))

/* In place: %41 and +. */
static void decode(char *s)
{
    char *out = s;
    unsigned v;
    for (; *s; s++) {
        if (*s == '%' && sscanf(s + 1, "%2x", &v) == 1) {
            *out++ = (char)v;
            s += 2;
        } else {
            *out++ = *s == '+' ? ' ' : *s;
        }
    }
    *out = '\0';
}

static int set(struct script *s, const char *name, char *value, char *why, size_t cap)
{
    if (strcmp(name, "dribble") == 0) {
        s->split = 1;
        return 0;
    }
    for (size_t i = 0; i < KEY_COUNT; i++) {
        void *field = (char *)s + keys[i].offset;
        if (strcmp(keys[i].name, name) != 0)
            continue;
        if (keys[i].kind == KIND_NUMBER) {
            *(int64_t *)field = strtoll(value, NULL, 10);
        } else {
            free(*(char **)field);
            *(char **)field = strdup(value);
        }
        return 0;
    }
    snprintf(why, cap, "fake-provider: unknown key '%s' in the model's name", name);
    return -1;
}

int script_parse(const char *model, struct script *out, char *why, size_t cap)
{
    const char *question = strchr(model, '?');
    int rc = 0;
    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (keys[i].kind == KIND_NUMBER)
            *(int64_t *)((char *)out + keys[i].offset) = keys[i].def;
    if (!question)
        return 0;
    char *text = strdup(question + 1), *next = text, *word;
    while (rc == 0 && (word = strsep(&next, "&"))) {
        char empty[] = "1";
        char *value = strchr(word, '=');
        if (value)
            *value++ = '\0';
        else
            value = empty;
        decode(value);
        if (*word)
            rc = set(out, word, value, why, cap);
    }
    free(text);
    if (rc == 0 && out->bad && !bad_is_known(out->bad)) {
        snprintf(why, cap, "fake-provider: there is no bad=%s", out->bad);
        rc = -1;
    }
    return rc;
}

void script_free(struct script *s)
{
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (keys[i].kind == KIND_TEXT)
            free(*(char **)((char *)s + keys[i].offset));
}

void script_help(FILE *out)
{
    for (size_t i = 0; i < KEY_COUNT; i++)
        fprintf(out, "  %-15s %s\n", keys[i].name, keys[i].help);
}
