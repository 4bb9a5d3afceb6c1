/* What the commands of orbiter share. A command is one file with one const
 * struct cli_command, and one row in commands.c. */
#ifndef ORB_CLI_CLI_H
#define ORB_CLI_CLI_H

#include <jansson.h>
#include <orbiter/agent.h>
#include <orbiter/fleet.h>
#include <orbiter/options.h>

enum cli_format { CLI_TABLE, CLI_JSON, CLI_JSONL };

/* Options of every command. */
struct cli_common {
    struct orb_redis_args redis;
    const char *output;
    int is_quiet, no_color, wants_help;
};

struct cli {
    struct cli_common common;
    enum cli_format format;
    struct orb_redis_options redis; /* set by cli_find_redis */
    int is_dev;                     /* that Redis is of our own `orbiter dev` */
    char *dev_url;                  /* owned */
    struct orb_loop *loop;
    struct orb_client *client;
    struct orb_signal *interrupt;   /* SIGINT */
    struct orb_signal *end[2];      /* SIGTERM, SIGHUP: see cli_watch_end */
    int is_interrupted, is_done;    /* why cli_wait returned */
    int was_up, is_outage_said;     /* Redis: connected once; gone now, and that was said */
    int is_patient;                 /* what is waited for now survives a lost connection */
};

struct cli_command {
    const char *path;      /* "task list" */
    const char *synopsis;  /* what follows the path, without the common options */
    const char *brief;     /* one line, lower case, no full stop */
    const char *help;      /* paragraphs, see orb_help_text */
    const struct orb_option *options; /* may be NULL */
    size_t options_size;   /* of the struct they fill */
    const void *defaults;  /* that struct as it is before parsing; NULL = zeroes */
    int min_operands, max_operands;   /* -1 = any number */
    int has_own_output;               /* reads -o itself */
    int (*run)(struct cli *cli, const void *options, int argc, char **argv); /* 0 or an error code that was already said */
};

/* commands.c */
extern const struct cli_command *const cli_commands[]; /* ends with NULL */
extern const struct orb_option cli_common_options[];
/* The command whose path is the first words of argv; *words = how many. NULL when there is none. */
const struct cli_command *cli_command_find(int argc, char **argv, int *words);
/* Says that argv names no command, with the nearest. Returns ORB_E_USAGE. */
int cli_command_unknown(int argc, char **argv);

/* help.c */
void cli_help_all(void);
/* 0 when no command has such a first word. */
int cli_help_group(const char *group);
void cli_help_command(const struct cli_command *command);
void cli_help_man(void);

/* say.c: messages on stderr, data on stdout */
/* "orbiter: ..." on stderr, safe to show; returns code. */
int cli_fail(int code, const char *fmt, ...) ORB_PRINTF(2, 3);
int cli_fail_with(const struct orb_error *err);
int cli_fail_submit(const struct orb_error *err); /* says, too, that it may be there all the same */
void cli_note(const struct cli *cli, const char *fmt, ...) ORB_PRINTF(2, 3); /* not with -q */
/* Text for people: safe on every kind of stdout. */
void cli_print_safe(const char *text, size_t len, int flags);
void cli_write_safe(FILE *out, const char *text, size_t len, int flags);
/* Text as it is for a pipe, safe on a terminal. */
void cli_print_text(const char *text, size_t len);
/* Flushes stdout. ORB_E_CANCELLED: its reader went away, which is no error of ours: what is under way is to be ended, and
 * then the program, with 0. Another failure is ORB_E_SYSTEM, said. */
int cli_flush(void) ORB_MUST_CHECK;
void *cli_alloc(size_t size); /* zeroed; small and fixed: ends the program when there is none */

/* connect.c */
/* Sets cli->redis from the options, the environment or a running `orbiter dev`. */
int cli_find_redis(struct cli *cli);
/* The loop, and Ctrl-C on it. */
int cli_loop(struct cli *cli);
/* SIGTERM and SIGHUP are as Ctrl-C: for a command whose children would outlive it. */
int cli_watch_end(struct cli *cli);
/* cli_find_redis unless it was done, then the loop and the client. */
int cli_connect(struct cli *cli);
/* Runs the loop until cli_done or Ctrl-C (ORB_E_INTERRUPTED). */
int cli_wait(struct cli *cli);
/* The same for results and streams, which go on when Redis is back: says when it goes and comes. */
int cli_wait_patiently(struct cli *cli);
void cli_done(struct cli *cli);
/* NULL when id is none; said. */
struct orb_task_handle *cli_handle(struct cli *cli, const char *id);
void cli_close(struct cli *cli);

/* confirm.c: asking before something that cannot be taken back */
int cli_can_ask(void); /* are stdin and stderr a terminal? */
int cli_ask(const char *question); /* 1 = yes */

/* table.c: rows of cells, aligned; cells are copied and made safe */
struct cli_column {
    const char *title;
    int is_elastic; /* may be cut when the line is too long */
};
struct cli_table;
struct cli_table *cli_table_new(const struct cli_column *columns, size_t count);
void cli_table_cell(struct cli_table *table, const char *text, const char *color); /* color may be NULL */
void cli_table_print(struct cli_table *table); /* and frees it */

