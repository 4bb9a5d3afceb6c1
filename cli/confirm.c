/* Asking before something that cannot be taken back. */
#include "cli.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

int cli_can_ask(void)
{
    return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

int cli_ask(const char *question)
{
    char answer[16] = "", safe[1024];
    struct sigaction usual = {.sa_handler = SIG_DFL}, ours;
    orb_safe_text(question, strlen(question), ORB_SAFE_LINE, safe, sizeof safe);
    fprintf(stderr, "%s [y/N] ", safe);
    fflush(stderr);
    /* The loop does not turn here: Ctrl-C ends the program as it ends any other. */
    sigaction(SIGINT, &usual, &ours);
    if (!fgets(answer, sizeof answer, stdin))
        answer[0] = '\0';
    sigaction(SIGINT, &ours, NULL);
    answer[strcspn(answer, "\n")] = '\0';
    return !strcmp(answer, "y") || !strcmp(answer, "Y") || !strcmp(answer, "yes");
}
