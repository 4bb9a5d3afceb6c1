#include "query.h"
#include "base.h"
#include "model.h"

#include <ctype.h>
#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TERMS_MAX 32
#define WORDS_MAX 32  /* after one colon */
#define CACHE 256     /* shared texts whose answer is kept; a power of two */

enum test { SOMEWHERE, ONE_OF, WHOLE, REGEX, LESS, LESS_EQUAL, MORE, MORE_EQUAL, EQUAL, NOT_EQUAL };

struct term {
    enum test test;
    int is_not, field;      /* -1 = all texts */
    char *words[WORDS_MAX];
    size_t word_count;
    double number;
    regex_t regex;
    struct seen {           /* answers for shared texts */
        const char *text;
        int is_found;
    } seen[CACHE];
};

struct tui_query {
    struct term terms[TERMS_MAX];
    size_t count;
};

void tui_query_free(struct tui_query *q)
{
    if (!q)
        return;
    for (size_t i = 0; i < q->count; i++) {
        for (size_t k = 0; k < q->terms[i].word_count; k++)
            free(q->terms[i].words[k]);
        if (q->terms[i].test == REGEX)
            regfree(&q->terms[i].regex);
    }
    free(q);
}

/* ---- reading ----------------------------------------------------------------- */

struct reader {
    const struct tui_source *source;
    const char *text, *at;
    struct orb_error *err;
};

static int wrong(const struct reader *r, const char *where, const char *fmt, const char *word, const char *more)
{
    char what[1100];
    snprintf(what, sizeof what, fmt, word, more);
    return orb_error_set(r->err, ORB_E_INVALID, "%d: %s", (int)(where - r->text) + 1, what);
}

/* A word up to a blank or one of the ends; in quotes it may have them. */
static int read_word(struct reader *r, const char *ends, char *out, size_t cap)
{
    size_t n = 0;
    const char *from = r->at;
    if (*r->at == '"') {
        for (r->at++; *r->at && *r->at != '"'; r->at++) {
            r->at += r->at[0] == '\\' && (r->at[1] == '"' || r->at[1] == '\\');
            if (n + 1 < cap)
                out[n++] = *r->at;
        }
        if (!*r->at++)
            return wrong(r, from, "no \" at the end of %.60s%s", from, "");
    } else {
        for (; *r->at && *r->at != ' ' && !strchr(ends, *r->at); r->at++)
            if (n + 1 < cap)
                out[n++] = *r->at;
    }
    out[n] = 0;
    return 0;
}

void tui_query_quote(const char *word, char *out, size_t cap)
{
    size_t n = 0;
    out[n++] = '"';
    for (; *word && n + 4 < cap; word++) {
        if (*word == '"' || *word == '\\')
            out[n++] = '\\';
        out[n++] = *word;
    }
    out[n++] = '"';
    out[n] = 0;
}

static double unit_of(enum tui_kind kind, const char *unit)
{
    static const struct { const char *name; double times; } times[] = { { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 }, { "ms", 0.001 } },
                                                            sizes[] = { { "k", 1e3 }, { "K", 1e3 }, { "M", 1e6 }, { "G", 1e9 }, { "%", 0.01 }, { "KB", 1024 }, { "MB", 1048576 }, { "GB", 1073741824 } };
    if (!*unit)
        return 1;
    if (kind == TUI_AGE_FIELD || kind == TUI_SPAN_FIELD) {
        for (size_t i = 0; i < TUI_COUNT(times); i++)
            if (!strcmp(times[i].name, unit))
                return times[i].times;
    } else {
        for (size_t i = 0; i < TUI_COUNT(sizes); i++)
            if (!strcmp(sizes[i].name, unit))
                return sizes[i].times;
    }
    return NAN;
}

static int is_time(enum tui_kind kind)
{
    return kind == TUI_AGE_FIELD || kind == TUI_SPAN_FIELD;
}

