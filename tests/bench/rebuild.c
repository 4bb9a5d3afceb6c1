/* What it costs to rebuild an agent from its agent_config and to start its first request:
 *
 *   rebuild REDIS_URL TOOLS N
 *
 * N agents with two tools of the folder TOOLS, one after the other, each from the payload of its task until its
 * request is on the wire: payload and plan read, tools found, run made, events written, request written and sent over a
 * connection of its own, to this program. In turns with it the probe: the same request, by libcurl alone. Prints the median
 * of the time and the mean of the processor time, in microseconds. */
#include "base/base.h"
#include "exec/local.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WARM_UP 20
#define REQUEST_MAX (64 * 1024)
#define CONFIG "{\"name\": \"researcher\", \"model\": \"openai:gpt-4o\", \"instructions\": \"You are a careful research assistant. Work in steps: " \
    "say first what you need to know, then look it up with your tools, and compare what several of them say before you rely on it. Quote " \
    "the source of every number. When the tools do not tell, say so, and do not guess. Answer in plain English, in at most three " \
    "paragraphs, the most important one first.\", \"max_steps\": 10, \"temperature\": 0.3, \"max_tokens\": 2000, " \
    "\"tools\": [\"mytools.search\", \"mytools.again\"]}"

struct series {
    double *wall_us, cpu_us;
    int count;
};

static int server, client = -1, ended;
static char url[64], payload[8192], request[REQUEST_MAX], *body;
static size_t payload_len;
static struct orb_loop *loop;
static struct orb_publisher *publisher;
static struct orb_toolbox *toolbox;
static CURLM *multi;

static void die(const char *what, const char *why)
{
    fprintf(stderr, "rebuild: %s: %s\n", what, why);
    exit(1);
}

