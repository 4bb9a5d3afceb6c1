/* Provider files: one JSON object each, checked to the letter, because a mistake would send keys or prompts to the
 * wrong place. */
#include "model/files.h"
#include "base/base.h"
#include "base/utf8.h"
#include "loop/http.h"
#include "model/server.h"
#include <orbiter/options.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define URL_MAX 1024
#define TEXT_MAX 256 /* of any other text */

/* A provider and all that it points to. */
struct entry {
    struct orb_provider provider;
    struct orb_server server;
    struct orb_server_header keys[2], more[ORB_PROVIDER_HEADERS_MAX + 1];
    char *strings[3 * ORB_PROVIDER_HEADERS_MAX + 8];
    size_t string_count;
    char *file;
};
static struct entry *entries[ORB_PROVIDER_FILES_MAX];
static size_t entry_count;

const struct orb_provider *orb_provider_file_at(size_t i)
{
    return i < entry_count ? &entries[i]->provider : NULL;
}

static void entry_free(struct entry *e)
{
    for (size_t i = 0; e && i < e->string_count; i++)
        free(e->strings[i]);
    free(e);
}

/* ---- reading one ---- */

struct reader {
    struct entry *entry;
    const char *file;
    struct orb_error *err;
};

static int wrong(const struct reader *r, const char *fmt, ...) ORB_PRINTF(2, 3);
static int wrong(const struct reader *r, const char *fmt, ...)
{
    char text[320];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return orb_error_set(r->err, ORB_E_CONFIG, "provider file %.120s: %s", r->file, text);
}

static const char *own(struct entry *e, const char *text, size_t len)
{
    ORB_ASSERT(e->string_count < ORB_COUNT(e->strings));
    return e->strings[e->string_count++] = orb_memdup(text, len);
}

/* A text member without control characters; NULL with 0 when it is absent. */
static int read_text(struct reader *r, const json_t *root, const char *key, size_t max, const char **out)
{
    const json_t *value = json_object_get(root, key);
    const char *s = json_string_value(value);
    size_t len = json_string_length(value);
    *out = NULL;
    if (!value)
        return 0;
    if (!s)
        return wrong(r, "\"%s\" must be text", key);
    if (len == 0 || len > max)
        return wrong(r, "\"%s\" must have 1 to %zu bytes", key, max);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
            return wrong(r, "\"%s\" holds a control character; take it out", key);
    *out = own(r->entry, s, len);
    return 0;
}

static int is_variable(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!(isalpha((unsigned char)s[i]) || s[i] == '_' || (i && isdigit((unsigned char)s[i]))))
            return 0;
    return len > 0 && len <= 128;
}

static int check_keys(struct reader *r, const json_t *root)
{
    static const char *const known[] = { "name", "protocol", "base_url", "key_env", "headers", "help" };
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)root, key, value) {
        size_t i = 0;
        while (i < ORB_COUNT(known) && strcmp(known[i], key) != 0)
            i++;
        if (i < ORB_COUNT(known))
            continue;
        const char *near = orb_options_nearest(key, known, ORB_COUNT(known));
        return wrong(r, "unknown key \"%.40s\"%s%s%s; known are name, protocol, base_url, key_env, headers and help", key, near ? " (did you mean \"" : "",
                     near ? near : "", near ? "\"?)" : "");
    }
    return 0;
}

static int read_name(struct reader *r, const json_t *root)
{
    const char *name;
    int rc = read_text(r, root, "name", ORB_PROVIDER_NAME_MAX, &name);
    if (rc)
        return rc;
    if (!name)
        return wrong(r, "\"name\" is missing; it stands before the colon of a model");
    for (const char *p = name; *p; p++)
        if (!(islower((unsigned char)*p) || isdigit((unsigned char)*p) || (p > name && strchr("._-", *p))))
            return wrong(r, "the name '%s' may have a-z and 0-9, and after the first of them . _ -", name);
    const struct orb_provider *other = orb_provider_named(name, strlen(name));
    for (size_t i = 0; other && i < entry_count; i++)
        if (other == &entries[i]->provider)
            return wrong(r, "the name '%s' is that of %.120s; choose another", name, entries[i]->file);
    if (other)
        return wrong(r, "the name '%s' is that of a provider that is built in; choose another", name);
    r->entry->provider.info.name = name;
    return 0;
}

