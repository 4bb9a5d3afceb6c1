/* Providers from files: any server that speaks a protocol that is built in, at any place. One registry for the
 * process: it is filled before the first model is looked up, grows only, and is never freed. */
#ifndef ORB_MODEL_FILES_H
#define ORB_MODEL_FILES_H

#include "model/model.h"

#define ORB_PROVIDER_FILES_MAX 64
#define ORB_PROVIDER_FILE_BYTES 65536
#define ORB_PROVIDER_NAME_MAX 32
#define ORB_PROVIDER_HEADERS_MAX 8

/* NULL behind the last. */
const struct orb_provider *orb_provider_file_at(size_t i);
/* Any provider by its name; NULL when there is none (provider.c). */
const struct orb_provider *orb_provider_named(const char *name, size_t len);
/* Reads one file's text and adds its provider; file: its name, for messages. ORB_E_CONFIG, ORB_E_TOO_LARGE. */
int orb_provider_file_add(const char *file, const char *text, size_t len, struct orb_error *err) ORB_MUST_CHECK;

#endif
