/* Reading a command line by a table of options. */
#include <orbiter/options.h>

#include "base/base.h"
#include <stdlib.h>
#include <string.h>

enum { WORD_MAX = 64 }; /* a longer word is like nothing we know */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein distance with one row of the matrix. */
static size_t distance(const char *a, const char *b)
{
    size_t row[WORD_MAX + 1], la = strlen(a), lb = strlen(b);
    if (la > WORD_MAX || lb > WORD_MAX)
        return WORD_MAX;
    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t substitute = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = smaller(substitute, smaller(row[j], row[j - 1]) + 1);
        }
    }
    return row[lb];
}

const char *orb_options_nearest(const char *word, const char *const *names, size_t count)
{
    const char *best = NULL;
    size_t best_distance = smaller(3, strlen(word) / 2) + 1;
    for (size_t i = 0; i < count; i++) {
        size_t d = distance(word, names[i]);
        if (d < best_distance) {
            best = names[i];
            best_distance = d;
        }
    }
    return best;
}

/* ---- finding rows ----------------------------------------------------- */

struct found {
    const struct orb_option *row;
    char *value; /* where it goes */
};

static struct found find(const struct orb_option_set *sets, const char *name, size_t len, char letter)
{
    for (; sets->rows; sets++)
        for (const struct orb_option *row = sets->rows; row->name; row++) {
            int hit = letter ? row->letter == letter : strlen(row->name) == len && !memcmp(row->name, name, len);
            if (hit)
                return (struct found){row, (char *)sets->values + row->offset};
        }
    return (struct found){NULL, NULL};
}

static int unknown(const struct orb_option_set *sets, const char *word, size_t len, struct orb_error *err)
{
    const char *names[256];
    char name[WORD_MAX + 1];
    size_t count = 0;
    for (const struct orb_option_set *set = sets; set->rows; set++)
        for (const struct orb_option *row = set->rows; row->name && count < ORB_COUNT(names); row++)
            if (*row->help)
                names[count++] = row->name;
    snprintf(name, sizeof name, "%.*s", (int)smaller(len, WORD_MAX), word);
    const char *near = orb_options_nearest(name, names, count);
    if (near)
        return orb_error_set(err, ORB_E_USAGE, "unknown option --%s (did you mean --%s?)", name, near);
    return orb_error_set(err, ORB_E_USAGE, "unknown option --%s", name);
}

/* ---- values ----------------------------------------------------------- */

static int add_item(struct orb_option_list *list, const char *text)
{
    const char **items = realloc(list->items, (list->count + 1) * sizeof *items);
    if (!items)
        return ORB_E_NOMEM;
    list->items = items;
    items[list->count++] = text;
    return 0;
}

static int not_in_range(const struct orb_option *row, const char *text, struct orb_error *err)
{
    return orb_error_set(err, ORB_E_USAGE, "--%s needs a number from %d to %d, not '%.64s'", row->name, row->min,
                         row->max, text);
}

/* Stores text (NULL for a flag) as the row's value. */
static int store(struct found at, char *text, struct orb_error *err)
{
    const struct orb_option *row = at.row;
    int64_t whole;
    double real;
    switch (row->kind) {
    case ORB_OPTION_FLAG:
        *(int *)(void *)at.value = 1;
        return 0;
    case ORB_OPTION_TEXT:
        *(const char **)(void *)at.value = text;
        return 0;
    case ORB_OPTION_SECRET:
        free(*(char **)(void *)at.value);
        *(char **)(void *)at.value = orb_strdup(text);
        memset(text, '*', strlen(text));
        return 0;
    case ORB_OPTION_INT:
        if (orb_parse_int(text, row->min, row->max, &whole))
            return not_in_range(row, text, err);
        *(int *)(void *)at.value = (int)whole;
        return 0;
    case ORB_OPTION_REAL:
        if (orb_parse_real(text, row->min, row->max, &real))
            return not_in_range(row, text, err);
        *(double *)(void *)at.value = real;
        return 0;
    case ORB_OPTION_LIST:
        return add_item((struct orb_option_list *)(void *)at.value, text);
    }
    return ORB_E_INTERNAL;
}

/* The words that are left. */
struct words {
    int next, count;
    char **argv;
};

/* The argument: text when it was joined to the option, else the next word. */
static int with_argument(struct words *w, struct found at, char *text, struct orb_error *err)
{
    if (!text && w->next >= w->count)
        return orb_error_set(err, ORB_E_USAGE, "option --%s needs an argument: %s", at.row->name, at.row->arg);
    return store(at, text ? text : w->argv[w->next++], err);
}

static int read_long(const struct orb_option_set *sets, struct words *w, char *word, struct orb_error *err)
{
    char *equals = strchr(word, '=');
    size_t len = equals ? (size_t)(equals - word) : strlen(word);
    struct found at = find(sets, word, len, 0);
    if (!at.row)
        return unknown(sets, word, len, err);
    if (at.row->kind != ORB_OPTION_FLAG)
        return with_argument(w, at, equals ? equals + 1 : NULL, err);
    if (equals)
        return orb_error_set(err, ORB_E_USAGE, "option --%s takes no argument", at.row->name);
    return store(at, NULL, err);
}

