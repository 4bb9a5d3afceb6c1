#include "base/base.h"

#include <stdarg.h>
#include <stdio.h>

struct error_row {
    int code, exit_status, is_retryable;
    const char *type, *text;
};

static const struct error_row rows[] = {
    {0, 0, 0, "", "no error"},
#define ERROR_ROW(name, code, exit, retry, type, text) {code, exit, retry, type, text},
    ORB_ERRORS(ERROR_ROW)
#undef ERROR_ROW
};

static const struct error_row unknown = {1, 1, 0, "UnknownError", "an unknown error"};

static const struct error_row *row_of(int code)
{
    size_t i;

    for (i = 0; i < ORB_COUNT(rows); i++) {
        if (rows[i].code == code)
            return &rows[i];
    }
    return &unknown;
}

const char *orb_error_text(int code)
{
    return row_of(code)->text;
}

const char *orb_error_type(int code)
{
    return row_of(code)->type;
}

int orb_error_exit(int code)
{
    return row_of(code)->exit_status;
}

int orb_error_is_retryable(int code)
{
    return row_of(code)->is_retryable;
}

const char *orb_error_message(const struct orb_error *err)
{
    return err->text[0] ? err->text : orb_error_text(err->code);
}

int orb_error_set(struct orb_error *err, int code, const char *fmt, ...)
{
    /* As long as the result can be, and one more character: marks only make
     * text longer. A copy, because an argument may point into err. */
    char raw[sizeof(err->text) + 4];
    va_list args;
    int n;

    if (!err)
        return code;
    va_start(args, fmt);
    n = vsnprintf(raw, sizeof(raw), fmt, args);
    va_end(args);
    if (n < 0)
        n = 0;
    if ((size_t)n >= sizeof(raw))
        n = (int)sizeof(raw) - 1;
    *err = (struct orb_error){.code = code};
    (void)orb_safe_text(raw, (size_t)n, ORB_SAFE_LINE, err->text, sizeof(err->text));
    return code;
}
