/* Where `orbiter dev` keeps its socket, lock and data, and how it is found. */
#include "dev.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { LOCK_WAIT_MS = 300, DYING_WAIT_MS = 10000, STEP_MS = 20 };

static int is_absolute(const char *path)
{
    return path && *path == '/';
}

/* A folder that only we can write to: a symbolic link or another user's
 * folder in /tmp must not catch our socket. */
static int check_private(const char *dir, struct orb_error *err)
{
    struct stat st;
    if (lstat(dir, &st))
        return orb_error_set(err, ORB_E_SYSTEM, "cannot use %s: %s", dir, strerror(errno));
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077))
        return orb_error_set(err, ORB_E_SYSTEM,
                             "%s is not a folder of yours with mode 0700: remove it, or set XDG_RUNTIME_DIR", dir);
    return 0;
}

static int make_dir(const char *dir, struct orb_error *err)
{
    if (mkdir(dir, 0700) && errno != EEXIST)
        return orb_error_set(err, ORB_E_SYSTEM, "cannot make the folder %s: %s", dir, strerror(errno));
    return 0;
}

/* dir and the folders above it. */
static int make_dirs(char *dir, struct orb_error *err)
{
    for (char *p = dir + 1; (p = strchr(p, '/')); p++) {
        *p = '\0';
        int rc = make_dir(dir, err);
        *p = '/';
        if (rc)
            return rc;
    }
    return make_dir(dir, err);
}

static int join(char *out, const char *dir, const char *name, struct orb_error *err)
{
    if (snprintf(out, DEV_PATH_MAX, "%s/%s", dir, name) >= DEV_PATH_MAX)
        return orb_error_set(err, ORB_E_CONFIG, "the path %.100s... is too long", dir);
    return 0;
}

int dev_paths_run(struct dev_paths *paths, int is_create, struct orb_error *err)
{
    const char *base = getenv("XDG_RUNTIME_DIR");
    char name[64] = "orbiter";
    if (!is_absolute(base)) {
        base = "/tmp";
        snprintf(name, sizeof name, "orbiter-%lu", (unsigned long)geteuid());
    }
    int rc = join(paths->run_dir, base, name, err);
    if (rc || (rc = join(paths->socket, paths->run_dir, "redis.sock", err)) ||
        (rc = join(paths->lock, paths->run_dir, "dev.lock", err)))
        return rc;
    size_t limit = sizeof ((struct sockaddr_un *)0)->sun_path - 1;
    if (strlen(paths->socket) > limit)
        return orb_error_set(err, ORB_E_CONFIG,
                             "the socket path %s is longer than %zu bytes: set XDG_RUNTIME_DIR to a shorter folder",
                             paths->socket, limit);
    if (is_create && (rc = make_dir(paths->run_dir, err)))
        return rc;
    return check_private(paths->run_dir, err);
}

int dev_paths_state(struct dev_paths *paths, struct orb_error *err)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int rc;
    if (is_absolute(state))
        rc = join(paths->state_dir, state, "orbiter/dev", err);
    else if (is_absolute(home))
        rc = join(paths->state_dir, home, ".local/state/orbiter/dev", err);
    else
        return orb_error_set(err, ORB_E_CONFIG, "neither XDG_STATE_HOME nor HOME is set: set one, or use --ephemeral");
    if (rc || (rc = join(paths->log, paths->state_dir, "dev.log", err)))
        return rc;
    return make_dirs(paths->state_dir, err);
}

char *dev_url(const struct dev_paths *paths)
{
    char *url = cli_alloc(3 * DEV_PATH_MAX + 16), *out = url + sprintf(url, "unix://");
    for (const char *p = paths->socket; *p; p++)
        if (strchr("%?#@ ", *p) || (unsigned char)*p < 0x20)
            out += sprintf(out, "%%%02X", (unsigned char)*p);
        else
            *out++ = *p;
    return url;
}

/* ---- the lock --------------------------------------------------------- */

static long read_pid(int fd)
{
    char text[32] = "";
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    return n > 0 ? strtol(text, NULL, 10) : 0;
}

static void sleep_step(void)
{
    struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
    nanosleep(&step, NULL);
}

/* The redis-server of a dev that was killed keeps the lock until it has
 * written its data: wait for that, but not for a dev that lives. Another
 * command may also hold it for the moment of a look. */
int dev_lock(const struct dev_paths *paths, int *fd, struct orb_error *err)
{
    char text[32];
    int lock = open(paths->lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock < 0)
        return orb_error_set(err, ORB_E_SYSTEM, "cannot open %s: %s", paths->lock, strerror(errno));
    for (int waited = 0; flock(lock, LOCK_EX | LOCK_NB); waited += STEP_MS) {
        long pid = read_pid(lock);
        int is_alive = pid > 0 && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
        if (waited >= (is_alive ? LOCK_WAIT_MS : DYING_WAIT_MS)) {
            close(lock);
            return orb_error_set(err, ORB_E_REFUSED, "orbiter dev is already running, pid %ld: use it, or end it with 'kill %ld'",
                                 pid, pid);
        }
        sleep_step();
    }
    int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(lock, 0) || pwrite(lock, text, (size_t)len, 0) != len) {
        close(lock);
        return orb_error_set(err, ORB_E_SYSTEM, "cannot write %s: %s", paths->lock, strerror(errno));
    }
    *fd = lock;
    return 0;
}

char *dev_find(void)
{
    struct dev_paths paths = {0};
    int is_running = 0;
    if (dev_paths_run(&paths, 0, NULL))
        return NULL;
    int fd = open(paths.lock, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return NULL;
    if (flock(fd, LOCK_SH | LOCK_NB))
        is_running = errno == EWOULDBLOCK;
    close(fd);
    return is_running ? dev_url(&paths) : NULL;
}
