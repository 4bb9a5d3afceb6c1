/* The proof of what a worker does while Redis is in trouble. Each fault comes some times, at moments that
 * SEED chooses, while the worker runs three tasks: one that streams through it, one that ends in it, and one that
 * is cancelled. Meanwhile the worker lives, and neither spins nor chatters; after it a new task begins
 * soon, and nothing was lost, doubled or put out of order.
 *
 *   SEED=n CHAOS_ROUNDS=n CHAOS_FULL=1 test_faults [FAULT]... */
#include "event/event.h"
#include "support/fault.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define RATE 50            /* tokens a second of the stream */
#define SIDE_BY_SIDE 4     /* sets of server, proxy and worker */
#define BEGIN_MS 5000
#define CANCEL_MS 1000
#define CPU_PERCENT 5
#define LINES_A_SECOND 1

/* Of all rounds of one fault; shared by the processes. */
struct worst {
    int rounds, begin_ms, cancel_ms, lines_a_second;
    double cpu_percent;
};

struct round {
    const struct fault *fault;
    struct worst *worst;
    int number;
    struct rig *rig;
    char stream[64], short_one[64], cancelled[64], waiting[64], next[64];
    char model[128];
    int tokens;
    int64_t ended_ms, linked_ms, begun_ms, cancel_ms, applied_ms;
};

static struct rig rig;
static uint64_t seed;
static int is_full;

static const struct test_redis *server(const struct round *r)
{
    return &r->rig->fleet.redis;
}

static void pass(struct round *r, int ms)
{
    int64_t end = test_now_ms() + ms;
    while (test_now_ms() < end)
        rig_turn(r->rig);
}

/* ---- a round ------------------------------------------------------------ */

