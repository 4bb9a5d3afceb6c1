/* Agent files: an agent or a swarm as people write it, in JSON, YAML or Markdown with
 * front matter, read into the agent_config that a task carries (docs/agent-files.md). */
#ifndef ORBITER_AGENT_H
#define ORBITER_AGENT_H

#include <orbiter/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ORB_AGENT_FILE_MAX (1024 * 1024) /* bytes of a file, and of the agent_config made from it */
#define ORB_FINDINGS_MAX 100             /* told of one file */

enum orb_agent_format { ORB_AGENT_JSON, ORB_AGENT_YAML, ORB_AGENT_MARKDOWN };
/* By the name's ending (.json, .yaml, .yml, .md, .markdown), else by how the text begins. */
ORB_API enum orb_agent_format orb_agent_format_of(const char *name, const char *text, size_t len);

/* One thing that is wrong, or may be meant otherwise. */
struct orb_finding {
    int is_warning;
    int line, column;    /* from 1; 0 = of the whole file. Columns count characters */
    const char *text;    /* what, why and what to do; safe to show, in one line */
};
typedef void (*orb_finding_cb)(void *arg, const struct orb_finding *finding);

struct orb_agent_file {
    const char *name;    /* of the file, for messages; without folders and ending the default name of a Markdown agent */
    const char *text;    /* UTF-8, terminated */
    size_t len;
    enum orb_agent_format format;
    const char *agent;   /* take only the agent of this name; NULL = all there is */
    int is_swarm;        /* it must be a swarm */
    int is_parallel;     /* a workflow gets "parallel": true unless it says otherwise */
    const char *(*env)(const char *name); /* the value of ${NAME} in YAML, NULL = not set. getenv has the form but for a const */
    orb_finding_cb cb;   /* told of every finding, by line */
    void *arg;
};

/* *out: the agent_config as JSON text, the caller's to free. ORB_E_INVALID when there was a finding
 * that is no warning. No I/O: the same text gives the same JSON and findings. */
ORB_API int orb_agent_file_read(const struct orb_agent_file *file, char **out) ORB_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
