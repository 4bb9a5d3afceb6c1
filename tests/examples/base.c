/* Errors, ids and safe text, without a server: says of each word whether it
 * could be a task's id and how it may be shown.
 *   base WORD... */
#include <orbiter/base.h>
#include <stdio.h>
#include <string.h>

/* A function in the library's manner: 0, or a code with the reason in words. */
static int check_id(const char *word, struct orb_error *err)
{
    if (orb_id_is_valid(word))
        return 0;
    return orb_error_set(err, ORB_E_INVALID, "\"%s\" is no task id; use 1 to %d of the characters A-Z a-z 0-9 . _ -", word, ORB_ID_MAX);
}

int main(int argc, char **argv)
{
    int code = 0;
    char id[33];
    orb_id_new(id);
    printf("orbiter %s, a new id: %s\n", orb_version(), id);
    for (int i = 1; i < argc; i++) {
        struct orb_error err = {0};
        char shown[200];
        orb_safe_text(argv[i], strlen(argv[i]), ORB_SAFE_LINE, shown, sizeof shown);
        printf("%s: %zu columns\n", shown, orb_text_columns(shown, strlen(shown)));
        code = check_id(argv[i], &err);
        if (code)
            fprintf(stderr, "base: %s (%s, %s)\n", orb_error_message(&err), orb_error_type(code),
                    orb_error_is_retryable(code) ? "worth another try" : "no use to try again");
    }
    return orb_error_exit(code);
}
