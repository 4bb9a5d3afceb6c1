#include "support/console.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *id, *agent, *queue, *worker, *error, *type;
    enum orb_status status;
    double age, took;
    int attempt, retries;
    int64_t in, out;
    double cost;
} tasks[] = {
    { SCENE_TASK, "coder", "orbiter:tasks", "w-05@gpu2", "", "", ORB_STATUS_RUNNING, 238, 0, 2, 1, 3310, 1204, 0.0312 },
    { "9f3c1b77aa0e4d0d8f5f10c2a9b8c7d6", "planner", "orbiter:tasks", "w-03@gpu1", "HTTP 529 overloaded (retry-after 20s)", "OverloadedError", ORB_STATUS_FAILED, 252, 120, 3, 2, 5120, 812, 0.0214 },
    { "1c77aa02bb1f4e1e9a6a21d3baC9d8e7", "planner", "orbiter:tasks", "w-03@gpu1", "HTTP 529 overloaded (retry-after 20s)", "OverloadedError", ORB_STATUS_FAILED, 250, 118, 3, 2, 5120, 790, 0.0211 },
    { "44c2b6f0cc205f2fab7b32e4cbdae9f8", "critic", "orbiter:tasks", "w-08@gpu4", "HTTP 429: rate limited", "RateLimitError", ORB_STATUS_RETRYING, 113, 44, 1, 1, 1617, 0, -1 },
    { "03de77f1dd316030bc8c43f5dcebfa09", "critic", "batch", "w-11@cpu1", "timeout after 300 s", "TimeoutError", ORB_STATUS_FAILED, 7211, 300, 3, 3, 812, 22, 0.0009 },
    { "71aa09c2ee427141cd9d5406edfc0b1a", "coder", "batch", "w-11@cpu1", "", "", ORB_STATUS_RUNNING, 720, 0, 1, 0, 0, 0, -1 },
    { "8b1f20c4ff538252deae6517fe0d1c2b", "\xe7\xa0\x94\xe7\xa9\xb6\xe5\x91\x98", "orbiter:tasks", "w-03@gpu1", "", "", ORB_STATUS_COMPLETED, 179, 31, 1, 0, 900, 1326, 0.0155 },
    { "e0417da900649363efbf76280f1e2d3c", "coder", "batch", "", "", "", ORB_STATUS_PENDING, 842, 0, 0, 0, 0, 0, -1 },
    { "d91a03be11750474f0c0873920f2f3e4", "judge", "eval", "w-11@cpu1", "", "", ORB_STATUS_CANCELLED, 170, 9, 1, 0, 240, 197, 0.0004 },
    { "0f6e77122286158501d1984a3103a4f5", "planner", "orbiter:tasks", "", "", "", ORB_STATUS_PENDING, 12, 0, 0, 0, 0, 0, -1 },
    { "b7723c5d339726961 2", "coder", "orbiter:tasks", "w-05@gpu2", "", "", ORB_STATUS_COMPLETED, 400, 64, 1, 0, 1000, 2194, 0.0301 },
    { "nightly-report.2026-03-02", "r\xc3\xa9sum\xc3\xa9 \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb", "eval", "w-08@gpu4", "", "", ORB_STATUS_COMPLETED, 90000, 3700, 1, 0, 90000, 41000, 1.25 },
    { "c8e1a06744a83707a1e2b95c4214b5a6", "judge", "batch", "w-05@gpu2", "\x1b[31mred\x1b[0m and \xe2\x80\xae" "bidi", "ProtocolError", ORB_STATUS_FAILED, 95, 3, 1, 0, 10, 0, -1 },
};

static void add_tasks(struct console *c)
{
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
        double created = c->now - tasks[i].age, started = tasks[i].status == ORB_STATUS_PENDING ? 0 : created + 2.1;
        struct orb_task_info info = {
            .id = tasks[i].id, .agent = tasks[i].agent, .queue = tasks[i].queue, .worker_id = tasks[i].worker, .status = tasks[i].status, .created_at = created, .started_at = started,
            .completed_at = orb_status_is_final(tasks[i].status) ? started + tasks[i].took : 0, .attempt = tasks[i].attempt, .retries = tasks[i].retries, .priority = i == 3 ? 9 : 5,
            .error = tasks[i].error, .error_type = tasks[i].type, .resubmit_of = "", .result = "", .output = "", .partial = "", .usage = "", .input_tokens = tasks[i].in,
            .output_tokens = tasks[i].out, .total_tokens = tasks[i].in + tasks[i].out, .cost = tasks[i].cost,
        };
        console_send(c, (struct tui_msg){ .type = TUI_MSG_TASKS, .tasks = &info, .count = 1 });
    }
    console_send(c, (struct tui_msg){ .type = TUI_MSG_WALK_END });
}

