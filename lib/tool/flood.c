#include "tool/flood.h"

int orb_flood_add(struct orb_flood *f, size_t bytes, int64_t now_ms)
{
    int64_t passed_ms = now_ms - f->at_ms, most_ms = ORB_FLOOD_BURST / (ORB_FLOOD_RATE / 1000);
    f->bytes -= (passed_ms < most_ms ? passed_ms : most_ms) * (ORB_FLOOD_RATE / 1000);
    if (f->bytes < 0)
        f->bytes = 0;
    f->at_ms = now_ms;
    f->bytes += (int64_t)bytes;
    return f->bytes > ORB_FLOOD_BURST;
}

void orb_flood_forgive(struct orb_flood *f, size_t bytes)
{
    f->bytes -= (int64_t)bytes < f->bytes ? (int64_t)bytes : f->bytes;
}
