/* The inside of a toolbox, for toolbox.c, load.c, resolve.c and hand.c. */
#ifndef ORB_TOOL_TOOLBOX_H
#define ORB_TOOL_TOOLBOX_H

#include "tool/tool.h"

#define ORB_TOOL_FILES_MAX 1000
#define ORB_TOOL_FILE_BYTES (1024 * 1024)
#define ORB_TOOL_KINDS_MAX 16

/* A tool that is listed. */
struct orb_tool_entry {
    struct orb_tool *tool;
    char *path, *file, *schema;  /* schema: parameters as text */
};

struct orb_toolbox {
    struct orb_loop *loop;
    char *dir;                   /* absolute, or NULL */
    const char *loading;         /* the file that is being read, or NULL */
    struct orb_tool_entry *entries;
    size_t count;
    void *slots[ORB_TOOL_KINDS_MAX];
    struct orb_resolution *resolutions;
    struct orb_hand_call *calls;
    orb_toolbox_log_cb log;      /* may be NULL */
    void *log_arg;
};

/* A call by hand, from the search for its tool to its result. */
struct orb_hand_call {
    struct orb_hand_call *next;
    struct orb_toolbox *toolbox;
    struct orb_tool_call *call;    /* NULL: the tool is being looked for */
    json_t *arguments;
    void (*unask)(struct orb_hand_call *hand); /* nobody is to be told any more which tool it is */
    void *asked;                   /* whom */
    char *name;                    /* for what, when that is not known elsewhere */
    orb_toolbox_call_cb cb;
    void *arg;
};
/* hand.c: arguments is JSON text. ORB_E_INVALID. Then exactly one of the other two, from the loop. */
int orb_hand_new(struct orb_toolbox *toolbox, const char *arguments, size_t len, orb_toolbox_call_cb cb, void *arg, struct orb_hand_call **out,
                 struct orb_error *err) ORB_MUST_CHECK;
void orb_hand_start(struct orb_hand_call *hand, struct orb_tool *tool);
void orb_hand_fail(struct orb_hand_call *hand, const char *error);
/* All of them, and nobody is told. */
void orb_hand_drop_all(struct orb_toolbox *toolbox);

/* load.c: every *.json of the folder. */
int orb_toolbox_load(struct orb_toolbox *toolbox, struct orb_error *err) ORB_MUST_CHECK;
/* resolve.c: what was forgotten and has not ended. */
void orb_toolbox_drop_resolutions(struct orb_toolbox *toolbox);

#endif
