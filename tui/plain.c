/* Lines in place of a screen: for screen readers, dumb terminals, slow lines and logs. Only adds; a line is one thing that happened, or, once a
 * minute, how it stands. */
#include "session.h"
#include "view.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SUMMARY_S 60
#define BYTES_A_SECOND 800  /* on a terminal, which may be one of 9,600 baud, or be read aloud; what is more is counted */
#define BYTES_KEPT 400      /* of them, for failures */
#define ATTENTION_LINES 5
#define KNOWN_S 2           /* so long what is not known yet is waited for */

struct plain {
    struct tui_session *session;
    uint64_t said;              /* number of the log line that was said last */
    double second, summed_at;
    int is_limited, room;       /* bytes that are left in this second */
    uint64_t left_out, failures_left_out;
    int is_over, is_last;       /* is_last: nothing comes any more */
    struct orb_signal *interrupt, *end;
};

static void say(struct plain *p, const char *line)
{
    char safe[1024];
    orb_safe_text(line, strlen(line), ORB_SAFE_LINE, safe, sizeof safe);
    p->room -= (int)strlen(safe) + 1;
    if (puts(safe) < 0)
        p->is_over = 1;
}

static void say_summary(struct plain *p)
{
    const struct tui_model *m = p->session->model;
    char line[400], clock[16];
    size_t lost = 0;
    for (size_t i = 0; i < m->fleet.worker_count; i++)
        lost += m->fleet.workers[i].is_lost != 0;
    tui_show_clock(m->now, 1, clock, sizeof clock);
    snprintf(line, sizeof line, "%s  %s: pending %lld, running %lld, retrying %lld, completed %lld, failed %lld, cancelled %lld; workers %zu, lost %zu", clock,
             m->link.is_up ? "live" : "STALE", (long long)m->fleet.by_state[ORB_STATUS_PENDING], (long long)m->fleet.by_state[ORB_STATUS_RUNNING],
             (long long)m->fleet.by_state[ORB_STATUS_RETRYING], (long long)m->fleet.by_state[ORB_STATUS_COMPLETED], (long long)m->fleet.by_state[ORB_STATUS_FAILED],
             (long long)m->fleet.by_state[ORB_STATUS_CANCELLED], m->fleet.worker_count - lost, lost);
    say(p, line);
    for (size_t i = 0; i < m->attention.count && i < ATTENTION_LINES; i++) {
        snprintf(line, sizeof line, "  attention: %s: %s", m->attention.alarms[i].name, m->attention.alarms[i].text);
        say(p, line);
    }
    if (m->attention.count + m->attention.hidden > ATTENTION_LINES) {
        snprintf(line, sizeof line, "  attention: and %zu more", m->attention.count + m->attention.hidden - ATTENTION_LINES);
        say(p, line);
    }
    p->summed_at = m->now;
}

static void put_line(const struct plain *p, const struct tui_log_line *l, char *line, size_t cap)
{
    const struct tui_model *m = p->session->model;
    const struct tui_task *task = tui_log_task(m, l);
    char clock[16], more[TUI_TEXT_MAX + 60];
    const char *agent = tui_texts_get(m->texts, task ? task->agent : l->agent), *worker = tui_texts_get(m->texts, l->worker);
    tui_show_clock(l->at, 1, clock, sizeof clock);
    int n = snprintf(line, cap, "%s  %s %s", clock, tui_texts_get(m->texts, l->type), l->subject);
    if (*agent)
        n += snprintf(line + n, cap - (size_t)n, ", agent %s", agent);
    if (*worker && strcmp(worker, l->subject) != 0 && strcmp(tui_texts_get(m->texts, l->type), "task.running") != 0) /* which says it below */
        n += snprintf(line + n, cap - (size_t)n, ", worker %.60s", worker);
    tui_log_text(m, l, more, sizeof more);
    if (*more)
        snprintf(line + n, cap - (size_t)n, ", %s", more);
}

