/* Text as grapheme clusters: what a reader sees as one character, and how many columns it takes. */
#ifndef ORB_TUI_CLUSTERS_H
#define ORB_TUI_CLUSTERS_H

#include "cells.h"

struct tui_cluster {
    size_t bytes; /* of the text */
    size_t shown; /* of these, what a cell has room for: all, or the base character */
    int width;    /* 1 or 2; 0 = a tab or a newline */
    int is_bare;  /* marks without a base, which are shown on a dotted circle */
};

/* The cluster at the head of len > 0 bytes of safe text (orb_safe_text). */
struct tui_cluster tui_cluster_at(const char *text, size_t len);

/* The clusters of text from anywhere as cells show them. It is made safe in pieces: of a long text only what is read costs. */
struct tui_clusters {
    const char *src;                /* what is not yet in piece */
    size_t left;
    char piece[512];
    size_t at, end;                 /* in piece */
    char text[TUI_CELL_BYTES + 1];  /* the cluster */
    int width;                      /* 1 or 2 */
};

void tui_clusters_start(struct tui_clusters *it, const char *text, size_t len);
int tui_clusters_next(struct tui_clusters *it); /* 0 at the end */

#endif
