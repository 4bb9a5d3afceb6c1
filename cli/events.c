/* A task's events as they come: as text, as lines of JSON, or as one array of it. */
#include "cli.h"

#include <string.h>
#include <unistd.h>

enum { STYLE_TEXT, STYLE_LINES, STYLE_DOCUMENT };

void cli_events_begin(struct cli_events *v, const struct cli *cli, int is_raw)
{
    *v = (struct cli_events){.cli = cli, .style = STYLE_TEXT};
    if (is_raw || cli->format == CLI_JSONL)
        v->style = STYLE_LINES;
    else if (cli->format == CLI_JSON)
        v->style = STYLE_DOCUMENT;
}

static void end_line(struct cli_events *v)
{
    if (v->is_inside_line && isatty(STDOUT_FILENO))
        putchar('\n');
    v->is_inside_line = 0;
}

/* Text of an attempt that failed cannot be taken back; say that it starts again. */
static void check_attempt(struct cli_events *v, const struct orb_event *e)
{
    if (e->attempt > v->attempt && v->is_text_said) {
        end_line(v);
        cli_note(v->cli, "attempt %lld: the answer starts again", (long long)e->attempt);
        v->is_text_said = 0;
        *v->agent = '\0';
    }
    if (e->attempt > v->attempt)
        v->attempt = e->attempt;
}

/* Whose text it is, where another agent spoke before. */
static void check_agent(struct cli_events *v, const struct orb_event *e)
{
    char name[sizeof v->agent];
    snprintf(name, sizeof name, "%s", e->agent_name);
    if (*v->agent && strcmp(name, v->agent) != 0) {
        end_line(v);
        cli_note(v->cli, "agent: %s", e->agent_name);
    }
    memcpy(v->agent, name, sizeof name);
}

static void print_text(struct cli_events *v, const struct orb_event *e)
{
    check_attempt(v, e);
    if (e->type == ORB_EVENT_TEXT && e->text_len) {
        check_agent(v, e);
        cli_print_text(e->text, e->text_len);
        v->is_inside_line = e->text[e->text_len - 1] != '\n';
        v->is_text_said = 1;
    } else if (e->type == ORB_EVENT_TOOL_CALL) {
        end_line(v);
        cli_note(v->cli, "tool call: %s", e->word);
    } else if (e->type == ORB_EVENT_ERROR && e->ok) {
        end_line(v);
        cli_note(v->cli, "error, the task goes on: %s", e->text);
    }
}

/* The stored line. On a terminal nothing in it may be a control byte. */
static void print_line(const struct orb_event *e)
{
    if (isatty(STDOUT_FILENO))
        cli_print_safe(e->json, e->json_len, ORB_SAFE_LINE);
    else
        fwrite(e->json, 1, e->json_len, stdout);
    putchar('\n');
}

static void print_item(const struct cli_events *v, const struct orb_event *e)
{
    fputs(v->count ? ",\n " : "[\n ", stdout);
    cli_print_safe(e->json, e->json_len, ORB_SAFE_LINE);
}

int cli_events_print(struct cli_events *v, const struct orb_event *e)
{
    if (v->style == STYLE_TEXT)
        print_text(v, e);
    else if (v->style == STYLE_LINES)
        print_line(e);
    else
        print_item(v, e);
    v->count++;
    return cli_flush();
}

void cli_events_end(struct cli_events *v)
{
    end_line(v);
    if (v->style == STYLE_DOCUMENT)
        fputs(v->count ? "\n]\n" : "[]\n", stdout);
}
