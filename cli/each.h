/* Commands that take several task ids. */
#ifndef ORB_CLI_EACH_H
#define ORB_CLI_EACH_H

#include "cli.h"

struct each;

struct each_task {
    struct each *each;
    const char *id;
    struct orb_task_handle *handle;
    int code;       /* of this task's answer */
    char *text;     /* what the answer leaves for printing, or NULL; freed by each_run */
    json_t *json;   /* the same for -o json */
};

struct each {
    struct cli *cli;
    int (*ask)(struct each_task *task);
    size_t count, open; /* open: not answered yet */
    struct each_task *tasks;
};

/* Connects, calls ask for every id, waits until each called each_answered, then
 * print. 0, the code that all have in common, or ORB_E_PARTLY. A callback that
 * gets ORB_E_CANCELLED must return at once: its task is gone. */
int each_run(struct cli *cli, int argc, char **argv, int (*ask)(struct each_task *task),
             void (*print)(const struct each *each));
void each_answered(struct each_task *task, int code);
/* One id: its object; several: an array, without those that were not found. */
void each_print_json(const struct each *each);

#endif
