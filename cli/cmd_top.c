/* orbiter top: the console. */
#include "cli.h"
#include "tui/tui.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct top_options {
    int is_once, is_plain, is_readonly, is_ascii, no_mouse, test_fd;
    const char *size, *screen, *task, *filter, *theme, *keys, *record, *replay, *depth, *hint;
    double speed, timeout;
};

static const struct top_options defaults = {.test_fd = -1};

#define AT(field) offsetof(struct top_options, field)
static const struct orb_option rows[] = {
    {"screen", 's', ORB_OPTION_TEXT, AT(screen), "SCREEN", "what is shown first: overview, queues, workers, tasks, events, task, help or theme", 0, 0},
    {"task", 't', ORB_OPTION_TEXT, AT(task), "ID", "open this task", 0, 0},
    {"filter", 'f', ORB_OPTION_TEXT, AT(filter), "FILTER", "filter the list, as / does, or the lines of --plain", 0, 0},
    {"readonly", 'r', ORB_OPTION_FLAG, AT(is_readonly), NULL, "change nothing: no act is offered, nothing is written to Redis", 0, 0},
    {"theme", 0, ORB_OPTION_TEXT, AT(theme), "NAME", "a theme's name or file (orbiter theme list)", 0, 0},
    {"keys", 0, ORB_OPTION_TEXT, AT(keys), "FILE", "a keys file", 0, 0},
    {"ascii", 0, ORB_OPTION_FLAG, AT(is_ascii), NULL, "no lines, blocks and glyphs beyond ASCII", 0, 0},
    {"no-mouse", 0, ORB_OPTION_FLAG, AT(no_mouse), NULL, "leave the mouse to the terminal", 0, 0},
    {"once", '1', ORB_OPTION_FLAG, AT(is_once), NULL, "print one frame when all it shows has come, and end; -o text, ansi or json", 0, 0},
    {"size", 0, ORB_OPTION_TEXT, AT(size), "COLSxROWS", "of the frame that --once prints (default 80x24)", 0, 0},
    {"depth", 0, ORB_OPTION_TEXT, AT(depth), "DEPTH", "colours of -o ansi: 24-bit, 256, 16 or mono", 0, 0},
    {"timeout", 0, ORB_OPTION_REAL, AT(timeout), "SECONDS", "of --once: how long to wait for what it shows (default 10)", 0, 3600},
    {"plain", 0, ORB_OPTION_FLAG, AT(is_plain), NULL, "lines in place of a screen: for screen readers, slow lines and logs", 0, 0},
    {"record", 0, ORB_OPTION_TEXT, AT(record), "FILE", "write all that comes to a new file", 0, 0},
    {"replay", 0, ORB_OPTION_TEXT, AT(replay), "FILE", "show what was recorded; needs no Redis", 0, 0},
    {"speed", 0, ORB_OPTION_REAL, AT(speed), "N", "of a replay: 2 is twice as fast (default 1)", 0, 1000},
    {"hint", 0, ORB_OPTION_TEXT, AT(hint), "TEXT", "", 0, 0}, /* what to try, from `orbiter dev --demo` */
    {"test-fd", 0, ORB_OPTION_INT, AT(test_fd), "N", "", 3, 1000},
    {0},
};
#undef AT

static int read_size(const char *text, struct tui_options *out)
{
    char end;
    if (text && (sscanf(text, "%dx%d%c", &out->cols, &out->rows, &end) != 2 || out->cols < 1 || out->rows < 1 || out->cols > 1000 || out->rows > 1000))
        return cli_fail(ORB_E_USAGE, "--size needs COLSxROWS, 1 to 1000 each, such as 80x24, not '%s'", text);
    return 0;
}

static int read_output(const struct cli *cli, const struct top_options *o, struct tui_options *out)
{
    const char *word = cli->common.output;
    if (!word || !strcmp(word, "text"))
        out->output = TUI_OUT_TEXT;
    else if (!strcmp(word, "ansi"))
        out->output = TUI_OUT_ANSI;
    else if (!strcmp(word, "json"))
        out->output = TUI_OUT_JSON;
    else
        return cli_fail(ORB_E_USAGE, "-o of top needs text, ansi or json, not '%s'", word);
    return word && !o->is_once ? cli_fail(ORB_E_USAGE, "-o goes with --once") : 0;
}

static int read_depth(const char *word, enum tui_depth *out)
{
    for (int depth = 0; depth < TUI_DEPTHS; depth++)
        if (word && !strcmp(word, tui_depth_name((enum tui_depth)depth))) {
            *out = (enum tui_depth)depth;
            return 0;
        }
    *out = tui_depth_find(-1);
    return word ? cli_fail(ORB_E_USAGE, "--depth needs 24-bit, 256, 16 or mono, not '%s'", word) : 0;
}

