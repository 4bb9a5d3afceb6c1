/* The parts of reading an agent file: text to document to agent_config, and the check of that. */
#ifndef ORB_AGENT_FILE_H
#define ORB_AGENT_FILE_H

#include "agent/doc.h"

/* vars.c: ${NAME} and ${vars.KEY} in all strings of a YAML document but those of "vars". Within "tools"
 * ${NAME} stays: the worker resolves it there. */
void orb_file_vars(struct orb_doc *doc, const char *(*env)(const char *name));

/* shape.c: from "vars", "agents" and "swarm" of a YAML file to agent_config. NULL = said. */
struct orb_doc_node *orb_file_shape(struct orb_doc *doc, struct orb_doc_node *root);
/* One agent with its first six keys in the order in which the Python package writes them. name: of one that says none, or NULL. */
struct orb_doc_node *orb_file_agent(struct orb_doc *doc, struct orb_doc_node *spec, const char *name, struct orb_place at);

/* markdown.c: front matter and instructions as an agent. NULL = said. */
struct orb_doc_node *orb_file_markdown(struct orb_doc *doc, const char *text, size_t len);

/* check.c: everything that is wrong with an agent_config, or may be. */
void orb_file_check(struct orb_doc *doc, const struct orb_doc_node *root);

#endif
