// AES_CM_128_HMAC_SHA1_80 for sixteen packets (RFC 3711 4.1.1 and 4.2.1), compiled with AVX-512 and VAES.
//
// Theory of operation. Sixteen packets stand in the sixteen lanes of SHA-1. AES-CM needs one port for
// ten cycles per 64 bytes, SHA-1 leaves that port idle for almost half of its time: so the two are one
// loop. Step i hashes block i of all lanes while it enciphers bytes 64(i+1) ... of each, one lane every
// five rounds; since a message begins with its header, block i holds nothing that is not enciphered yet.
//
// Lanes may differ in length. Beyond its end a lane loads and stores nothing (the mask is empty), and
// its chaining value stays as it is; such steps are lost for it.
//
// Constant time: no branch and no address depends on anything but lengths.
#include "dataplane/srtp/avx512/cm_sha1.hpp"

#include "dataplane/srtp/avx512/aes.hpp"
#include "dataplane/srtp/avx512/sha1.hpp"
#include "dataplane/srtp/avx512/vector.hpp"

namespace sluice::srtp::avx512 {
namespace {

constexpr Counters<cm_max_payload / 64 + 1, 0> cm_counters{};
constexpr unsigned aes_rounds = 10;
constexpr uint32_t block_bytes = 64;

// The bytes of a 64-byte register that lie before `end`, which counts from its beginning.
SLUICE_INLINE __mmask64 bytes_before(int64_t end) {
    const int64_t clamped = end < 0 ? 0 : end > 64 ? 64 : end;
    return _bzhi_u64(~uint64_t{0}, static_cast<uint32_t>(clamped));
}

struct Lane {
    const CmPacket* packet;
    uint32_t message_len;  // with the ROC; 0: nobody is in this lane
    uint32_t blocks;
};

SLUICE_INLINE __m512i round_key(const CmPacket& p, unsigned r) {
    return _mm512_broadcast_i32x4(load_block(p.round_keys + 16 * r));
}

// What is left to encipher from a given offset: in all lanes 64 bytes at least, or less in some.
enum class Text { none, whole, partial };

// Enciphers 64 bytes from `offset`, or what of them there is.
template <Text T>
SLUICE_INLINE void encipher(const CmPacket& p, uint32_t offset) {
    // A packet without payload may have no pointer either; nothing is loaded then.
    const uint8_t* src = (p.text_len == 0 ? p.message : p.src) + offset;
    uint8_t* dst = p.message + p.header_len + offset;
    __m512i x = xor3(cm_counters[offset / 64], _mm512_broadcast_i32x4(load_block(p.iv)), round_key(p, 0));
    SLUICE_UNROLL for (unsigned r = 1; r < aes_rounds; ++r) x = _mm512_aesenc_epi128(x, round_key(p, r));
    const __mmask64 bytes = bytes_before(int64_t{p.text_len} - offset);
    const __m512i text = T == Text::whole ? _mm512_loadu_si512(src) : _mm512_maskz_loadu_epi8(bytes, src);
    x = _mm512_aesenclast_epi128(x, _mm512_xor_si512(text, round_key(p, aes_rounds)));
    if constexpr (T == Text::whole) {
        _mm512_storeu_si512(dst, x);
    } else {
        _mm512_mask_storeu_epi8(dst, bytes, x);
    }
}

// Block `i` of a message that is longer.
SLUICE_INLINE __m512i whole_block(const Lane& lane, uint32_t i) {
    return swap_words(_mm512_loadu_si512(lane.packet->message + block_bytes * i));
}

// Block `i` of any message: what there is, the padding bit behind it, and in the last block the length in
// bits, which counts the pad block that was hashed before.
SLUICE_INLINE __m512i padded_block(const Lane& lane, uint32_t i) {
    const int64_t left = int64_t{lane.message_len} - int64_t{block_bytes} * i;
    const __m512i text = _mm512_maskz_loadu_epi8(bytes_before(left), lane.packet->message + block_bytes * i);
    const __mmask64 end = left >= 0 && left < 64 ? uint64_t{1} << left : 0;
    const __m512i padded = _mm512_mask_mov_epi8(text, end, _mm512_set1_epi8(static_cast<char>(0x80)));
    const auto last_word = static_cast<__mmask16>(i + 1 == lane.blocks ? 0x8000 : 0);
    return _mm512_mask_mov_epi32(swap_words(padded), last_word,
                                 _mm512_set1_epi32(static_cast<int>((block_bytes + lane.message_len) * 8)));
}

SLUICE_INLINE __mmask16 live_lanes(const Lane (&lanes)[sha1_lanes], uint32_t block) {
    unsigned live = 0;
    for (unsigned i = 0; i < sha1_lanes; ++i) live |= static_cast<unsigned>(block < lanes[i].blocks) << i;
    return static_cast<__mmask16>(live);
}

// Adds the rounds' result to the chaining values of the live lanes.
SLUICE_INLINE void chain(Sha1State& h, const Sha1State& s, __mmask16 live) {
    h.a = _mm512_mask_add_epi32(h.a, live, h.a, s.a);
    h.b = _mm512_mask_add_epi32(h.b, live, h.b, s.b);
    h.c = _mm512_mask_add_epi32(h.c, live, h.c, s.c);
    h.d = _mm512_mask_add_epi32(h.d, live, h.d, s.d);
    h.e = _mm512_mask_add_epi32(h.e, live, h.e, s.e);
}

// Block `i` of all lanes. Padded: some message ends in it, or has.
template <bool Padded, Text T>
__attribute__((noinline)) void step(Sha1State& h, const Lane (&lanes)[sha1_lanes], uint32_t i) {
    __m512i w[16];
    SLUICE_UNROLL for (unsigned k = 0; k < sha1_lanes; ++k) {
        w[k] = Padded ? padded_block(lanes[k], i) : whole_block(lanes[k], i);
    }
    transpose(w);
    Sha1State s = h;
    sha1_rounds(s, w, [&]<int Round>() __attribute__((always_inline)) {
        if constexpr (T != Text::none && Round % 5 == 0) {
            asm volatile("" : "+v"(s.a) : : "memory");  // or the compiler gathers what is spread on purpose
            encipher<T>(*lanes[Round / 5].packet, block_bytes * (i + 1));
        }
    });
    chain(h, s, Padded ? live_lanes(lanes, i) : static_cast<__mmask16>(0xffff));
}

template <bool Padded>
SLUICE_INLINE void step(Text text, Sha1State& h, const Lane (&lanes)[sha1_lanes], uint32_t i) {
    switch (text) {
        case Text::none: return step<Padded, Text::none>(h, lanes, i);
        case Text::whole: return step<Padded, Text::whole>(h, lanes, i);
        case Text::partial: return step<Padded, Text::partial>(h, lanes, i);
    }
}

// Chaining values behind the inner (0) or the outer (5) pad.
SLUICE_INLINE Sha1State load_pads(const Lane (&lanes)[sha1_lanes], unsigned first_word) {
    __m512i w[16];
    SLUICE_UNROLL for (unsigned k = 0; k < sha1_lanes; ++k) {
        w[k] = _mm512_maskz_loadu_epi32(0x1f, lanes[k].packet->pads + first_word);
    }
    transpose(w);
    return {w[0], w[1], w[2], w[3], w[4]};
}

// HMAC's outer hash: one block of the inner digest.
__attribute__((noinline)) void outer_hash(Sha1State& inner, const Lane (&lanes)[sha1_lanes]) {
    __m512i w[16] = {inner.a, inner.b, inner.c, inner.d, inner.e, _mm512_set1_epi32(static_cast<int>(0x80000000))};
    SLUICE_UNROLL for (int i = 6; i < 15; ++i) w[i] = _mm512_setzero_si512();
    w[15] = _mm512_set1_epi32((block_bytes + 20) * 8);
    Sha1State h = load_pads(lanes, 5);
    Sha1State s = h;
    sha1_rounds(s, w, []<int T>() {});
    chain(h, s, 0xffff);
    inner = h;
}

void store_tags(const Sha1State& digest, const Lane (&lanes)[sha1_lanes], unsigned count) {
    __m512i w[16] = {digest.a, digest.b, digest.c};
    SLUICE_UNROLL for (int i = 3; i < 16; ++i) w[i] = _mm512_setzero_si512();
    transpose(w);
    alignas(64) uint8_t rows[sha1_lanes][16];
    SLUICE_UNROLL for (unsigned k = 0; k < sha1_lanes; ++k) {
        _mm_store_si128(reinterpret_cast<__m128i*>(rows[k]), _mm512_castsi512_si128(swap_words(w[k])));
    }
    for (unsigned k = 0; k < count; ++k) __builtin_memcpy(lanes[k].packet->tag, rows[k], 10);
}

}  // namespace

void seal_cm_sha1(const CmPacket* const* packets, unsigned count) noexcept {
    CmPacket nobody = *packets[0];
    nobody.text_len = 0;
    Lane lanes[sha1_lanes];
    uint32_t longest_text = 0, shortest_text = ~0u, most_blocks = 0, whole_blocks = ~0u;
    for (unsigned k = 0; k < sha1_lanes; ++k) {
        const bool taken = k < count;
        const CmPacket& p = taken ? *packets[k] : nobody;
        const uint32_t len = taken ? p.header_len + p.text_len + 4 : 0;
        lanes[k] = {&p, len, taken ? cm_blocks(p.header_len, p.text_len) : 0};
        if (p.text_len > longest_text) longest_text = p.text_len;
        if (p.text_len < shortest_text) shortest_text = p.text_len;
        if (lanes[k].blocks > most_blocks) most_blocks = lanes[k].blocks;
        if (len / block_bytes < whole_blocks) whole_blocks = len / block_bytes;
    }

    for (const Lane& lane : lanes) encipher<Text::partial>(*lane.packet, 0);
    Sha1State h = load_pads(lanes, 0);
    for (uint32_t i = 0; i < most_blocks; ++i) {
        const uint32_t offset = block_bytes * (i + 1);
        const Text text = offset >= longest_text                  ? Text::none
                          : offset + block_bytes <= shortest_text ? Text::whole
                                                                  : Text::partial;
        i < whole_blocks ? step<false>(text, h, lanes, i) : step<true>(text, h, lanes, i);
    }
    outer_hash(h, lanes);
    store_tags(h, lanes, count);
}

}  // namespace sluice::srtp::avx512
