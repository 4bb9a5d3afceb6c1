/* A task as people read it and as JSON. The JSON members are documented in
 * docs/cli.md and stay as they are. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RESULT_MAX = 200, PRIORITY_DEFAULT = 5 };

/* A time of the years 2000 to 9999. Anything can stand in Redis; what is outside
 * is shown as a time that is not there. */
static int is_known(double seconds)
{
    return seconds >= 946684800.0 && seconds < 253402300800.0;
}

/* ---- JSON ------------------------------------------------------------- */

json_t *cli_json_text(const char *text)
{
    char safe[4096];
    if (!*text)
        return json_null();
    json_t *value = json_string(text);
    if (value)
        return value;
    /* Bytes that are not UTF-8, from another writer. */
    orb_safe_text(text, strlen(text), ORB_SAFE_TEXT, safe, sizeof safe);
    return json_string(safe);
}

json_t *cli_json_time(double seconds)
{
    return is_known(seconds) ? json_real(seconds) : json_null();
}

/* The result object; of one that jansson does not read, its output at least. */
static json_t *result_object(const struct orb_task_info *task)
{
    if (!*task->result)
        return json_null();
    json_t *result = json_loads(task->result, 0, NULL);
    return result ? result : json_pack("{so}", "output", cli_json_text(task->output));
}

json_t *cli_json_usage(const char *text)
{
    json_t *usage = *text ? json_loads(text, 0, NULL) : NULL;
    return usage ? usage : json_null();
}

json_t *cli_json_task(const struct orb_task_info *t)
{
    json_t *o = json_object();
    json_object_set_new(o, "id", cli_json_text(t->id));
    json_object_set_new(o, "status", json_string(orb_status_word(t->status)));
    json_object_set_new(o, "queue", cli_json_text(t->queue));
    json_object_set_new(o, "agent", cli_json_text(t->agent));
    json_object_set_new(o, "worker_id", cli_json_text(t->worker_id));
    json_object_set_new(o, "created_at", cli_json_time(t->created_at));
    json_object_set_new(o, "started_at", cli_json_time(t->started_at));
    json_object_set_new(o, "completed_at", cli_json_time(t->completed_at));
    json_object_set_new(o, "attempt", json_integer(t->attempt));
    json_object_set_new(o, "retries", json_integer(t->retries));
    json_object_set_new(o, "recoveries", json_integer(t->recoveries));
    json_object_set_new(o, "priority", json_integer(t->priority));
    json_object_set_new(o, "due_at", cli_json_time(t->due_at));
    json_object_set_new(o, "deadline", cli_json_time(t->deadline));
    json_object_set_new(o, "resubmit_of", cli_json_text(t->resubmit_of));
    json_object_set_new(o, "output", cli_json_text(t->output));
    json_object_set_new(o, "result", result_object(t));
    json_object_set_new(o, "error", cli_json_text(t->error));
    json_object_set_new(o, "error_type", cli_json_text(t->error_type));
    json_object_set_new(o, "partial", cli_json_text(t->partial));
    json_object_set_new(o, "usage", cli_json_usage(t->usage));
    return o;
}

/* ASCII, so that no byte of it means anything to a terminal; jansson leaves
 * DEL as it is. */
void cli_json_print(const struct cli *cli, json_t *value)
{
    size_t flags = JSON_ENSURE_ASCII | JSON_ENCODE_ANY | JSON_REAL_PRECISION(16); /* times to the microsecond */
    flags |= cli->format == CLI_JSON ? JSON_INDENT(2) : 0;
    char *text = json_dumps(value, flags);
    for (const char *p = text ? text : "null"; *p; p++)
        if (*p == 0x7f)
            fputs("\\u007f", stdout);
        else
            putchar(*p);
    putchar('\n');
    free(text);
    json_decref(value);
}

void cli_json_print_list(const struct cli *cli, json_t *list)
{
    if (cli->format == CLI_JSON) {
        cli_json_print(cli, list);
        return;
    }
    for (size_t i = 0; i < json_array_size(list); i++)
        cli_json_print(cli, json_incref(json_array_get(list, i)));
    json_decref(list);
}

/* ---- people ----------------------------------------------------------- */

/* Seconds that the attempt took or runs already; -1 = not known: it has not begun,
 * or waits for another try. */
static double took(const struct orb_task_info *t)
{
    double end = t->completed_at;
    if (t->status == ORB_STATUS_RUNNING)
        end = orb_now();
    else if (!orb_status_is_final(t->status))
        return -1;
    if (!is_known(t->started_at) || !is_known(end))
        return -1;
    return end < t->started_at ? 0 : end - t->started_at;
}

static void format_duration(const struct orb_task_info *t, char *out, size_t cap)
{
    double s = took(t);
    if (s < 0)
        snprintf(out, cap, "-");
    else if (t->status == ORB_STATUS_RUNNING)
        snprintf(out, cap, "running...");
    else if (s < 1)
        snprintf(out, cap, "%.0fms", s * 1000);
    else if (s < 60)
        snprintf(out, cap, "%.1fs", s);
    else
        snprintf(out, cap, "%.1fm", s / 60);
}

