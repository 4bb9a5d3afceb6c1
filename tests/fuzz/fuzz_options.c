/* A command line, one word a line, by a table with a row of each kind; and a
 * number of a text. */
#include "fuzz/fuzz.h"
#include <orbiter/options.h>

#include <stddef.h>
#include <stdio.h>

#define WORDS_MAX 64

struct values {
    int flag, whole;
    double real;
    const char *text;
    char *secret;
    struct orb_option_list list;
};
#define AT(field) offsetof(struct values, field)
static const struct orb_option rows[] = {
    { "flag", 'f', ORB_OPTION_FLAG, AT(flag), NULL, "a flag", 0, 0 },
    { "whole", 'w', ORB_OPTION_INT, AT(whole), "N", "a number", -5, 1000 },
    { "real", 'r', ORB_OPTION_REAL, AT(real), "N", "another", 0, 3600 },
    { "text", 't', ORB_OPTION_TEXT, AT(text), "TEXT", "a text", 0, 0 },
    { "secret", 0, ORB_OPTION_SECRET, AT(secret), "TEXT", "a password", 0, 0 },
    { "list", 'l', ORB_OPTION_LIST, AT(list), "TEXT", "a list", 0, 0 },
    { "hidden", 0, ORB_OPTION_FLAG, AT(flag), NULL, "", 0, 0 },
    { 0 },
};
static const struct values none = { .whole = 7, .real = 0.5 };

static int split(char *text, char **words)
{
    int count = 0;
    for (char *word; count < WORDS_MAX && (word = strsep(&text, "\n"));)
        words[count++] = word;
    return count;
}

static void check_values(const struct values *v)
{
    ORB_ASSERT(v->flag == 0 || v->flag == 1);
    ORB_ASSERT(v->whole >= -5 && v->whole <= 1000 && v->real >= 0 && v->real <= 3600);
    for (size_t i = 0; i < v->list.count; i++)
        ORB_ASSERT(v->list.items[i] != NULL);
}

static void check_same(const struct values *a, const struct values *b)
{
    ORB_ASSERT(a->flag == b->flag && a->whole == b->whole && !(a->real < b->real || a->real > b->real));
    ORB_ASSERT(!a->text == !b->text && !a->secret == !b->secret && a->list.count == b->list.count);
    ORB_ASSERT(!a->text || !strcmp(a->text, b->text));
    ORB_ASSERT(!a->secret || !strcmp(a->secret, b->secret));
}

/* What was read, written as a command line, is read as the same. */
static void check_again(const struct values *v, int operands, char **operand)
{
    static char r[] = "-r", f[] = "-f", text[] = "--text", secret_option[] = "--secret", l[] = "-l", end[] = "--";
    char whole[32], real[64], *words[2 * WORDS_MAX + 16], *secret = v->secret ? orb_strdup(v->secret) : NULL;
    int count = 0;
    snprintf(whole, sizeof whole, "--whole=%d", v->whole);
    snprintf(real, sizeof real, "%.17g", v->real);
    words[count++] = whole;
    words[count++] = r;
    words[count++] = real;
    if (v->flag)
        words[count++] = f;
    if (v->text) {
        words[count++] = text;
        words[count++] = (char *)(uintptr_t)v->text;
    }
    if (v->secret) {
        words[count++] = secret_option;
        words[count++] = secret;
    }
    for (size_t i = 0; i < v->list.count; i++) {
        words[count++] = l;
        words[count++] = (char *)(uintptr_t)v->list.items[i];
    }
    words[count++] = end;
    for (int i = 0; i < operands; i++)
        words[count++] = operand[i];
    struct values again = none;
    const struct orb_option_set sets[] = { { rows, &again }, { 0 } };
    struct orb_error err;
    ORB_ASSERT(!orb_options_parse(sets, 0, &count, words, &err) && count == operands);
    check_same(v, &again);
    for (size_t i = 0; i < v->list.count; i++)
        ORB_ASSERT(!strcmp(v->list.items[i], again.list.items[i]));
    for (int i = 0; i < operands; i++)
        ORB_ASSERT(!strcmp(words[i], operand[i]));
    orb_options_done(sets);
    free(secret);
}

static void check_line(const uint8_t *data, size_t size, int stop_at_operand)
{
    char *text = fuzz_text(data, size), *words[WORDS_MAX];
    struct values values = none;
    const struct orb_option_set sets[] = { { rows, &values }, { 0 } };
    struct orb_error err = { 0 };
    int given = split(text, words), count = given;
    int rc = orb_options_parse(sets, stop_at_operand, &count, words, &err);
    check_values(&values);
    if (rc) {
        fuzz_check_error(rc, &err);
    } else {
        ORB_ASSERT(count >= 0 && count <= given);
        check_again(&values, count, words);
    }
    orb_options_done(sets);
    free(text);
}

static void check_numbers(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size), back[32];
    int64_t whole, whole_again;
    double real;
    if (!orb_parse_int(text, -100, INT64_MAX, &whole)) {
        ORB_ASSERT(whole >= -100);
        snprintf(back, sizeof back, "%lld", (long long)whole);
        ORB_ASSERT(!orb_parse_int(back, INT64_MIN, INT64_MAX, &whole_again) && whole == whole_again);
        ORB_ASSERT(!orb_parse_real(text, -1e19, 1e19, &real));
    }
    if (!orb_parse_real(text, -1e18, 1e18, &real))
        ORB_ASSERT(real >= -1e18 && real <= 1e18);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_line(data, size, 0);
    check_line(data, size, 1);
    check_numbers(data, size);
    return 0;
}
