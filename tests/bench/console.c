/* The console under load, in a terminal of its own (a pty with an emulator behind it):
 *
 *   console fill URL WORK ORBITER N        N tasks, most of them ended well, by a worker that runs
 *   console WHAT URL WORK ORBITER N SECONDS    measures WHAT with N tasks in Redis, and prints "NAME VALUE" lines:
 *
 *   delay     ms from the entry in Redis to the cell on the screen, at 200 changes a second and of a stream
 *   keys      ms from a key to what it changes on the screen, at 1,000 changes a second
 *   cpu       percent of a core: idle; at 1,000 changes a second beside a stream of 200 tokens a second
 *   memory    MiB: with all tasks; how much they grow while a stream of 10,000 tokens a second comes in
 *   bytes     that go to the terminal
 *   first     ms from the start to a full list
 *   find      ms of a letter of a filter, and of another order; with `million` of a million tasks
 *   flood     a stream of 10,000 tokens a second: what is lost, what moves, how long leaving takes
 *
 * URL is unix://PATH; WORK is a folder for files. */
#include "bench/console/bench.h"
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *name;
    void (*run)(const struct bench *b);
} measures[] = {
    { "delay", measure_delay }, { "keys", measure_keys }, { "cpu", measure_cpu }, { "memory", measure_memory }, { "bytes", measure_bytes }, { "first", measure_first },
    { "find", measure_find }, { "million", measure_million }, { "flood", measure_flood },
};

int main(int argc, char **argv)
{
    struct bench b = { 0 };
    if (argc < 6 || strncmp(argv[2], "unix://", 7) != 0) {
        fprintf(stderr, "usage: console fill|delay|keys|cpu|memory|bytes|first|find|million|flood unix://PATH WORK ORBITER TASKS [SECONDS]\n");
        return 2;
    }
    b.url = argv[2];
    b.work = argv[3];
    b.orbiter = argv[4];
    b.tasks = atoi(argv[5]);
    b.seconds = argc > 6 ? strtod(argv[6], NULL) : 20;
    if (!strcmp(argv[1], "fill")) {
        fleet_fill(&b, b.tasks);
        return 0;
    }
    for (size_t i = 0; i < ORB_COUNT(measures); i++)
        if (!strcmp(measures[i].name, argv[1])) {
            measures[i].run(&b);
            return 0;
        }
    fprintf(stderr, "console: '%s' is not measured\n", argv[1]);
    return 2;
}
