#include "base/address.h"
#include "base/base.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* ::ffff:0:0/96 holds the IPv4 addresses: one table, one comparison. */
static const unsigned char mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static const struct {
    const char *network, *word;
} special[] = {
    { "0.0.0.0/8", "unspecified" },
    { "10.0.0.0/8", "private" },
    { "100.64.0.0/10", "carrier-private" },
    { "127.0.0.0/8", "loopback" },
    { "169.254.0.0/16", "link-local" },
    { "172.16.0.0/12", "private" },
    { "192.0.0.0/24", "reserved" },
    { "192.0.2.0/24", "reserved" },
    { "192.31.196.0/24", "reserved" },
    { "192.52.193.0/24", "reserved" },
    { "192.88.99.0/24", "reserved" },
    { "192.168.0.0/16", "private" },
    { "192.175.48.0/24", "reserved" },
    { "198.18.0.0/15", "reserved" },
    { "198.51.100.0/24", "reserved" },
    { "203.0.113.0/24", "reserved" },
    { "224.0.0.0/4", "multicast" },
    { "240.0.0.0/4", "reserved" },
    { "::/128", "unspecified" },
    { "::1/128", "loopback" },
    { "64:ff9b:1::/48", "private" },
    { "100::/64", "reserved" },
    { "2001::/23", "reserved" },
    { "2001:db8::/32", "reserved" },
    { "2002::/16", "tunnel" },
    { "3fff::/20", "reserved" },
    { "5f00::/16", "reserved" },
    { "fc00::/7", "private" },
    { "fe80::/10", "link-local" },
    { "fec0::/10", "private" },
    { "ff00::/8", "multicast" },
};

static int to_bytes(const struct sockaddr *address, unsigned char out[16])
{
    if (address->sa_family == AF_INET) {
        memcpy(out, mapped, sizeof mapped);
        memcpy(out + 12, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
    } else if (address->sa_family == AF_INET6) {
        memcpy(out, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
    } else {
        return 0;
    }
    return 1;
}

static int has(const struct orb_network *n, const unsigned char bytes[16])
{
    size_t whole = (size_t)n->bits / 8, rest = (size_t)n->bits % 8;
    if (memcmp(n->bytes, bytes, whole) != 0)
        return 0;
    return !rest || ((n->bytes[whole] ^ bytes[whole]) & (0xff << (8 - rest)) & 0xff) == 0;
}

/* IPv4 that an IPv6 address carries to where it is translated. */
static void unpack(unsigned char bytes[16])
{
    static const unsigned char nat64[12] = { 0, 0x64, 0xff, 0x9b }, compatible[12] = { 0 };
    static const unsigned char loopback[16] = { [15] = 1 };
    if (memcmp(bytes, nat64, sizeof nat64) == 0 || (memcmp(bytes, compatible, sizeof compatible) == 0 && memcmp(bytes, loopback, 16) != 0))
        memcpy(bytes, mapped, sizeof mapped);
}

const char *orb_address_special(const struct sockaddr *address)
{
    unsigned char bytes[16];
    struct orb_network n;
    if (!to_bytes(address, bytes))
        return "no Internet address";
    unpack(bytes);
    for (size_t i = 0; i < ORB_COUNT(special); i++)
        if (orb_network_parse(special[i].network, &n) == 0 && has(&n, bytes))
            return special[i].word;
    /* What has been given out so far. */
    if (memcmp(bytes, mapped, sizeof mapped) != 0 && (bytes[0] & 0xe0) != 0x20)
        return "reserved";
    return NULL;
}

void orb_address_text(const struct sockaddr *address, char out[ORB_ADDRESS_TEXT])
{
    const void *at = address->sa_family == AF_INET ? (const void *)&((const struct sockaddr_in *)(const void *)address)->sin_addr
                                                   : (const void *)&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    if (!inet_ntop(address->sa_family, at, out, ORB_ADDRESS_TEXT))
        snprintf(out, ORB_ADDRESS_TEXT, "?");
}

int orb_network_parse(const char *text, struct orb_network *out)
{
    char host[ORB_ADDRESS_TEXT];
    struct orb_network n;
    int64_t bits;
    size_t len = strcspn(text, "/");
    if (len >= sizeof host)
        return ORB_E_INVALID;
    memcpy(host, text, len);
    host[len] = '\0';
    memcpy(n.bytes, mapped, sizeof mapped);
    int is_v4 = inet_pton(AF_INET, host, n.bytes + 12) == 1;
    if (!is_v4 && inet_pton(AF_INET6, host, n.bytes) != 1)
        return ORB_E_INVALID;
    bits = is_v4 ? 32 : 128;
    if (text[len] && orb_parse_int(text + len + 1, 0, bits, &bits))
        return ORB_E_INVALID;
    n.bits = (int)bits + (is_v4 ? 96 : 0);
    *out = n;
    return 0;
}

int orb_network_has(const struct orb_network *network, const struct sockaddr *address)
{
    unsigned char bytes[16];
    return to_bytes(address, bytes) && has(network, bytes);
}
