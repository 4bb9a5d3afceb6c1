#include "chaos/cancel/tools.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define TASKS_MAX 8192

static char folder[TEST_PATH_MAX + 16], marks[TEST_PATH_MAX + 16];
static FILE *marks_file;

/* A process that the call of a task is made of. */
struct process {
    struct orb_watch *watch; /* NULL: not watched, or dead */
    int fd;
    pid_t pid;
    double dead_at;
};
static struct call {
    int is_running;
    double ended_at;           /* as it told itself */
    struct process process[2]; /* the tool, its child */
} calls[TASKS_MAX];

/* ---- tool files ------------------------------------------------------------- */

static void write_tool(const char *name, const char *fmt, ...) ORB_PRINTF(2, 3);
static void write_tool(const char *name, const char *fmt, ...)
{
    char path[2 * TEST_PATH_MAX], text[4096];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    snprintf(path, sizeof path, "%s/%s.json", folder, name);
    test_file_write(path, text);
}

/* Into the folder of the tool files: Python leaves a folder beside what it has read. */
static void copy_program(const char *name)
{
    char path[2 * TEST_PATH_MAX];
    snprintf(path, sizeof path, "tests/chaos/cancel/%s", name);
    char *text = test_file_read(path, NULL);
    if (!text)
        fail_msg("%s is not here: run it from the top of the sources", path);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    test_file_write(path, text);
    free(text);
}

const char *hanging_files(struct chaos *c)
{
    static const char *const programs[] = {"stubborn.sh", "hanging.py", "hanging_server.py"};
    snprintf(folder, sizeof folder, "%s/tools", c->fleet.redis.dir);
    snprintf(marks, sizeof marks, "%s/marks", c->fleet.redis.dir);
    assert_int_equal(mkdir(folder, 0700), 0);
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
        copy_program(programs[i]);
    test_file_write(marks, "");
    marks_file = fopen(marks, "re");
    assert_non_null(marks_file);
    write_tool("stubborn", "{\"name\": \"stubborn\", \"description\": \"Hangs.\", \"kind\": \"exec\", \"argv\": [\"sh\", \"stubborn.sh\"], "
               "\"env\": {\"MARKS\": \"%s\"}, \"timeout_seconds\": 600, \"parameters\": {\"type\": \"object\", \"properties\": {\"input\": {\"type\": \"string\"}}}}",
               marks);
    static const char *const functions[] = {"hang", "stick"}; /* a process of its own for what takes the process with it */
    for (size_t i = 0; i < 2; i++)
        write_tool(functions[i], "{\"kind\": \"python\", \"functions\": [\"hanging.%s\"], \"env\": {\"MARKS\": \"%s\"}, \"timeout_seconds\": 600}", functions[i], marks);
    write_tool("server", "{\"kind\": \"mcp\", \"server\": \"hanging\", \"command\": \"python3\", \"args\": [\"%s/hanging_server.py\"], \"env\": {\"MARKS\": \"%s\"}, "
               "\"timeout\": 600}", folder, marks);
    return folder;
}

static const struct {
    const char *item, *name;
} kinds[HANGINGS] = {{"stubborn", "stubborn"}, {"hanging.hang", "hang"}, {"mcp__hanging__hang", "mcp__hanging__hang"}, {"hanging.stick", "stick"}};

const char *hanging_item(enum hanging kind)
{
    return kinds[kind].item;
}

const char *hanging_name(enum hanging kind)
{
    return kinds[kind].name;
}

/* ---- what runs ---------------------------------------------------------------- */

static void on_dead(void *arg, int fd)
{
    struct process *p = arg;
    p->dead_at = chaos_mono_s();
    orb_watch_free(p->watch);
    p->watch = NULL;
    close(fd);
}

static void watch(struct chaos *c, struct process *p, int pid)
{
    p->pid = pid;
    p->fd = pidfd_open(pid, 0);
    if (p->fd < 0)
        fail_msg("process %d cannot be watched: %s", pid, strerror(errno));
    p->watch = orb_watch_new(c->fleet.loop, p->fd, on_dead, p);
}

static void read_marks(struct chaos *c)
{
    char line[256], id[64];
    int pids[2];
    double at;
    clearerr(marks_file);
    for (long at_line = ftell(marks_file); fgets(line, sizeof line, marks_file); at_line = ftell(marks_file)) {
        if (!strchr(line, '\n')) { /* is still being written */
            fseek(marks_file, at_line, SEEK_SET);
            break;
        }
        int task = sscanf(line, "%*s %63s", id) == 1 ? chaos_task_of(id) : -1;
        if (task < 0 || task >= TASKS_MAX)
            fail_msg("a mark of tools is '%s'", line);
        struct call *call = &calls[task];
        if (sscanf(line, "ended %*s %lf", &at) == 1)
            call->ended_at = at;
        if (sscanf(line, "run %*s %d %d", &pids[0], &pids[1]) != 2)
            continue;
        call->is_running = 1;
        for (int i = 0; i < 2; i++)
            if (pids[i])
                watch(c, &call->process[i], pids[i]);
    }
}

int hanging_count_running(struct chaos *c, int from, int to)
{
    int n = 0;
    assert_in_range(to, from, TASKS_MAX);
    read_marks(c);
    for (int i = from; i < to; i++)
        n += calls[i].is_running;
    return n;
}

double hanging_gone_at(struct chaos *c, int task)
{
    const struct call *call = &calls[task];
    double tool = call->process[0].dead_at, child = call->process[1].pid ? call->process[1].dead_at : tool;
    read_marks(c);
    return call->ended_at > 0 ? call->ended_at : tool > 0 && child > 0 ? (tool > child ? tool : child) : 0;
}

int hanging_is_shared(int from, int to)
{
    for (int i = from; i < to; i++)
        if (calls[i].process[0].pid != calls[from].process[0].pid)
            return 0;
    return chaos_pid_lives(calls[from].process[0].pid);
}

void hanging_done(void)
{
    for (int i = 0; i < TASKS_MAX; i++)
        for (int k = 0; k < 2; k++)
            if (calls[i].process[k].watch) {
                orb_watch_free(calls[i].process[k].watch);
                calls[i].process[k].watch = NULL;
                close(calls[i].process[k].fd);
            }
    if (marks_file)
        fclose(marks_file);
    marks_file = NULL;
}
