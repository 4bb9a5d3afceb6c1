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

/* load.c: every *.json of the folder. */
int orb_toolbox_load(struct orb_toolbox *toolbox, struct orb_error *err) ORB_MUST_CHECK;
/* resolve.c: what was forgotten and has not ended. */
void orb_toolbox_drop_resolutions(struct orb_toolbox *toolbox);

#endif
