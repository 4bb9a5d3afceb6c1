/* What a run of ten steps with tools costs at the least: the conversations that `load latency` has a worker make, by
 * libcurl, jansson and posix_spawn alone, on one connection.
 *
 *   probe_steps URL LEDGER N PROGRAM [ARGUMENT...]
 *
 * URL is the base URL of a fake-provider, LEDGER its ledger: its first request begins every conversation. N conversations of
 * ten requests each; what a reply calls runs as PROGRAM, with the arguments on its stdin. Prints the median time of a
 * conversation in ms. */
#include "base/base.h"

#include <curl/curl.h>
#include <jansson.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEPS 10

extern char **environ;

static char line[16 * 1024], call_id[128], call_name[128], call_arguments[8192];
static size_t line_len;

static void die(const char *what, const char *why)
{
    fprintf(stderr, "probe_steps: %s: %s\n", what, why);
    exit(1);
}

/* ---- the reply ---- */

static void append(char *to, size_t cap, const char *text)
{
    size_t n = strlen(to);
    if (text)
        snprintf(to + n, cap - n, "%s", text);
}

static void take_line(void)
{
    if (line_len < 7 || memcmp(line, "data: {", 7) != 0)
        return;
    json_t *root = json_loadb(line + 6, line_len - 6, 0, NULL);
    const json_t *delta = json_object_get(json_array_get(json_object_get(root, "choices"), 0), "delta");
    const json_t *call = json_array_get(json_object_get(delta, "tool_calls"), 0), *function = json_object_get(call, "function");
    append(call_id, sizeof call_id, json_string_value(json_object_get(call, "id")));
    append(call_name, sizeof call_name, json_string_value(json_object_get(function, "name")));
    append(call_arguments, sizeof call_arguments, json_string_value(json_object_get(function, "arguments")));
    json_decref(root);
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    (void)arg;
    for (size_t i = 0; i < size * n; i++) {
        if (data[i] == '\n') {
            take_line();
            line_len = 0;
        } else if (line_len < sizeof line) {
            line[line_len++] = data[i];
        }
    }
    return size * n;
}

/* ---- the tool ---- */

static json_t *run_tool(char **program)
{
    int in[2], out[2], status;
    char text[4096];
    size_t len = 0;
    pid_t pid;
    posix_spawn_file_actions_t actions;
    if (pipe(in) || pipe(out))
        die("the tool", "no pipe");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    for (int i = 0; i < 2; i++) {
        posix_spawn_file_actions_addclose(&actions, in[i]);
        posix_spawn_file_actions_addclose(&actions, out[i]);
    }
    if (posix_spawnp(&pid, program[0], &actions, NULL, program, environ))
        die("the tool", "it cannot be started");
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    dprintf(in[1], "%s\n", call_arguments);
    close(in[1]);
    for (ssize_t n; len < sizeof text && (n = read(out[0], text + len, sizeof text - len)) > 0;)
        len += (size_t)n;
    close(out[0]);
    waitpid(pid, &status, 0);
    if (!len || status)
        die("the tool", "it failed");
    return json_stringn(text, len - 1);
}

/* ---- a conversation ---- */

static void step(CURL *easy, json_t *body, char **program)
{
    json_t *messages = json_object_get(body, "messages");
    char *text = json_dumps(body, JSON_COMPACT);
    line_len = 0;
    *call_id = *call_name = *call_arguments = '\0';
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, text);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(text));
    CURLcode rc = curl_easy_perform(easy);
    if (rc || !*call_id)
        die("the request", rc ? curl_easy_strerror(rc) : "the reply calls no tool");
    free(text);
    json_t *result = run_tool(program);
    json_array_append_new(messages, json_pack("{s:s, s:s, s:[{s:s, s:s, s:{s:s, s:s}}]}", "role", "assistant", "content", "", "tool_calls",
                                              "id", call_id, "type", "function", "function", "name", call_name, "arguments", call_arguments));
    json_array_append_new(messages, json_pack("{s:s, s:s, s:o}", "role", "tool", "tool_call_id", call_id, "content", result));
}

static double converse(CURL *easy, const json_t *first, char **program)
{
    json_t *body = json_deep_copy(first);
    int64_t start = orb_mono_us();
    for (int i = 0; i < STEPS; i++)
        step(easy, body, program);
    double ms = (double)(orb_mono_us() - start) / 1000;
    json_decref(body);
    return ms;
}

/* The body of the first request in the ledger. */
static json_t *read_first(const char *path)
{
    char *text = NULL;
    size_t cap = 0;
    FILE *file = fopen(path, "re");
    if (!file || getline(&text, &cap, file) <= 0)
        die(path, "there is nothing");
    json_t *entry = json_loads(text, 0, NULL), *body = json_incref(json_object_get(entry, "body"));
    if (!json_is_object(body))
        die(path, "its first line is no request");
    json_decref(entry);
    free(text);
    fclose(file);
    return body;
}

static int by_time(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
    char address[1024];
    int64_t n;
    if (argc < 5 || orb_parse_int(argv[3], 1, 100000, &n)) {
        fprintf(stderr, "usage: probe_steps URL LEDGER N PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    json_t *first = read_first(argv[2]);
    double *ms = orb_alloc((size_t)n * sizeof *ms);
    CURL *easy = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(curl_slist_append(NULL, "Content-Type: application/json"), "Expect:");
    snprintf(address, sizeof address, "%s/chat/completions", argv[1]);
    curl_easy_setopt(easy, CURLOPT_URL, address);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    for (int64_t i = 0; i < n; i++)
        ms[i] = converse(easy, first, argv + 4);
    qsort(ms, (size_t)n, sizeof *ms, by_time);
    printf("p50_ms %.3f\n", ms[n / 2]);
    curl_slist_free_all(headers);
    curl_easy_cleanup(easy);
    json_decref(first);
    free(ms);
    return 0;
}
