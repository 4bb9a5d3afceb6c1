/* Plain aligned tables that fit the line: two blanks between columns, no
 * frames, so that people and awk can both read them. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { COLUMNS_MAX = 12, CELL_MAX = 512, ELASTIC_MIN = 4, WIDTH = 80 };

struct cell {
    char *text;
    const char *color;
};

struct cli_table {
    const struct cli_column *columns;
    size_t column_count, cell_count, cap;
    struct cell *cells;
    size_t width[COLUMNS_MAX];
};

struct cli_table *cli_table_new(const struct cli_column *columns, size_t count)
{
    struct cli_table *t = cli_alloc(sizeof *t);
    t->columns = columns;
    t->column_count = count < COLUMNS_MAX ? count : COLUMNS_MAX;
    for (size_t i = 0; i < t->column_count; i++)
        t->width[i] = strlen(columns[i].title);
    return t;
}

void cli_table_cell(struct cli_table *t, const char *text, const char *color)
{
    char safe[CELL_MAX];
    orb_safe_text(*text ? text : "-", *text ? strlen(text) : 1, ORB_SAFE_LINE, safe, sizeof safe);
    if (t->cell_count == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 256;
        t->cells = realloc(t->cells, t->cap * sizeof *t->cells);
        if (!t->cells)
            abort();
    }
    struct cell *cell = &t->cells[t->cell_count];
    cell->text = strdup(safe);
    cell->color = color;
    if (!cell->text)
        abort();
    size_t *width = &t->width[t->cell_count++ % t->column_count];
    size_t columns = orb_text_columns(safe, strlen(safe));
    if (columns > *width)
        *width = columns;
}

static size_t line_width(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return WIDTH;
}

/* Takes from the widest elastic column until the line fits or none can give. */
static void fit(struct cli_table *t)
{
    size_t total = 2 * (t->column_count - 1), limit = line_width();
    for (size_t i = 0; i < t->column_count; i++)
        total += t->width[i];
    while (total > limit) {
        size_t *widest = NULL;
        for (size_t i = 0; i < t->column_count; i++) {
            size_t least = strlen(t->columns[i].title);
            least = least < ELASTIC_MIN ? ELASTIC_MIN : least;
            if (t->columns[i].is_elastic && t->width[i] > least && (!widest || t->width[i] > *widest))
                widest = &t->width[i];
        }
        if (!widest)
            return;
        (*widest)--;
        total--;
    }
}

/* Bytes of the longest prefix of at most width columns, whole characters. */
static size_t prefix(const char *text, size_t width)
{
    size_t len = strlen(text);
    while (len && orb_text_columns(text, len) > width)
        do
            len--;
        while (len && ((unsigned char)text[len] & 0xc0) == 0x80);
    return len;
}

static void print_cell(const char *text, const char *color, size_t width, int is_last)
{
    size_t len = strlen(text), columns = orb_text_columns(text, len);
    int is_cut = columns > width;
    if (is_cut)
        len = prefix(text, width - 1);
    columns = orb_text_columns(text, len) + (size_t)is_cut;
    printf("%s%.*s%s%s", color ? color : "", (int)len, text, is_cut ? "~" : "", color ? cli_color_end() : "");
    if (is_last)
        putchar('\n');
    else
        printf("%*s", (int)(width - columns + 2), "");
}

void cli_table_print(struct cli_table *t)
{
    size_t n = t->column_count;
    fit(t);
    for (size_t i = 0; i < n; i++)
        print_cell(t->columns[i].title, NULL, t->width[i], i == n - 1);
    for (size_t i = 0; i < t->cell_count; i++) {
        print_cell(t->cells[i].text, t->cells[i].color, t->width[i % n], i % n == n - 1);
        free(t->cells[i].text);
    }
    free(t->cells);
    free(t);
}