/* Takes over how the protocol is spoken, and how its key is sent. */
static int read_protocol(struct reader *r, const json_t *root)
{
    static const char *const protocols[] = { "openai", "responses", "anthropic", "gemini" };
    struct entry *e = r->entry;
    const char *name;
    size_t i = 0;
    int rc = read_text(r, root, "protocol", TEXT_MAX, &name);
    if (rc)
        return rc;
    while (name && i < ORB_COUNT(protocols) && strcmp(protocols[i], name) != 0)
        i++;
    if (!name || i == ORB_COUNT(protocols))
        return wrong(r, "\"protocol\" must be openai, responses, anthropic or gemini");
    const struct orb_provider *built_in = orb_provider_named(name, strlen(name));
    if (!built_in || !built_in->codec || !built_in->server || !built_in->server->keys)
        return wrong(r, "this version does not speak the protocol '%s'; use openai or responses", name);
    const struct orb_server *server = built_in->server;
    e->provider.codec = built_in->codec;
    e->provider.family = built_in->family ? built_in->family : built_in->info.name;
    e->server.fixed = server->fixed;
    e->server.resets = server->resets;
    e->keys[0] = server->keys[0];
    return 0;
}

static int read_url(struct reader *r, const json_t *root)
{
    char whole[ORB_HTTP_URL_MAX];
    struct orb_http_url parts;
    struct orb_error why = { 0 };
    const char *url, *host;
    int rc = read_text(r, root, "base_url", URL_MAX, &url);
    if (rc)
        return rc;
    if (!url)
        return wrong(r, "\"base_url\" is missing, such as https://models.example.com/v1");
    host = strncmp(url, "https://", 8) == 0 ? url + 8 : strncmp(url, "http://", 7) == 0 ? url + 7 : NULL;
    if (!host || !*host || strchr("/?#", *host))
        return wrong(r, "\"base_url\" must begin with http:// or https:// and a host");
    if (strpbrk(url, " #"))
        return wrong(r, "\"base_url\" holds a blank or a #; take it out");
    if (memchr(host, '@', strcspn(host, "/?")))
        return wrong(r, "\"base_url\" holds a user or a password; name the variable of the key in \"key_env\"");
    if (orb_http_url_read(url, NULL, &parts, whole, &why))
        return wrong(r, "\"base_url\" is no URL: %s", why.text);
    r->entry->server.base_url = url;
    return 0;
}

static int read_key(struct reader *r, const json_t *root)
{
    struct entry *e = r->entry;
    const char *name;
    int rc = read_text(r, root, "key_env", TEXT_MAX, &name);
    if (rc)
        return rc;
    if (name && !is_variable(name, strlen(name)))
        return wrong(r, "\"key_env\" must be the name of an environment variable, not the key");
    e->keys[0].env = name;
    e->server.is_key_optional = !name;
    e->server.keys = name ? e->keys : NULL;
    return 0;
}

/* What it reads on the worker: the key's variable, and those in headers. */
static void name_settings(struct entry *e)
{
    struct orb_buf b;
    orb_buf_init(&b, 4096);
    orb_buf_str(&b, e->keys[0].env ? e->keys[0].env : "");
    for (size_t i = 0; e->more[i].name; i++)
        if (e->more[i].env)
            orb_buf_printf(&b, "%s%s", b.len ? ", " : "", e->more[i].env);
    e->provider.info.settings = own(e, b.data ? b.data : "", b.len);
    orb_buf_done(&b);
}

static int is_token(const char *s)
{
    size_t n = 0;
    for (; s[n]; n++)
        if (!isalnum((unsigned char)s[n]) && !strchr("!#$%&'*+-.^_`|~", s[n]))
            return 0;
    return n > 0 && n <= 128;
}

static int is_name(const char *name, const char *line)
{
    size_t n = strlen(name);
    return line && strncasecmp(line, name, n) == 0 && (line[n] == ':' || !line[n]);
}

/* Each header is sent once. */
static int check_header(struct reader *r, const char *name)
{
    static const char *const taken[] = { "content-type", "content-length", "accept", "accept-encoding", "host", "transfer-encoding", "connection", "expect" };
    const struct entry *e = r->entry;
    int is_taken = is_name(name, e->server.fixed);
    for (size_t i = 0; i < ORB_COUNT(taken); i++)
        is_taken |= is_name(name, taken[i]);
    if (is_taken)
        return wrong(r, "the header %s is set by the protocol; leave it out", name);
    if (e->server.keys && is_name(name, e->keys[0].name))
        return wrong(r, "the header %s holds the key of \"key_env\"; leave out one of them", name);
    for (size_t i = 0; e->more[i].name; i++)
        if (is_name(name, e->more[i].name))
            return wrong(r, "the header %s stands there twice", name);
    return 0;
}

