// SPDX-License-Identifier: BSD-3-Clause
// Sixteen descriptors at once. A group of descriptors is turned into columns: one vector of all buffer indices, one of
// all offsets and lengths, one of all header offsets and flags.
#ifndef DESC_AVX512_H
#define DESC_AVX512_H

// DESC_PORTABLE: as if the processor had none of it, for tests.
#if defined(__x86_64__) && !defined(DESC_PORTABLE)
#define HAVE_DESC_AVX512 1
#include <immintrin.h>
#include <stdbool.h>

#include "cat_abi.h"

#define DESC_GROUP 16u
#define DESC_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,bmi2")))
#define DESC_AVX512_INLINE                                                                                             \
	static inline __attribute__((always_inline, target("avx512f,avx512bw,avx512vl,avx512dq,bmi2")))

static inline bool desc_avx512_works(void)
{
	return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
	       __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("bmi2");
}

struct desc_group {
	__m512i part[4]; // four descriptors each
};

DESC_AVX512_INLINE struct desc_group desc_group_load(const struct cat_desc *from)
{
	struct desc_group g;
	for (unsigned i = 0; i < 4; i++) {
		g.part[i] = _mm512_loadu_si512(from + 4 * i);
		// What was loaded is what counts: the compiler must not load again.
		__asm__("" : "+v"(g.part[i]));
	}
	return g;
}

DESC_AVX512_INLINE void desc_group_store(struct cat_desc *to, const struct desc_group *g)
{
	for (unsigned i = 0; i < 4; i++)
		_mm512_storeu_si512(to + 4 * i, g->part[i]);
}

// The words 0 and 1 of each descriptor: buffer indices; offsets in the low halves with lengths in the high ones.
DESC_AVX512_INLINE void desc_group_front(const struct desc_group *g, __m512i *ret_buf, __m512i *ret_off_len)
{
	const __m512i words = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
	__m512i low = _mm512_permutex2var_epi32(g->part[0], words, g->part[1]);
	__m512i high = _mm512_permutex2var_epi32(g->part[2], words, g->part[3]);
	*ret_buf = _mm512_shuffle_i64x2(low, high, 0x44);
	*ret_off_len = _mm512_shuffle_i64x2(low, high, 0xee);
}

// The last word of each: l3 in bits 0 to 7, l4 in 8 to 15, flags above.
DESC_AVX512_INLINE __m512i desc_group_back(const struct desc_group *g)
{
	const __m512i words = _mm512_setr_epi32(3, 7, 11, 15, 19, 23, 27, 31, 0, 0, 0, 0, 0, 0, 0, 0);
	__m512i low = _mm512_permutex2var_epi32(g->part[0], words, g->part[1]);
	__m512i high = _mm512_permutex2var_epi32(g->part[2], words, g->part[3]);
	return _mm512_inserti64x4(low, _mm512_castsi512_si256(high), 1);
}

// Whether the indices are first, first + 1, first + 2 and so on.
DESC_AVX512_INLINE bool desc_group_is_run(__m512i buf)
{
	const __m512i count = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
	__m512i first = _mm512_broadcastd_epi32(_mm512_castsi512_si128(buf));
	return _mm512_cmpneq_epi32_mask(_mm512_sub_epi32(buf, first), count) == 0;
}

// Where data ends, beyond the buffer's start.
DESC_AVX512_INLINE __m512i desc_group_end(__m512i off_len, __m512i len)
{
	return _mm512_add_epi32(_mm512_and_si512(off_len, _mm512_set1_epi32(0xffff)), len);
}
#endif

#endif
