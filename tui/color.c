#include "color.h"

#include <math.h>

enum { CUBE = 16, GREYS = 232, ALL = 256, NAMED = 16 };
/* Below this chroma a colour is a grey to people; a hue that is wrong costs more than any lightness. */
#define GREY_CHROMA 25.0
#define WRONG_KIND 1000.0
#define LIGHTNESS_WEIGHT 0.3

struct lab {
    double l, a, b;
};

static double channel(uint32_t rgb, int shift)
{
    double c = (double)(rgb >> shift & 0xff) / 255;
    return c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4);
}

static double luminance(uint32_t rgb)
{
    return 0.2126 * channel(rgb, 16) + 0.7152 * channel(rgb, 8) + 0.0722 * channel(rgb, 0);
}

static double contrast(double a, double b)
{
    return (fmax(a, b) + 0.05) / (fmin(a, b) + 0.05);
}

double tui_color_contrast(uint32_t a, uint32_t b)
{
    return contrast(luminance(a), luminance(b));
}

uint32_t tui_color_of_index(int index)
{
    static const uint32_t named[NAMED] = {0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd, 0x00cdcd, 0xe5e5e5,
                                          0x7f7f7f, 0xff0000, 0x00ff00, 0xffff00, 0x5c5cff, 0xff00ff, 0x00ffff, 0xffffff};
    static const uint32_t steps[6] = {0, 0x5f, 0x87, 0xaf, 0xd7, 0xff};
    if (index < CUBE)
        return named[index];
    if (index >= GREYS)
        return (uint32_t)(8 + 10 * (index - GREYS)) * 0x010101u;
    index -= CUBE;
    return steps[index / 36] << 16 | steps[index / 6 % 6] << 8 | steps[index % 6];
}

static double lab_root(double t)
{
    return t > 216.0 / 24389 ? cbrt(t) : (24389.0 / 27 * t + 16) / 116;
}

/* sRGB under D65. */
static struct lab lab_of(uint32_t rgb)
{
    double r = channel(rgb, 16), g = channel(rgb, 8), b = channel(rgb, 0);
    double x = lab_root((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505);
    double y = lab_root(0.2126 * r + 0.7152 * g + 0.0722 * b);
    double z = lab_root((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089);
    return (struct lab){116 * y - 16, 500 * (x - y), 200 * (y - z)};
}

/* Degrees: red 0, green 120, blue 240. */
static double hue_of(uint32_t rgb)
{
    double r = (double)(rgb >> 16 & 0xff), g = (double)(rgb >> 8 & 0xff), b = (double)(rgb & 0xff);
    double most = fmax(r, fmax(g, b)), range = most - fmin(r, fmin(g, b));
    if (range == 0)
        return 0;
    double sixth = most == r ? (g - b) / range : most == g ? 2 + (b - r) / range : 4 + (r - g) / range;
    return fmod(60 * sixth + 360, 360);
}

/* A colour in all the ways that it is compared in. */
struct seen {
    struct lab lab;
    double hue, luminance;
    int is_grey;
};

static struct seen see(uint32_t rgb)
{
    struct lab lab = lab_of(rgb);
    return (struct seen){lab, hue_of(rgb), luminance(rgb), hypot(lab.a, lab.b) < GREY_CHROMA};
}

static const struct seen *palette(void)
{
    static struct seen colors[ALL];
    static int is_made;
    if (!is_made)
        for (int i = 0; i < ALL; i++)
            colors[i] = see(tui_color_of_index(i));
    is_made = 1;
    return colors;
}

static double like_in_lab(const struct seen *x, const struct seen *y)
{
    return hypot(hypot(x->lab.l - y->lab.l, x->lab.a - y->lab.a), x->lab.b - y->lab.b);
}

static double like_by_hue(const struct seen *x, const struct seen *y)
{
    double lightness = fabs(x->lab.l - y->lab.l), turn = fabs(x->hue - y->hue);
    if (x->is_grey != y->is_grey)
        return WRONG_KIND + lightness;
    return x->is_grey ? lightness : fmin(turn, 360 - turn) + LIGHTNESS_WEIGHT * lightness;
}

/* When none has the contrast, the one with the most. */
static int nearest(uint32_t rgb, uint32_t ground, double least, int from, int to, double (*like)(const struct seen *, const struct seen *))
{
    const struct seen *colors = palette(), wanted = see(rgb);
    int best = -1, clearest = from;
    double best_distance = 0, most = 0, below = luminance(ground);
    for (int i = from; i < to; i++) {
        double ratio = contrast(colors[i].luminance, below), distance = like(&wanted, &colors[i]);
        if (ratio > most) {
            most = ratio;
            clearest = i;
        }
        if (ratio >= least && (best < 0 || distance < best_distance)) {
            best = i;
            best_distance = distance;
        }
    }
    return best < 0 ? clearest : best;
}

int tui_color_nearest_256(uint32_t rgb, uint32_t ground, double least)
{
    return nearest(rgb, ground, least, CUBE, ALL, like_in_lab);
}

int tui_color_nearest_16(uint32_t rgb, uint32_t ground, double least)
{
    return nearest(rgb, ground, least, 0, NAMED, like_by_hue);
}
