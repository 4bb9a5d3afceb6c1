/* References in YAML files: ${NAME} is a variable of the environment, ${vars.KEY} one of
 * the file. A string that is exactly one reference takes the value with its type. What is
 * not set stays as it is written; values of "vars" are not looked into. */
#include "agent/file.h"
#include "base/base.h"

#include <string.h>

#define NAME_BYTES_MAX 256

struct vars {
    struct orb_doc *doc;
    const struct orb_doc_node *vars;
    const char *(*env)(const char *name);
};

/* The end of the reference at "${", behind its brace; NULL = it is none. */
static const char *read_name(const char *at, char name[NAME_BYTES_MAX])
{
    const char *end = memchr(at + 2, '}', strnlen(at + 2, NAME_BYTES_MAX));
    size_t len = end ? (size_t)(end - at) - 2 : 0;
    if (!len || memchr(at + 2, '{', len))
        return NULL;
    memcpy(name, at + 2, len);
    name[len] = '\0';
    return end + 1;
}

static const char *var_name(const char *name)
{
    return strncmp(name, "vars.", 5) ? NULL : name + 5;
}

static void say_unset(struct vars *v, struct orb_place at, const char *name)
{
    if (var_name(name))
        orb_doc_warning(v->doc, at, "${%.100s} is not in 'vars' of this file: it stays as it is written", name);
    else
        orb_doc_warning(v->doc, at, "${%.100s} is not set in the environment: it stays as it is written", name);
}

/* The value as part of a longer text, with Python's words. 0 = it has none. */
static int add_value(struct orb_buf *b, const struct orb_doc_node *node)
{
    if (node->type != ORB_DOC_SCALAR)
        return 0;
    if (json_is_string(node->value))
        orb_buf_add(b, json_string_value(node->value), json_string_length(node->value));
    else if (json_is_boolean(node->value) || json_is_null(node->value))
        orb_buf_str(b, json_is_true(node->value) ? "True" : json_is_false(node->value) ? "False" : "None");
    else
        orb_json_dump(b, node->value);
    return 1;
}

static int add_reference(struct vars *v, struct orb_buf *b, const char *name, struct orb_place at, int has_env)
{
    const char *var = var_name(name);
    const struct orb_doc_node *node = var ? orb_doc_get(v->vars, var) : NULL;
    const char *value = var || !has_env ? NULL : v->env(name);
    if (node && add_value(b, node))
        return 1;
    if (node)
        orb_doc_warning(v->doc, at, "${%.100s} is a %s: only a string that is nothing else can take it", name, orb_doc_type_name(node));
    else if (value)
        orb_buf_str(b, value);
    else if (var || has_env)
        say_unset(v, at, name);
    return value != NULL;
}

/* A string that is exactly one reference to a variable of the file: its value, with its type. */
static int take_whole(struct vars *v, struct orb_doc_node *node, const char *text)
{
    char name[NAME_BYTES_MAX];
    const char *end = strncmp(text, "${", 2) ? NULL : read_name(text, name);
    const struct orb_doc_node *value = end && !*end && var_name(name) ? orb_doc_get(v->vars, var_name(name)) : NULL;
    struct orb_doc_node *copy = value ? orb_doc_copy(v->doc, value) : NULL;
    if (!copy)
        return value != NULL;
    json_decref(node->value);
    node->type = copy->type;
    node->value = json_incref(copy->value);
    node->first = copy->first;
    node->last = copy->last;
    return 1;
}

static void replace_text(struct vars *v, struct orb_doc_node *node, int has_env)
{
    const char *text = orb_doc_str(node), *p = text, *at;
    struct orb_buf b;
    if (!strstr(text, "${") || take_whole(v, node, text))
        return;
    orb_buf_init(&b, ORB_AGENT_FILE_MAX);
    while ((at = strstr(p, "${"))) {
        char name[NAME_BYTES_MAX];
        const char *end = read_name(at, name);
        orb_buf_add(&b, p, (size_t)(at - p));
        if (!end)
            end = at + 2;
        else if (add_reference(v, &b, name, node->at, has_env))
            at = end;
        orb_buf_add(&b, at, (size_t)(end - at));
        p = end;
    }
    orb_buf_str(&b, p);
    json_t *value = b.err ? NULL : json_stringn(b.data, b.len);
    struct orb_doc_node *made = value ? orb_doc_scalar(v->doc, value, node->at) : NULL; /* counts its bytes */
    if (!value)
        orb_doc_error(v->doc, node->at, b.err ? "with its variables this text is over %d bytes: make it shorter" :
                      "a variable in this text is not UTF-8", ORB_AGENT_FILE_MAX);
    if (made) {
        json_decref(node->value);
        node->value = json_incref(made->value);
    }
    orb_buf_done(&b);
}

static void replace(struct vars *v, struct orb_doc_node *node, int has_env)
{
    if (v->doc->is_over)
        return;
    if (orb_doc_str(node)) {
        replace_text(v, node, has_env);
        return;
    }
    for (struct orb_doc_node *child = node->first; child; child = child->next)
        replace(v, child, has_env && !(child->key && !strcmp(child->key, "tools")));
}

void orb_file_vars(struct orb_doc *doc, const char *(*env)(const char *name))
{
    struct vars v = { .doc = doc, .vars = orb_doc_get(doc->root, "vars"), .env = env };
    if (v.vars && v.vars->type != ORB_DOC_OBJECT) {
        if (!json_is_null(v.vars->value))
            orb_doc_error(doc, orb_doc_place(v.vars), "'vars' must be a map of names to values");
        v.vars = NULL;
    }
    if (doc->root->type != ORB_DOC_OBJECT)
        return;
    for (struct orb_doc_node *child = doc->root->first; child; child = child->next)
        if (strcmp(child->key, "vars") != 0)
            replace(&v, child, strcmp(child->key, "tools") != 0);
}
