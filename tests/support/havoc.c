#include "support/havoc.h"
#include "support/cells.h"
#include "support/console.h"
#include "base/base.h"
#include "base/utf8.h"
#include "tui/record.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_MAX = 70, COLS_MAX = 240, COUNT_MAX = 6, IDS = 12, TEXTS_AT_ONCE = 256 };

struct havoc {
    const uint8_t *at, *end;
    struct console c;
    char *texts[TEXTS_AT_ONCE]; /* of the message that is being made */
    size_t text_count;
    int serial;                 /* of the act that was sent last */
};

/* ---- bytes become values --------------------------------------------------------- */

static unsigned byte(struct havoc *h)
{
    return h->at < h->end ? *h->at++ : 0;
}

static unsigned below(struct havoc *h, unsigned n)
{
    return byte(h) % n;
}

static int64_t number(struct havoc *h)
{
    static const int64_t special[] = { 0, 1, -1, 2, 9, 10, 255, 1000, 65535, INT32_MAX, INT32_MIN, UINT32_MAX, INT64_MAX, INT64_MIN, 1772460381000 };
    unsigned n = byte(h);
    return n < 2 * ORB_COUNT(special) ? special[n / 2] : (int64_t)n - 128;
}

static double real(struct havoc *h)
{
    static const double special[] = { 0, -1, 0.5, 1e-9, 1e9, 1e18, -1e18, 1e300, 59.9, 60, 3600 };
    unsigned n = byte(h);
    if (n < ORB_COUNT(special))
        return special[n];
    return n & 1 ? (double)number(h) / 7 : h->c.now - (n & 64 ? n * 100 : n / 10.0);
}

static const char *const hostile[] = {
    "", "running", "failed", "orbiter:tasks", "planner", "\u65e5\u672c\u8a9e\u306e\u9577\u3044\u6587\u7ae0", "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f3f3\ufe0f\u200d\U0001f308",
    "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u0334\u0319\u0324A\u0363", "\u05e9\u05c1\u05dc\u05d5\u05dd \u202eevil\u202c", "\xff\xfe\xc3\x28\xed\xa0\x80\xf4\x90\x80\x80\xe2\x82",
    "\033]52;c;aGk=\007\033]0;owned\033\\\033[2J", "\x9b" "31m\xc2\x9b" "2J\r\n\t\b\a\v\f\177\x0e", "\u2028\u2029\ufeff\u00ad\u200b", "%s%n%d", "a\nb\nc\n\n\nd", "{\"input\": \"x\", \"agent_config\": {\"instructions\": \"y\"}, \"messages\": [{\"role\": \"user\", \"content\": [1]}]}",
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789",
};

/* Kept until the message has been sent. */
static const char *keep(struct havoc *h, const char *text, size_t len)
{
    if (h->text_count == TEXTS_AT_ONCE)
        return "";
    return h->texts[h->text_count++] = orb_memdup(text, len);
}

static const char *text_of(struct havoc *h, size_t *len)
{
    unsigned n = byte(h);
    if (n < 2 * ORB_COUNT(hostile)) {
        *len = strlen(hostile[n / 2]);
        return hostile[n / 2];
    }
    *len = n % 48 < (size_t)(h->end - h->at) ? n % 48 : (size_t)(h->end - h->at);
    const char *text = keep(h, (const char *)h->at, *len);
    if (!*text)
        *len = 0;
    h->at += *len;
    return text;
}

static const char *word(struct havoc *h)
{
    size_t len;
    return text_of(h, &len);
}

/* Of few, so that the same ones come again. */
static const char *id(struct havoc *h)
{
    static const char *const ids[IDS] = { "a", "b", "0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdee", "task-1", "task-2", "x.y_z-1", "w-1", "w-2", "orbiter:tasks", "batch",
                                          "12345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678" };
    unsigned n = byte(h);
    if (n < 16)
        return word(h);
    char made[16];
    int len = snprintf(made, sizeof made, "t%u", n);
    return n < 128 ? ids[n % IDS] : keep(h, made, (size_t)len);
}

static const char *key(struct havoc *h)
{
    static const char *const named[] = { "Enter", "Esc", "Tab", "S-Tab", "Up", "Down", "Left", "Right", "Home", "End", "PgUp", "PgDn", "Space", "Backspace", "Del", "C-u", "C-w", "C-a", "C-e", "C-d" };
    unsigned n = byte(h);
    if (n < ORB_COUNT(named))
        return named[n];
    if (n < 100 || n >= 250) {
        const char *first = tui_keys_first(h->c.keys, (enum tui_action)(1 + n % (TUI_ACTION_COUNT - 1)));
        return *first ? first : "j";
    }
    if (n < 240) {
        char one = (char)(' ' + byte(h) % 95);
        return one == ' ' ? "Space" : keep(h, &one, 1);
    }
    return word(h);
}