/* "1.5k", and as lists show it "1,504"; "30s", and likewise "1h30m". NAN = it is none. */
static double parse(enum tui_kind kind, const char *word)
{
    char plain[64], unit[8], *end;
    size_t n = 0, len;
    double sum = 0;
    int parts = 0;
    word += *word == '$';
    for (const char *at = word; *at; at++)
        if (*at != ',' || at == word || strspn(at + 1, "0123456789") != 3)
            plain[n++] = *at;
    plain[n] = 0;
    for (const char *at = plain; *at || !parts; at = end + len, parts++) {
        double part = strtod(at, &end);
        len = is_time(kind) ? strcspn(end, "0123456789") : strlen(end);
        snprintf(unit, sizeof unit, "%.*s", (int)(len < 7 ? len : 7), end);
        if (end == at || (parts && !len))
            return NAN;
        sum += part * unit_of(kind, unit);
    }
    return sum;
}

static int read_number(struct reader *r, struct term *t, const struct tui_field *field)
{
    char word[64];
    const char *from = r->at;
    int rc = read_word(r, "", word, sizeof word);
    if (rc)
        return rc;
    t->number = parse(field->kind, word);
    if (isnan(t->number))
        return wrong(r, from, is_time(field->kind) ? "'%s' is no time for %s: 30s, 5m, 1h, 2d" : field->kind == TUI_CLOCK_FIELD ? "'%s' is no point in time for %s: seconds since 1970" :
                     "'%s' is no number for %s: 100, 1.5k, 2M", word, field->name);
    if (field->kind == TUI_PERCENT_FIELD && !strchr(word, '%'))
        t->number /= 100;
    return 0;
}

/* Are these all states that there are? A wrong one would be an empty list, which says that there is nothing of the kind. */
static int check_state(const struct reader *r, const char *from, const struct tui_field *field, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = field->help; *at; at += strcspn(at, " "), at += *at == ' ')
        if (strcspn(at, ", ") == len && !strncasecmp(at, word, len))
            return 0;
    return wrong(r, from, "'%.40s' is no state: %s", word, field->help);
}

static int read_words(struct reader *r, struct term *t, const struct tui_field *field)
{
    char word[256];
    do {
        const char *from = r->at;
        int rc = read_word(r, ",", word, sizeof word);
        if (rc)
            return rc;
        if (!*word)
            return wrong(r, from, "%s: what? give a %s", field->name, tui_field_is_text(field) ? "word" : "number");
        if (field->kind == TUI_STATE_FIELD && (rc = check_state(r, from, field, word)))
            return rc;
        if (t->word_count == WORDS_MAX)
            return wrong(r, from, "too many words for %s%s", field->name, "");
        t->words[t->word_count++] = tui_strdup(word);
    } while (*r->at == ',' && r->at++);
    return 0;
}

#define REPEATS_MAX 1000

/* What would take the memory, or the time, that a key may not take. NULL = nothing. */
static const char *too_much(const char *regex)
{
    double repeats = 1;
    for (const char *at = regex; *at; at++) {
        if (at[0] == '\\' && at[1] >= '1' && at[1] <= '9')
            return "it refers to a part of itself";
        if (at[0] == '\\' && at[1]) {
            at++;
        } else if (*at == '{') {
            const char *comma = at + 1 + strspn(at + 1, "0123456789"), *most = *comma == ',' && comma[1] >= '0' && comma[1] <= '9' ? comma + 1 : at + 1;
            repeats *= fmax(strtod(most, NULL), 1);
        }
    }
    return repeats > REPEATS_MAX ? "it repeats a part too often" : NULL;
}

static int read_regex(struct reader *r, struct term *t)
{
    char word[512], why[80];
    const char *from = r->at;
    int rc = read_word(r, "", word, sizeof word);
    if (rc)
        return rc;
    if (too_much(word))
        return wrong(r, from, "'%.60s' is no regular expression for a filter: %s", word, too_much(word));
    int bad = regcomp(&t->regex, word, REG_EXTENDED | REG_ICASE | REG_NOSUB);
    if (bad) {
        regerror(bad, &t->regex, why, sizeof why);
        return wrong(r, from, "'%.60s' is no regular expression: %.80s", word, why);
    }
    t->test = REGEX;
    return 0;
}

