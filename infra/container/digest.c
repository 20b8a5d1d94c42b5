// SPDX-License-Identifier: BSD-3-Clause
// SHA-256 by libcrypto, which the HTTP client brings along anyway and which uses the processor's instructions for it.
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"

struct cat_digest {
	EVP_MD_CTX *context;
};

struct cat_digest *cat_digest_create(void)
{
	struct cat_digest *digest = calloc(1, sizeof(*digest));
	if (!digest)
		return NULL;
	digest->context = EVP_MD_CTX_new();
	if (!digest->context || EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL) != 1) {
		cat_digest_destroy(digest);
		return NULL;
	}
	return digest;
}

void cat_digest_destroy(struct cat_digest *digest)
{
	if (!digest)
		return;
	EVP_MD_CTX_free(digest->context);
	free(digest);
}

bool cat_digest_update(struct cat_digest *digest, const void *data, size_t size)
{
	return EVP_DigestUpdate(digest->context, data, size) == 1;
}

bool cat_digest_finish(struct cat_digest *digest, char ret_text[CAT_DIGEST_MAX])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned size;
	if (EVP_DigestFinal_ex(digest->context, sum, &size) != 1 || size != CAT_DIGEST_HEX / 2)
		return false;
	memcpy(ret_text, "sha256:", 7);
	for (unsigned i = 0; i < size; i++) {
		ret_text[7 + 2 * i] = digits[sum[i] >> 4];
		ret_text[8 + 2 * i] = digits[sum[i] & 15];
	}
	ret_text[CAT_DIGEST_MAX - 1] = '\0';
	return true;
}

bool cat_digest_valid(const char *text)
{
	return text && strlen(text) == CAT_DIGEST_MAX - 1 && memcmp(text, "sha256:", 7) == 0 &&
	       strspn(text + 7, "0123456789abcdef") == CAT_DIGEST_HEX;
}
