/* Keys, mouse and pastes as xterm and its relatives send them, and what the Linux console and rxvt do otherwise. */
#include "input.h"
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

enum { ESC_WAIT_MS = 25, SEQUENCE_WAIT_MS = 500, PARAMS_MAX = 4, SHIFT = 1, ALT = 2, CTRL = 4 };
#define PASTE_END "\033[201~"

/* Bytes that were used; 0 = more are needed, SKIP + n = n bytes that mean nothing to us. */
enum { SKIP = 1 << 20 };

struct named {
    int code;
    const char *name;
};
static const struct named letters[] = {{'A', "Up"},   {'B', "Down"}, {'C', "Right"}, {'D', "Left"}, {'H', "Home"}, {'F', "End"},
                                       {'P', "F1"},   {'Q', "F2"},   {'R', "F3"},    {'S', "F4"},   {'M', "Enter"}, {0}};
static const struct named numbers[] = {{1, "Home"}, {2, "Ins"},  {3, "Del"},  {4, "End"},  {5, "PgUp"}, {6, "PgDn"}, {7, "Home"}, {8, "End"},
                                       {11, "F1"},  {12, "F2"},  {13, "F3"},  {14, "F4"},  {15, "F5"},  {17, "F6"},  {18, "F7"},  {19, "F8"},
                                       {20, "F9"},  {21, "F10"}, {23, "F11"}, {24, "F12"}, {0}};
static const struct named console[] = {{'A', "F1"}, {'B', "F2"}, {'C', "F3"}, {'D', "F4"}, {'E', "F5"}, {0}};

static const char *find(const struct named *table, int code)
{
    for (; table->name; table++)
        if (table->code == code)
            return table->name;
    return NULL;
}

/* 0 when there is no such key. */
static int name_key(struct tui_input *out, int modifiers, const char *name)
{
    if (!name)
        return 0;
    out->kind = TUI_INPUT_KEY;
    snprintf(out->key, sizeof out->key, "%s%s%s%s", modifiers & CTRL ? "C-" : "", modifiers & ALT ? "M-" : "", modifiers & SHIFT ? "S-" : "", name);
    return 1;
}

static size_t decode_control(const struct tui_parser *p, unsigned char c, int modifiers, struct tui_input *out)
{
    char letter[2] = {(char)(c | 0x60), '\0'};
    if (c == 0x7f || (p->erase && c == (unsigned char)p->erase))
        name_key(out, modifiers, "Backspace");
    else if (c == '\r' || c == '\t' || c == 0x1b)
        name_key(out, modifiers, c == '\r' ? "Enter" : c == '\t' ? "Tab" : "Esc");
    else if (c == 0)
        name_key(out, modifiers | CTRL, "Space");
    else {
        if (c > 26)
            letter[0] = (char)(c | 0x40); /* ^\ ^] ^^ ^_ */
        name_key(out, modifiers | CTRL, letter);
    }
    return 1;
}

static size_t decode_character(struct tui_parser *p, const char *s, size_t n, int modifiers, struct tui_input *out)
{
    static const unsigned char lengths[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4};
    size_t len = lengths[(unsigned char)s[0] >> 4];
    utf8proc_int32_t cp;
    if ((unsigned char)s[0] < 0x20 || s[0] == 0x7f)
        return decode_control(p, (unsigned char)s[0], modifiers, out);
    if (n < len && !p->is_late)
        return 0;
    if (n < len || utf8proc_iterate((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)len, &cp) != (utf8proc_ssize_t)len || (cp >= 0x80 && cp < 0xa0))
        return SKIP + 1;
    memcpy(p->key_text, s, len);
    p->key_text[len] = '\0';
    name_key(out, modifiers, cp == ' ' ? "Space" : p->key_text);
    if (!modifiers) {
        out->text = p->key_text;
        out->len = len;
    }
    return len;
}