/* slot: 0 to 120 of the ten minutes; round: 1 = as it stands now. */
static void add_fleet(struct console *c, int round, int slot)
{
    const struct orb_worker_info workers[] = {
        { .id = "w-03@gpu1", .status = "running", .hostname = "gpu1", .version = "0.1.0", .queue = "orbiter:tasks", .current_task_id = tasks[6].id, .tasks_processed = 1204, .tasks_failed = 5, .concurrency = 8,
          .slots_busy = 8, .rss_kb = 215040, .tok_s = 500 + slot * 53 % 230, .started_at = c->now - 86400, .last_heartbeat = c->now - 1, .is_alive = 1, .pending = 8, .lease_ms = 2500 },
        { .id = "w-05@gpu2", .status = "running", .hostname = "gpu2", .version = "0.1.0", .queue = "orbiter:tasks", .current_task_id = SCENE_TASK, .tasks_processed = 1190, .tasks_failed = 7, .concurrency = 8,
          .slots_busy = 7, .rss_kb = 212992, .tok_s = 540, .started_at = c->now - 86000, .last_heartbeat = c->now - 2, .is_alive = 1, .pending = 7, .lease_ms = 2000 },
        { .id = "w-07@gpu3", .status = "running", .hostname = "gpu3", .version = "0.0.9", .queue = "orbiter:tasks", .current_task_id = "", .tasks_processed = 902, .tasks_failed = 10, .concurrency = 8,
          .slots_busy = 8, .rss_kb = 0, .tok_s = 0, .started_at = c->now - 3000, .last_heartbeat = c->now - 41, .is_alive = 1, .pending = 8, .is_lost = round > 0, .lost_since = c->now - 41 },
        { .id = "w-11@cpu1", .status = round ? "draining" : "running", .hostname = "cpu1", .version = "0.1.0", .queue = "batch", .current_task_id = tasks[5].id, .tasks_processed = 310, .tasks_failed = 6, .concurrency = 4,
          .slots_busy = 2, .rss_kb = 194560, .tok_s = 88, .started_at = c->now - 7200, .last_heartbeat = c->now - 1, .is_alive = 1, .pending = 2, .lease_ms = 2700 },
    };
    const struct orb_queue_info queues[] = {
        { .name = "batch", .depth = 105 + 3 * slot, .running = 32, .delayed = 3, .dead = 12, .workers = 4, .consumers = 4, .oldest_at = c->now - 842, .paused_by = "", .paused_from = "" },
        { .name = "eval", .depth = 12, .running = 0, .workers = 0, .consumers = 0, .oldest_at = c->now - 3, .is_paused = 1, .paused_by = "ops", .paused_from = "ops1:4711", .paused_at = c->now - 600 },
        { .name = "orbiter:tasks", .depth = 792 + slot * 29 % 120 - 60 * (slot % 40 > 20), .running = 64, .workers = 8, .consumers = 9, .oldest_at = c->now - 70, .paused_by = "", .paused_from = "" },
    };
    const struct orb_counts counts = { .by_status = { [ORB_STATUS_PENDING] = 1284, [ORB_STATUS_RUNNING] = 88, [ORB_STATUS_RETRYING] = 3, [ORB_STATUS_COMPLETED] = 48213, [ORB_STATUS_FAILED] = 41,
                                                     [ORB_STATUS_CANCELLED] = 7 }, .memory_bytes = 327155712 };
    console_send(c, (struct tui_msg){ .type = TUI_MSG_WORKERS, .workers = workers, .count = 4 });
    console_send(c, (struct tui_msg){ .type = TUI_MSG_QUEUES, .queues = queues, .count = 3 });
    console_send(c, (struct tui_msg){ .type = TUI_MSG_COUNTS, .counts = &counts });
}

/* Ten minutes: what came, what ended. */
static void add_history(struct console *c)
{
    char id[33];
    unsigned n = 0, pattern = 7;
    for (int slot = 0; slot < 120; slot++) {
        add_fleet(c, 0, slot);
        for (unsigned i = 0; i < pattern % 5 + 1; i++, n++) {
            snprintf(id, sizeof id, "%08x%024x", n * 2654435761u, n);
            console_change(c, id, ORB_STATUS_PENDING, 0);
            console_change(c, id, ORB_STATUS_RUNNING, 1);
            console_change(c, id, n % 17 ? ORB_STATUS_COMPLETED : ORB_STATUS_FAILED, 1);
            console_send(c, (struct tui_msg){ .type = TUI_MSG_GONE, .id = id });
        }
        pattern = pattern * 1103515245u + 12345u;
        pattern = pattern >> 3 ^ pattern >> 16;
        console_wait(c, 5);
    }
}

static void say(struct console *c, struct orb_event event, int64_t *seq, double ago)
{
    char stream_id[40];
    snprintf(stream_id, sizeof stream_id, "%lld-0", (long long)((c->now - ago) * 1000));
    event.stream_id = stream_id;
    event.seq = ++*seq;
    event.attempt = 2;
    event.agent_name = "coder";
    event.text = event.text ? event.text : "";
    event.text_len = strlen(event.text);
    event.word = event.word ? event.word : "";
    event.tool_call_id = event.tool_call_id ? event.tool_call_id : "";
    console_send(c, (struct tui_msg){ .type = TUI_MSG_STREAM, .id = SCENE_TASK, .events = &event, .count = 1 });
}

