/* For tests: anything that may happen to the console's model, taken from bytes: keys, pastes, the mouse, sizes, times, and messages of every
 * type with hostile texts and numbers; frames in between. */
#ifndef TESTS_SUPPORT_HAVOC_H
#define TESTS_SUPPORT_HAVOC_H

#include <stddef.h>
#include <stdint.h>

/* Aborts when something does not hold: a frame whose cells are no text of the right width or whose borders are broken, a list that is not in order, a message that
 * is another one after it was written and read. */
void havoc_play(const uint8_t *data, size_t size);
/* A recording's lines: those that can be read are given to a model. */
void havoc_replay(const char *text, size_t len);

#endif
