/* Small things every layer uses. */
#ifndef ORB_BASE_BASE_H
#define ORB_BASE_BASE_H

#include <orbiter/base.h>

/* For small fixed allocations: aborts when there is no memory. */
void *orb_alloc(size_t size);   /* zeroed */
char *orb_strdup(const char *s);
char *orb_memdup(const char *s, size_t n); /* terminated copy */

/* Bugs only, never input, network or memory; stays on in release. */
void orb_bug(const char *file, int line, const char *what) __attribute__((noreturn));
#define ORB_ASSERT(x) ((x) ? (void)0 : orb_bug(__FILE__, __LINE__, #x))

int64_t orb_mono_us(void);              /* CLOCK_MONOTONIC, microseconds */
void orb_random(void *out, size_t n);   /* getrandom */
double orb_random_unit(void);           /* [0, 1) */

/* Whole text as a number within lo..hi, else ORB_E_INVALID. */
int orb_parse_int(const char *s, int64_t lo, int64_t hi, int64_t *out) ORB_MUST_CHECK;
int orb_parse_real(const char *s, double lo, double hi, double *out) ORB_MUST_CHECK;

#define ORB_COUNT(a) (sizeof(a) / sizeof(*(a)))
#endif
