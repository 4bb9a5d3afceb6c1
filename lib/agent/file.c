/* From a file's text to an agent_config. */
#include "agent/file.h"
#include "base/base.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct orb_place nowhere;

/* ---- formats ---------------------------------------------------------- */

enum orb_agent_format orb_agent_format_of(const char *name, const char *text, size_t len)
{
    static const struct { const char *ending; enum orb_agent_format format; } endings[] = {
        { ".json", ORB_AGENT_JSON }, { ".yaml", ORB_AGENT_YAML }, { ".yml", ORB_AGENT_YAML },
        { ".md", ORB_AGENT_MARKDOWN }, { ".markdown", ORB_AGENT_MARKDOWN },
    };
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < ORB_COUNT(endings); i++)
        if (!strcasecmp(dot, endings[i].ending))
            return endings[i].format;
    size_t blank = 0;
    while (blank < len && strchr(" \t\r\n", text[blank]))
        blank++;
    if (blank == len || text[blank] == '{' || text[blank] == '[')
        return ORB_AGENT_JSON;
    /* A YAML document may begin with --- but has no second one. */
    const char *second = len > 4 && !strncmp(text, "---\n", 4) ? strstr(text + 3, "\n---") : NULL;
    return second && strspn(second + 4, " \r\n\t") ? ORB_AGENT_MARKDOWN : ORB_AGENT_YAML;
}

/* ---- what is taken ---------------------------------------------------- */

static const char *name_of(const struct orb_doc_node *node)
{
    const char *name = orb_doc_str(orb_doc_get(node, "name"));
    return name ? name : "";
}

/* Of any depth. */
static struct orb_doc_node *find(struct orb_doc_node *node, const char *name)
{
    struct orb_doc_node *agents = orb_doc_get(node, "agents"), *found = !strcmp(name_of(node), name) ? node : NULL;
    for (struct orb_doc_node *one = agents ? agents->first : NULL; one && !found; one = one->next)
        found = one->type == ORB_DOC_OBJECT ? find(one, name) : NULL;
    return found;
}

/* The limits of the whole go with the part. */
static struct orb_doc_node *pick(struct orb_doc *doc, struct orb_doc_node *root, const char *name)
{
    static const char *const limits[] = { "max_cost", "max_tokens_total", "tool_concurrency" };
    struct orb_doc_node *agent = find(root, name), *agents = orb_doc_get(root, "agents");
    struct orb_buf names;
    if (agent) {
        for (size_t i = 0; agent != root && i < ORB_COUNT(limits); i++) {
            struct orb_doc_node *limit = orb_doc_get(agent, limits[i]) ? NULL : orb_doc_take(root, limits[i]);
            if (limit && orb_doc_set(doc, agent, limit->key, limit, limit->key_at))
                return NULL;
        }
        return agent;
    }
    orb_buf_init(&names, 4096);
    for (struct orb_doc_node *one = agents ? agents->first : NULL; one && names.len < 300; one = one->next)
        orb_buf_printf(&names, "%s'%.60s'", names.len ? ", " : "", name_of(one));
    if (!agents)
        orb_buf_printf(&names, "'%.60s'", name_of(root));
    orb_doc_error(doc, nowhere, "there is no agent '%.100s' in it; there is %s", name, names.len ? names.data : "none");
    orb_buf_done(&names);
    return NULL;
}

static int check_swarm(struct orb_doc *doc, const struct orb_doc_node *root)
{
    if (orb_doc_get(root, "agents"))
        return 0;
    orb_doc_error(doc, nowhere, "it holds one agent and no swarm: give --agent, or put it under 'agents'");
    return -1;
}