/* Behind a field's name. */
static int read_test(struct reader *r, struct term *t)
{
    static const struct { const char *sign; enum test test; } signs[] = { { "<=", LESS_EQUAL }, { ">=", MORE_EQUAL }, { "!=", NOT_EQUAL }, { "<", LESS }, { ">", MORE }, { "=", EQUAL } };
    const struct tui_field *field = &r->source->fields[t->field];
    const char *from = r->at;
    if (*r->at == '~' || (r->at[0] == '!' && r->at[1] == '~')) {
        t->is_not ^= *r->at == '!';
        r->at += 1 + (*r->at == '!');
        if (!tui_field_is_text(field))
            return wrong(r, from, "%s is a number: use < > = with it%s", field->name, "");
        return read_regex(r, t);
    }
    if (*r->at == ':' || (tui_field_is_text(field) && *r->at == '=')) {
        t->test = !tui_field_is_text(field) ? EQUAL : *r->at == '=' ? WHOLE : ONE_OF;
        r->at++;
        return tui_field_is_text(field) ? read_words(r, t, field) : read_number(r, t, field);
    }
    for (size_t i = 0; i < TUI_COUNT(signs); i++) {
        size_t len = strlen(signs[i].sign);
        if (strncmp(r->at, signs[i].sign, len) != 0)
            continue;
        r->at += len;
        t->test = signs[i].test;
        if (!tui_field_is_text(field))
            return read_number(r, t, field);
        if (t->test != NOT_EQUAL)
            return wrong(r, from, "%s is a text: use : = or ~ with it%s", field->name, "");
        t->is_not ^= 1;
        t->test = WHOLE;
        return read_words(r, t, field);
    }
    return wrong(r, from, "what of %s? use : ~ < > = behind it%s", field->name, "");
}

/* How many bytes of a field's name are here, followed by a sign of a test; 0 = it is a plain word. */
size_t tui_query_name_length(const char *at)
{
    size_t n = 0;
    while (isalnum((unsigned char)at[n]) || at[n] == '_')
        n++;
    return n && at[n] && strchr(":~<>=!", at[n]) && (at[n] != '!' || at[n + 1] == '=' || at[n + 1] == '~') ? n : 0;
}

static int read_term(struct reader *r, struct term *t)
{
    char word[256], names[200] = "";
    const char *from = r->at;
    t->field = -1;
    while (*r->at == '!' || *r->at == '-') {
        if (*r->at == '-' && (r->at[1] == ' ' || !r->at[1]))
            break;
        t->is_not ^= 1;
        r->at++;
    }
    size_t len = tui_query_name_length(r->at);
    if (len) {
        snprintf(word, sizeof word, "%.*s", (int)(len < 60 ? len : 60), r->at);
        t->field = tui_field_find(r->source, word);
        if (t->field < 0) {
            for (size_t i = 0; i < r->source->field_count; i++)
                snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? " " : "", r->source->fields[i].name);
            return wrong(r, from, "'%.40s' is no field: %.150s", word, names);
        }
        r->at += len;
        return read_test(r, t);
    }
    int rc = read_word(r, "", word, sizeof word);
    if (rc)
        return rc;
    if (!*word)
        return wrong(r, from, "a word is missing behind %.1s%s", from, "");
    t->words[t->word_count++] = tui_strdup(word);
    return 0;
}

int tui_query_read(const struct tui_source *source, const char *text, struct tui_query **out, struct orb_error *err)
{
    struct reader r = { source, text ? text : "", text ? text : "", err };
    if (strlen(r.text) > TUI_QUERY_MAX)
        return orb_error_set(err, ORB_E_INVALID, "1: a filter has at most %d bytes", TUI_QUERY_MAX);
    struct tui_query *q = tui_alloc(1, sizeof *q);
    while (*(r.at += strspn(r.at, " "))) {
        int rc = q->count == TERMS_MAX ? wrong(&r, r.at, "too many words%s%s", "", "") : read_term(&r, &q->terms[q->count]);
        q->count += q->count < TERMS_MAX; /* what it has so far is freed */
        if (rc) {
            if (q->terms[q->count - 1].test == REGEX)
                q->terms[q->count - 1].test = SOMEWHERE; /* nothing was compiled */
            tui_query_free(q);
            return rc;
        }
    }
    if (!q->count) {
        tui_query_free(q);
        q = NULL;
    }
    *out = q;
    return 0;
}

/* ---- matching ----------------------------------------------------------------- */

