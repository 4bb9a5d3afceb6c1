/* For the files plan*.c: reading goes on behind a mistake, with what is wrong taken for not given; a plan with mistakes is not
 * for running. */
#ifndef ORB_AGENT_PLAN_INNER_H
#define ORB_AGENT_PLAN_INNER_H

#include "agent/plan.h"

#define PLAN_PLACE_MAX 256

struct plan_reader {
    struct orb_plan *plan;
    struct orb_error *err;        /* the first mistake */
    int mistakes;
    orb_plan_mistake_fn fn;       /* is told all of them, or NULL */
    void *arg;
    char place[PLAN_PLACE_MAX];   /* JSON pointer of what is being read */
    int depth, is_full;
};

/* plan_value.c. Goes into a member; returns what leave needs. */
size_t plan_enter(struct plan_reader *r, const char *key, size_t index);
void plan_leave(struct plan_reader *r, size_t before);
/* key: the member that is wrong, or more than one with / between; "" = the whole. In words of the Python package, or of ours
 * that need no place: */
void plan_mistake(struct plan_reader *r, int code, const char *key, const char *fmt, ...) ORB_PRINTF(4, 5);
/* Others: an error has the place in front. */
void plan_mistake_at(struct plan_reader *r, int code, const char *key, const char *fmt, ...) ORB_PRINTF(4, 5);
/* "'key' must be ...". */
void plan_wrong(struct plan_reader *r, const char *key, const char *want);

/* A string, new memory; def when it is missing or wrong. */
char *plan_text(struct plan_reader *r, const json_t *config, const char *key, const char *def);
/* The same for a name. */
char *plan_name(struct plan_reader *r, const json_t *config, const char *def);
/* A whole number within min..max; null is as good as missing. */
int64_t plan_count(struct plan_reader *r, const json_t *config, const char *key, int64_t min, int64_t max, int64_t def);
/* The member when it is of that type; NULL when it is missing or null, or wrong, said in the words of want. */
json_t *plan_member(struct plan_reader *r, const json_t *config, const char *key, json_type type, const char *want);

/* plan_agent.c. NULL when it is none, or there is no room for more. */
struct orb_agent *plan_agent(struct plan_reader *r, const json_t *config);
void plan_agent_free(struct orb_agent *agent);
/* Two agents that would be called by one tool: nobody could say which is meant. */
void plan_check_tools(struct plan_reader *r, const char *key, const char *prefix, const char *const *names, size_t count);
void plan_too_deep(struct plan_reader *r);

#endif