static void name_tasks(struct round *r, int hold_ms)
{
    struct { char *out; const char *kind; } names[] = {
        { r->stream, "stream" }, { r->short_one, "short" }, { r->cancelled, "cancelled" }, { r->waiting, "waiting" }, { r->next, "next" },
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        snprintf(names[i].out, sizeof r->stream, "%s-%d-%s", r->fault->name, r->number, names[i].kind);
    r->tokens = RATE * (hold_ms + 1000) / 1000;
    snprintf(r->model, sizeof r->model, "fake?tokens=%d&rate=%d&message=%s", r->tokens, RATE, r->stream);
}

static int have_text(void *arg)
{
    struct round *r = arg;
    const char *const ids[] = { r->stream, r->short_one, r->cancelled };
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        if (test_redis_int(server(r), "XLEN orbiter:stream:%s", ids[i]) < 4)
            return 0;
    return 1;
}

static int is_listening(void *arg)
{
    return rig_listening_id(((struct round *)arg)->rig) > 0;
}

static void begin_tasks(struct round *r)
{
    char model[160];
    snprintf(model, sizeof model, "openai:%s", r->model);
    rig_submit(r->rig, r->cancelled, "sim:tokens=100000,rate=20");
    rig_submit(r->rig, r->stream, model);
    rig_submit(r->rig, r->short_one, "sim:tokens=20,rate=25");
    rig_until(r->rig, "the first texts", have_text, r, 10000);
    rig_until(r->rig, "the worker to listen for cancels", is_listening, r, 10000);
    r->rig->link_id = rig_listening_id(r->rig);
}

static void hold(struct round *r, int hold_ms)
{
    int64_t end = test_now_ms() + hold_ms, next = 0, submit = test_now_ms() + hold_ms / 3;
    while (test_now_ms() < end) {
        if (r->fault->tick && test_now_ms() > next) {
            r->fault->tick(r->rig);
            next = test_now_ms() + 50 + rig_random(&rig, 250);
        }
        if (r->fault->flags & FAULT_IS_REACHABLE && !r->cancel_ms && test_now_ms() > submit) {
            rig_submit(r->rig, r->waiting, "sim:tokens=3");
            rig_cancel(r->rig, r->cancelled);
            r->cancel_ms = test_now_ms();
        }
        rig_turn(r->rig);
    }
}

static int field_is_set(const struct round *r, const char *id, const char *name)
{
    char *text = test_redis_text(server(r), "HGET orbiter:task:%s %s", id, name);
    int is_set = *text && strcmp(text, "(nil)") != 0;
    free(text);
    return is_set;
}

/* Looks at all that is waited for; 1 when it has all come. */
static int has_recovered(void *arg)
{
    struct round *r = arg;
    int64_t now = test_now_ms();
    if (!r->linked_ms && (!(r->fault->flags & FAULT_BREAKS_LINK) || rig_listening_id(r->rig) > r->rig->link_id))
        r->linked_ms = now;
    if (!r->applied_ms && r->cancel_ms && field_is_set(r, r->cancelled, "completed_at"))
        r->applied_ms = now;
    if (!r->begun_ms && field_is_set(r, r->next, "started_at"))
        r->begun_ms = now;
    return r->linked_ms && r->begun_ms && (r->applied_ms || !r->cancel_ms);
}

static void recover(struct round *r)
{
    r->ended_ms = test_now_ms();
    rig_submit(r->rig, r->next, "sim:tokens=3");
    rig_until(r->rig, "the next task to begin, and the cancel to apply", has_recovered, r, 15000);
    if (!r->cancel_ms && !(r->fault->flags & FAULT_LOSES_ALL)) {
        rig_cancel(r->rig, r->cancelled);
        r->linked_ms = r->cancel_ms = test_now_ms();
        rig_until(r->rig, "the cancel to apply", has_recovered, r, 15000);
    }
}

/* ---- what it came to ---------------------------------------------------- */

/* How often the lifecycle feed says that the task came to a state. */
static int count_feed(const struct round *r, const char *id, const char *state)
{
    char *text = test_redis_text(server(r), "XREVRANGE orbiter:feed + - COUNT 1000"), *rest = text, *line, word[96];
    int is_state = 0, count = 0;
    snprintf(word, sizeof word, "%s:", id);
    while ((line = strsep(&rest, "\n"))) {
        if (!strncmp(line, "task.", 5))
            is_state = !strcmp(line + 5, state);
        else if (is_state && strstr(line, word))
            count++;
    }
    free(text);
    return count;
}

static void expect_once(const struct round *r, const char *id, const char *state)
{
    static const char *const ends[] = { "completed", "failed", "cancelled" };
    rig_wait_field(r->rig, id, "status", state, 20000);
    test_expect_field(&r->rig->fleet, id, "attempt", "1");
    if (count_feed(r, id, "running") != 1)
        fail_msg("task %s began %d times", id, count_feed(r, id, "running"));
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        int count = count_feed(r, id, ends[i]);
        /* The feed tells of a cancel when it is asked for, and when the task has ended. */
        if (strcmp(ends[i], state) ? count : count != 1 && strcmp(state, "cancelled"))
            fail_msg("task %s became %s %d times", id, ends[i], count);
    }
    char *events = test_events(&r->rig->fleet, id), *last = strrchr(events, ' ');
    /* What a slow link still held may come behind the end, where readers have left. */
    if (last && !strcmp(last, " text") && r->fault->flags & FAULT_IS_REACHABLE) {
        *last = '\0';
        last = strrchr(events, ' ');
    }
    if (!last || strncmp(last, " status:", 8) || strcmp(last + 8, state) || strstr(events, " status:completed "))
        fail_msg("the events of task %s are: %s", id, events);
    free(events);
}

/* The stored text is what the provider said, to the byte. */
static void expect_text(const struct round *r)
{
    char *text = test_redis_text(server(r), "XRANGE orbiter:stream:%s - +", r->stream), *rest = text, *line;
    char got[16384] = "", wanted[16384] = "";
    size_t len = 0, n = 0;
    int64_t seq = 0;
    while ((line = strsep(&rest, "\n"))) {
        struct orb_event e;
        json_t *root;
        if (*line != '{' || orb_event_read(line, strlen(line), &e, &root, NULL))
            continue;
        if (e.seq > seq && e.type == ORB_EVENT_TEXT && len + e.text_len < sizeof got) {
            memcpy(got + len, e.text, e.text_len);
            len += e.text_len;
        }
        seq = e.seq > seq ? e.seq : seq;
        json_decref(root);
    }
    free(text);
    for (int i = 1; i <= r->tokens && n < sizeof wanted; i++)
        n += (size_t)snprintf(wanted + n, sizeof wanted - n, "w%d%s", i, i < r->tokens ? " " : "");
    assert_string_equal(got, wanted);
    json_t *end = test_fake_wait_end(&r->rig->fake, r->model, 10000);
    assert_string_equal(json_string_value(json_object_get(end, "reason")), "complete");
    json_decref(end);
}

