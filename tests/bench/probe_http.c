/* What reading model streams costs: opens so many streams at 50 tokens a second
 * each and prints the CPU time per token and the memory per stream.
 *
 *   probe_http URL STREAMS SECONDS             plain libcurl and jansson on libevent
 *   probe_http --orbiter URL STREAMS SECONDS   the model layer of liborbiter
 *
 * URL is the base URL of a fake-provider: http://127.0.0.1:PORT/v1. The plain
 * reader does the least that a client must, so it is what to compare with. */
#include "base/base.h"
#include "model/call.h"

#include <curl/curl.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define RATE 50

static int64_t tokens, ended, failed, wanted;
static char model[128];

static double cpu_us(void)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e6 + (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

static long rss_kib(void)
{
    long kib = 0;
    char line[256];
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof(line), f))
        if (sscanf(line, "VmRSS: %ld", &kib) == 1)
            break;
    if (f)
        fclose(f);
    return kib;
}

/* ---- the plain reader ---- */

static CURLM *multi;
static struct event timer;
static struct event_base *base;

struct reader {
    char line[4096];
    size_t len;
};

static void take_line(struct reader *r)
{
    if (r->len < 7 || memcmp(r->line, "data: {", 7) != 0)
        return;
    json_t *root = json_loadb(r->line + 6, r->len - 6, 0, NULL);
    json_t *choice = json_array_get(json_object_get(root, "choices"), 0);
    const char *text = json_string_value(json_object_get(json_object_get(choice, "delta"), "content"));
    tokens += text && *text;
    json_decref(root);
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct reader *r = arg;
    for (size_t i = 0; i < size * n; i++) {
        if (data[i] == '\n') {
            take_line(r);
            r->len = 0;
        } else if (r->len < sizeof(r->line)) {
            r->line[r->len++] = data[i];
        }
    }
    return size * n;
}

static void collect(void)
{
    int left;
    CURLMsg *m;
    while ((m = curl_multi_info_read(multi, &left))) {
        CURL *easy = m->easy_handle;
        struct reader *r;
        failed += m->data.result != CURLE_OK;
        ended++;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&r);
        curl_multi_remove_handle(multi, easy);
        curl_easy_cleanup(easy);
        free(r);
    }
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    int running;
    (void)arg;
    curl_multi_socket_action(multi, fd, (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0),
                             &running);
    collect();
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
    int running;
    (void)fd;
    (void)what;
    (void)arg;
    curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect();
}

static int set_timer(CURLM *m, long ms, void *arg)
{
    struct timeval tv = { ms / 1000, ms % 1000 * 1000 };
    (void)m;
    (void)arg;
    if (ms < 0)
        event_del(&timer);
    else
        event_add(&timer, &tv);
    return 0;
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *mine)
{
    struct event *ev = mine;
    (void)easy;
    (void)arg;
    if (ev)
        event_free(ev);
    ev = NULL;
    if (what != CURL_POLL_REMOVE) {
        ev = event_new(base, fd, (short)((what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0) | EV_PERSIST),
                       on_socket, NULL);
        event_add(ev, NULL);
    }
    curl_multi_assign(multi, fd, ev);
    return 0;
}

static void start_plain(const char *url)
{
    char body[512], address[1024];
    CURL *easy = curl_easy_init();
    struct reader *r = calloc(1, sizeof(*r));
    snprintf(address, sizeof(address), "%s/chat/completions", url);
    snprintf(body, sizeof(body), "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":true}", model);
    curl_easy_setopt(easy, CURLOPT_URL, address);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, body);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, r);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, r);
    curl_multi_add_handle(multi, easy);
}

/* ---- liborbiter's ---- */

static struct orb_loop *loop;

static void on_delta(void *arg, const struct orb_delta *delta)
{
    (void)arg;
    tokens += delta->type == ORB_DELTA_TEXT;
}

static void on_done(void *arg, int code, const struct orb_error *err)
{
    (void)arg;
    if (code && failed++ == 0)
        fprintf(stderr, "probe_http: %s\n", err->text);
    ended++;
}

static void start_orbiter(void)
{
    static const struct orb_model_callbacks callbacks = { on_delta, on_done };
    struct orb_model_call call = { .temperature = 1.0 };
    struct orb_model_stream *stream;
    struct orb_error err;
    char name[160];
    snprintf(name, sizeof(name), "openai:%s", model);
    call.messages = json_pack("[{s:s, s:s}]", "role", "user", "content", "hi");
    if (orb_model_stream_start(loop, name, &call, &callbacks, NULL, &stream, &err)) {
        fprintf(stderr, "probe_http: %s\n", err.text);
        exit(1);
    }
    json_decref(call.messages);
}

/* ---- both ---- */

static void run(const char *url, int is_orbiter, int64_t streams, int64_t seconds)
{
    long before = rss_kib(), during = 0;
    double cpu = cpu_us();
    wanted = streams * RATE * seconds;
    for (int64_t i = 0; i < streams; i++) {
        if (is_orbiter)
            start_orbiter();
        else
            start_plain(url);
        if (i % 20 == 19)
            orb_loop_turn(loop, 0); /* not all connects in one instant */
    }
    while (ended < streams) {
        orb_loop_turn(loop, 1000);
        if (during == 0 && tokens > wanted / 2)
            during = rss_kib();
    }
    cpu = cpu_us() - cpu;
    printf("%s: %lld streams, %lld tokens of %lld, %lld failed, %.2f us CPU a token, %.1f KiB a stream, %.1f MiB resident\n",
           is_orbiter ? "orbiter" : "plain", (long long)streams, (long long)tokens, (long long)wanted, (long long)failed,
           tokens ? cpu / (double)tokens : 0, (double)(during - before) / (double)streams, (double)during / 1024);
}

int main(int argc, char **argv)
{
    int is_orbiter = argc == 5 && strcmp(argv[1], "--orbiter") == 0;
    int64_t streams, seconds;
    struct rlimit files;
    if ((argc != 4 && !is_orbiter) || orb_parse_int(argv[argc - 2], 1, 20000, &streams) ||
        orb_parse_int(argv[argc - 1], 1, 3600, &seconds)) {
        fprintf(stderr, "usage: probe_http [--orbiter] URL STREAMS SECONDS\n");
        return 2;
    }
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    snprintf(model, sizeof(model), "fake?rate=%d&tokens=%lld&first=1000", RATE, (long long)(RATE * seconds));
    setenv("OPENAI_BASE_URL", argv[argc - 3], 1);
    base = event_base_new();
    loop = orb_loop_attach(base);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    multi = curl_multi_init();
    evtimer_assign(&timer, base, on_timeout, NULL);
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
    run(argv[argc - 3], is_orbiter, streams, seconds);
    curl_multi_cleanup(multi);
    orb_loop_free(loop);
    event_base_free(base);
    curl_global_cleanup();
    return failed || tokens < wanted;
}
