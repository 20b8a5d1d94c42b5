// SPDX-License-Identifier: BSD-3-Clause
#include "cat_desc.h"

#include <string.h>

#include "desc_avx512.h"

#ifdef __SSE4_1__
#include <smmintrin.h>
#endif

static_assert(CAT_DESC_IPV4 == 1 && CAT_DESC_IPV6 == 2, "the tables of what a third layer needs depend on it");
static_assert(CAT_DESC_TCP == 4 && CAT_DESC_UDP == 8 && CAT_DESC_ICMP == 16, "and those of the fourth");

#ifdef HAVE_DESC_AVX512
// Bytes that must follow l3, by the low bits of flags (IPv4: 20, IPv6 or both: 40), and l4 (TCP: 20, UDP and ICMP: 8),
// by the bits from CAT_DESC_TCP on. A lookup takes four bits of its index; those that do not count are any.
#define NEED_L3 _mm512_setr_epi32(0, 20, 40, 40, 0, 20, 40, 40, 0, 20, 40, 40, 0, 20, 40, 40)
#define NEED_L4 _mm512_setr_epi32(0, 20, 8, 20, 8, 20, 8, 20, 0, 20, 8, 20, 8, 20, 8, 20)

// Whether all of a group pass.
DESC_AVX512_INLINE bool group_passes(const struct desc_group *g, __m512i buffers, __m512i stride, __m512i *ret_len)
{
	const __m512i byte = _mm512_set1_epi32(0xff);
	__m512i buf, off_len, rest = desc_group_back(g);
	desc_group_front(g, &buf, &off_len);
	__m512i len = _mm512_srli_epi32(off_len, 16), flags = _mm512_srli_epi32(rest, 16);
	__m512i l3 = _mm512_and_si512(rest, byte), l4 = _mm512_and_si512(_mm512_srli_epi32(rest, 8), byte);
	__m512i l3_end = _mm512_add_epi32(l3, _mm512_permutexvar_epi32(flags, NEED_L3));
	__m512i l4_end = _mm512_add_epi32(l4, _mm512_permutexvar_epi32(_mm512_srli_epi32(flags, 2), NEED_L4));
	__mmask16 bad = _mm512_cmpge_epu32_mask(buf, buffers);
	bad |= _mm512_cmpgt_epu32_mask(desc_group_end(off_len, len), stride);
	bad |= _mm512_cmpgt_epu32_mask(_mm512_max_epu32(l3_end, l4_end), len);
	bad |= _mm512_testn_epi32_mask(flags, _mm512_set1_epi32(CAT_DESC_PARSED));
	*ret_len = len;
	return bad == 0;
}

DESC_AVX512 static uint32_t take_avx512(struct cat_desc *to, const struct cat_desc *from, uint32_t n, uint32_t buffers,
					uint32_t stride, uint64_t *bytes)
{
	__m512i sum = _mm512_setzero_si512();
	uint32_t i = 0;
	for (; i + DESC_GROUP <= n; i += DESC_GROUP) {
		struct desc_group g = desc_group_load(from + i);
		__m512i len;
		if (__builtin_expect(
			    !group_passes(&g, _mm512_set1_epi32((int)buffers), _mm512_set1_epi32((int)stride), &len),
			    0))
			break;
		desc_group_store(to + i, &g);
		// Cannot overflow: CAT_RING_SIZE_MAX lengths of 64 KiB, spread over 16.
		sum = _mm512_add_epi32(sum, len);
	}
	*bytes += (uint32_t)_mm512_reduce_add_epi32(sum);
	return i;
}

DESC_AVX512 static uint32_t copy_avx512(struct cat_desc *to, const struct cat_desc *from, uint32_t n, uint64_t *bytes)
{
	// The length is the upper quarter of a descriptor's first half.
	const __m512i length = _mm512_broadcast_i32x4(_mm_setr_epi32(0, (int)0xffff0000, 0, 0));
	__m512i sum = _mm512_setzero_si512();
	uint32_t i = 0;
	for (; i + DESC_GROUP <= n; i += DESC_GROUP) {
		struct desc_group g = desc_group_load(from + i);
		desc_group_store(to + i, &g);
		for (unsigned k = 0; k < 4; k++)
			sum = _mm512_add_epi64(sum, _mm512_srli_epi64(_mm512_and_si512(g.part[k], length), 48));
	}
	*bytes += (uint64_t)_mm512_reduce_add_epi64(sum);
	return i;
}

DESC_AVX512 static uint32_t buffers_avx512(uint32_t *ret_index, const struct cat_desc *desc, uint32_t n,
					   uint64_t *bytes)
{
	__m512i sum = _mm512_setzero_si512();
	uint32_t i = 0;
	for (; i + DESC_GROUP <= n; i += DESC_GROUP) {
		struct desc_group g = desc_group_load(desc + i);
		__m512i buf, off_len;
		desc_group_front(&g, &buf, &off_len);
		_mm512_storeu_si512(ret_index + i, buf);
		sum = _mm512_add_epi32(sum, _mm512_srli_epi32(off_len, 16));
	}
	*bytes += (uint32_t)_mm512_reduce_add_epi32(sum);
	return i;
}
#endif

#ifdef __SSE4_1__
// What the checks of four descriptors compare with.
struct limits {
	__m128i buffer_last, stride, need3, need4;
};