static double clock_us(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* ---- the other side ---- */

static void listen_here(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (server < 0 || bind(server, (struct sockaddr *)&at, len) || listen(server, 16) || getsockname(server, (struct sockaddr *)&at, &len))
        die("listening", strerror(errno));
    snprintf(url, sizeof url, "http://127.0.0.1:%d/v1", ntohs(at.sin_port));
}

static int has_request(void)
{
    char one;
    if (client < 0)
        client = accept4(server, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return client >= 0 && recv(client, &one, 1, MSG_PEEK) == 1;
}

/* Reads it whole. */
static void take_request(void)
{
    size_t n = 0, wanted = REQUEST_MAX;
    while (n < wanted) {
        ssize_t some = recv(client, request + n, REQUEST_MAX - 1 - n, 0);
        if (some < 0 && errno == EAGAIN) {
            orb_loop_turn(loop, 1);
            continue;
        }
        if (some <= 0)
            die("the request", "cut");
        n += (size_t)some;
        request[n] = '\0';
        char *end = strstr(request, "\r\n\r\n"), *length = strcasestr(request, "content-length:");
        if (end && length) {
            body = end + 4;
            wanted = (size_t)(body - request) + strtoul(length + 15, NULL, 10);
        }
    }
}

static void hang_up(void)
{
    close(client);
    client = -1;
}

static void add(struct series *s, int i, double wall, double cpu)
{
    if (i < WARM_UP)
        return;
    s->wall_us[s->count++] = clock_us(CLOCK_MONOTONIC) - wall;
    s->cpu_us += clock_us(CLOCK_PROCESS_CPUTIME_ID) - cpu;
}

/* ---- ours ---- */

static void on_ended(void *arg, const struct orb_error *err)
{
    (void)arg;
    ended = 1;
    if (!err || err->code != ORB_E_CANCELLED)
        die("the attempt", err ? err->text : "it completed");
}

static void no_advance(void *arg)
{
    (void)arg;
    die("the attempt", "a chain of one model has a second one");
}

static void ours(struct series *s, int i)
{
    static const struct orb_attempt_callbacks callbacks = { on_ended, no_advance };
    const struct orb_attempt_spec spec = { .publisher = publisher, .toolbox = toolbox, .number = 1, .deadline_ms = -1, .used = "" };
    struct orb_task task;
    struct orb_error err;
    double wall = clock_us(CLOCK_MONOTONIC), cpu = clock_us(CLOCK_PROCESS_CPUTIME_ID);
    if (orb_task_parse(payload, payload_len, &task, &err))
        die("the payload", err.text);
    ended = 0;
    struct orb_attempt *attempt = orb_attempt_start(loop, &spec, &task, &callbacks, NULL);
    while (!has_request())
        orb_loop_turn(loop, 0);
    add(s, i, wall, cpu);
    if (i == 0)
        take_request();
    orb_attempt_abort(attempt);
    while (!ended)
        orb_loop_turn(loop, 1);
    orb_attempt_free(attempt);
    hang_up();
}

/* ---- the probe ---- */

static void plain(struct series *s, int i)
{
    char address[128];
    int running;
    snprintf(address, sizeof address, "%s/chat/completions", url);
    double wall = clock_us(CLOCK_MONOTONIC), cpu = clock_us(CLOCK_PROCESS_CPUTIME_ID);
    CURL *easy = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    headers = curl_slist_append(headers, "Authorization: Bearer x");
    curl_easy_setopt(easy, CURLOPT_URL, address);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, body);
    curl_multi_add_handle(multi, easy);
    while (!has_request())
        if (curl_multi_perform(multi, &running) || !running)
            die("the probe", "its request failed");
    add(s, i, wall, cpu);
    curl_multi_remove_handle(multi, easy);
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
    hang_up();
}

/* ---- both ---- */

static int by_time(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void show(const char *name, struct series *s)
{
    qsort(s->wall_us, (size_t)s->count, sizeof *s->wall_us, by_time);
    printf("%s_us %.1f\n%s_cpu_us %.1f\n", name, s->wall_us[s->count / 2], name, s->cpu_us / s->count);
    free(s->wall_us);
}

static void write_payload(void)
{
    const struct orb_task_spec spec = { .agent_config = CONFIG, .input = "How many people live in Lisbon?", .input_len = 31, .timeout_seconds = -1 };
    struct orb_error err;
    struct orb_buf b;
    orb_buf_init(&b, sizeof payload - 1);
    if (orb_task_write(&spec, "0123456789abcdef0123456789abcdef", orb_now(), &b, &err) || b.err)
        die("the payload", err.text);
    payload_len = b.len;
    memcpy(payload, b.data, b.len + 1);
    orb_buf_done(&b);
}

/* What the request of ours has is what makes the comparison one. */
static void check_request(void)
{
    struct orb_error err;
    json_t *root = orb_json_parse(body, strlen(body), &orb_json_limits_default, &err);
    if (json_array_size(json_object_get(root, "tools")) != 2 || json_array_size(json_object_get(root, "messages")) != 2)
        die("the request", "it lacks tools or messages");
    json_decref(root);
}

int main(int argc, char **argv)
{
    struct orb_redis_config redis;
    struct orb_error err;
    int64_t n;
    if (argc != 4 || orb_parse_int(argv[3], 1, 1000000, &n)) {
        fprintf(stderr, "usage: rebuild REDIS_URL TOOLS N\n");
        return 2;
    }
    listen_here();
    setenv("OPENAI_BASE_URL", url, 1);
    setenv("OPENAI_API_KEY", "x", 1);
    loop = orb_loop_new();
    multi = curl_multi_init();
    if (orb_redis_config_init(&redis, &(struct orb_redis_options){ .url = argv[1] }, &err) || orb_toolbox_new(loop, argv[2], &toolbox, &err))
        die("starting", err.text);
    struct orb_store *store = orb_store_new(loop, &redis, "");
    publisher = orb_publisher_new(loop, store);
    write_payload();
    struct series mine = { .wall_us = orb_alloc((size_t)n * sizeof(double)) }, bare = { .wall_us = orb_alloc((size_t)n * sizeof(double)) };
    for (int i = 0; i < n + WARM_UP; i++) {
        ours(&mine, i);
        if (i == 0)
            check_request();
        plain(&bare, i);
    }
    show("ours", &mine);
    show("plain", &bare);
    curl_multi_cleanup(multi);
    orb_publisher_free(publisher);
    orb_store_free(store);
    orb_toolbox_free(toolbox);
    orb_redis_config_done(&redis);
    orb_loop_free(loop);
    return 0;
}