struct unit {
    double seconds;
    char name;
};
static const struct unit units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
enum { UNIT_COUNT = sizeof units / sizeof *units };

/* The largest unit of which there is one at least, else the smallest. */
static const struct unit *unit_of(double seconds)
{
    size_t i = 0;
    while (i < UNIT_COUNT - 1 && seconds < units[i].seconds)
        i++;
    return &units[i];
}

void cli_format_age(double since, char *out, size_t cap)
{
    double age = orb_now() - since;
    age = age < 0 ? 0 : age;
    const struct unit *unit = unit_of(age);
    if (is_known(since))
        snprintf(out, cap, "%lld%c", (long long)(age / unit->seconds), unit->name);
    else
        snprintf(out, cap, "-");
}

void cli_format_took(const struct orb_task_info *t, char *out, size_t cap)
{
    double s = took(t);
    const struct unit *unit = unit_of(s);
    long long tenths = (long long)(s * 10 / unit->seconds);
    if (s < 0 || tenths >= 10000)
        snprintf(out, cap, "-");
    else if (tenths < 100)
        snprintf(out, cap, "%lld.%lld%c", tenths / 10, tenths % 10, unit->name);
    else
        snprintf(out, cap, "%lld%c", tenths / 10, unit->name);
}

static void format_time(double seconds, char *out, size_t cap)
{
    time_t t = is_known(seconds) ? (time_t)seconds : 0;
    struct tm tm;
    if (!t || !gmtime_r(&t, &tm) || !strftime(out, cap, "%Y-%m-%d %H:%M:%S UTC", &tm))
        snprintf(out, cap, "-");
}

void cli_line(FILE *out, const char *label, const char *text)
{
    fprintf(out, "  %-13s", label);
    if (*text)
        cli_write_safe(out, text, strlen(text), ORB_SAFE_LINE);
    else
        fputc('-', out);
    fputc('\n', out);
}

void cli_time_line(FILE *out, const char *label, double seconds)
{
    char text[64];
    format_time(seconds, text, sizeof text);
    cli_line(out, label, text);
}

void cli_number_line(FILE *out, const char *label, int number)
{
    char text[16];
    snprintf(text, sizeof text, "%d", number);
    cli_line(out, label, text);
}

/* The result's JSON is ASCII from every writer, so cutting it splits no character. */
static void result_line(FILE *out, const char *result)
{
    char text[RESULT_MAX + 4];
    int is_long = strlen(result) > RESULT_MAX;
    snprintf(text, sizeof text, "%.*s%s", RESULT_MAX, result, is_long ? "..." : "");
    cli_line(out, "Result:", text);
}

/* Tokens, and what they cost when that is known. */
static void usage_line(FILE *out, const char *text)
{
    json_t *usage = *text ? json_loads(text, 0, NULL) : NULL;
    const json_t *total = json_object_get(usage, "total_tokens"), *cost = json_object_get(usage, "cost");
    char words[96];
    if (json_is_integer(total) && json_is_number(cost))
        snprintf(words, sizeof words, "%lld tokens, $%.6f", (long long)json_integer_value(total), json_number_value(cost));
    else if (json_is_integer(total))
        snprintf(words, sizeof words, "%lld tokens", (long long)json_integer_value(total));
    if (json_is_integer(total))
        cli_line(out, "Used:", words);
    json_decref(usage);
}

char *cli_task_text(const struct orb_task_info *t)
{
    char duration[32], *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    if (!out)
        return NULL;
    fprintf(out, "Task %s\n", t->id);
    fprintf(out, "  %-13s%s%s%s\n", "Status:", cli_color_status(t->status), orb_status_word(t->status), cli_color_end());
    cli_line(out, "Worker:", t->worker_id);
    cli_time_line(out, "Started:", t->started_at);
    cli_time_line(out, "Completed:", t->completed_at);
    format_duration(t, duration, sizeof duration);
    cli_line(out, "Duration:", duration);
    cli_number_line(out, "Retries:", t->retries);
    if (*t->error)
        cli_line(out, "Error:", t->error);
    if (*t->result)
        result_line(out, t->result);
    cli_line(out, "Agent:", t->agent);
    cli_line(out, "Queue:", t->queue);
    cli_number_line(out, "Attempt:", t->attempt);
    usage_line(out, t->usage);
    if (t->recoveries)
        cli_number_line(out, "Recoveries:", t->recoveries);
    if (t->priority != PRIORITY_DEFAULT)
        cli_number_line(out, "Priority:", t->priority);
    if (is_known(t->due_at))
        cli_time_line(out, "Due:", t->due_at);
    if (is_known(t->deadline))
        cli_time_line(out, "Deadline:", t->deadline);
    if (*t->resubmit_of)
        cli_line(out, "Resubmit of:", t->resubmit_of);
    fclose(out);
    return text;
}
