/* How much somebody may say that nobody asked for: a burst, and then a rate. */
#ifndef ORB_TOOL_FLOOD_H
#define ORB_TOOL_FLOOD_H

#include <stddef.h>
#include <stdint.h>

#define ORB_FLOOD_BURST (16 * 1024 * 1024)  /* bytes */
#define ORB_FLOOD_RATE (1024 * 1024)        /* and so many a second */

/* All zero at first. */
struct orb_flood {
    int64_t bytes, at_ms;
};
/* 1 = that was too much. */
int orb_flood_add(struct orb_flood *flood, size_t bytes, int64_t now_ms);
/* They were asked for. */
void orb_flood_forgive(struct orb_flood *flood, size_t bytes);

#endif