/* All the slots are free again: the tasks in them were given up. */
static void expect_free_slots(struct round *r)
{
    char id[64];
    for (int i = 0; i < 8; i++) {
        snprintf(id, sizeof id, "%s-%d-slot%d", r->fault->name, r->number, i);
        rig_submit(r->rig, id, "sim:tokens=3,delay=2000");
    }
    for (int i = 0; i < 8; i++) {
        snprintf(id, sizeof id, "%s-%d-slot%d", r->fault->name, r->number, i);
        rig_wait_field(r->rig, id, "status", "running", 1900);
    }
    for (int i = 0; i < 8; i++) {
        snprintf(id, sizeof id, "%s-%d-slot%d", r->fault->name, r->number, i);
        expect_once(r, id, "completed");
    }
}

static void expect_tasks(struct round *r)
{
    if (r->fault->flags & FAULT_LOSES_ALL) {
        expect_free_slots(r);
    } else {
        expect_once(r, r->short_one, "completed");
        expect_once(r, r->stream, "completed");
        expect_once(r, r->cancelled, "cancelled");
        expect_text(r);
    }
    if (r->fault->flags & FAULT_IS_REACHABLE)
        expect_once(r, r->waiting, "completed");
    expect_once(r, r->next, "completed");
    test_expect_drained(&r->rig->fleet, "orbiter:tasks");
}

static int later(int64_t ms, int64_t than_ms)
{
    return ms > than_ms ? (int)(ms - than_ms) : 0;
}

static void note_figures(struct round *r, const struct rig_figures *f)
{
    struct worst *w = r->worst;
    char text[160];
    int generous = is_full ? 1 : 3; /* other tests run beside the short form */
    int begin_ms = later(r->begun_ms, r->ended_ms);
    int64_t from_ms = r->linked_ms > r->cancel_ms ? r->linked_ms : r->cancel_ms;
    /* A link that is slow is not down: a cancel has all the time that a new task has. */
    int is_down = !(r->fault->flags & FAULT_IS_REACHABLE) || r->fault->flags & FAULT_BREAKS_LINK;
    int cancel_ms = r->cancel_ms && is_down ? later(r->applied_ms, from_ms) : 0;
    if (!is_down && r->cancel_ms && later(r->applied_ms, from_ms) > begin_ms)
        begin_ms = later(r->applied_ms, from_ms);
    printf("%s %d: listens after %d ms, begins after %d ms, cancel after %d ms, %.1f %% CPU, %d lines a second\n", r->fault->name, r->number,
           later(r->linked_ms, r->ended_ms), begin_ms, cancel_ms, f->cpu_percent, f->lines_a_second);
    w->rounds++;
    w->begin_ms = begin_ms > w->begin_ms ? begin_ms : w->begin_ms;
    w->cancel_ms = cancel_ms > w->cancel_ms ? cancel_ms : w->cancel_ms;
    w->cpu_percent = f->cpu_percent > w->cpu_percent ? f->cpu_percent : w->cpu_percent;
    w->lines_a_second = f->lines_a_second > w->lines_a_second ? f->lines_a_second : w->lines_a_second;
    snprintf(text, sizeof text, "%s: more than %d ms to the next begin, %d ms to a cancel, %d %% CPU or %d lines a second", r->fault->name, BEGIN_MS,
             CANCEL_MS, CPU_PERCENT, LINES_A_SECOND);
    if (begin_ms > test_patience(BEGIN_MS) * generous || cancel_ms > test_patience(CANCEL_MS) * generous ||
        f->cpu_percent > test_patience(CPU_PERCENT) || f->lines_a_second > LINES_A_SECOND)
        rig_fail(r->rig, text);
}

static void one_round(void **state)
{
    struct round *r = *state;
    struct rig_figures figures;
    rig_start(&rig);
    r->rig = &rig;
    int hold_ms = r->fault->hold_ms + rig_random(&rig, is_full ? r->fault->hold_ms : 300);
    name_tasks(r, hold_ms);
    if (r->fault->prepare)
        r->fault->prepare(r->rig);
    begin_tasks(r);
    pass(r, rig_random(&rig, 200));
    rig_watch(r->rig);
    r->fault->begin(r->rig);
    hold(r, hold_ms);
    if (r->fault->end)
        r->fault->end(r->rig);
    rig_measure(r->rig, &figures);
    recover(r);
    expect_tasks(r);
    note_figures(r, &figures);
    rig.is_sound = 1;
}

/* What a failed round leaves is not the next one's. */
static int end_round(void **state)
{
    (void)state;
    if (!rig.is_sound)
        rig_stop(&rig);
    rig.is_sound = 0;
    return 0;
}

/* ---- all of them -------------------------------------------------------- */

static int is_wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], name))
            return 1;
    return argc < 2;
}

static int fault_count(void)
{
    int n = 0;
    while (faults[n].name)
        n++;
    return n;
}

