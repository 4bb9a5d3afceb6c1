/* A program for a machine that follows all its branches at once (Thompson's construction). */
#include "tool/pattern.h"
#include "base/base.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 64
#define RANGES_MAX 2000
#define REPEAT_MAX 1000
#define START_STEPS 3000 /* what making the program costs, in steps */

enum op { CHAR, ANY, CLASS, SPLIT, JUMP, BEGIN, END, BORDER, NO_BORDER, MATCH };

struct code {
    enum op op;
    int a, b;              /* SPLIT, JUMP: where to, from here. CLASS: first range and how many */
    uint32_t cp;           /* CHAR; CLASS: 1 = none of them */
};
struct range {
    uint32_t lo, hi;
};

struct program {
    struct code code[ORB_PATTERN_CODE_MAX];
    struct range ranges[RANGES_MAX];
    int len, range_count;
    const char *s;
    size_t n, at;
    int depth;
    const char *why;       /* what is wrong, NULL = nothing */
};

/* ---- compiling ---- */

static void fail(struct program *p, const char *why)
{
    if (!p->why)
        p->why = why;
}

static int peek(struct program *p)
{
    return p->at < p->n && !p->why ? (unsigned char)p->s[p->at] : -1;
}

static int take(struct program *p, char c)
{
    if (peek(p) != (unsigned char)c)
        return 0;
    p->at++;
    return 1;
}

static uint32_t next(struct program *p)
{
    uint32_t cp = 0xfffd;
    size_t used = orb_utf8_decode(p->s + p->at, p->n - p->at, &cp);
    if (p->at < p->n)
        p->at += used ? used : 1;
    else
        fail(p, "it ends too early");
    return cp;
}

static int emit(struct program *p, struct code code)
{
    if (p->len == ORB_PATTERN_CODE_MAX) {
        fail(p, "its repetitions are too large");
        return 0;
    }
    p->code[p->len] = code;
    return p->len++;
}

static void insert(struct program *p, int at, struct code code)
{
    emit(p, code);
    if (p->why)
        return;
    memmove(&p->code[at + 1], &p->code[at], (size_t)(p->len - 1 - at) * sizeof *p->code);
    p->code[at] = code;
}

static void add_range(struct program *p, uint32_t lo, uint32_t hi)
{
    if (p->range_count == RANGES_MAX)
        fail(p, "its classes are too large");
    else
        p->ranges[p->range_count++] = (struct range){ lo, hi };
}

/* \d \w \s, or with a capital letter everything else. */
static int add_named(struct program *p, int letter)
{
    static const struct range digits[] = { { '0', '9' } };
    static const struct range words[] = { { '0', '9' }, { 'A', 'Z' }, { '_', '_' }, { 'a', 'z' } };
    static const struct range blanks[] = { { 9, 13 }, { 32, 32 }, { 0xa0, 0xa0 }, { 0x1680, 0x1680 }, { 0x2000, 0x200a },
                                           { 0x2028, 0x2029 }, { 0x202f, 0x202f }, { 0x205f, 0x205f }, { 0x3000, 0x3000 }, { 0xfeff, 0xfeff } };
    static const struct {
        char letter;
        const struct range *ranges;
        size_t count;
    } named[] = { { 'd', digits, ORB_COUNT(digits) }, { 'w', words, ORB_COUNT(words) }, { 's', blanks, ORB_COUNT(blanks) } };
    for (size_t i = 0; i < ORB_COUNT(named); i++) {
        uint32_t from = 0;
        if ((letter | 0x20) != named[i].letter)
            continue;
        for (size_t k = 0; k < named[i].count; k++) {
            struct range r = named[i].ranges[k];
            if (letter & 0x20)
                add_range(p, r.lo, r.hi);
            else if (r.lo > from)
                add_range(p, from, r.lo - 1);
            from = r.hi + 1;
        }
        if (!(letter & 0x20))
            add_range(p, from, 0x10ffff);
        return 1;
    }
    return 0;
}

