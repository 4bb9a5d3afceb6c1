#include "support/child.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#elif defined(__has_feature)
#define HAS_SANITIZER __has_feature(address_sanitizer)
#else
#define HAS_SANITIZER 0
#endif
#if HAS_SANITIZER
enum { SLOWNESS = 4 };
#else
enum { SLOWNESS = 1 };
#endif

int64_t test_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int test_patience(int ms)
{
    /* valgrind puts its own library in front of the program's. */
    const char *preload = getenv("LD_PRELOAD");
    return ms * (preload && strstr(preload, "vgpreload") ? 30 : SLOWNESS);
}

/* The one place that lets time pass between two looks. */
static void pause_ms(int ms)
{
    poll(NULL, 0, ms);
}

void test_wait_until(const char *what, int (*ready)(void *arg), void *arg, int timeout_ms)
{
    int64_t deadline = test_now_ms() + test_patience(timeout_ms);
    while (!ready(arg)) {
        if (test_now_ms() > deadline)
            fail_msg("waited %d ms for: %s", test_patience(timeout_ms), what);
        pause_ms(3);
    }
}

void test_tempdir(char out[TEST_PATH_MAX])
{
    const char *base = getenv("TMPDIR");
    if (!base || strlen(base) > 60)
        base = "/tmp";
    snprintf(out, TEST_PATH_MAX, "%s/orb-XXXXXX", base);
    if (!mkdtemp(out))
        fail_msg("cannot make the folder %s: %s", out, strerror(errno));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st, (void)type, (void)walk;
    return remove(path);
}

void test_rmtree(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Test programs are at {build}/tests/{kind}/{name}. */
void test_build_path(const char *name, char out[TEST_PATH_MAX])
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0)
        fail_msg("cannot find this program: %s", strerror(errno));
    self[n] = '\0';
    char *tests = NULL;
    for (char *p = self; (p = strstr(p, "/tests/")); p++)
        tests = p;
    if (!tests)
        fail_msg("%s is not in a build folder", self);
    *tests = '\0';
    if (snprintf(out, TEST_PATH_MAX, "%s/%s", self, name) >= TEST_PATH_MAX)
        fail_msg("the path of %s is too long", name);
}

char *test_file_read(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    size_t size = 0, cap = 4096;
    char *text = malloc(cap);
    for (;;) {
        size_t n = text ? fread(text + size, 1, cap - size - 1, f) : 0;
        if (n == 0)
            break;
        size += n;
        if (cap - size < 2)
            text = realloc(text, cap *= 2);
    }
    fclose(f);
    if (!text)
        fail_msg("no memory for %s", path);
    text[size] = '\0';
    if (len)
        *len = size;
    return text;
}

void test_file_write(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");
    if (!f || fputs(text, f) == EOF || fclose(f) != 0)
        fail_msg("cannot write %s: %s", path, strerror(errno));
}

int test_free_port(void)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof addr;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&addr, len) != 0 || getsockname(fd, (struct sockaddr *)&addr, &len) != 0)
        fail_msg("no free port: %s", strerror(errno));
    close(fd);
    return ntohs(addr.sin_port);
}

static void exec_child(int out, pid_t parent, const char *const argv[], const char *const env[])
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int in = open("/dev/null", O_RDONLY);
    if (getppid() != parent || in < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        _exit(127);
    for (size_t i = 0; env && env[i]; i++) {
        char *line = strdup(env[i]);
        if (!line || (strchr(line, '=') ? putenv(line) : unsetenv(line)) != 0)
            _exit(127);
    }
    execvp(argv[0], (char *const *)(uintptr_t)argv);
    dprintf(2, "cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

void test_child_start(struct test_child *child, const char *dir, const char *const argv[], const char *const env[])
{
    memset(child, 0, sizeof *child);
    const char *name = strrchr(argv[0], '/');
    if (snprintf(child->output, sizeof child->output, "%s/%s-XXXXXX", dir, name ? name + 1 : argv[0]) >= TEST_PATH_MAX)
        fail_msg("the path below %s is too long", dir);
    int out = mkostemp(child->output, O_CLOEXEC | O_APPEND);
    if (out < 0)
        fail_msg("cannot make %s: %s", child->output, strerror(errno));
    pid_t parent = getpid();
    fflush(NULL);
    child->pid = fork();
    if (child->pid == 0)
        exec_child(out, parent, argv, env);
    close(out);
    if (child->pid < 0) {
        child->pid = 0;
        fail_msg("cannot fork: %s", strerror(errno));
    }
}

char *test_child_output(const struct test_child *child)
{
    char *text = test_file_read(child->output, NULL);
    if (!text)
        fail_msg("%s is gone", child->output);
    return text;
}

int test_child_has_ended(struct test_child *child)
{
    int status;
    if (child->pid == 0)
        return 1;
    if (waitpid(child->pid, &status, WNOHANG) != child->pid)
        return 0;
    child->pid = 0;
    child->status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    return 1;
}

static void fail_with_output(const struct test_child *child, const char *what)
{
    char *text = test_child_output(child);
    print_error("%s", text);
    free(text);
    fail_msg("%s", what);
}

void test_child_expect(struct test_child *child, const char *text, int timeout_ms)
{
    int64_t deadline = test_now_ms() + test_patience(timeout_ms);
    for (;;) {
        int ended = test_child_has_ended(child); /* looked at before the output, so that none is missed */
        char *output = test_child_output(child);
        int found = strstr(output, text) != NULL;
        free(output);
        if (found)
            return;
        if (ended || test_now_ms() > deadline) {
            print_error("not found: %s\n", text);
            fail_with_output(child, ended ? "the child ended before it printed the text" : "the text did not come in time");
        }
        pause_ms(3);
    }
}

void test_child_signal(const struct test_child *child, int signo)
{
    if (child->pid > 0)
        kill(child->pid, signo);
}

int test_child_wait(struct test_child *child, int timeout_ms)
{
    int64_t deadline = test_now_ms() + test_patience(timeout_ms);
    while (!test_child_has_ended(child)) {
        if (test_now_ms() > deadline) {
            test_child_kill(child);
            fail_with_output(child, "the child did not end in time");
        }
        pause_ms(3);
    }
    return child->status;
}

void test_child_kill(struct test_child *child)
{
    if (child->pid == 0)
        return;
    kill(child->pid, SIGKILL);
    while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    child->pid = 0;
    child->status = -SIGKILL;
}