/* -q, -qo json, -ojson */
static int read_short(const struct orb_option_set *sets, struct words *w, char *letters, struct orb_error *err)
{
    for (char *p = letters; *p; p++) {
        struct found at = find(sets, NULL, 0, *p);
        if (!at.row)
            return orb_error_set(err, ORB_E_USAGE, "unknown option -%c", *p);
        if (at.row->kind != ORB_OPTION_FLAG)
            return with_argument(w, at, p[1] ? p + 1 : NULL, err);
        int rc = store(at, NULL, err);
        if (rc)
            return rc;
    }
    return 0;
}

int orb_options_parse(const struct orb_option_set *sets, int stop_at_operand, int *argc, char **argv,
                      struct orb_error *err)
{
    struct words w = {.count = *argc, .argv = argv};
    int operands = 0, ended = 0;
    while (w.next < w.count) {
        char *word = argv[w.next++];
        int rc = 0;
        if (ended || word[0] != '-' || !word[1]) {
            argv[operands++] = word;
            ended |= stop_at_operand;
        } else if (!strcmp(word, "--")) {
            ended = 1;
        } else if (word[1] == '-') {
            rc = read_long(sets, &w, word + 2, err);
        } else {
            rc = read_short(sets, &w, word + 1, err);
        }
        if (rc)
            return rc;
    }
    *argc = operands;
    return 0;
}

void orb_options_done(const struct orb_option_set *sets)
{
    for (; sets->rows; sets++)
        for (const struct orb_option *row = sets->rows; row->name; row++) {
            char *value = (char *)sets->values + row->offset;
            if (row->kind == ORB_OPTION_SECRET) {
                free(*(char **)(void *)value);
                *(char **)(void *)value = NULL;
            } else if (row->kind == ORB_OPTION_LIST) {
                free(((struct orb_option_list *)(void *)value)->items);
                *(struct orb_option_list *)(void *)value = (struct orb_option_list){0};
            }
        }
}

/* ---- Redis ------------------------------------------------------------ */

#define AT(field) offsetof(struct orb_redis_args, field)
const struct orb_option orb_redis_option_rows[] = {
    {"redis-url", 0, ORB_OPTION_SECRET, AT(url), "URL",
     "where Redis is: redis://[USER:PASSWORD@]HOST[:PORT][/DB], rediss://... (TLS), unix:///PATH or redis+sentinel://HOST:PORT,HOST:PORT/MASTER", 0, 0},
    {"namespace", 0, ORB_OPTION_TEXT, AT(ns), "NAME", "put {NAME}: before every key, so that fleets can share one Redis", 0, 0},
    {"tls-ca", 0, ORB_OPTION_TEXT, AT(tls_ca), "PATH", "PEM file or folder of the authorities to trust (default: the system's)", 0, 0},
    {"tls-cert", 0, ORB_OPTION_TEXT, AT(tls_cert), "FILE", "client certificate, PEM", 0, 0},
    {"tls-key", 0, ORB_OPTION_TEXT, AT(tls_key), "FILE", "key of the client certificate, PEM", 0, 0},
    {0},
};
#undef AT

const struct orb_env_row orb_redis_env_rows[] = {
    {"ORBITER_REDIS_URL", "where Redis is, when --redis-url is not given"},
    {"ORBITER_TLS_CA", "as --tls-ca"},
    {"ORBITER_TLS_CERT", "as --tls-cert"},
    {"ORBITER_TLS_KEY", "as --tls-key"},
    {0},
};

/* What was given, else the variable; empty is not set. */
static const char *given_or_env(const char *given, const char *variable)
{
    const char *value = given ? given : getenv(variable);
    return value && *value ? value : NULL;
}

void orb_redis_args_get(const struct orb_redis_args *args, struct orb_redis_options *out)
{
    *out = (struct orb_redis_options){
        .url = given_or_env(args->url, "ORBITER_REDIS_URL"),
        .ns = args->ns,
        .tls_ca = given_or_env(args->tls_ca, "ORBITER_TLS_CA"),
        .tls_cert = given_or_env(args->tls_cert, "ORBITER_TLS_CERT"),
        .tls_key = given_or_env(args->tls_key, "ORBITER_TLS_KEY"),
    };
}

/* ---- running agents ----------------------------------------------------- */

const struct orb_env_row orb_runtime_env_rows[] = {
    {"ORBITER_TOOLS", "folder of tool files, when --tools is not given"},
    {"ORBITER_PROVIDERS", "folder of provider files, when --providers is not given"},
    {"ORBITER_PRICES", "file of what models cost, when --prices is not given"},
    {"ORBITER_LARGE_OUTPUT_THRESHOLD", "bytes of a tool's result from which on it is kept as an artifact (default 10240)"},
    {0},
};

void orb_runtime_args_get(const struct orb_runtime_args *args, struct orb_runtime_args *out)
{
    *out = (struct orb_runtime_args){
        .tools = given_or_env(args->tools, "ORBITER_TOOLS"),
        .providers = given_or_env(args->providers, "ORBITER_PROVIDERS"),
        .prices = given_or_env(args->prices, "ORBITER_PRICES"),
    };
}
