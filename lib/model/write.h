/* JSON for requests, written piece by piece: what the codecs of all providers
 * share. Each writes one value unless it says otherwise. */
#ifndef ORB_MODEL_WRITE_H
#define ORB_MODEL_WRITE_H

#include "base/buf.h"
#include "base/json.h"

#define ORB_REQUEST_BODY_MAX (64 * 1024 * 1024)

void orb_put_str(struct orb_buf *b, const char *s);
void orb_put_value(struct orb_buf *b, const json_t *string);
/* "key": "value", for a borrowed piece of JSON that holds it under another name; def when it holds no string. */
void orb_put_member(struct orb_buf *b, const char *key, const json_t *object, const char *from, const char *def);
/* A data URL of a content block's base64; its media_type, or the one given. */
void orb_put_data_url(struct orb_buf *b, const json_t *block, const char *media_type);
/* 1 when a content block is a document of text: then it is appended, as UTF-8 (not JSON yet). */
int orb_document_text(const json_t *block, struct orb_buf *out);
/* Such a document as one text with its title before it, a JSON string; 0 and nothing when it is none. key: what stands before the string. */
int orb_put_document_text(struct orb_buf *b, const char *key, const json_t *block);
/* What stands in for a content block that the provider cannot take, as text: "[video: cannot be sent to this model]". */
void orb_put_missing_block(struct orb_buf *b, const json_t *block);
/* The next block of a tool's message that is no text, from the block *at on, which moves behind it; NULL behind the last. Of
 * one that failed there is none. */
const json_t *orb_tool_media(const json_t *message, size_t *at);
/* A content that may hold only text (not JSON yet): blocks are joined with a newline, media become a mark. */
void orb_content_text(const json_t *content, struct orb_buf *out);
/* That text. */
void orb_put_text(struct orb_buf *b, const json_t *content);
/* A message's content that may hold blocks: a string, or a list of what put writes of each. */
void orb_put_content(struct orb_buf *b, const json_t *content, void (*put)(struct orb_buf *b, const json_t *block));
/* For models and schemas without a native mode: what the answer must be, as words (not JSON yet). */
void orb_schema_words(const json_t *schema, struct orb_buf *out);
/* 0, or why the body cannot be sent: it is over its limit, or there is no memory. */
int orb_put_check(const struct orb_buf *body, struct orb_error *err) ORB_MUST_CHECK;

#endif
