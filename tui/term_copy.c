/* The clipboard of the user's terminal, which is where the user is and not where we run: OSC 52. */
#include "term_internal.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

/* tmux takes the sequence itself with set-clipboard on, and hands on what is wrapped with allow-passthrough on. */
#define HEAD "\033]52;c;"
#define END "\a"
#define WRAPPED_HEAD "\033Ptmux;\033" HEAD
#define WRAPPED_END END "\033\\"

static size_t encode(const char *text, size_t len, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *at = out;
    for (size_t i = 0; i < len; i += 3) {
        size_t n = len - i < 3 ? len - i : 3;
        unsigned bits = (unsigned)(unsigned char)text[i] << 16;
        if (n > 1)
            bits |= (unsigned)(unsigned char)text[i + 1] << 8;
        if (n > 2)
            bits |= (unsigned char)text[i + 2];
        *at++ = digits[bits >> 18];
        *at++ = digits[bits >> 12 & 63];
        *at++ = n > 1 ? digits[bits >> 6 & 63] : '=';
        *at++ = n > 2 ? digits[bits & 63] : '=';
    }
    return (size_t)(at - out);
}

static void send(struct tui_term *term, const char *head, const char *encoded, size_t len, const char *end)
{
    size_t at = strlen(head), end_len = strlen(end);
    char *all = tui_alloc(at + len + end_len, 1);
    memcpy(all, head, at);
    memcpy(all + at, encoded, len);
    memcpy(all + at + len, end, end_len);
    tui_term_write(term, all, at + len + end_len);
    free(all);
}

int tui_term_copy(struct tui_term *term, const char *text, size_t len)
{
    const char *tmux = getenv("TMUX");
    if (len > TUI_COPY_MAX)
        return ORB_E_TOO_LARGE;
    char *encoded = tui_alloc((len + 2) / 3 * 4 + 1, 1);
    size_t n = encode(text, len, encoded);
    send(term, HEAD, encoded, n, END);
    if (tmux && *tmux)
        send(term, WRAPPED_HEAD, encoded, n, WRAPPED_END);
    free(encoded);
    return 0;
}
