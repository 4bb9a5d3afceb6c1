/* For tests: an RSA key made now, as PEM files and text. */
#ifndef TESTS_SUPPORT_RSA_H
#define TESTS_SUPPORT_RSA_H

struct test_rsa {
    char *private_pem, *public_pem; /* malloc */
};
void test_rsa_make(struct test_rsa *rsa);
void test_rsa_done(struct test_rsa *rsa);

#endif
