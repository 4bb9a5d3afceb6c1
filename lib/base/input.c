/* Text from files and pipes, bounded and checked. */
#include <orbiter/options.h>

#include "base/utf8.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int orb_input_check(const char *text, size_t len, const char *name, size_t max, struct orb_error *err)
{
    if (len > max)
        return orb_error_set(err, ORB_E_TOO_LARGE, "%s is larger than %zu bytes: make it shorter", name, max);
    size_t valid = orb_utf8_check(text, len);
    if (valid < len)
        return orb_error_set(err, ORB_E_INVALID, "%s is not UTF-8 at byte offset %zu: convert it first", name, valid);
    return 0;
}

int orb_input_read(int fd, const char *name, size_t max, char **out, size_t *len, struct orb_error *err)
{
    size_t used = 0, cap = 0;
    char *text = NULL;
    int rc = 0;
    /* One byte more than allowed tells that there is too much. */
    while (used <= max) {
        if (used + 1 >= cap) {
            size_t more = cap ? cap * 2 : 16384;
            char *bigger = realloc(text, more);
            if (!bigger) {
                rc = orb_error_set(err, ORB_E_NOMEM, "%s: out of memory", name);
                goto out;
            }
            text = bigger;
            cap = more;
        }
        ssize_t n = read(fd, text + used, cap - used - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            rc = orb_error_set(err, ORB_E_SYSTEM, "cannot read %s: %s", name, strerror(errno));
            goto out;
        }
        if (n == 0)
            break;
        used += (size_t)n;
    }
    rc = orb_input_check(text, used, name, max, err);
out:
    if (rc) {
        free(text);
        return rc;
    }
    text[used] = '\0';
    *out = text;
    *len = used;
    return 0;
}