/* Many rows have the same few texts, at the same address: each is looked through once. */
static int has_word(struct term *t, const struct tui_field *field, const struct tui_value *v, size_t len)
{
    if (!field->is_shared)
        return tui_find(v->text, v->len, t->words[0], len) != NULL;
    struct seen *seen = &t->seen[((uintptr_t)v->text >> 4) & (CACHE - 1)];
    if (seen->text != v->text) {
        seen->text = v->text;
        seen->is_found = tui_find(v->text, v->len, t->words[0], len) != NULL;
    }
    return seen->is_found;
}

static int is_somewhere(struct term *t, const struct tui_source *source, const struct tui_model *m, uint32_t row)
{
    size_t len = strlen(t->words[0]);
    for (size_t f = 0; f < source->field_count; f++) {
        struct tui_value v;
        if (!tui_field_is_text(&source->fields[f]) || source->fields[f].kind == TUI_SPARK_FIELD)
            continue;
        source->value(m, row, f, &v);
        if (v.len && has_word(t, &source->fields[f], &v, len))
            return 1;
    }
    return 0;
}

static int is_one_of(const struct term *t, const struct tui_field *field, const struct tui_value *v)
{
    for (size_t i = 0; i < t->word_count; i++) {
        size_t len = strlen(t->words[i]);
        if (t->test == WHOLE || field->kind == TUI_STATE_FIELD ? len == v->len && !strncasecmp(v->text, t->words[i], len) : v->len >= len && tui_find(v->text, v->len, t->words[i], len))
            return 1;
    }
    return 0;
}

static int holds(enum test test, double a, double b)
{
    switch (test) {
    case LESS: return a < b;
    case LESS_EQUAL: return a <= b;
    case MORE: return a > b;
    case MORE_EQUAL: return a >= b;
    case NOT_EQUAL: return a != b;
    default: return a == b;
    }
}

static int is_term(struct term *t, const struct tui_source *source, const struct tui_model *m, uint32_t row, double now)
{
    char text[256];
    struct tui_value v;
    if (t->field < 0)
        return is_somewhere(t, source, m, row);
    const struct tui_field *field = &source->fields[t->field];
    source->value(m, row, (size_t)t->field, &v);
    if (t->test == ONE_OF || t->test == WHOLE)
        return is_one_of(t, field, &v);
    if (t->test == REGEX) {
        snprintf(text, sizeof text, "%.*s", (int)(v.len < 255 ? v.len : 255), v.text);
        return !regexec(&t->regex, text, 0, NULL, 0);
    }
    if (isnan(v.number))
        return 0;
    return holds(t->test, field->kind == TUI_AGE_FIELD ? now - v.number : v.number, t->number);
}

int tui_query_matches(struct tui_query *q, const struct tui_source *source, const struct tui_model *m, uint32_t row, double now)
{
    for (size_t i = 0; q && i < q->count; i++)
        if (is_term(&q->terms[i], source, m, row, now) == q->terms[i].is_not)
            return 0;
    return 1;
}

void tui_query_forget(struct tui_query *q)
{
    for (size_t i = 0; q && i < q->count; i++)
        memset(q->terms[i].seen, 0, sizeof q->terms[i].seen);
}

static int same_words(const struct term *a, const struct term *b)
{
    for (size_t i = 0; i < a->word_count && i < b->word_count; i++)
        if (strcmp(a->words[i], b->words[i]) != 0)
            return 0;
    return a->word_count == b->word_count;
}

int tui_query_narrows(const struct tui_query *q, const struct tui_query *before)
{
    if (!before)
        return 1;
    if (!q || q->count < before->count)
        return 0;
    for (size_t i = 0; i < before->count; i++) {
        const struct term *a = &q->terms[i], *b = &before->terms[i];
        int is_same = a->test == b->test && a->is_not == b->is_not && a->field == b->field;
        if (is_same && a->test == SOMEWHERE && !a->is_not && strstr(a->words[0], b->words[0]))
            continue;
        if (!is_same || (a->test != SOMEWHERE && a->test != ONE_OF && a->test != WHOLE) || !same_words(a, b))
            return 0;
    }
    return 1;
}

int tui_query_moves(const struct tui_query *q, const struct tui_source *source)
{
    for (size_t i = 0; q && i < q->count; i++) {
        int f = q->terms[i].field;
        if (f >= 0 && (source->fields[f].kind == TUI_AGE_FIELD || source->fields[f].kind == TUI_SPAN_FIELD || source->fields[f].kind == TUI_RATE_FIELD))
            return 1;
    }
    return 0;
}