/* The rounds of every SIDE_BY_SIDE'th fault that is wanted, in an order of the seed's. */
static int run_share(int share, int rounds, struct worst *worst, int argc, char **argv)
{
    int count = 0, wanted = 0;
    struct round *list = calloc((size_t)(fault_count() * rounds), sizeof *list);
    struct CMUnitTest *tests = calloc((size_t)(fault_count() * rounds), sizeof *tests);
    if (!list || !tests)
        return 1;
    rig.random = (seed + ((uint64_t)share << 32)) * 0x2545f4914f6cdd1du;
    for (int i = 0; faults[i].name; i++) {
        if (!is_wanted(faults[i].name, argc, argv) || wanted++ % SIDE_BY_SIDE != share)
            continue;
        for (int n = 0; n < rounds; n++, count++) {
            int at = rig_random(&rig, count + 1);
            list[count] = (struct round){ .fault = &faults[i], .worst = &worst[i], .number = n + 1 };
            tests[count] = tests[at];
            tests[at] = (struct CMUnitTest){ faults[i].name, one_round, NULL, end_round, &list[count] };
        }
    }
    int failed = count ? _cmocka_run_group_tests("faults", tests, (size_t)count, NULL, NULL) : 0;
    rig_stop(&rig);
    free(list);
    free(tests);
    return failed;
}

static pid_t start_share(int share, int rounds, struct worst *worst, int argc, char **argv)
{
    pid_t parent = getpid();
    fflush(NULL);
    pid_t pid = fork();
    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setvbuf(stdout, NULL, _IOLBF, 0);
    dup2(1, 2);
    exit(getppid() != parent || run_share(share, rounds, worst, argc, argv));
}

static void figure(const char *name, const char *fault, double value, const char *unit, double target)
{
    printf("figure %s%s%s %.4g %s target <= %g%s\n", name, fault ? "-" : "", fault ? fault : "", value, unit, target, value > target ? " MISSED" : "");
}

static void print_figures(const struct worst *worst)
{
    struct worst all = { 0 };
    for (int i = 0; faults[i].name; i++) {
        const struct worst *w = &worst[i];
        if (!w->rounds)
            continue;
        figure("faults-begin", faults[i].name, w->begin_ms, "ms", BEGIN_MS);
        all.rounds += w->rounds;
        all.begin_ms = w->begin_ms > all.begin_ms ? w->begin_ms : all.begin_ms;
        all.cancel_ms = w->cancel_ms > all.cancel_ms ? w->cancel_ms : all.cancel_ms;
        all.cpu_percent = w->cpu_percent > all.cpu_percent ? w->cpu_percent : all.cpu_percent;
        all.lines_a_second = w->lines_a_second > all.lines_a_second ? w->lines_a_second : all.lines_a_second;
    }
    printf("figure faults-rounds %d rounds\n", all.rounds);
    figure("faults-begin", NULL, all.begin_ms, "ms", BEGIN_MS);
    figure("faults-cancel", NULL, all.cancel_ms, "ms", CANCEL_MS);
    figure("faults-cpu", NULL, all.cpu_percent, "%", CPU_PERCENT);
    figure("faults-log", NULL, all.lines_a_second, "lines/s", LINES_A_SECOND);
}

static int number_of(const char *name, int otherwise)
{
    const char *text = getenv(name);
    return text && *text ? atoi(text) : otherwise;
}

int main(int argc, char **argv)
{
    pid_t pids[SIDE_BY_SIDE];
    int failed = 0, status;
    seed = (uint64_t)number_of("SEED", 1);
    is_full = number_of("CHAOS_FULL", 0) != 0;
    test_repeats = 0; /* what a slow link still held may come after it was sent again on another */
    int rounds = is_full ? number_of("CHAOS_ROUNDS", 20) : 2;
    printf("faults: SEED=%llu, %d rounds each\n", (unsigned long long)seed, rounds);
    struct worst *worst = mmap(NULL, (size_t)fault_count() * sizeof *worst, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (worst == MAP_FAILED)
        return 1;
    for (int i = 0; i < SIDE_BY_SIDE; i++)
        pids[i] = start_share(i, rounds, worst, argc, argv);
    for (int i = 0; i < SIDE_BY_SIDE; i++)
        failed += pids[i] < 0 || waitpid(pids[i], &status, 0) < 0 || status != 0;
    print_figures(worst);
    if (failed)
        printf("faults: failed; again with: SEED=%llu %s [FAULT]...\n", (unsigned long long)seed, argv[0]);
    return failed != 0;
}