/* listing.c: a list that comes as one array */
struct cli_listing {
    struct cli *cli;
    const struct cli_column *columns;
    size_t column_count;
    void (*print_row)(struct cli_table *table, const void *rows, size_t i);
    json_t *(*row_json)(const void *rows, size_t i);
    const char *nothing; /* said of an empty one */
    int code;            /* said, when it did not come */
};
/* Prints it, and ends cli_wait. */
void cli_listing_end(struct cli_listing *listing, const void *rows, size_t count, const struct orb_error *err);

/* color.c: escape sequences, "" when colours are off */
void cli_color_setup(const struct cli *cli);
const char *cli_color_status(enum orb_status status);
const char *cli_color(const char *sequence);
const char *cli_color_end(void);

/* show.c: a task for people and as JSON */
json_t *cli_json_text(const char *text);    /* null when "" */
json_t *cli_json_time(double seconds);      /* null when 0, or not in the years 2000 to 9999 */
/* Of a task or a queue; null for "". */
json_t *cli_json_usage(const char *text);
json_t *cli_json_task(const struct orb_task_info *task);
/* Prints one document (json: indented) or one line (jsonl) and frees it. */
void cli_json_print(const struct cli *cli, json_t *value);
/* Prints and frees an array: one document, or a line for each item. */
void cli_json_print_list(const struct cli *cli, json_t *list);
char *cli_task_text(const struct orb_task_info *task); /* lines for people; new memory */
/* One such line; "-" for "" and for a time that is not known. */
void cli_line(FILE *out, const char *label, const char *text);
void cli_time_line(FILE *out, const char *label, double seconds);
void cli_number_line(FILE *out, const char *label, int number);
/* How long the attempt took, or runs already, in at most 4 columns: "0.3s"; "-" when that is not known. */
void cli_format_took(const struct orb_task_info *task, char *out, size_t cap);
void cli_format_age(double since, char *out, size_t cap);

/* outcome.c: what a finished task means for the exit status */
/* 0, or the code of a failed or cancelled task, which is said on stderr. One that ran here has no id. */
int cli_task_outcome(const struct orb_task_info *task);
/* Waits for the task's end and prints its output (or the task as JSON). */
int cli_wait_result(struct cli *cli, struct orb_task_handle *handle);
/* Prints the output of a finished task; the code of its outcome. */
int cli_print_result(const struct cli *cli, const struct orb_task_info *task);
/* Says how to go on with a task after Ctrl-C. last_id may be "". */
int cli_interrupted(const char *id, const char *last_id);

/* events.c: a task's events, printed as they come */
struct cli_events {
    const struct cli *cli;
    int style;
    int64_t attempt;      /* of the last event, 0 = none yet */
    size_t count;         /* events printed */
    char agent[128];      /* who spoke last */
    int is_inside_line;   /* text was printed and did not end its line */
    int is_text_said;     /* text of this attempt was printed */
};
/* Their text, or with -o jsonl (or is_raw) their JSON, one a line, or with -o json an array. */
void cli_events_begin(struct cli_events *events, const struct cli *cli, int is_raw);
/* 0, or what cli_flush said: nobody reads any more. */
int cli_events_print(struct cli_events *events, const struct orb_event *event) ORB_MUST_CHECK;
void cli_events_end(struct cli_events *events);

/* follow.c: prints a task's events until it has ended */
int cli_follow(struct cli *cli, struct orb_task_handle *handle, const char *from_id, int is_raw);

/* spec.c: what submit sends, made from options */
struct cli_spec {
    const char *model, *instructions, *agent_file, *swarm_file, *messages_file;
    struct orb_option_list metadata;
    int is_parallel; /* the stages of agent_file's workflow, as those of swarm_file */
};
/* New JSON text, the caller's to free. 0, or a code that was said. */
int cli_spec_agent(const struct cli *cli, const struct cli_spec *spec, char **out);
int cli_spec_metadata(const struct orb_option_list *items, char **out); /* *out NULL = none */
int cli_spec_messages(const char *file, char **out);
/* The input: the operand, or stdin for "-" or none. */
int cli_spec_input(int argc, char **argv, char **out, size_t *len);

/* cmd_provider_list.c: the provider files of a folder (NULL: ORBITER_PROVIDERS, or none); those of the first call stay. 0, or a code
 * that was said. */
int cli_load_providers(const char *dir);

/* spec_time.c: the argument of --at, Unix seconds. 0, or a code that was said. */
int cli_spec_time(const char *text, double *out);

/* spec_file.c: files, checked; *out is the caller's. 0, or a code. */
/* The agent_config of FILE or FILE#NAME as JSON text: how->is_swarm and is_parallel, and cb, which is told what is wrong in it; that
 * it cannot be read is said. */
int cli_file_agent(const char *name, const struct orb_agent_file *how, char **out);
int cli_file_messages(const char *name, json_t **out); /* what is wrong is said */

/* edit.c: the text as the user's editor leaves it, the caller's to free. 0, or an error; ORB_E_INTERRUPTED needs no text. */
int cli_edit(struct cli *cli, const char *text, size_t len, char **out, size_t *out_len, struct orb_error *err);

#define CLI_DEV_MODEL "sim:"
#define CLI_MODEL "openai:gpt-4o"

#endif