static uint32_t hex(struct program *p, int digits)
{
    uint32_t value = 0;
    while (digits-- > 0) {
        int c = peek(p);
        int v = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
        if (c < 0 || v < 0) {
            fail(p, "\\x needs two hex digits, \\u four");
            return 0;
        }
        value = value * 16 + (uint32_t)v;
        p->at++;
    }
    return value;
}

/* The character that an escape stands for; the backslash is read already. */
static uint32_t escape(struct program *p)
{
    static const char letters[] = "tnrfv0", values[] = "\t\n\r\f\v";
    uint32_t c = next(p);
    const char *at = c && c < 0x80 ? strchr(letters, (int)c) : NULL;
    if (at)
        return (unsigned char)values[at - letters];
    if (c == 'x' || c == 'u')
        return hex(p, c == 'x' ? 2 : 4);
    if ((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z'))
        fail(p, "an escape that is not known here (back references and \\p are not)");
    return c;
}

static void class_item(struct program *p)
{
    uint32_t lo, hi;
    if (take(p, '\\')) {
        int letter = peek(p);
        if (letter >= 0 && add_named(p, letter)) {
            p->at++;
            return;
        }
        lo = letter == 'b' ? (p->at++, 8) : escape(p);
    } else {
        lo = next(p);
    }
    hi = lo;
    if (peek(p) == '-' && p->at + 1 < p->n && p->s[p->at + 1] != ']') {
        p->at++;
        hi = take(p, '\\') ? escape(p) : next(p);
        if (hi < lo)
            fail(p, "a class has a range that goes backwards");
    }
    add_range(p, lo, hi);
}

static void class(struct program *p)
{
    int first = p->range_count, is_not = take(p, '^');
    while (!p->why && !take(p, ']')) {
        if (p->at >= p->n)
            fail(p, "a [ is not closed");
        else
            class_item(p);
    }
    emit(p, (struct code){ CLASS, first, p->range_count - first, (uint32_t)is_not });
}

static void alternatives(struct program *p);

static void group(struct program *p)
{
    if (take(p, '?') && !take(p, ':'))
        fail(p, "of the groups with (? only (?: is known");
    if (++p->depth > DEPTH_MAX)
        fail(p, "its groups are nested too deep");
    alternatives(p);
    p->depth--;
    if (!take(p, ')'))
        fail(p, "a ( is not closed");
}

static void escaped_atom(struct program *p)
{
    int letter = peek(p), first = p->range_count;
    if (letter == 'b' || letter == 'B') {
        p->at++;
        emit(p, (struct code){ letter == 'b' ? BORDER : NO_BORDER, 0, 0, 0 });
    } else if (letter >= 0 && add_named(p, letter)) {
        p->at++;
        emit(p, (struct code){ CLASS, first, p->range_count - first, 0 });
    } else {
        emit(p, (struct code){ CHAR, 0, 0, escape(p) });
    }
}

static void atom(struct program *p)
{
    int c = peek(p);
    if (c == '*' || c == '+' || c == '?')
        fail(p, "a * + or ? has nothing to repeat");
    else if (take(p, '('))
        group(p);
    else if (take(p, '['))
        class(p);
    else if (take(p, '\\'))
        escaped_atom(p);
    else if (take(p, '.'))
        emit(p, (struct code){ ANY, 0, 0, 0 });
    else if (take(p, '^'))
        emit(p, (struct code){ BEGIN, 0, 0, 0 });
    else if (take(p, '$'))
        emit(p, (struct code){ END, 0, 0, 0 });
    else
        emit(p, (struct code){ CHAR, 0, 0, next(p) });
}

static void optional(struct program *p, int start)
{
    insert(p, start, (struct code){ SPLIT, 1, p->len - start + 1, 0 });
}

static void star(struct program *p, int start)
{
    int n = p->len - start;
    insert(p, start, (struct code){ SPLIT, 1, n + 2, 0 });
    emit(p, (struct code){ JUMP, -(n + 1), 0, 0 });
}

static int number(struct program *p, int *out)
{
    int value = 0, digits = 0;
    for (; peek(p) >= '0' && peek(p) <= '9'; p->at++, digits++)
        value = value > REPEAT_MAX ? value : value * 10 + (peek(p) - '0');
    *out = value;
    return digits > 0;
}

/* {n}, {n,}, {n,m}; 0 when the brace is only a character. max -1 = no end. */
static int braces(struct program *p, int *min, int *max)
{
    size_t at = p->at;
    if (take(p, '{') && number(p, min)) {
        *max = *min;
        if (take(p, ',') && !number(p, max))
            *max = -1;
        if (take(p, '}')) {
            if (*min > REPEAT_MAX || *max > REPEAT_MAX || (*max >= 0 && *max < *min))
                fail(p, "a {n,m} is over 1000, or goes backwards");
            return 1;
        }
    }
    p->at = at;
    return 0;
}

/* The code from start on, which is one atom's, as often as it takes: its jumps are relative. */
static void repeat(struct program *p, int start, int min, int max)
{
    int n = p->len - start, count = max < 0 ? min + 1 : max;
    struct code *atom_code = malloc(((size_t)n + 1) * sizeof *atom_code);
    if (!atom_code) {
        fail(p, "there is no memory for it");
        return;
    }
    memcpy(atom_code, &p->code[start], (size_t)n * sizeof *atom_code);
    p->len = start;
    for (int i = 0; !p->why && i < count; i++) {
        int at = p->len;
        for (int k = 0; k < n; k++)
            emit(p, atom_code[k]);
        if (i >= min && max < 0)
            star(p, at);
        else if (i >= min)
            optional(p, at);
    }
    free(atom_code);
}

static void term(struct program *p)
{
    int start = p->len, min, max;
    atom(p);
    if (take(p, '*'))
        star(p, start);
    else if (take(p, '+'))
        emit(p, (struct code){ SPLIT, start - p->len, 1, 0 });
    else if (take(p, '?'))
        optional(p, start);
    else if (braces(p, &min, &max))
        repeat(p, start, min, max);
    else
        return;
    take(p, '?');
}

static void alternatives(struct program *p)
{
    int last = -1; /* of the jumps to the end, each holding the one before it */
    for (;;) {
        int start = p->len;
        while (peek(p) >= 0 && peek(p) != '|' && peek(p) != ')')
            term(p);
        if (!take(p, '|'))
            break;
        insert(p, start, (struct code){ SPLIT, 1, p->len - start + 2, 0 });
        last = emit(p, (struct code){ JUMP, last, 0, 0 });
    }
    while (!p->why && last >= 0) {
        int before = p->code[last].a;
        p->code[last].a = p->len - last;
        last = before;
    }
}

static struct program *compile(const char *pattern, size_t len, struct orb_error *err)
{
    struct program *p = calloc(1, sizeof *p);
    if (!p) {
        orb_error_set(err, ORB_E_NOMEM, "no memory for a pattern");
        return NULL;
    }
    p->s = pattern;
    p->n = len;
    if (len > ORB_PATTERN_MAX)
        fail(p, "it is over 1,024 bytes");
    alternatives(p);
    if (peek(p) == ')')
        fail(p, "a ) is not opened");
    emit(p, (struct code){ MATCH, 0, 0, 0 });
    if (!p->why)
        return p;
    orb_error_set(err, ORB_E_INVALID, "the pattern '%.*s': %s", len > 60 ? 60 : (int)len, pattern, p->why);
    free(p);
    return NULL;
}

int orb_pattern_check(const char *pattern, size_t len, struct orb_error *err)
{
    struct program *p = compile(pattern, len, err);
    free(p);
    return p ? 0 : ORB_E_INVALID;
}

/* ---- matching ---- */

struct threads {
    int at[ORB_PATTERN_CODE_MAX];
    int count;
};
struct machine {
    const struct program *p;
    struct threads now, then;
    int stack[2 * ORB_PATTERN_CODE_MAX];
    unsigned mark[ORB_PATTERN_CODE_MAX], turn; /* has been added in this turn */
    int64_t steps, most;
    int is_match;
};

static int is_word(uint32_t cp)
{
    return cp == '_' || (cp >= '0' && cp <= '9') || ((cp | 32) >= 'a' && (cp | 32) <= 'z');
}

struct place {
    int is_begin, is_end, is_border;
};

/* Follows what takes no character. */
static void add(struct machine *m, struct threads *to, int pc, struct place place)
{
    int depth = 0;
    m->stack[depth++] = pc;
    while (depth > 0) {
        pc = m->stack[--depth];
        const struct code *c = &m->p->code[pc];
        if (m->mark[pc] == m->turn)
            continue;
        m->mark[pc] = m->turn;
        m->steps++;
        if (c->op == SPLIT) {
            m->stack[depth++] = pc + c->b;
            m->stack[depth++] = pc + c->a;
        } else if (c->op == JUMP) {
            m->stack[depth++] = pc + c->a;
        } else if ((c->op == BEGIN && place.is_begin) || (c->op == END && place.is_end) || (c->op == BORDER && place.is_border) ||
                   (c->op == NO_BORDER && !place.is_border)) {
            m->stack[depth++] = pc + 1;
        } else if (c->op == MATCH) {
            m->is_match = 1;
        } else if (c->op <= CLASS) {
            to->at[to->count++] = pc;
        }
    }
}

static int takes(const struct program *p, const struct code *c, uint32_t cp)
{
    if (c->op == CHAR)
        return cp == c->cp;
    if (c->op == ANY)
        return cp != '\n' && cp != '\r' && cp != 0x2028 && cp != 0x2029;
    for (int i = c->a; i < c->a + c->b; i++)
        if (cp >= p->ranges[i].lo && cp <= p->ranges[i].hi)
            return !c->cp;
    return (int)c->cp;
}

static void step(struct machine *m, uint32_t cp, struct place place)
{
    m->turn++;
    m->then.count = 0;
    for (int i = 0; i < m->now.count; i++) {
        const struct code *c = &m->p->code[m->now.at[i]];
        m->steps += 1 + (c->op == CLASS ? c->b / 8 : 0);
        if (takes(m->p, c, cp))
            add(m, &m->then, m->now.at[i] + 1, place);
    }
    add(m, &m->then, 0, place); /* it may begin here, too */
    m->now.count = m->then.count;
    memcpy(m->now.at, m->then.at, (size_t)m->then.count * sizeof *m->now.at);
}

static void run(struct machine *m, const char *text, size_t n)
{
    uint32_t cp = 0, ahead = 0;
    size_t used = orb_utf8_decode(text, n, &ahead), at = 0;
    m->turn = 1;
    add(m, &m->now, 0, (struct place){ 1, n == 0, n > 0 && is_word(ahead) });
    while (at < n && !m->is_match && m->steps < m->most) {
        cp = used ? ahead : 0xfffd;
        at += used ? used : 1;
        used = orb_utf8_decode(text + at, n - at, &ahead);
        step(m, cp, (struct place){ 0, at == n, is_word(cp) != (at < n && used && is_word(ahead)) });
    }
}

int orb_pattern_match(const char *pattern, size_t len, const char *text, size_t text_len, int64_t *steps, struct orb_error *err)
{
    struct program *p = compile(pattern, len, err);
    if (!p)
        return ORB_E_INVALID;
    struct machine *m = calloc(1, sizeof *m);
    int rc = m ? 0 : orb_error_set(err, ORB_E_NOMEM, "no memory for a pattern");
    if (m) {
        m->p = p;
        m->steps = START_STEPS;
        m->most = *steps;
        run(m, text, text_len);
        rc = m->is_match;
        if (!rc && m->steps >= m->most)
            rc = orb_error_set(err, ORB_E_TOO_LARGE, "the text is too long for the pattern '%.60s'", pattern);
    }
    if (m)
        *steps -= m->steps;
    free(m);
    free(p);
    return rc;
}
