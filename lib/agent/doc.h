/* A file's content as a tree that knows where everything stands: JSON and YAML are read
 * into it, an agent_config is written from it. Bounded: nodes, depth, bytes. */
#ifndef ORB_AGENT_DOC_H
#define ORB_AGENT_DOC_H

#include "base/json.h"
#include <orbiter/agent.h>

#define ORB_DOC_NODES_MAX 20000 /* with what aliases and variables repeat */
#define ORB_DOC_DEPTH_MAX 64
#define ORB_DOC_BYTES_MAX (2 * ORB_AGENT_FILE_MAX) /* of all strings and keys, repeated ones too */

struct orb_place {
    int line, column;
};

enum orb_doc_type { ORB_DOC_SCALAR, ORB_DOC_ARRAY, ORB_DOC_OBJECT };

struct orb_doc_node {
    enum orb_doc_type type;
    json_t *value;                     /* of a scalar */
    char *key;                         /* as a member of an object */
    struct orb_place at, key_at;
    struct orb_doc_node *first, *last, *next; /* its children; its next sibling */
    struct orb_doc_node *made_before;  /* all nodes of the document, to free them */
};

struct orb_doc {
    const char *name;                  /* of the file */
    struct orb_doc_node *root, *latest;
    size_t nodes, bytes;
    int is_over;                       /* a limit was met, and that was said */
    int errors;
    struct orb_doc_finding {
        int is_warning;
        struct orb_place at;
        char *text;
    } findings[ORB_FINDINGS_MAX];
    size_t finding_count;
};

void orb_doc_done(struct orb_doc *doc);

/* ---- findings ---- */
void orb_doc_error(struct orb_doc *doc, struct orb_place at, const char *fmt, ...) ORB_PRINTF(3, 4);
void orb_doc_warning(struct orb_doc *doc, struct orb_place at, const char *fmt, ...) ORB_PRINTF(3, 4);
/* Where a member's key stands; of other nodes the value. */
struct orb_place orb_doc_place(const struct orb_doc_node *node);
/* Tells them by line. */
void orb_doc_tell(struct orb_doc *doc, orb_finding_cb cb, void *arg);

/* ---- nodes: NULL when a limit is met, said ---- */
struct orb_doc_node *orb_doc_scalar(struct orb_doc *doc, json_t *value_take, struct orb_place at);
struct orb_doc_node *orb_doc_text(struct orb_doc *doc, const char *text, struct orb_place at);
struct orb_doc_node *orb_doc_container(struct orb_doc *doc, enum orb_doc_type type, struct orb_place at);
struct orb_doc_node *orb_doc_copy(struct orb_doc *doc, const struct orb_doc_node *node);
void orb_doc_append(struct orb_doc_node *parent, struct orb_doc_node *child);
/* As the member key. child may be NULL: nothing is done. -1 when a limit is met. */
int orb_doc_set(struct orb_doc *doc, struct orb_doc_node *object, const char *key, struct orb_doc_node *child, struct orb_place key_at);
/* Takes it out of the object. NULL = absent. */
struct orb_doc_node *orb_doc_take(struct orb_doc_node *object, const char *key);

struct orb_doc_node *orb_doc_get(const struct orb_doc_node *object, const char *key); /* object may be NULL */
const char *orb_doc_str(const struct orb_doc_node *node); /* NULL unless it is a string */
const char *orb_doc_type_name(const struct orb_doc_node *node); /* as Python calls it: dict, list, str ... */
/* The node that the JSON pointer leads to, or as far as it leads. */
const struct orb_doc_node *orb_doc_at(const struct orb_doc_node *root, const char *pointer);
json_t *orb_doc_json(const struct orb_doc_node *node);

/* ---- readers: NULL when it cannot be read, said ---- */
struct orb_doc_node *orb_doc_read_json(struct orb_doc *doc, const char *text, size_t len);
/* line: the number of the text's first line. */
struct orb_doc_node *orb_doc_read_yaml(struct orb_doc *doc, const char *text, size_t len, int line);

#endif
