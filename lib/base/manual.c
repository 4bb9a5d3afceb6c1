/* Help texts and man pages from the tables. */
#include <orbiter/options.h>

#include <string.h>

enum { WIDTH = 80, HELP_COLUMN = 26 };

/* Exit statuses of every program, as orb_error_exit() gives them. */
static const struct {
    int status;
    const char *help;
} exits[] = {
    {0, "done; an empty list is done too"},
    {1, "an error that has no number of its own; a result that is asked for before the task has ended"},
    {2, "wrong options, arguments or settings; no Redis URL found; input that is not valid or too large"},
    {3, "the task failed"},
    {4, "the task was cancelled"},
    {5, "no such task"},
    {6, "refused: a wrong password, a missing permission, a task that has already finished, an id that is already "
        "there, a second orbiter dev"},
    {7, "Redis cannot be reached"},
    {8, "done for some of several ids, not for all"},
    {124, "timed out"},
    {130, "interrupted by Ctrl-C"},
};

/* Prints the words of text from column on, going on at indent; returns the column. */
static int wrap(FILE *out, const char *text, size_t len, int column, int indent)
{
    int at_start = 1;
    for (size_t i = 0; i < len;) {
        while (i < len && (text[i] == ' ' || text[i] == '\n'))
            i++;
        size_t end = i;
        while (end < len && text[end] != ' ' && text[end] != '\n')
            end++;
        if (end == i)
            break;
        int columns = (int)orb_text_columns(text + i, end - i);
        if (!at_start && column + 1 + columns > WIDTH) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
            at_start = 1;
        }
        column += fprintf(out, "%s%.*s", at_start ? "" : " ", (int)(end - i), text + i);
        at_start = 0;
        i = end;
    }
    return column;
}

/* "-m, --model MODEL" */
static void option_title(char *out, size_t cap, const struct orb_option *row)
{
    char letter[8] = "";
    if (row->letter)
        snprintf(letter, sizeof letter, "-%c, ", row->letter);
    snprintf(out, cap, "%s--%s%s%s", letter, row->name, row->arg ? " " : "", row->arg ? row->arg : "");
}

void orb_options_help(FILE *out, const struct orb_option *rows)
{
    for (; rows->name; rows++) {
        char title[128];
        if (!*rows->help)
            continue;
        option_title(title, sizeof title, rows);
        int column = fprintf(out, "  %s", title);
        if (column > HELP_COLUMN - 2) {
            fputc('\n', out);
            column = 0;
        }
        fprintf(out, "%*s", HELP_COLUMN - column, "");
        wrap(out, rows->help, strlen(rows->help), HELP_COLUMN, HELP_COLUMN);
        fputc('\n', out);
    }
}

/* A piece of a text: a paragraph, one line as it is, or an empty line. Returns
 * where the next one begins. */
static const char *next_piece(const char *text, size_t *len, int *as_is)
{
    const char *end = strchr(text, '\n');
    *as_is = *text == ' ' || *text == '\n';
    if (!end)
        end = text + strlen(text);
    while (!*as_is && *end && end[1] && end[1] != '\n' && end[1] != ' ') {
        const char *more = strchr(end + 1, '\n');
        end = more ? more : end + strlen(end);
    }
    *len = (size_t)(end - text);
    return *end ? end + 1 : end;
}

void orb_help_text(FILE *out, const char *text)
{
    while (*text) {
        size_t len;
        int as_is;
        const char *next = next_piece(text, &len, &as_is);
        if (as_is)
            fprintf(out, "%.*s", (int)len, text);
        else
            wrap(out, text, len, 0, 0);
        fputc('\n', out);
        text = next;
    }
}

void orb_help_indented(FILE *out, int indent, const char *text)
{
    fprintf(out, "%*s", indent, "");
    wrap(out, text, strlen(text), indent, indent);
    fputc('\n', out);
}

/* ---- man(7) ----------------------------------------------------------- */

static void escaped(FILE *out, const char *text, size_t len)
{
    if (len && (*text == '.' || *text == '\''))
        fputs("\\&", out);
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\\')
            fputs("\\e", out);
        else if (text[i] == '-')
            fputs("\\-", out);
        else
            fputc(text[i], out);
        /* A line of a paragraph may begin with what roff takes for a request. */
        if (text[i] == '\n' && i + 1 < len && (text[i + 1] == '.' || text[i + 1] == '\''))
            fputs("\\&", out);
    }
}

static void escaped_line(FILE *out, const char *text)
{
    escaped(out, text, strlen(text));
    fputc('\n', out);
}

void orb_man_begin(FILE *out, const char *program, const char *brief)
{
    fprintf(out, ".TH %s 1 \"\" \"orbiter %s\" \"orbiter\"\n.SH NAME\n", program, orb_version());
    escaped(out, program, strlen(program));
    fputs(" \\- ", out);
    escaped_line(out, brief);
}

void orb_man_section(FILE *out, const char *title)
{
    fprintf(out, ".SH %s\n", title);
}

void orb_man_subsection(FILE *out, const char *title)
{
    fputs(".SS ", out);
    escaped_line(out, title);
}

void orb_man_text(FILE *out, const char *text)
{
    int verbatim = 0;
    fputs(".PP\n", out);
    while (*text) {
        size_t len;
        int as_is;
        const char *next = next_piece(text, &len, &as_is);
        int wanted = as_is && len > 0;
        if (wanted != verbatim)
            fputs(wanted ? ".nf\n" : ".fi\n", out);
        verbatim = wanted;
        if (len == 0)
            fputs(".PP\n", out);
        else {
            escaped(out, text, len);
            fputc('\n', out);
        }
        text = next;
    }
    if (verbatim)
        fputs(".fi\n", out);
}

void orb_man_options(FILE *out, const struct orb_option *rows)
{
    for (; rows->name; rows++) {
        char title[128];
        if (!*rows->help)
            continue;
        option_title(title, sizeof title, rows);
        fputs(".TP\n.B ", out);
        escaped_line(out, title);
        escaped_line(out, rows->help);
    }
}

void orb_man_env(FILE *out, const struct orb_env_row *rows)
{
    for (; rows->name; rows++) {
        fprintf(out, ".TP\n.B %s\n", rows->name);
        escaped_line(out, rows->help);
    }
}

void orb_man_exits(FILE *out)
{
    orb_man_section(out, "EXIT STATUS");
    for (size_t i = 0; i < sizeof exits / sizeof *exits; i++) {
        fprintf(out, ".TP\n.B %d\n", exits[i].status);
        escaped_line(out, exits[i].help);
    }
}