/* Text, which may end with the value of a variable: "Token ${NAME}". */
static int read_header(struct reader *r, const char *name, const char *value)
{
    struct entry *e = r->entry;
    size_t count = 0, len = strlen(value);
    const char *mark = strstr(value, "${");
    int rc = check_header(r, name);
    if (rc)
        return rc;
    while (e->more[count].name)
        count++;
    for (const char *p = value; *p; p++)
        if ((unsigned char)*p >= 0x7f)
            return wrong(r, "the header %s may have ASCII only", name);
    if (!mark) {
        e->more[count] = (struct orb_server_header){ own(e, name, strlen(name)), value, NULL };
        return 0;
    }
    if (value[len - 1] != '}' || !is_variable(mark + 2, len - (size_t)(mark + 2 - value) - 1))
        return wrong(r, "the header %s must end with its ${VARIABLE}, or have none", name);
    e->more[count] = (struct orb_server_header){ own(e, name, strlen(name)), own(e, value, (size_t)(mark - value)),
                                                 own(e, mark + 2, len - (size_t)(mark + 2 - value) - 1) };
    return 0;
}

static int read_headers(struct reader *r, const json_t *root)
{
    const json_t *headers = json_object_get(root, "headers");
    const char *key, *text;
    json_t *value;
    if (!headers)
        return 0;
    if (!json_is_object(headers))
        return wrong(r, "\"headers\" must be an object of texts");
    if (json_object_size(headers) > ORB_PROVIDER_HEADERS_MAX)
        return wrong(r, "\"headers\" has more than %d members", ORB_PROVIDER_HEADERS_MAX);
    json_object_foreach ((json_t *)(uintptr_t)headers, key, value) {
        if (!is_token(key))
            return wrong(r, "'%.40s' is no name of a header", key);
        int rc = read_text(r, headers, key, TEXT_MAX, &text);
        if (!rc)
            rc = read_header(r, key, text);
        if (rc)
            return rc;
    }
    r->entry->server.more = r->entry->more;
    return 0;
}

static int read_help(struct reader *r, const json_t *root)
{
    const char *help;
    int rc = read_text(r, root, "help", TEXT_MAX, &help);
    r->entry->provider.info.help = help ? help : "from a provider file";
    return rc;
}

static int read_root(struct reader *r, const json_t *root)
{
    static int (*const steps[])(struct reader *, const json_t *) = { check_keys, read_name, read_protocol, read_url, read_key, read_headers, read_help };
    int rc = json_is_object(root) ? 0 : wrong(r, "it must be one JSON object");
    for (size_t i = 0; !rc && i < ORB_COUNT(steps); i++)
        rc = steps[i](r, root);
    return rc;
}

int orb_provider_file_add(const char *file, const char *text, size_t len, struct orb_error *err)
{
    struct orb_error why = { 0 };
    struct reader r = { NULL, file, err };
    if (entry_count == ORB_PROVIDER_FILES_MAX)
        return wrong(&r, "there are more than %d providers from files", ORB_PROVIDER_FILES_MAX);
    json_t *root = orb_json_parse(text, len, &orb_json_limits_default, &why);
    if (!root)
        return wrong(&r, "it is no JSON: %.200s", why.text);
    r.entry = orb_alloc(sizeof(*r.entry));
    int rc = read_root(&r, root);
    json_decref(root);
    if (rc) {
        entry_free(r.entry);
        return rc;
    }
    name_settings(r.entry);
    r.entry->file = (char *)(uintptr_t)own(r.entry, file, strlen(file));
    r.entry->provider.server = &r.entry->server;
    entries[entry_count++] = r.entry;
    return 0;
}

/* ---- a folder of them ---- */

static int is_ours(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);
    return entry->d_name[0] != '.' && n > 5 && strcmp(entry->d_name + n - 5, ".json") == 0;
}

static int add_file(const char *dir, const char *name, struct orb_error *err)
{
    char path[4096], *text;
    size_t len;
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return orb_error_set(err, ORB_E_CONFIG, "provider file %.120s: %s; make it readable or take it away", path, strerror(errno));
    int rc = orb_input_read(fd, path, ORB_PROVIDER_FILE_BYTES, &text, &len, err);
    close(fd);
    if (rc)
        return rc;
    rc = orb_provider_file_add(path, text, len, err);
    free(text);
    return rc;
}

int orb_provider_load(const char *dir, struct orb_error *err)
{
    struct dirent **names;
    size_t before = entry_count;
    int count = scandir(dir, &names, is_ours, alphasort), rc = 0;
    if (count < 0)
        return orb_error_set(err, ORB_E_CONFIG, "cannot read the folder of provider files %.200s: %s; check --providers or ORBITER_PROVIDERS", dir,
                             strerror(errno));
    for (int i = 0; i < count; i++) {
        if (!rc)
            rc = add_file(dir, names[i]->d_name, err);
        free(names[i]);
    }
    free(names);
    while (rc && entry_count > before)
        entry_free(entries[--entry_count]);
    return rc;
}