/* button: as SGR has it. 0 when it is nothing to us. */
static int decode_mouse(struct tui_input *out, int button, int col, int row, int is_release)
{
    int modifiers = (button & 4 ? SHIFT : 0) | (button & 8 ? ALT : 0) | (button & 16 ? CTRL : 0), wheel = button & 64, number = button & 3;
    if ((wheel && number > 1) || (!wheel && number == 3 && !is_release))
        return 0;
    name_key(out, modifiers, "");
    out->kind = TUI_INPUT_MOUSE;
    out->row = row > 0 ? row - 1 : 0;
    out->col = col > 0 ? col - 1 : 0;
    out->button = wheel || number == 3 ? 0 : number + 1;
    if (wheel)
        out->mouse = number ? TUI_MOUSE_WHEEL_DOWN : TUI_MOUSE_WHEEL_UP;
    else
        out->mouse = is_release ? TUI_MOUSE_RELEASE : button & 32 ? TUI_MOUSE_DRAG : TUI_MOUSE_PRESS;
    return 1;
}

struct sequence {
    char leader;      /* one of < = > ?, 0 = none */
    int params[PARAMS_MAX];
    int count;
    char middle, end; /* middle: the last byte between parameters and end, 0 = none */
};

/* s begins behind "ESC [". The length, 0 when it is not whole; what breaks the form ends it. */
static size_t scan(const char *s, size_t n, struct sequence *q)
{
    memset(q, 0, sizeof *q);
    for (size_t i = 0; i < n; i++) {
        char c = s[i];
        int *last = &q->params[q->count ? q->count - 1 : 0];
        if (c >= '0' && c <= '9') {
            q->count += q->count == 0;
            if (*last < 100000)
                *last = *last * 10 + (c - '0');
        } else if (c == ';' || c == ':') {
            q->count += q->count == 0;
            if (q->count < PARAMS_MAX)
                q->params[q->count++] = 0;
        } else if (c >= '<' && c <= '?')
            q->leader = c;
        else if (c >= ' ' && c <= '/')
            q->middle = c;
        else {
            q->end = c;
            return i + 1;
        }
    }
    return 0;
}

static int modifiers_of(const struct sequence *q, int at)
{
    int mask = q->count > at && q->params[at] > 1 && q->params[at] <= 16 ? q->params[at] - 1 : 0;
    return (mask & 1 ? SHIFT : 0) | (mask & (2 | 8) ? ALT : 0) | (mask & 4 ? CTRL : 0);
}

static int interpret(struct tui_parser *p, const struct sequence *q, struct tui_input *out)
{
    if (q->leader == '?' && q->middle == '$' && q->end == 'y') {
        out->kind = TUI_INPUT_REPLY;
        out->mode = q->params[0];
        out->value = q->params[1];
        return 1;
    }
    if (q->leader == '<' && (q->end == 'M' || q->end == 'm') && q->count >= 3)
        return decode_mouse(out, q->params[0], q->params[1], q->params[2], q->end == 'm');
    if (q->leader || q->middle)
        return 0;
    if (q->end == '~' && q->params[0] == 200) {
        p->is_pasting = 1;
        return 0;
    }
    if (q->end == '~' || q->end == '^')
        return name_key(out, modifiers_of(q, 1) | (q->end == '^' ? CTRL : 0), find(numbers, q->params[0]));
    if (q->end == 'Z')
        return name_key(out, modifiers_of(q, 1) | SHIFT, "Tab");
    return name_key(out, modifiers_of(q, 1), find(letters, q->end));
}

static size_t decode_csi(struct tui_parser *p, const char *s, size_t n, struct tui_input *out)
{
    struct sequence q;
    size_t len;
    if (n > 2 && s[2] == '[') /* the Linux console's function keys */
        return n < 4 ? 0 : name_key(out, 0, find(console, s[3])) ? 4 : SKIP + 4;
    if (n > 2 && s[2] == 'M') { /* a mouse of a terminal that has no SGR form: three bytes */
        if (n < 6)
            return 0;
        int button = (unsigned char)s[3] - 32;
        return decode_mouse(out, button, (unsigned char)s[4] - 32, (unsigned char)s[5] - 32, !(button & 64) && (button & 3) == 3) ? 6 : SKIP + 6;
    }
    len = scan(s + 2, n - 2, &q);
    if (!len)
        return 0;
    if ((unsigned char)q.end < 0x20 || q.end == 0x7f) /* cut off: what stands here is another key */
        return SKIP + 2 + len - 1;
    return interpret(p, &q, out) ? 2 + len : SKIP + 2 + len;
}

/* The answer to a question that we did not ask, up to BEL or ESC \. */
static size_t decode_string(const char *s, size_t n)
{
    for (size_t i = 2; i < n; i++)
        if (s[i] == '\a' || (s[i] == '\\' && s[i - 1] == '\033' && i > 2))
            return SKIP + i + 1;
    return 0;
}