/* ---- messages ---------------------------------------------------------------------- */

static struct orb_task_info task(struct havoc *h)
{
    return (struct orb_task_info){
        .id = id(h), .queue = word(h), .agent = word(h), .worker_id = word(h), .status = (enum orb_status)below(h, ORB_STATUS_COUNT), .created_at = real(h), .started_at = real(h),
        .completed_at = real(h), .retries = (int)number(h), .attempt = (int)number(h), .recoveries = (int)number(h), .priority = (int)number(h), .due_at = real(h), .deadline = real(h), .resubmit_of = word(h),
        .result = word(h), .output = word(h), .error = word(h), .error_type = word(h), .partial = word(h), .usage = word(h), .input_tokens = number(h), .output_tokens = number(h), .total_tokens = number(h),
        .cost = real(h) };
}

static struct orb_feed_event change(struct havoc *h)
{
    return (struct orb_feed_event){ .entry_id = "1-1", .at_ms = number(h), .type = below(h, 2) ? "task.running" : word(h), .status = (int)below(h, ORB_STATUS_COUNT + 1) - 1, .queue = word(h),
                                    .worker_id = word(h), .task_id = id(h), .attempt = number(h) };
}

static struct orb_worker_info worker(struct havoc *h)
{
    return (struct orb_worker_info){ .id = id(h), .status = word(h), .hostname = word(h), .current_task_id = word(h), .version = word(h), .queue = word(h), .tasks_processed = number(h),
                                     .tasks_failed = number(h), .concurrency = number(h), .slots_busy = number(h), .rss_kb = number(h), .tok_s = real(h), .started_at = real(h), .last_heartbeat = real(h),
                                     .is_alive = (int)below(h, 2), .pending = number(h), .lease_ms = number(h), .is_lost = (int)below(h, 2), .lost_since = real(h) };
}

static struct orb_queue_info queue(struct havoc *h)
{
    return (struct orb_queue_info){ .name = id(h), .depth = number(h), .running = number(h), .delayed = number(h), .dead = number(h), .workers = number(h), .consumers = number(h),
                                    .is_paused = (int)below(h, 2), .paused_by = word(h), .paused_from = word(h), .paused_at = real(h), .oldest_at = real(h), .usage = "" };
}

static struct orb_audit_info audit(struct havoc *h)
{
    return (struct orb_audit_info){ .id = id(h), .at = real(h), .who = word(h), .from = word(h), .action = word(h), .target = word(h), .was = word(h), .became = word(h) };
}

static struct orb_event event(struct havoc *h)
{
    static const char *const words[] = { "started", "completed", "running", "error" };
    struct orb_event e = { .type = (enum orb_event_type)below(h, ORB_EVENT_OTHER + 1), .seq = number(h), .attempt = number(h), .agent_name = word(h), .word = below(h, 2) ? words[below(h, 4)] : word(h),
                           .tool_call_id = word(h), .step_number = number(h), .ok = (int)below(h, 2), .input_tokens = number(h), .output_tokens = number(h), .total_tokens = number(h),
                           .is_last = below(h, 8) == 0, .json = "" };
    char entry[48];
    int len = snprintf(entry, sizeof entry, "%lld-%u", (long long)(h->c.now * 1000), byte(h));
    e.stream_id = below(h, 8) ? keep(h, entry, (size_t)len) : word(h);
    e.text = text_of(h, &e.text_len);
    return e;
}