// Copies four descriptors. Returns whether all of them pass; adds their lengths to *lengths, lane by lane.
static inline bool take_four(struct cat_desc *to, const struct cat_desc *from, const struct limits *limits,
			     __m128i *lengths)
{
	__m128i d0 = _mm_loadu_si128((const __m128i *)&from[0]), d1 = _mm_loadu_si128((const __m128i *)&from[1]);
	__m128i d2 = _mm_loadu_si128((const __m128i *)&from[2]), d3 = _mm_loadu_si128((const __m128i *)&from[3]);
	// What was loaded is what counts: the compiler must not load again.
	__asm__("" : "+x"(d0), "+x"(d1), "+x"(d2), "+x"(d3));
	_mm_storeu_si128((__m128i *)&to[0], d0);
	_mm_storeu_si128((__m128i *)&to[1], d1);
	_mm_storeu_si128((__m128i *)&to[2], d2);
	_mm_storeu_si128((__m128i *)&to[3], d3);

	// From four structures to one vector per 32-bit word.
	__m128i low01 = _mm_unpacklo_epi32(d0, d1), low23 = _mm_unpacklo_epi32(d2, d3);
	__m128i high01 = _mm_unpackhi_epi32(d0, d1), high23 = _mm_unpackhi_epi32(d2, d3);
	__m128i buf = _mm_unpacklo_epi64(low01, low23), off_len = _mm_unpackhi_epi64(low01, low23);
	__m128i rest = _mm_unpackhi_epi64(high01, high23); // l3, l4, flags

	const __m128i byte = _mm_set1_epi32(0xff);
	__m128i len = _mm_srli_epi32(off_len, 16);
	__m128i end = _mm_add_epi32(_mm_and_si128(off_len, _mm_set1_epi32(0xffff)), len);
	__m128i flags = _mm_srli_epi32(rest, 16);
	__m128i l3_end = _mm_add_epi32(_mm_and_si128(rest, byte),
				       _mm_shuffle_epi8(limits->need3, _mm_and_si128(flags, _mm_set1_epi32(3))));
	__m128i l4_end = _mm_add_epi32(
		_mm_and_si128(_mm_srli_epi32(rest, 8), byte),
		_mm_shuffle_epi8(limits->need4, _mm_and_si128(_mm_srli_epi32(flags, 2), _mm_set1_epi32(7))));
	__m128i bad = _mm_cmpgt_epi32(end, limits->stride);
	bad = _mm_or_si128(bad, _mm_cmpgt_epi32(_mm_max_epi32(l3_end, l4_end), len));
	bad = _mm_or_si128(bad,
			   _mm_cmpeq_epi32(_mm_and_si128(flags, _mm_set1_epi32(CAT_DESC_PARSED)), _mm_setzero_si128()));
	// There is no unsigned comparison: the larger of both is the limit unless buf is beyond it.
	__m128i inside = _mm_cmpeq_epi32(_mm_max_epu32(buf, limits->buffer_last), limits->buffer_last);
	if (__builtin_expect(!_mm_testc_si128(_mm_andnot_si128(bad, inside), _mm_set1_epi32(-1)), 0))
		return false;
	*lengths = _mm_add_epi32(*lengths, len);
	return true;
}

static uint32_t take_sse(struct cat_desc *to, const struct cat_desc *from, uint32_t n, uint32_t buffers,
			 uint32_t stride, uint64_t *bytes)
{
	// Tables for a lookup by byte. Index 15, the upper bytes', gives nothing.
	const struct limits limits = {
		.buffer_last = _mm_set1_epi32((int)(buffers - 1)),
		.stride = _mm_set1_epi32((int)stride),
		.need3 = _mm_setr_epi8(0, 20, 40, 40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
		.need4 = _mm_setr_epi8(0, 20, 8, 20, 8, 20, 8, 20, 0, 0, 0, 0, 0, 0, 0, 0),
	};
	__m128i lengths = _mm_setzero_si128();
	uint32_t i = 0;
	while (i + 4 <= n && take_four(to + i, from + i, &limits, &lengths))
		i += 4;
	uint32_t sum[4];
	_mm_storeu_si128((__m128i *)sum, lengths);
	*bytes += (uint64_t)sum[0] + sum[1] + sum[2] + sum[3];
	return i;
}
#endif

uint32_t cat_desc_take(struct cat_desc *to, const struct cat_desc *from, uint32_t n, uint32_t buffers, uint32_t stride,
		       uint64_t *bytes)
{
	uint32_t done = 0;
#ifdef HAVE_DESC_AVX512
	if (desc_avx512_works())
		done = take_avx512(to, from, n, buffers, stride, bytes);
#endif
#ifdef __SSE4_1__
	done += take_sse(to + done, from + done, n - done, buffers, stride, bytes);
#else
	(void)to, (void)from, (void)n, (void)buffers, (void)stride, (void)bytes;
#endif
	return done;
}

uint64_t cat_desc_copy_block(struct cat_desc *to, const struct cat_desc *from, uint32_t n)
{
	uint64_t bytes = 0;
	uint32_t i = 0;
#ifdef HAVE_DESC_AVX512
	if (desc_avx512_works())
		i = copy_avx512(to, from, n, &bytes);
#endif
	for (; i < n; i++) {
		to[i] = from[i];
		bytes += to[i].len;
	}
	return bytes;
}

uint64_t cat_desc_buffers(uint32_t *ret_index, const struct cat_desc *desc, uint32_t n)
{
	uint64_t bytes = 0;
	uint32_t i = 0;
#ifdef HAVE_DESC_AVX512
	if (desc_avx512_works())
		i = buffers_avx512(ret_index, desc, n, &bytes);
#endif
	for (; i < n; i++) {
		ret_index[i] = desc[i].buf;
		bytes += desc[i].len;
	}
	return bytes;
}