/* No option is taken and then ignored. */
static int check_together(const struct top_options *o)
{
    const struct { int is_wrong; const char *text; } rules[] = {
        {o->is_plain && o->is_once, "--plain and --once do not go together"},
        {o->record && o->replay, "--record and --replay do not go together"},
        {o->size && !o->is_once, "--size goes with --once: a terminal has a size of its own"},
        {o->depth && !o->is_once, "--depth goes with --once: colours of a terminal are found by TERM and COLORTERM"},
        {o->timeout > 0 && (!o->is_once || o->replay), "--timeout goes with --once, and a replay waits for nothing"},
        {o->speed > 0 && (!o->replay || o->is_once || o->is_plain), "--speed goes with --replay on a screen"},
        {o->no_mouse && (o->is_once || o->is_plain), "--no-mouse is for a screen, not for --once or --plain"},
        {o->is_plain && o->task, "--task is for a screen or --once; orbiter task stream ID prints what a task says as it comes"},
        {o->is_plain && o->screen && strcmp(o->screen, "events"), "--plain prints events, and no other --screen"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].is_wrong)
            return cli_fail(ORB_E_USAGE, "%s", rules[i].text);
    return 0;
}

/* Set, and neither empty nor 0. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value && strcmp(value, "0") ? value : NULL;
}

static int edit(void *arg, const char *text, size_t len, char **out, size_t *out_len, struct orb_error *err)
{
    return cli_edit(arg, text, len, out, out_len, err);
}

/* Only characters that the terminal's locale has. */
static int needs_ascii(void)
{
    const char *locale = setlocale(LC_CTYPE, NULL);
    return !locale || !strcmp(locale, "C") || !strcmp(locale, "POSIX");
}

/* Which Redis, in few letters: its namespace, "dev", host and port, or the socket's name. */
static void name_redis(const struct cli *cli, char *out, size_t cap)
{
    char masked[256];
    orb_redis_url_mask(cli->redis.url, masked, sizeof masked);
    char *host = strstr(masked, "://") + 3;
    host[strcspn(host, "/")] = '\0';
    if (cli->redis.ns && *cli->redis.ns)
        snprintf(out, cap, "%s", cli->redis.ns);
    else if (cli->is_dev)
        snprintf(out, cap, "dev");
    else if (strcmp(host, "***") != 0)
        snprintf(out, cap, "%s", host);
    else {
        size_t end = strcspn(cli->redis.url, "?"), from = end;
        while (from && cli->redis.url[from - 1] != '/')
            from--;
        snprintf(out, cap, "%.*s", (int)(end - from), cli->redis.url + from);
    }
}

static void who_acts(char *out, size_t cap)
{
    char host[65] = "";
    const char *user = getenv("ORBITER_USER");
    gethostname(host, sizeof host - 1);
    host[strcspn(host, ".")] = 0;
    if (!user || !*user)
        user = getenv("USER");
    snprintf(out, cap, "%.40s%s%s", user ? user : "", user && *user ? "@" : "", host);
}

static int run(struct cli *cli, const void *options, int argc, char **argv)
{
    const struct top_options *o = options;
    struct orb_error err = {0};
    char title[256] = "", user[128];
    (void)argc;
    (void)argv;
    struct tui_options top = {
        .screen = o->screen, .task = o->task, .filter = o->filter, .theme = o->theme ? o->theme : variable("ORBITER_THEME"), .keys = o->keys ? o->keys : variable("ORBITER_KEYS"),
        .is_readonly = o->is_readonly || variable("ORBITER_READONLY"), .is_ascii = o->is_ascii || (!o->is_once && needs_ascii()), .no_mouse = o->no_mouse, .is_once = o->is_once,
        .is_plain = o->is_plain, .record = o->record, .replay = o->replay, .speed = o->speed > 0 ? o->speed : 1, .timeout = o->timeout, .test_fd = o->test_fd,
        .edit = edit, .edit_arg = cli, .hint = o->hint,
    };
    int rc = read_size(o->size, &top);
    if (!rc)
        rc = read_output(cli, o, &top);
    if (!rc)
        rc = read_depth(o->depth, &top.depth);
    if (!rc)
        rc = check_together(o);
    if (!rc && !o->replay)
        rc = cli_find_redis(cli);
    if (!rc)
        rc = cli_loop(cli);
    if (rc)
        return rc;
    orb_signal_free(cli->interrupt); /* it ends the console, as any program */
    cli->interrupt = NULL;
    who_acts(user, sizeof user);
    top.user = user;
    if (!o->replay) {
        top.model = cli->is_dev ? CLI_DEV_MODEL : CLI_MODEL;
        name_redis(cli, title, sizeof title);
        top.title = title;
        cli->redis.is_read_only = top.is_readonly;
        top.redis = &cli->redis;
    }
    top.loop = cli->loop;
    rc = tui_top(&top, &err);
    return rc ? cli_fail_with(&err) : 0;
}

const struct cli_command cli_cmd_top = {
    .path = "top",
    .synopsis = "",
    .brief = "watch the fleet and act on it: tasks, streams, queues, workers",
    .help = "Opens the console: an overview with what needs attention, queues, workers, tasks with their live streams, and events. It follows what happens, and asks before it "
            "changes anything. ? shows the keys.\n\n"
            "With --once it prints one frame and ends, for scripts and bug reports: -o text are the frame's lines, -o ansi has its colours, -o json says what each piece is. "
            "--plain prints lines as things happen. --record keeps all that comes, and --replay shows it again, with the same frames.\n\n"
            "Colours are those of the theme, 24-bit, 256, 16 or none as the terminal has them (COLORTERM, TERM, NO_COLOR).",
    .options = rows,
    .options_size = sizeof(struct top_options),
    .defaults = &defaults,
    .min_operands = 0,
    .max_operands = 0,
    .has_own_output = 1,
    .run = run,
};
