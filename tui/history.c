/* What happened over time, in slots of a ring. */
#include "fleet.h"

#include <math.h>
#include <string.h>

static float *slot_of(struct tui_history *h, int64_t slot)
{
    return &h->values[(size_t)slot % TUI_HISTORY];
}

void tui_history_move(struct tui_history *h, double now)
{
    int64_t slot = (int64_t)(now / TUI_SLOT_S);
    if (!h->slot || slot - h->slot >= TUI_HISTORY || slot < h->slot)
        memset(h->values, 0, sizeof h->values);
    else
        for (int64_t s = h->slot + 1; s <= slot; s++)
            *slot_of(h, s) = 0;
    h->slot = slot;
}

void tui_history_add(struct tui_history *h, double now, double n)
{
    int64_t slot = (int64_t)(now / TUI_SLOT_S);
    if (slot >= h->slot || h->slot - slot >= TUI_HISTORY)
        tui_history_move(h, now);
    *slot_of(h, slot) += (float)n;
}

void tui_history_set(struct tui_history *h, double now, double n)
{
    float last = h->slot ? *slot_of(h, h->slot) : (float)n;
    int64_t from = h->slot;
    tui_history_move(h, now);
    for (int64_t s = from + 1; from && s < h->slot && h->slot - from < TUI_HISTORY; s++)
        *slot_of(h, s) = last;
    *slot_of(h, h->slot) = (float)n;
}

double tui_history_get(const struct tui_history *h, double now, double *out, size_t count)
{
    int64_t slot = (int64_t)(now / TUI_SLOT_S);
    double max = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t s = slot - (int64_t)(count - i);
        int is_kept = s > 0 && s <= h->slot && s > h->slot - TUI_HISTORY;
        out[i] = is_kept ? (double)h->values[(size_t)s % TUI_HISTORY] : 0;
        max = fmax(max, out[i]);
    }
    return max;
}

size_t tui_history_known(double since, double now, size_t count)
{
    double slots = since > 0 && now >= since ? floor(now / TUI_SLOT_S) - floor(since / TUI_SLOT_S) : 0;
    return slots < (double)count ? (size_t)slots : count;
}

double tui_history_rate(const struct tui_history *h, double now, int seconds)
{
    double values[TUI_HISTORY], sum = 0;
    size_t n = (size_t)seconds / TUI_SLOT_S;
    n = n < 1 ? 1 : n > TUI_HISTORY - 1 ? TUI_HISTORY - 1 : n;
    tui_history_get(h, now, values, n);
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    return sum / ((double)n * TUI_SLOT_S);
}
