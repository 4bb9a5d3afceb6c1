#include "support/console.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOON 1772460381.0 /* 2026-03-02 14:06:21 UTC */

void console_open(struct console *c, int rows, int cols)
{
    tui_zone_utc(1);
    *c = (struct console){ .keys = tui_keys_new(), .now = NOON };
    c->m = tui_model_new(c->keys);
    console_send(c, (struct tui_msg){ .type = TUI_MSG_RESIZE, .a = rows, .b = cols });
    snprintf(c->m->title, sizeof c->m->title, "prod");
    snprintf(c->m->user, sizeof c->m->user, "ops@ops1");
    console_link(c, 1, "");
}

void console_close(struct console *c)
{
    tui_model_free(c->m);
    tui_keys_free(c->keys);
}

void console_send(struct console *c, struct tui_msg msg)
{
    msg.at = c->now;
    msg.id = msg.id ? msg.id : "";
    msg.text = msg.text ? msg.text : "";
    msg.text_len = msg.text_len ? msg.text_len : strlen(msg.text);
    tui_model_update(c->m, &msg);
}

void console_wait(struct console *c, double seconds)
{
    c->now += seconds;
    console_send(c, (struct tui_msg){ .type = TUI_MSG_TICK });
}

void console_link(struct console *c, int is_up, const char *why)
{
    console_send(c, (struct tui_msg){ .type = TUI_MSG_LINK, .a = is_up, .text = why });
}

void console_keys(struct console *c, const char *keys)
{
    char key[64];
    while (*(keys += strspn(keys, " "))) {
        size_t len = strcspn(keys, " ");
        snprintf(key, sizeof key, "%.*s", (int)len, keys);
        keys += len;
        free(console_frame(c));
        console_send(c, (struct tui_msg){ .type = TUI_MSG_KEY, .text = key });
    }
    free(console_frame(c));
}

void console_task(struct console *c, const char *id, const char *agent, enum orb_status status, double age)
{
    struct orb_task_info info = {
        .id = id, .agent = agent, .queue = "orbiter:tasks", .worker_id = status == ORB_STATUS_PENDING ? "" : "w-03@gpu1", .status = status,
        .created_at = c->now - age, .started_at = status == ORB_STATUS_PENDING ? 0 : c->now - age + 1, .completed_at = orb_status_is_final(status) ? c->now - age / 2 : 0,
        .attempt = status != ORB_STATUS_PENDING, .priority = 5, .resubmit_of = "", .result = "", .output = "", .partial = "", .usage = "",
        .error = status == ORB_STATUS_FAILED ? "HTTP 529 overloaded" : "", .error_type = status == ORB_STATUS_FAILED ? "OverloadedError" : "",
        .input_tokens = 100, .output_tokens = 20, .total_tokens = 120, .cost = -1,
    };
    console_send(c, (struct tui_msg){ .type = TUI_MSG_TASKS, .tasks = &info, .count = 1 });
}

void console_change(struct console *c, const char *id, enum orb_status status, int attempt)
{
    char type[40];
    snprintf(type, sizeof type, "task.%s", orb_status_word(status));
    struct orb_feed_event change = { .entry_id = "1-1", .at_ms = (int64_t)(c->now * 1000), .type = type, .status = (int)status, .queue = "orbiter:tasks",
                                     .worker_id = status == ORB_STATUS_PENDING ? "" : "w-03@gpu1", .task_id = id, .attempt = attempt };
    console_send(c, (struct tui_msg){ .type = TUI_MSG_FEED, .changes = &change, .count = 1 });
}

char *console_frame(struct console *c)
{
    struct tui_grid *grid = tui_grid_new(c->m->rows, c->m->cols);
    tui_model_settle(c->m);
    tui_model_draw(c->m, grid);
    tui_model_painted(c->m);
    char *text = tui_grid_text(grid);
    tui_grid_free(grid);
    return text;
}

const char *console_line(struct console *c, int row)
{
    static char line[4096];
    char *frame = console_frame(c), *at = frame;
    while (row-- && (at = strchr(at, '\n')))
        at++;
    snprintf(line, sizeof line, "%.*s", at ? (int)strcspn(at, "\n") : 0, at ? at : "");
    free(frame);
    return line;
}

int console_shows(struct console *c, const char *text)
{
    char *frame = console_frame(c);
    int is_there = strstr(frame, text) != NULL;
    if (!is_there)
        fprintf(stderr, "not shown: %s\n%s", text, frame);
    free(frame);
    return is_there;
}
