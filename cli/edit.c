/* A text in the user's editor: a private file in a private folder, and both go away afterwards. */
#include "cli.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct draft {
    char folder[512], path[544];
};

static int make_folder(struct draft *d, struct orb_error *err)
{
    const char *tmp = getenv("TMPDIR");
    if (!tmp || *tmp != '/' || strlen(tmp) > 400)
        tmp = "/tmp";
    snprintf(d->folder, sizeof d->folder, "%s/orbiter-edit-XXXXXX", tmp);
    if (!mkdtemp(d->folder)) { /* mode 0700 */
        int error = errno;
        *d->folder = '\0';
        return orb_error_set(err, ORB_E_SYSTEM, "cannot make a folder in %s: %s; set TMPDIR to one that can be written to", tmp, strerror(error));
    }
    snprintf(d->path, sizeof d->path, "%s/input.txt", d->folder);
    return 0;
}

static int write_draft(const struct draft *d, const char *text, size_t len, struct orb_error *err)
{
    int fd = open(d->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), is_whole = fd >= 0;
    for (size_t done = 0; is_whole && done < len;) {
        ssize_t n = write(fd, text + done, len - done);
        is_whole = n > 0 || (n < 0 && errno == EINTR);
        done += n > 0 ? (size_t)n : 0;
    }
    int error = errno;
    if (fd >= 0 && close(fd) && is_whole) {
        is_whole = 0;
        error = errno;
    }
    return is_whole ? 0 : orb_error_set(err, ORB_E_SYSTEM, "cannot write %s: %s", d->path, strerror(error));
}

/* With what the editor may have left beside it: a backup, a swap file. */
static void remove_draft(const struct draft *d)
{
    DIR *folder = *d->folder ? opendir(d->folder) : NULL;
    struct dirent *entry;
    while (folder && (entry = readdir(folder)))
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder)
        closedir(folder);
    if (*d->folder && rmdir(d->folder))
        cli_fail(ORB_E_SYSTEM, "cannot remove %s, where the text was edited: %s", d->folder, strerror(errno));
}

/* The editor's line is the user's own, and may have arguments: a shell reads it, as it does for git. */
static pid_t start_editor(const char *editor, const char *path)
{
    char line[1024];
    if (snprintf(line, sizeof line, "%s \"$@\"", editor) >= (int)sizeof line) {
        errno = E2BIG;
        return -1;
    }
    pid_t pid = fork();
    if (pid)
        return pid;
    signal(SIGINT, SIG_DFL);
    signal(SIGQUIT, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    execl("/bin/sh", "sh", "-c", line, editor, path, (char *)NULL);
    _exit(127);
}

static void on_exit_of(void *arg, int fd)
{
    (void)fd;
    cli_done(arg);
}

/* The loop goes on meanwhile: it notices a connection that ends. Ctrl-C is the editor's. */
static int wait_for(struct cli *cli, pid_t pid, int *status)
{
    struct sigaction ignored = {.sa_handler = SIG_IGN}, interrupt, quit;
    int fd = pidfd_open(pid, 0), rc = ORB_E_SYSTEM;
    sigaction(SIGINT, &ignored, &interrupt);
    sigaction(SIGQUIT, &ignored, &quit);
    struct orb_watch *watch = fd >= 0 ? orb_watch_new(cli->loop, fd, on_exit_of, cli) : NULL;
    if (watch)
        rc = cli_wait(cli);
    while (waitpid(pid, status, 0) < 0 && errno == EINTR)
        ;
    orb_watch_free(watch);
    if (fd >= 0)
        close(fd);
    sigaction(SIGINT, &interrupt, NULL);
    sigaction(SIGQUIT, &quit, NULL);
    return watch ? rc : 0;
}

static int run_editor(struct cli *cli, const struct draft *d, struct orb_error *err)
{
    const char *editor = getenv("VISUAL");
    if (!editor || !*editor)
        editor = getenv("EDITOR");
    if (!editor || !*editor)
        return orb_error_set(err, ORB_E_CONFIG, "no editor: set VISUAL or EDITOR, for example EDITOR=vi");
    int status = 0;
    pid_t pid = start_editor(editor, d->path);
    if (pid < 0)
        return orb_error_set(err, ORB_E_SYSTEM, "cannot start the editor: %s", strerror(errno));
    int rc = wait_for(cli, pid, &status);
    if (rc)
        return rc;
    if (WIFSIGNALED(status))
        return orb_error_set(err, ORB_E_SYSTEM, "the editor (%s) was ended by signal %d; nothing was submitted", editor, WTERMSIG(status));
    if (WEXITSTATUS(status))
        return orb_error_set(err, ORB_E_SYSTEM, "the editor (%s) failed with status %d; nothing was submitted", editor, WEXITSTATUS(status));
    return 0;
}

static int read_draft(const struct draft *d, char **out, size_t *out_len, struct orb_error *err)
{
    struct stat st;
    /* The editor may have put another file there, but not a link or a pipe. */
    int fd = open(d->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return orb_error_set(err, ORB_E_SYSTEM, "cannot read %s: %s; nothing was submitted", d->path, strerror(errno));
    int rc = fstat(fd, &st) || !S_ISREG(st.st_mode) ? orb_error_set(err, ORB_E_INVALID, "what the editor left is no file")
                                                    : orb_input_read(fd, "the edited text", ORB_PAYLOAD_MAX, out, out_len, err);
    close(fd);
    return rc;
}

int cli_edit(struct cli *cli, const char *text, size_t len, char **out, size_t *out_len, struct orb_error *err)
{
    struct draft d;
    int rc = make_folder(&d, err);
    if (!rc)
        rc = write_draft(&d, text, len, err);
    if (!rc)
        rc = run_editor(cli, &d, err);
    if (!rc)
        rc = read_draft(&d, out, out_len, err);
    remove_draft(&d);
    /* Editors end the last line; the text had none. */
    if (!rc && *out_len && (*out)[*out_len - 1] == '\n' && (!len || text[len - 1] != '\n'))
        (*out)[--*out_len] = '\0';
    return rc;
}
