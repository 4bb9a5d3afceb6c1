/* The redis-server of `orbiter dev`: on a private socket only, configured on
 * its stdin, so that there is no file with settings to lose or to change. */
#include "dev.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PING_WAIT_MS = 200 };

/* A value as redis.conf reads it, whatever bytes a path has. */
static void quoted(FILE *out, const char *key, const char *value)
{
    fprintf(out, "%s \"", key);
    for (; *value; value++)
        if (isalnum((unsigned char)*value) || strchr("/._-", *value))
            fputc(*value, out);
        else
            fprintf(out, "\\x%02x", (unsigned char)*value);
    fputs("\"\n", out);
}

/* A pipe that holds the configuration: it is far smaller than a pipe. */
static int config_pipe(const struct dev_paths *paths, int is_ephemeral)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC))
        return -1;
    FILE *out = fdopen(fds[1], "w");
    if (!out) {
        close(fds[0]);
        close(fds[1]);
        return -1;
    }
    fputs("port 0\nunixsocketperm 600\ndaemonize no\nmaxmemory-policy noeviction\nsave \"\"\nset-proc-title no\n", out);
    quoted(out, "unixsocket", paths->socket);
    quoted(out, "dir", is_ephemeral ? paths->run_dir : paths->state_dir);
    fprintf(out, "appendonly %s\nappendfsync everysec\n", is_ephemeral ? "no" : "yes");
    if (fclose(out)) {
        close(fds[0]);
        return -1;
    }
    return fds[0];
}

pid_t dev_redis_start(const struct dev_paths *paths, int is_ephemeral, int log_fd, int lock_fd, struct orb_error *err)
{
    static const char *const argv[] = {"redis-server", "-", NULL};
    int config = config_pipe(paths, is_ephemeral);
    if (config < 0) {
        orb_error_set(err, ORB_E_SYSTEM, "cannot make a pipe: %s", strerror(errno));
        return -1;
    }
    struct dev_spawn spawn = {
        .argv = argv, .in_fd = config, .log_fd = log_fd, .is_log_stderr_only = is_ephemeral,
        .keep_fd = lock_fd, .death_signal = SIGTERM,
    };
    pid_t pid = dev_child_start(&spawn, err);
    close(config);
    return pid;
}

int dev_redis_is_ready(const struct dev_paths *paths)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char reply[8] = "";
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), is_ready = 0;
    if (fd < 0)
        return 0;
    memcpy(address.sun_path, paths->socket, strlen(paths->socket) + 1);
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    if (!connect(fd, (struct sockaddr *)&address, sizeof address) && send(fd, "PING\r\n", 6, MSG_NOSIGNAL) == 6 &&
        poll(&readable, 1, PING_WAIT_MS) == 1 && read(fd, reply, sizeof reply - 1) > 0)
        is_ready = !strncmp(reply, "+PONG", 5);
    close(fd);
    return is_ready;
}