/* Everything that a message of its type may have, at least. */
static struct tui_msg message(struct havoc *h, enum tui_msg_type type)
{
    static struct orb_task_info tasks[COUNT_MAX];
    static struct orb_feed_event changes[COUNT_MAX];
    static struct orb_worker_info workers[COUNT_MAX];
    static struct orb_queue_info queues[COUNT_MAX];
    static struct orb_audit_info audits[COUNT_MAX];
    static struct orb_event events[COUNT_MAX];
    static struct orb_counts counts;
    const struct tui_model *m = h->c.m;
    struct tui_msg msg = { .type = type, .at = h->c.now, .a = number(h), .b = number(h), .number = real(h) };
    int is_open = type == TUI_MSG_STREAM || type == TUI_MSG_STREAM_END || type == TUI_MSG_DETAIL || type == TUI_MSG_TAILS;
    size_t count = below(h, COUNT_MAX + 1);
    msg.id = is_open && *m->open.id && below(h, 4) ? m->open.id : type == TUI_MSG_TROUBLE && below(h, 2) ? tui_trouble_names[below(h, TUI_TROUBLES)] : id(h);
    msg.text = type == TUI_MSG_KEY ? key(h) : type == TUI_MSG_WORKERS || type == TUI_MSG_QUEUES ? (below(h, 8) ? "" : word(h)) : text_of(h, &msg.text_len);
    msg.text_len = strlen(msg.text);
    if (type == TUI_MSG_DETAIL)
        count = below(h, 4) != 0;
    for (size_t i = 0; i < count; i++)
        switch (type) {
        case TUI_MSG_TASKS:
        case TUI_MSG_DETAIL: tasks[i] = task(h); msg.tasks = tasks; msg.count = count; break;
        case TUI_MSG_FEED: changes[i] = change(h); msg.changes = changes; msg.count = count; break;
        case TUI_MSG_WORKERS: workers[i] = worker(h); msg.workers = workers; msg.count = count; break;
        case TUI_MSG_QUEUES: queues[i] = queue(h); msg.queues = queues; msg.count = count; break;
        case TUI_MSG_AUDIT: audits[i] = audit(h); msg.audits = audits; msg.count = count; break;
        case TUI_MSG_STREAM: events[i] = event(h); msg.events = events; msg.count = count; break;
        default: break;
        }
    if (type == TUI_MSG_COUNTS) {
        for (int i = 0; i < ORB_STATUS_COUNT; i++)
            counts.by_status[i] = number(h);
        msg.counts = &counts;
    }
    if (type == TUI_MSG_ACTED)
        msg.a = h->serial;
    if (type == TUI_MSG_EDITED)
        msg.b = m->edit_serial;
    if (type == TUI_MSG_RESIZE) {
        msg.a = below(h, 10) ? below(h, ROWS_MAX) : number(h) % ROWS_MAX;
        msg.b = below(h, 10) ? below(h, COLS_MAX) : number(h) % COLS_MAX;
    }
    return msg;
}

/* ---- what has to hold ---------------------------------------------------------------- */

static void check_grid(const struct tui_grid *grid)
{
    cells_check(grid);
    for (int i = 0; i < grid->rows * grid->cols; i++)
        ORB_ASSERT(grid->cells[i].role < TUI_ROLE_COUNT && grid->cells[i].layer < TUI_LAYER_COUNT);
    ORB_ASSERT(grid->cursor_row < grid->rows && grid->cursor_col < grid->cols);
}

/* Lines and graphs are ours alone, whatever the texts beside them hold: a line down is one, from its first row to its last. */
static void check_borders(const struct tui_model *m, const struct tui_grid *grid)
{
    uint32_t cp;
    for (int col = 0; col < grid->cols; col++)
        for (int row = 0, runs = 0; row < grid->rows; row++) {
            const struct tui_cell *cell = &grid->cells[row * grid->cols + col];
            int is_line = cell->role == TUI_BORDER && !strcmp(cell->text, "\u2502");
            const struct tui_cell *above = row ? cell - grid->cols : NULL;
            runs += is_line && !(above && above->role == TUI_BORDER && !strcmp(above->text, "\u2502"));
            ORB_ASSERT(runs <= 1 || m->menu.use != TUI_MENU_NONE); /* which lies over it */
            if (cell->role == TUI_BORDER)
                ORB_ASSERT(orb_utf8_decode(cell->text, strlen(cell->text), &cp) == strlen(cell->text) && (cp == ' ' || (cp >= 0x2500 && cp < 0x25a0)));
        }
}

static void check_lists(const struct tui_model *m)
{
    for (int i = 0; i < TUI_SCREENS; i++) {
        const struct tui_list *list = &m->lists[i];
        if (!list->source || i != (int)m->screen)
            continue;
        ORB_ASSERT(list->count <= list->total && list->total <= list->source->count(m) && (!list->count || list->cursor < list->count));
        for (size_t k = 0; k < list->count; k++)
            ORB_ASSERT(list->order[k] < list->source->limit(m) && list->source->is_there(m, list->order[k]));
        for (size_t k = 1; k < list->mark_count; k++)
            ORB_ASSERT(strcmp(list->marks[k - 1], list->marks[k]) < 0);
    }
}

static void frame(struct tui_model *m)
{
    tui_model_settle(m);
    check_lists(m);
    struct tui_grid *grid = tui_grid_new(m->rows, m->cols);
    tui_model_draw(m, grid);
    check_grid(grid);
    check_borders(m, grid);
    tui_model_painted(m);
    tui_grid_free(grid);
}