/* Every workflow of it that does not say otherwise. */
static int make_parallel(struct orb_doc *doc, struct orb_doc_node *node)
{
    const char *mode = orb_doc_str(orb_doc_get(node, "mode"));
    const struct orb_doc_node *agents = orb_doc_get(node, "agents");
    for (struct orb_doc_node *one = agents ? agents->first : NULL; one; one = one->next)
        if (make_parallel(doc, one))
            return -1;
    if (!agents || orb_doc_get(node, "group") || orb_doc_get(node, "parallel") || (mode && strcmp(mode, "workflow") != 0))
        return 0;
    return orb_doc_set(doc, node, "parallel", orb_doc_scalar(doc, json_true(), node->at), node->at);
}

/* ---- reading ---------------------------------------------------------- */

static struct orb_doc_node *read_text(struct orb_doc *doc, const struct orb_agent_file *file)
{
    if (file->format == ORB_AGENT_MARKDOWN)
        return orb_file_markdown(doc, file->text, file->len);
    if (file->format == ORB_AGENT_JSON) {
        struct orb_doc_node *root = orb_doc_read_json(doc, file->text, file->len);
        if (root && root->type != ORB_DOC_OBJECT)
            orb_doc_error(doc, root->at, "it must hold a JSON object");
        return root && root->type == ORB_DOC_OBJECT ? root : NULL;
    }
    doc->root = orb_doc_read_yaml(doc, file->text, file->len, 1);
    if (!doc->root)
        return NULL;
    orb_file_vars(doc, file->env);
    return orb_file_shape(doc, doc->root);
}

/* NULL when it is longer than a task may be, said. */
static char *write_config(struct orb_doc *doc, const struct orb_doc_node *root)
{
    json_t *config = orb_doc_json(root);
    struct orb_buf b;
    orb_buf_init(&b, ORB_AGENT_FILE_MAX);
    orb_json_dump(&b, config);
    json_decref(config);
    if (!b.err)
        return orb_buf_take(&b);
    orb_doc_error(doc, nowhere, "as JSON it is over %d bytes: make it smaller", ORB_AGENT_FILE_MAX);
    orb_buf_done(&b);
    return NULL;
}

static const char *trimmed(const char *text, size_t *len)
{
    static const char mark[] = "\xef\xbb\xbf"; /* some editors put it at the start */
    int is_marked = *len >= 3 && !memcmp(text, mark, 3);
    *len -= is_marked ? 3 : 0;
    return is_marked ? text + 3 : text;
}

/* Blank, too long or not text: no reader begins. */
static int check_text(struct orb_doc *doc, const struct orb_agent_file *file)
{
    if (file->len > ORB_AGENT_FILE_MAX)
        orb_doc_error(doc, nowhere, "it is larger than %d bytes: make it smaller", ORB_AGENT_FILE_MAX);
    else if (memchr(file->text, 0, file->len) || !orb_utf8_is_valid(file->text, file->len))
        orb_doc_error(doc, nowhere, "it is not UTF-8 text: convert it first");
    else if (strspn(file->text, " \t\r\n") >= file->len && file->format != ORB_AGENT_YAML)
        orb_doc_error(doc, nowhere, "it is empty: it must hold an agent or a swarm");
    return doc->errors;
}

int orb_agent_file_read(const struct orb_agent_file *file, char **out)
{
    struct orb_doc *doc = orb_alloc(sizeof *doc);
    struct orb_agent_file own = *file;
    struct orb_doc_node *root = NULL;
    char *config = NULL;
    own.text = trimmed(file->text, &own.len);
    doc->name = own.name;
    if (!check_text(doc, &own))
        root = read_text(doc, &own);
    if (root && own.agent)
        root = pick(doc, root, own.agent);
    if (root && ((own.is_swarm && check_swarm(doc, root)) || (own.is_parallel && make_parallel(doc, root))))
        root = NULL;
    if (root) {
        orb_file_check(doc, root);
        config = write_config(doc, root);
    }
    int rc = doc->errors || !config ? ORB_E_INVALID : 0;
    orb_doc_tell(doc, own.cb, own.arg);
    orb_doc_done(doc);
    free(doc);
    if (rc)
        free(config);
    else
        *out = config;
    return rc;
}
