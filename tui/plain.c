/* Lines in place of a screen: for screen readers, dumb terminals, slow lines and logs. Only adds; a line is one thing that happened, or, once a
 * minute, how it stands. */
#include "session.h"
#include "view.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define SUMMARY_S 60
#define LINES_A_SECOND 20   /* at most; what is more is counted */

struct plain {
    struct tui_session *session;
    uint64_t said;              /* number of the log line that was said last */
    double second, summed_at;
    int lines;
    uint64_t left_out;
    int is_over, has_failed;
    struct orb_signal *interrupt, *end;
};

static void say(struct plain *p, const char *line)
{
    char safe[1024];
    orb_safe_text(line, strlen(line), ORB_SAFE_LINE, safe, sizeof safe);
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
    for (size_t i = 0; i < m->attention.count && i < 10; i++) {
        snprintf(line, sizeof line, "  attention: %s: %s", m->attention.alarms[i].name, m->attention.alarms[i].text);
        say(p, line);
    }
    p->summed_at = m->now;
}

static void say_line(struct plain *p, const struct tui_log_line *l)
{
    const struct tui_model *m = p->session->model;
    const struct tui_task *task = tui_log_task(m, l);
    char line[1000], clock[16], more[TUI_TEXT_MAX + 60];
    const char *agent = tui_texts_get(m->texts, task ? task->agent : l->agent), *worker = tui_texts_get(m->texts, l->worker);
    tui_show_clock(l->at, 1, clock, sizeof clock);
    int n = snprintf(line, sizeof line, "%s  %s %s", clock, tui_texts_get(m->texts, l->type), l->subject);
    if (*agent)
        n += snprintf(line + n, sizeof line - (size_t)n, ", agent %s", agent);
    if (*worker && strcmp(worker, l->subject) != 0)
        n += snprintf(line + n, sizeof line - (size_t)n, ", worker %.60s", worker);
    tui_log_text(m, l, more, sizeof more);
    if (*more)
        snprintf(line + n, sizeof line - (size_t)n, ", %s", more);
    say(p, line);
}

static void say_new(struct plain *p)
{
    const struct tui_model *m = p->session->model;
    char text[80];
    if (m->now - p->second >= 1) {
        if (p->left_out) {
            snprintf(text, sizeof text, "  ... and %llu more", (unsigned long long)p->left_out);
            say(p, text);
        }
        p->second = m->now;
        p->lines = 0;
        p->left_out = 0;
    }
    if (p->said + TUI_LOG_MAX < m->log.next)
        p->said = m->log.next - TUI_LOG_MAX;
    for (; p->said + 1 < m->log.next; p->said++) {
        const struct tui_log_line *l = &m->log.lines[(p->said + 1) % TUI_LOG_MAX];
        if (p->lines++ < LINES_A_SECOND || l->level)
            say_line(p, l);
        else
            p->left_out++;
    }
    if (p->session->has.counts && p->session->has.workers && (!p->summed_at || m->now - p->summed_at >= SUMMARY_S))
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
        tui_model_settle(p->session->model);
        say_new(p);
    }
    return rc == 1 ? 0 : rc;
}

int tui_plain(struct tui_session *session, struct orb_error *err)
{
    struct plain p = { .session = session };
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
    orb_signal_free(p.interrupt);
    orb_signal_free(p.end);
    return rc;
}
