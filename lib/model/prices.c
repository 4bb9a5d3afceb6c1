#include "model/prices.h"
#include "base/base.h"
#include <orbiter/fleet.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 256
#define PRICE_MAX 1e6 /* dollars for a million tokens */
#define ABOVE_MAX (INT64_C(1) << 53)

/* prices.txt, embedded by the Makefile. */
extern const char orb_prices_text[];

struct row {
    char *name;
    int64_t above; /* tokens of input; 0: any call */
    double input, output, cached, written;
};

struct orb_prices {
    struct row *rows;
    size_t count, cap;
};

/* ---- reading ---------------------------------------------------------------- */

static void add_row(struct orb_prices *p, const struct row *row)
{
    if (p->count == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 64;
        struct row *more = orb_alloc(p->cap * sizeof *more);
        if (p->count)
            memcpy(more, p->rows, p->count * sizeof *more);
        free(p->rows);
        p->rows = more;
    }
    p->rows[p->count++] = *row;
}

static char *next_word(char **rest)
{
    char *word;
    do
        word = strsep(rest, " \t\r");
    while (word && !*word);
    return word;
}

static int read_row(struct orb_prices *p, char *line, const char *name, int number, struct orb_error *err)
{
    struct row row = { 0 };
    double *const to[] = { &row.input, &row.output, &row.cached, &row.written };
    line[strcspn(line, "#")] = '\0';
    char *model = next_word(&line), *word, *above = model ? strchr(model, '>') : NULL;
    if (!model)
        return 0;
    if (above && (above == model || orb_parse_int(above + 1, 1, ABOVE_MAX, &row.above)))
        return orb_error_set(err, ORB_E_CONFIG, "%s line %d: '%.60s': behind '>' stands a number of tokens, before it a model", name, number, model);
    if (above)
        *above = '\0';
    if (strlen(model) > NAME_MAX_BYTES || p->count >= ORB_PRICES_ROWS_MAX)
        return orb_error_set(err, ORB_E_CONFIG, "%s line %d: a name over %d bytes, or a table over %d rows", name, number, NAME_MAX_BYTES, ORB_PRICES_ROWS_MAX);
    for (size_t i = 0; i < ORB_COUNT(to); i++)
        if (!(word = next_word(&line)) || orb_parse_real(word, 0, PRICE_MAX, to[i]))
            return orb_error_set(err, ORB_E_CONFIG, "%s line %d: '%.60s' needs four prices: dollars for a million tokens of input, output, cached input, "
                                 "written cache", name, number, model);
    if ((word = next_word(&line)))
        return orb_error_set(err, ORB_E_CONFIG, "%s line %d: '%.60s' is one word too many", name, number, word);
    row.name = orb_strdup(model);
    add_row(p, &row);
    return 0;
}

int orb_prices_parse(const char *text, size_t len, const char *name, struct orb_prices **out, struct orb_error *err)
{
    struct orb_prices *p = orb_alloc(sizeof *p);
    char *copy = orb_memdup(text, len), *rest = copy, *line;
    int rc = 0;
    for (int number = 1; !rc && (line = strsep(&rest, "\n")); number++)
        rc = read_row(p, line, name, number, err);
    free(copy);
    if (rc)
        orb_prices_free(p);
    else
        *out = p;
    return rc;
}

int orb_prices_read(const char *path, struct orb_prices **out, struct orb_error *err)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return orb_error_set(err, ORB_E_CONFIG, "prices: cannot open %.200s: %m", path);
    char *text = malloc(ORB_PRICES_FILE_MAX + 1);
    size_t len = text ? fread(text, 1, ORB_PRICES_FILE_MAX + 1, file) : 0;
    int is_bad = !text || ferror(file);
    fclose(file);
    int rc = 0;
    if (is_bad)
        rc = orb_error_set(err, ORB_E_CONFIG, "prices: cannot read %.200s", path);
    else if (len > ORB_PRICES_FILE_MAX)
        rc = orb_error_set(err, ORB_E_CONFIG, "prices: %.200s is over %d bytes", path, ORB_PRICES_FILE_MAX);
    else
        rc = orb_prices_parse(text, len, path, out, err);
    free(text);
    return rc;
}

int orb_prices_check(const char *file, struct orb_error *err)
{
    struct orb_prices *prices = NULL;
    int rc = orb_prices_read(file, &prices, err);
    orb_prices_free(prices);
    return rc;
}

void orb_prices_free(struct orb_prices *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->count; i++)
        free(p->rows[i].name);
    free(p->rows);
    free(p);
}

const struct orb_prices *orb_prices_builtin(void)
{
    static struct orb_prices *builtin;
    if (!builtin)
        ORB_ASSERT(!orb_prices_parse(orb_prices_text, strlen(orb_prices_text), "prices.txt", &builtin, NULL));
    return builtin;
}

/* ---- asking ------------------------------------------------------------------ */

/* Names are written with points and with hyphens: claude-opus-4.5 is claude-opus-4-5. */
static int is_same(char a, char b)
{
    return a == b || ((a == '.' || a == '-') && (b == '.' || b == '-'));
}

static int is_of_name(char c)
{
    return isalnum((unsigned char)c) || strchr("-.:@_", c);
}

/* Behind the row's name: nothing of a name, or what tells releases of one model apart: numbers, but not the one digit of another
 * version, and the words below. */
static int is_release(const char *rest)
{
    static const char *const words[] = { "latest", "preview", "exp" };
    while (*rest && is_of_name(*rest)) {
        if (!strchr("-@", *rest++))
            return 0;
        size_t digits = strspn(rest, "0123456789"), n = digits, i = 0;
        while (!n && i < ORB_COUNT(words)) {
            n = strncmp(rest, words[i], strlen(words[i])) ? 0 : strlen(words[i]);
            i++;
        }
        if (!n || (digits == 1 && *rest != '0'))
            return 0;
        rest += n;
    }
    return 1;
}

static int is_model(const char *name, const char *row)
{
    size_t n = 0;
    while (row[n] && is_same(name[n], row[n]))
        n++;
    return !row[n] && ((n && row[n - 1] == ':') || is_release(name + n));
}

static const struct row *find(const struct orb_prices *p, const char *model, int64_t input_tokens)
{
    const char *colon = strchr(model, ':'), *name = colon ? colon + 1 : model, *slash = strrchr(name, '/');
    const struct row *best = NULL;
    if (slash)
        name = slash + 1; /* routers write openai:openai/gpt-5 */
    for (size_t i = 0; i < p->count; i++) {
        const struct row *row = &p->rows[i];
        if (row->above && input_tokens <= row->above)
            continue;
        size_t len = strlen(row->name), most = best ? strlen(best->name) : 0;
        if (is_model(strchr(row->name, ':') ? model : name, row->name) && (!best || len > most || (len == most && row->above > best->above)))
            best = row;
    }
    return best;
}

int orb_prices_cost(const struct orb_prices *p, const char *model, const struct orb_usage *u, double *out)
{
    const struct row *row = find(p, model, u->input_tokens);
    if (!row)
        return ORB_E_NOT_FOUND;
    int64_t plain = u->input_tokens - u->cached_tokens - u->cache_write_tokens;
    if (plain < 0)
        plain = 0;
    *out = ((double)plain * row->input + (double)u->cached_tokens * row->cached + (double)u->cache_write_tokens * row->written +
            (double)u->output_tokens * row->output) / 1e6;
    return 0;
}