static void say_line(struct plain *p, uint64_t number)
{
    struct tui_model *m = p->session->model;
    const struct tui_log_line *l = &m->log.lines[number % TUI_LOG_MAX];
    char line[1000];
    if (!tui_query_matches(m->lists[TUI_EVENTS].query, &tui_log_source, m, (uint32_t)(number % TUI_LOG_MAX), tui_age_now(m)))
        return;
    put_line(p, l, line, sizeof line);
    if (!p->is_limited || p->room - (int)strlen(line) - 1 >= (l->level == 2 ? 0 : BYTES_KEPT)) {
        say(p, line);
        return;
    }
    p->left_out++;
    p->failures_left_out += l->level == 2;
}

static void begin_second(struct plain *p)
{
    char text[100];
    p->second = p->session->model->now;
    p->room = p->room < 0 ? p->room + BYTES_A_SECOND : BYTES_A_SECOND; /* what was too much has to be made up for */
    if (!p->left_out)
        return;
    snprintf(text, sizeof text, "  ... and %llu more, of which %llu failures", (unsigned long long)p->left_out, (unsigned long long)p->failures_left_out);
    say(p, text);
    p->left_out = p->failures_left_out = 0;
}

/* The feed tells ids; what the task is comes a little later, and so does what became of it: tokens, an error. */
static int is_known(const struct plain *p, uint64_t number)
{
    const struct tui_model *m = p->session->model;
    const struct tui_log_line *l = &m->log.lines[number % TUI_LOG_MAX];
    const struct tui_task *task = tui_log_task(m, l);
    if (!task || p->is_last || tui_age_now(m) - l->at > KNOWN_S)
        return 1;
    return task->agent && !(task->is_awaited && (l->level || task->state == ORB_STATUS_COMPLETED));
}

static void say_new(struct plain *p)
{
    const struct tui_model *m = p->session->model;
    if (m->now - p->second >= 1 || m->now < p->second)
        begin_second(p);
    if (p->said + TUI_LOG_MAX < m->log.next)
        p->said = m->log.next - TUI_LOG_MAX;
    for (; p->said + 1 < m->log.next && is_known(p, p->said + 1); p->said++)
        say_line(p, p->said + 1);
    if (p->session->has.counts && p->session->has.workers && p->session->has.walk && (!p->summed_at || m->now - p->summed_at >= SUMMARY_S || m->now < p->summed_at))
        say_summary(p);
    if (fflush(stdout))
        p->is_over = 1;
}

static void on_signal(void *arg, int signo)
{
    struct plain *p = arg;
    (void)signo;
    p->is_over = 1;
    orb_loop_stop(p->session->options->loop);
}

static int play(struct plain *p, struct orb_error *err)
{
    struct tui_msg msg;
    int rc = 0;
    while (!p->is_over && !(rc = tui_player_next(p->session->player, &msg, err))) {
        tui_session_replay(p->session, &msg);
        p->session->has.counts |= msg.type == TUI_MSG_COUNTS;
        p->session->has.workers |= msg.type == TUI_MSG_WORKERS;
        p->session->has.walk |= msg.type == TUI_MSG_WALK_END;
        tui_model_settle(p->session->model);
        say_new(p);
    }
    p->is_last = 1;
    say_new(p);
    return rc == 1 ? 0 : rc;
}

int tui_plain(struct tui_session *session, struct orb_error *err)
{
    struct plain p = { .session = session, .is_limited = isatty(STDOUT_FILENO) };
    session->model->is_plain = 1;
    struct orb_loop *loop = session->options->loop;
    int rc = 0;
    if (session->options->replay)
        return play(&p, err);
    p.interrupt = orb_signal_new(loop, SIGINT, on_signal, &p);
    p.end = orb_signal_new(loop, SIGTERM, on_signal, &p);
    while (!rc && !p.is_over) {
        tui_session_key(session, TUI_MSG_TICK, "", 0, 0);
        tui_session_serve(session);
        tui_model_settle(session->model);
        say_new(&p);
        if (orb_loop_turn(loop, 250))
            rc = orb_error_set(err, ORB_E_SYSTEM, "the event loop failed");
    }
    p.is_last = 1;
    say_new(&p);
    orb_signal_free(p.interrupt);
    orb_signal_free(p.end);
    return rc;
}