static void add_stream(struct console *c)
{
    int64_t seq = 0;
    say(c, (struct orb_event){ .type = ORB_EVENT_STEP, .word = "started", .step_number = 1 }, &seq, 40);
    say(c, (struct orb_event){ .type = ORB_EVENT_REASONING, .text = "The archive uses three spellings of the month." }, &seq, 38.5);
    say(c, (struct orb_event){ .type = ORB_EVENT_TEXT, .text = "I will read the file first.\n" }, &seq, 37);
    say(c, (struct orb_event){ .type = ORB_EVENT_TOOL_CALL, .word = "read_file", .tool_call_id = "c1" }, &seq, 36.7);
    say(c, (struct orb_event){ .type = ORB_EVENT_TOOL_RESULT, .word = "read_file", .tool_call_id = "c1", .ok = 1, .text = "2024-Mar-07,12\n2024-03-07,13\n07.03.2024,14\n" }, &seq, 36.5);
    say(c, (struct orb_event){ .type = ORB_EVENT_STEP, .word = "completed", .step_number = 1 }, &seq, 36);
    say(c, (struct orb_event){ .type = ORB_EVENT_STEP, .word = "started", .step_number = 2 }, &seq, 35.9);
    c->m->open.head_at = 0;
    c->m->open.is_joined = 1; /* the rest is live */
    say(c, (struct orb_event){ .type = ORB_EVENT_TEXT, .text = "The archive uses three spellings of the month. I will normalise them first and keep the original text for error messages.\n\n"
                                                               "static int parse(const char *s, size_t n)\n{\n    if (!s || n < 8)\n        return -1;\n" }, &seq, 20);
    say(c, (struct orb_event){ .type = ORB_EVENT_TEXT, .text = "    /* \xe6\x97\xa5\xe4\xbb\x98, \xd7\xaa\xd7\x90\xd7\xa8\xd7\x99\xd7\x9a, \xf0\x9f\x97\x93\xef\xb8\x8f and \x1b[2Jcontrols */\n" }, &seq, 10);
    say(c, (struct orb_event){ .type = ORB_EVENT_TOOL_CALL, .word = "run", .tool_call_id = "c2" }, &seq, 4);
    say(c, (struct orb_event){ .type = ORB_EVENT_TOOL_RESULT, .word = "run", .tool_call_id = "c2", .ok = 0, .text = "make: *** [check] Error 1" }, &seq, 2.5);
    say(c, (struct orb_event){ .type = ORB_EVENT_TEXT, .text = "A test of mine was wrong; " }, &seq, 0.04);
}

void console_scene_open(struct console *c)
{
    static const char payload[] = "{\"task_id\": \"" SCENE_TASK "\", \"agent_config\": {\"name\": \"coder\", \"model\": \"openai:gpt-4o\", \"instructions\": \"You write C.\"}, "
                                  "\"input\": \"write a parser for the date format used in the 2024 archive, with tests; keep the old names working\", \"messages\": []}";
    struct orb_task_info detail = {
        .id = SCENE_TASK, .agent = "coder", .queue = "orbiter:tasks", .worker_id = "w-05@gpu2", .status = ORB_STATUS_RUNNING, .created_at = c->now - 238, .started_at = c->now - 41, .attempt = 2, .retries = 1,
        .priority = 5, .error = "", .error_type = "", .resubmit_of = "", .result = "", .output = "", .partial = "", .usage = "", .input_tokens = 3310, .output_tokens = 1204, .total_tokens = 4514, .cost = 0.0312,
    };
    if (!strcmp(c->m->open.id, SCENE_TASK))
        return;
    tui_open_task(c->m, SCENE_TASK);
    c->m->open.head_at = c->now - 35.9; /* what is older was there when it was opened */
    add_stream(c);
    console_send(c, (struct tui_msg){ .type = TUI_MSG_DETAIL, .id = SCENE_TASK, .tasks = &detail, .count = 1, .text = payload });
}

void console_scene(struct console *c)
{
    static const struct orb_audit_info audit[] = { { .id = "2-0", .at = 1772460960, .who = "ops", .from = "ops1:4711", .action = "pause", .target = "eval", .was = "running", .became = "paused" } };
    add_history(c);
    add_tasks(c);
    add_fleet(c, 1, 120);
    console_send(c, (struct tui_msg){ .type = TUI_MSG_AUDIT, .audits = audit, .count = 1 });
    free(console_frame(c));
    console_send(c, (struct tui_msg){ .type = TUI_MSG_TAILS, .id = SCENE_TASK, .text = "static int parse(const char *s, size_t n) { if (!s || n < 8) return -1;", .number = 41.2, .a = (int64_t)(c->now * 1000) });
    console_send(c, (struct tui_msg){ .type = TUI_MSG_TAILS, .id = tasks[5].id, .text = "so the second constraint removes option B, which", .number = 0, .a = (int64_t)((c->now - 95) * 1000) });
    console_scene_open(c);
    console_wait(c, 1);
}
