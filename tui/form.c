#include "form.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

char *tui_form_text(const char *model)
{
    char text[400];
    snprintf(text, sizeof text, "model: %.250s\nqueue: %s\n\n", model ? model : "openai:gpt-4o", ORB_QUEUE_DEFAULT);
    return tui_strdup(text);
}

/* "word: value" without blanks around; 1 when the line is one of this word. */
static int take(const char *line, size_t len, const char *word, char *out, size_t cap)
{
    size_t n = strlen(word);
    if (len < n || strncmp(line, word, n) != 0)
        return 0;
    for (line += n, len -= n; len && isspace((unsigned char)*line); line++)
        len--;
    while (len && isspace((unsigned char)line[len - 1]))
        len--;
    snprintf(out, cap, "%.*s", (int)(len < cap ? len : cap), line);
    return 1;
}

static int is_blank(const char *text, size_t len)
{
    while (len && isspace((unsigned char)text[len - 1]))
        len--;
    return !len;
}

int tui_form_read(const char *text, size_t len, struct tui_form *out, struct orb_error *err)
{
    const char *at = text, *end = text + len;
    int number = 0;
    *out = (struct tui_form){ .queue = ORB_QUEUE_DEFAULT, .name = "assistant" };
    for (; at < end; number++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at)), *stop = newline ? newline : end, *line = at;
        size_t n = (size_t)(stop - at);
        at = newline ? newline + 1 : end;
        if (is_blank(line, n))
            break;
        if (!take(line, n, "model:", out->model, sizeof out->model) && !take(line, n, "queue:", out->queue, sizeof out->queue) && !take(line, n, "name:", out->name, sizeof out->name))
            return orb_error_set(err, ORB_E_INVALID, "line %d, '%.*s': above the empty line only model:, queue: and name: are known", number + 1, (int)(n < 40 ? n : 40), line);
    }
    out->prompt = at;
    out->prompt_len = (size_t)(end - at);
    while (out->prompt_len && out->prompt[out->prompt_len - 1] == '\n')
        out->prompt_len--;
    if (!*out->model)
        return orb_error_set(err, ORB_E_INVALID, "no model: write a line such as model: openai:gpt-4o");
    if (is_blank(out->prompt, out->prompt_len))
        return orb_error_set(err, ORB_E_INVALID, "no prompt below the empty line");
    return orb_model_check(out->model, err);
}
