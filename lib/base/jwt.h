/* Signed JSON Web Tokens (RFC 7515, RFC 7519), as Google's token endpoint wants them, and base64. */
#ifndef ORB_BASE_JWT_H
#define ORB_BASE_JWT_H

#include "base/buf.h"

/* Appends header.claims.signature, signed by RS256 with a private key in PEM. claims: a JSON object's text; key_id: goes into the
 * header, or NULL. ORB_E_CONFIG when the key cannot be used; the text never holds it. */
int orb_jwt_sign(const char *pem, const char *key_id, const char *claims, struct orb_buf *out, struct orb_error *err) ORB_MUST_CHECK;
/* Appends what base64 text (of either alphabet; blanks and line ends do not count) stands for. ORB_E_INVALID. */
int orb_base64_decode(const char *text, size_t len, struct orb_buf *out) ORB_MUST_CHECK;

#endif
