// SPDX-License-Identifier: BSD-3-Clause
#include "owner.h"

#include <stdbool.h>
#include <string.h>

#include "abi/desc_avx512.h"

static inline bool is_sound(const struct owner_check *check, const struct cat_desc *desc)
{
	if (desc->buf >= check->buffers || check->owner[desc->buf] != check->me)
		return false;
	return check->len_min == 0 || ((uint32_t)desc->off + desc->len <= check->stride && desc->len >= check->len_min);
}

// One by one. `to` and `from` may be the same private memory.
static uint32_t take_back_each(const struct owner_check *check, struct cat_desc *to, const struct cat_desc *from,
			       uint32_t n)
{
	uint32_t good = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct cat_desc desc = from[i];
		// What is checked is the copy, and not read from the ring again.
		__asm__("" : "+m"(desc));
		if (__builtin_expect(!is_sound(check, &desc), 0))
			continue;
		check->owner[desc.buf] = OWNER_DATAPLANE;
		to[good++] = desc;
	}
	return good;
}

#ifdef HAVE_DESC_AVX512
// Takes back a whole group if it is a run of buffers and every one passes. False: nothing was done.
DESC_AVX512_INLINE bool take_back_run(const struct owner_check *check, __m512i buf, __m512i off_len)
{
	uint32_t first = (uint32_t)_mm_cvtsi128_si32(_mm512_castsi512_si128(buf));
	if (!desc_group_is_run(buf) || first >= check->buffers || check->buffers - first < DESC_GROUP)
		return false;
	__m128i *owner = (__m128i *)(check->owner + first);
	__mmask16 bad = _mm_cmpneq_epi8_mask(_mm_loadu_si128(owner), _mm_set1_epi8((char)check->me));
	if (check->len_min) {
		__m512i len = _mm512_srli_epi32(off_len, 16);
		bad |= _mm512_cmpgt_epu32_mask(desc_group_end(off_len, len), _mm512_set1_epi32((int)check->stride));
		bad |= _mm512_cmplt_epu32_mask(len, _mm512_set1_epi32((int)check->len_min));
	}
	if (bad)
		return false;
	_mm_storeu_si128(owner, _mm_set1_epi8((char)OWNER_DATAPLANE));
	return true;
}

DESC_AVX512 static uint32_t take_back_avx512(const struct owner_check *check, struct cat_desc *to,
					     const struct cat_desc *from, uint32_t n)
{
	uint32_t good = 0, i = 0;
	for (; i + DESC_GROUP <= n; i += DESC_GROUP) {
		struct desc_group g = desc_group_load(from + i);
		__m512i buf, off_len;
		desc_group_front(&g, &buf, &off_len);
		// Never beyond where the copy of descriptor i would stand.
		desc_group_store(to + good, &g);
		if (__builtin_expect(take_back_run(check, buf, off_len), 1))
			good += DESC_GROUP;
		else
			good += take_back_each(check, to + good, to + good, DESC_GROUP);
	}
	return good + take_back_each(check, to + good, from + i, n - i);
}

DESC_AVX512 static uint32_t mark_avx512(uint8_t *owner, const struct cat_desc *desc, uint32_t n, uint8_t whose)
{
	uint32_t i = 0;
	for (; i + DESC_GROUP <= n; i += DESC_GROUP) {
		struct desc_group g = desc_group_load(desc + i);
		__m512i buf, off_len;
		desc_group_front(&g, &buf, &off_len);
		if (__builtin_expect(desc_group_is_run(buf), 1)) {
			_mm_storeu_si128((__m128i *)(owner + desc[i].buf), _mm_set1_epi8((char)whose));
			continue;
		}
		for (uint32_t k = i; k < i + DESC_GROUP; k++)
			owner[desc[k].buf] = whose;
	}
	return i;
}
#endif

uint32_t owner_take_back(const struct owner_check *check, struct cat_desc *to, const struct cat_desc *from, uint32_t n)
{
#ifdef HAVE_DESC_AVX512
	if (desc_avx512_works())
		return take_back_avx512(check, to, from, n);
#endif
	return take_back_each(check, to, from, n);
}

void owner_mark(uint8_t *owner, const struct cat_desc *desc, uint32_t n, uint8_t whose)
{
	uint32_t i = 0;
#ifdef HAVE_DESC_AVX512
	if (desc_avx512_works())
		i = mark_avx512(owner, desc, n, whose);
#endif
	for (; i < n; i++)
		owner[desc[i].buf] = whose;
}