static size_t decode_escape(struct tui_parser *p, const char *s, size_t n, struct tui_input *out)
{
    size_t used = 0;
    if (n == 1)
        return p->is_late ? decode_control(p, 0x1b, 0, out) : 0;
    if (s[1] == '\033') {
        decode_control(p, 0x1b, 0, out);
        return 1;
    }
    if (s[1] == '[')
        used = decode_csi(p, s, n, out);
    else if (s[1] == 'O')
        used = n < 3 ? 0 : name_key(out, 0, find(letters, s[2])) ? 3 : SKIP + 3;
    else if (strchr("]P^_X", s[1]))
        used = decode_string(s, n);
    else {
        used = decode_character(p, s + 1, n - 1, ALT, out);
        return used ? used + 1 : 0;
    }
    if (used || !p->is_late)
        return used;
    return n > 2 ? SKIP + n : decode_character(p, s + 1, 1, ALT, out) + 1; /* "ESC [" alone is M-[ */
}

void tui_parser_init(struct tui_parser *p, char erase)
{
    memset(p, 0, sizeof *p);
    p->erase = erase;
}

void tui_parser_done(struct tui_parser *p)
{
    free(p->paste);
    p->paste = NULL;
}

char *tui_parser_room(struct tui_parser *p, size_t *room)
{
    if (p->len == sizeof p->bytes) /* a sequence without end */
        p->len = 0;
    *room = sizeof p->bytes - p->len;
    return p->bytes + p->len;
}

void tui_parser_add(struct tui_parser *p, size_t n)
{
    p->len += n;
    p->is_late = 0;
}

static void drop(struct tui_parser *p, size_t n)
{
    p->len -= n;
    memmove(p->bytes, p->bytes + n, p->len);
}

static void keep_pasted(struct tui_parser *p, size_t n)
{
    size_t room = TUI_PASTE_MAX - p->paste_len, taken = n < room ? n : room;
    p->is_paste_cut |= taken < n;
    p->paste = tui_resize(p->paste, p->paste_len + taken + 1, 1);
    memcpy(p->paste + p->paste_len, p->bytes, taken);
    p->paste_len += taken;
    drop(p, n);
}

/* Terminals send what is behind each line as \r. */
static void end_paste(struct tui_parser *p, struct tui_input *out)
{
    size_t end = 0;
    for (size_t i = 0; i < p->paste_len; i++)
        if (p->paste[i] != '\n' || i == 0 || p->paste[i - 1] != '\r')
            p->paste[end++] = p->paste[i];
    for (size_t i = 0; i < end; i++)
        if (p->paste[i] == '\r')
            p->paste[i] = '\n';
    p->paste[end] = '\0';
    out->kind = TUI_INPUT_PASTE;
    out->text = p->paste;
    out->len = end;
    out->is_cut = p->is_paste_cut;
    p->is_pasting = p->is_paste_cut = 0;
    p->paste_len = 0;
}

static int next_pasted(struct tui_parser *p, struct tui_input *out)
{
    size_t mark = strlen(PASTE_END);
    char *end = memmem(p->bytes, p->len, PASTE_END, mark);
    if (!end) {
        if (p->len >= mark)
            keep_pasted(p, p->len - (mark - 1)); /* the rest may be the head of the mark */
        return 0;
    }
    keep_pasted(p, (size_t)(end - p->bytes));
    drop(p, mark);
    end_paste(p, out);
    return 1;
}

int tui_parser_next(struct tui_parser *p, struct tui_input *out)
{
    for (;;) {
        memset(out, 0, sizeof *out);
        if (p->is_pasting)
            return next_pasted(p, out);
        if (!p->len)
            return 0;
        size_t used = p->bytes[0] == '\033' ? decode_escape(p, p->bytes, p->len, out) : decode_character(p, p->bytes, p->len, 0, out);
        if (!used)
            return 0;
        drop(p, used & (SKIP - 1));
        if (!(used & SKIP))
            return 1;
    }
}

int tui_parser_wait_ms(const struct tui_parser *p)
{
    if (!p->len || p->is_pasting)
        return -1;
    return p->len <= 2 ? ESC_WAIT_MS : SEQUENCE_WAIT_MS;
}

void tui_parser_late(struct tui_parser *p)
{
    p->is_late = 1;
}
