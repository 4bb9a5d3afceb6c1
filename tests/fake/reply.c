/* One reply: refusal, or a stream of chunks as the script says. */
#include "fake.h"
#include "dialect.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TURN_MAX 256 /* tokens sent in one turn of the loop */

/* How often an equal request has been refused, for fails=N, or answered with a call, for steps=N. */
struct tally {
    struct tally *next;
    int64_t count;
    char key[];
};
static struct tally *tallies;

static struct tally *tally_of(const char *model, const char *input, const char *of)
{
    char *key = malloc(strlen(model) + strlen(input) + strlen(of) + 3);
    struct tally *t;
    sprintf(key, "%s\n%s\n%s", of, model, input);
    for (t = tallies; t && strcmp(t->key, key) != 0; t = t->next)
        ;
    if (!t) {
        t = calloc(1, sizeof(*t) + strlen(key) + 1);
        strcpy(t->key, key);
        t->next = tallies;
        tallies = t;
    }
    free(key);
    return t;
}

void tallies_free(void)
{
    while (tallies) {
        struct tally *next = tallies->next;
        free(tallies);
        tallies = next;
    }
}

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static size_t word_end(const char *s, size_t pos)
{
    pos += strcspn(s + pos, " ");
    return pos + strspn(s + pos, " ");
}

static int64_t count_pieces(const char *s)
{
    int64_t n = 0;
    for (size_t pos = 0; s[pos]; pos = word_end(s, pos))
        n++;
    return n;
}

/* ---- the stream ---- */

void reply_end(struct reply *r, const char *reason)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE + 1] = "";
    unsigned n = 0;
    EVP_DigestFinal_ex(r->sha, sum, &n);
    for (unsigned i = 0; i < n; i++)
        sprintf(hex + 2 * i, "%02x", sum[i]);
    ledger_end(r->n, reason, r->sent, hex, r->said_len < sizeof(r->said) ? r->said : NULL, bill_of(r));
    EVP_MD_CTX_free(r->sha);
    event_del(&r->timer);
    script_free(&r->script);
    free(r->text);
    free(r->input);
    free(r);
}

/* What was said, for the ledger: all of it when it is short. */
static void note(struct reply *r, const char *text, size_t len)
{
    EVP_DigestUpdate(r->sha, text, len);
    if (r->said_len + len < sizeof(r->said)) {
        memcpy(r->said + r->said_len, text, len);
        r->said_len += len;
        r->said[r->said_len] = '\0';
    } else {
        r->said_len = sizeof(r->said);
    }
}

static void send_token(struct reply *r)
{
    r->sent++;
    if (r->is_tool_step) {
        r->dialect->calls(r);
    } else if (r->script.size > 0) {
        char *word = malloc((size_t)r->script.size);
        memset(word, 'x', (size_t)r->script.size);
        r->dialect->text(r, word, (size_t)r->script.size);
        note(r, word, (size_t)r->script.size);
        free(word);
    } else if (r->text) {
        size_t end = word_end(r->text, r->text_pos);
        r->dialect->text(r, r->text + r->text_pos, end - r->text_pos);
        note(r, r->text + r->text_pos, end - r->text_pos);
        r->text_pos = end;
    } else {
        char word[32];
        int n = sprintf(word, "w%lld%s", (long long)r->sent, r->sent < r->total ? " " : "");
        r->dialect->text(r, word, (size_t)n);
        note(r, word, (size_t)n);
    }
}

/* 1: the stream is over and r is gone. */
static int is_broken(struct reply *r)
{
    struct conn *c = r->conn;
    if (r->sent == r->script.error_at && !r->is_tool_step) {
        r->dialect->error(r);
        conn_send(c, "0\r\n\r\n", 5);
        reply_end(r, "error");
        conn_replied(c);
    } else if (r->sent == r->script.cut || r->sent == r->script.reset) {
        int is_reset = r->sent != r->script.cut;
        reply_end(r, is_reset ? "reset" : "cut");
        conn_close(c, is_reset);
    } else {
        return r->sent == r->script.stall; /* nothing more; the client's close ends it */
    }
    return 1;
}

