/* Colours as numbers: how well one is read on another, and which of few is like one of many. */
#ifndef ORB_TUI_COLOR_H
#define ORB_TUI_COLOR_H

#include <stdint.h>

/* WCAG 2.2: from 1 (the same) to 21 (black on white). */
double tui_color_contrast(uint32_t a, uint32_t b);
/* What terminals show for an index of the palette of 256; the user may have changed the first 16. */
uint32_t tui_color_of_index(int index);
/* The index that is most like rgb among those with at least this contrast to ground. 256: the nearest in CIELAB, never one of the
 * first 16. 16: the same hue, because the nearest to most pale colours is grey. */
int tui_color_nearest_256(uint32_t rgb, uint32_t ground, double least);
int tui_color_nearest_16(uint32_t rgb, uint32_t ground, double least);

#endif
