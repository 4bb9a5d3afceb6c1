/* Command lines from tables: one row per option carries its name, its argument
 * and its help; parsing, --help and man pages are all made from the rows. */
#ifndef ORBITER_OPTIONS_H
#define ORBITER_OPTIONS_H

#include <orbiter/client.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a row's value is, and the C type at its offset. */
enum orb_option_kind {
    ORB_OPTION_FLAG,   /* int, 1 when given */
    ORB_OPTION_TEXT,   /* const char *, points into argv */
    ORB_OPTION_SECRET, /* char *, a copy; the text on argv is overwritten */
    ORB_OPTION_INT,    /* int, min..max */
    ORB_OPTION_REAL,   /* double, min..max */
    ORB_OPTION_LIST    /* struct orb_option_list, one item each time it is given */
};

struct orb_option_list {
    const char **items;
    size_t count;
};

/* One option. A table ends with a row whose name is NULL. */
struct orb_option {
    const char *name;          /* without the dashes */
    char letter;               /* short form, 0 = none */
    enum orb_option_kind kind;
    size_t offset;             /* of the value in the struct that is filled */
    const char *arg;           /* name of the argument in help, NULL for a flag */
    const char *help;          /* one sentence, lower case, no full stop; "" = not shown */
    int min, max;              /* INT and REAL */
};

/* Rows and the struct that they fill; an array of sets ends with rows NULL. */
struct orb_option_set {
    const struct orb_option *rows;
    void *values;
};

/* Reads *argc words (without the program's name). Options and operands may be
 * mixed; "--" ends the options; "-" is an operand. Afterwards argv holds the *argc
 * operands. With stop_at_operand, what follows the first operand is kept as
 * it is. ORB_E_USAGE names the word and the nearest option. */
ORB_API int orb_options_parse(const struct orb_option_set *sets, int stop_at_operand, int *argc, char **argv,
                              struct orb_error *err) ORB_MUST_CHECK;
/* Frees what parsing copied (SECRET, LIST). */
ORB_API void orb_options_done(const struct orb_option_set *sets);

/* The one of count names that is most like word, NULL when none is near. */
ORB_API const char *orb_options_nearest(const char *word, const char *const *names, size_t count);

/* The options of every program that talks to Redis, read into this struct. */
struct orb_redis_args {
    char *url;
    const char *ns, *tls_ca, *tls_cert, *tls_key;
};
ORB_API extern const struct orb_option orb_redis_option_rows[];
/* What was given, else ORBITER_REDIS_URL, ORBITER_TLS_CA, ORBITER_TLS_CERT and
 * ORBITER_TLS_KEY, else NULL. Borrows from args and the environment. */
ORB_API void orb_redis_args_get(const struct orb_redis_args *args, struct orb_redis_options *out);

/* What every program that runs agents is told of them. */
struct orb_runtime_args {
    const char *tools, *providers, *prices;
};
/* The rows of a table whose struct has these at the offset given. */
#define ORB_RUNTIME_OPTIONS(at) \
    {"tools", 0, ORB_OPTION_TEXT, (at) + offsetof(struct orb_runtime_args, tools), "DIR", \
     "folder of tool files: what agents may call (default ORBITER_TOOLS)", 0, 0}, \
    {"providers", 0, ORB_OPTION_TEXT, (at) + offsetof(struct orb_runtime_args, providers), "DIR", \
     "folder of provider files, one JSON file each (default ORBITER_PROVIDERS)", 0, 0}, \
    {"prices", 0, ORB_OPTION_TEXT, (at) + offsetof(struct orb_runtime_args, prices), "FILE", \
     "what models cost, in place of the built-in table (default ORBITER_PRICES)", 0, 0}
/* What was given, else the variables, else NULL. Borrows from args and the environment. */
ORB_API void orb_runtime_args_get(const struct orb_runtime_args *args, struct orb_runtime_args *out);

/* ---- help and man pages ----------------------------------------------- */

/* Environment variables for the manual; a table ends with name NULL. */
struct orb_env_row {
    const char *name, *help;
};
ORB_API extern const struct orb_env_row orb_redis_env_rows[], orb_runtime_env_rows[];

/* "  -m, --model MODEL   help" for each row, wrapped at 80 columns. */
ORB_API void orb_options_help(FILE *out, const struct orb_option *rows);
/* Paragraphs wrapped at 80 columns; lines that begin with a blank stay as they are. */
ORB_API void orb_help_text(FILE *out, const char *text);
/* One paragraph with every line indented by so many blanks. */
ORB_API void orb_help_indented(FILE *out, int indent, const char *text);

/* man(7) source. brief goes into NAME. */
ORB_API void orb_man_begin(FILE *out, const char *program, const char *brief);
ORB_API void orb_man_section(FILE *out, const char *title);
ORB_API void orb_man_subsection(FILE *out, const char *title);
ORB_API void orb_man_text(FILE *out, const char *text); /* as orb_help_text */
ORB_API void orb_man_options(FILE *out, const struct orb_option *rows);
ORB_API void orb_man_env(FILE *out, const struct orb_env_row *rows);
ORB_API void orb_man_exits(FILE *out); /* the section EXIT STATUS */

/* ---- input ------------------------------------------------------------ */

/* All of a descriptor, at most max bytes, as UTF-8 text; *out is terminated and
 * the caller's to free. name is for messages. ORB_E_TOO_LARGE; ORB_E_INVALID
 * with the offset of the first byte that is not UTF-8; ORB_E_SYSTEM. */
ORB_API int orb_input_read(int fd, const char *name, size_t max, char **out, size_t *len, struct orb_error *err) ORB_MUST_CHECK;
/* The same for a text that is there already. */
ORB_API int orb_input_check(const char *text, size_t len, const char *name, size_t max, struct orb_error *err) ORB_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