/* What is written is the same when it is read; text that is no UTF-8 is marked once. */
static void check_record(const struct tui_msg *msg)
{
    struct tui_msg again;
    struct tui_msg_memory *memory;
    struct orb_error err;
    char *line = tui_msg_write(msg);
    ORB_ASSERT(line && !strchr(line, '\n'));
    ORB_ASSERT(!tui_msg_read(line, strlen(line), &again, &memory, &err));
    char *second = tui_msg_write(&again);
    tui_msg_done(memory);
    ORB_ASSERT(!tui_msg_read(second, strlen(second), &again, &memory, &err));
    char *third = tui_msg_write(&again);
    ORB_ASSERT(!strcmp(second, third));
    tui_msg_done(memory);
    free(line);
    free(second);
    free(third);
}

/* ---- the shell --------------------------------------------------------------------------- */

static void send(struct havoc *h, struct tui_msg msg)
{
    if (byte(h) % 4 == 0)
        check_record(&msg);
    tui_model_update(h->c.m, &msg);
}

/* What the model asks for is done, or not. */
static void serve(struct havoc *h)
{
    struct tui_model *m = h->c.m;
    struct tui_want want;
    const struct tui_act *act;
    uint32_t rows[TUI_REFRESH_MAX];
    m->wants_quit = m->wants_redraw = m->wants_suspend = m->wants_refresh = m->wants_catch_up = 0;
    m->wants_theme[0] = 0;
    free(m->copy);
    free(m->export_path);
    free(m->export_text);
    m->copy = m->export_path = m->export_text = NULL;
    tui_model_want(m, &want);
    ORB_ASSERT(want.open_id && want.tail_count <= ORB_COUNT(want.tail_ids));
    if (below(h, 4) == 0)
        tui_tasks_stale(&m->tasks, rows, TUI_REFRESH_MAX);
    if (below(h, 4) == 0)
        while ((act = tui_acts_take(&m->acts, h->c.now))) {
            ORB_ASSERT(!m->is_readonly);
            h->serial = act->serial;
            send(h, (struct tui_msg){ .type = TUI_MSG_ACTED, .at = h->c.now, .id = "new", .text = "no", .text_len = 2, .a = act->serial, .b = below(h, 3) ? 0 : ORB_E_CHANGED });
        }
    if (m->edit_serial && below(h, 4) == 0) {
        struct tui_msg msg = message(h, TUI_MSG_EDITED);
        m->edit_serial = 0;
        msg.a = below(h, 3) ? 0 : -1;
        send(h, msg);
    }
}

static void forget_texts(struct havoc *h)
{
    while (h->text_count)
        free(h->texts[--h->text_count]);
}

static const enum tui_msg_type often[] = { TUI_MSG_KEY, TUI_MSG_KEY, TUI_MSG_KEY, TUI_MSG_KEY, TUI_MSG_TASKS, TUI_MSG_FEED, TUI_MSG_STREAM, TUI_MSG_RESIZE, TUI_MSG_WORKERS, TUI_MSG_QUEUES };

void havoc_play(const uint8_t *data, size_t size)
{
    struct havoc h = { .at = data, .end = data + size };
    console_open(&h.c, 24, 80);
    h.c.m->is_readonly = below(&h, 8) == 0;
    while (h.at < h.end) {
        unsigned n = byte(&h);
        h.c.now += n & 1 ? 0 : below(&h, 16) ? byte(&h) / 50.0 : (double)(number(&h) % 100000);
        enum tui_msg_type type = n < 160 ? often[n % ORB_COUNT(often)] : (enum tui_msg_type)(n % TUI_MSG_COUNT);
        struct tui_msg msg = message(&h, type);
        if (type == TUI_MSG_MOUSE) {
            static const char *const buttons[] = { "press", "up", "down", "double" };
            msg.text = buttons[byte(&h) % 4];
            msg.text_len = strlen(msg.text);
            msg.a = below(&h, ROWS_MAX);
            msg.b = below(&h, COLS_MAX);
        }
        send(&h, msg);
        serve(&h);
        if (below(&h, 3))
            frame(h.c.m);
        forget_texts(&h);
    }
    frame(h.c.m);
    console_close(&h.c);
}

void havoc_replay(const char *text, size_t len)
{
    struct console c;
    struct tui_msg msg;
    struct tui_msg_memory *memory;
    struct orb_error err = { 0 };
    console_open(&c, 24, 80);
    for (const char *at = text, *end = text + len; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at)), *stop = newline ? newline : end;
        int rc = tui_msg_read(at, (size_t)(stop - at), &msg, &memory, &err);
        ORB_ASSERT(!rc || *err.text);
        if (!rc && (msg.type != TUI_MSG_RESIZE || (msg.a < ROWS_MAX && msg.b < COLS_MAX))) {
            check_record(&msg);
            tui_model_update(c.m, &msg);
            frame(c.m);
        }
        if (!rc)
            tui_msg_done(memory);
        at = stop + 1;
    }
    console_close(&c);
}
