/* Network addresses: which of them are not the public Internet's. Source: IANA's special-purpose registries of
 * IPv4 and IPv6 addresses. */
#ifndef ORB_BASE_ADDRESS_H
#define ORB_BASE_ADDRESS_H

#include <orbiter/base.h>

struct sockaddr;

#define ORB_ADDRESS_TEXT 64

/* What kind of address it is, in a word ("loopback", "private"), when it is not one of the public Internet;
 * NULL when it is. IPv4 inside of IPv6 (mapped, compatible, NAT64) is judged as what it holds. */
const char *orb_address_special(const struct sockaddr *address);
/* As text, without the port. */
void orb_address_text(const struct sockaddr *address, char out[ORB_ADDRESS_TEXT]);

/* A network: 10.0.0.0/8, fd00::/8, or one address. */
struct orb_network {
    unsigned char bytes[16];  /* IPv4 as ::ffff:a.b.c.d */
    int bits;
};
int orb_network_parse(const char *text, struct orb_network *out) ORB_MUST_CHECK; /* ORB_E_INVALID */
int orb_network_has(const struct orb_network *network, const struct sockaddr *address);

#endif