static void reply_step(evutil_socket_t fd, short what, void *arg)
{
    struct reply *r = arg;
    struct conn *c = r->conn;
    (void)fd;
    (void)what;
    for (int i = 0; i < TURN_MAX; i++) {
        if (is_broken(r))
            return;
        if (r->sent == r->total) {
            r->dialect->tail(r);
            if (r->script.hold)
                return;
            conn_send(c, "0\r\n\r\n", 5);
            reply_end(r, "complete");
            conn_replied(c);
            return;
        }
        send_token(r);
        if ((r->script.rate > 0 && r->sent < r->total) || (r->script.endless && conn_unsent(c) > CONN_UNSENT_MAX))
            break;
    }
    int64_t wait = conn_unsent(c) > CONN_UNSENT_MAX ? 1000 : r->script.rate > 0 ? r->start_us + r->sent * 1000000 / r->script.rate - now_us() : 0;
    struct timeval tv = { wait > 0 ? wait / 1000000 : 0, wait > 0 ? wait % 1000000 : 0 };
    event_add(&r->timer, &tv);
}

static void start_stream(struct reply *r)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
                               "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
    struct timeval tv = { r->script.first / 1000, r->script.first % 1000 * 1000 };
    conn_split(r->conn, (size_t)r->script.split);
    conn_send(r->conn, head, sizeof(head) - 1);
    r->start_us = now_us() + r->script.first * 1000;
    r->dialect->first(r);
    event_add(&r->timer, &tv);
}

/* ---- deciding ---- */

static int is_refused(struct reply *r, const char *model, const char *first_input)
{
    struct script *s = &r->script;
    if (s->fails < 0)
        return s->status != 0;
    int is_failing = tally_of(model, first_input, "fails")->count++ < s->fails;
    if (s->status == 0 && (s->cut >= 0 || s->reset >= 0 || s->error_at >= 0)) { /* the first ones break off */
        if (!is_failing)
            s->cut = s->reset = s->error_at = -1;
        return 0;
    }
    if (s->status == 0)
        s->status = 500;
    return is_failing;
}

static int is_tool_step(const struct reply *r, const json_t *body, const char *model, const char *first_input)
{
    if (r->script.again)
        return r->script.tool != NULL;
    if (!r->script.tool || r->script.steps == 1)
        return r->script.tool && !r->dialect->is_after_tool(body);
    struct tally *t = tally_of(model, first_input, "steps");
    return t->count < r->script.steps && ++t->count;
}

static void choose_answer(struct reply *r, const json_t *body, const char *model, const char *first_input)
{
    r->is_tool_step = is_tool_step(r, body, model, first_input);
    if (r->script.echo)
        r->text = strdup(r->input);
    else if (r->script.text)
        r->text = strdup(r->script.text);
    r->total = r->is_tool_step ? 1 : r->script.endless ? INT64_MAX : r->text ? count_pieces(r->text) : r->script.tokens;
}

struct reply *reply_new(struct conn *conn, int64_t n, const struct dialect *dialect, const char *path, json_t *body, const char *key)
{
    struct reply *r = calloc(1, sizeof(*r));
    char *model = dialect->model(path, body), *first_input = dialect->user_text(body, 0), why[256];
    r->dialect = dialect;
    r->conn = conn;
    r->n = n;
    snprintf(r->model, sizeof(r->model), "%.*s", (int)strcspn(model, "?"), model);
    r->input = dialect->user_text(body, 1);
    r->sha = EVP_MD_CTX_new();
    EVP_DigestInit_ex(r->sha, EVP_sha256(), NULL);
    evtimer_assign(&r->timer, fake_base(), reply_step, r);
    if (script_parse(model, &r->script, why, sizeof(why))) {
        r->script.status = 400;
        free(r->script.message);
        r->script.message = strdup(why);
    }
    int refused = dialect->check ? dialect->check(path, body, key, &r->script, why, sizeof(why)) : 0;
    if (refused) {
        r->script.status = refused;
        r->script.fails = -1;
        free(r->script.message);
        r->script.message = strdup(why);
    }
    if (is_refused(r, model, first_input)) {
        r->dialect->refusal(r, key);
        reply_end(r, "refused");
        r = NULL;
    } else if (r->script.plain) {
        r->dialect->plain(r);
        reply_end(r, "plain");
        r = NULL;
    } else if (r->script.bad) {
        bad_start(r);
    } else {
        choose_answer(r, body, model, first_input);
        start_stream(r);
    }
    free(first_input);
    free(model);
    return r;
}
