// AES-GCM for packets (NIST SP 800-38D), compiled with AVX-512, VAES and VPCLMULQDQ.
//
// Theory of operation. One packet is laid out in 64-byte registers of four blocks:
//
//   associated data   up to four blocks, at the end of a register of its own (zero blocks before them
//                     change nothing, since GHASH begins with 0)
//   payload           `full` registers of four blocks; the last block of the last may be short
//   the last register zero to three payload blocks, the length block, nothing
//
// The length block needs no keystream, so its lane enciphers the pre-counter block instead: E(K, J0),
// the mask of the tag, costs nothing. The payload register i is multiplied by H^(4(full-1-i)), so the
// last full one not at all, and the associated data by H^(4 full). The sum, reduced, and the last
// register then take the powers that lanes differ in (see ghash.hpp) and are reduced together.
//
// On Intel, AES runs on one port and carry-less multiplication on the other: 10 and 5 cycles a register
// for AES-128, with as many XORs again for either. So the groups of registers are staggered, GHASH one
// group behind AES, and the out-of-order core overlaps them, and consecutive packets. Measured on
// Emerald Rapids: finer interleaving by hand, and groups of six, are 10 to 20 % slower.
#include "dataplane/srtp/avx512/gcm.hpp"

#include "dataplane/srtp/avx512/aes.hpp"
#include "dataplane/srtp/avx512/ghash.hpp"
#include "dataplane/srtp/avx512/vector.hpp"

namespace sluice::srtp::avx512 {
namespace {

enum class Direction { seal, open };

// Registers whose AES runs side by side: enough to hide its latency of three to five cycles.
constexpr int group = 4;

// J0 ends in 1 and the payload's counters begin with 2 (SP 800-38D 7.1).
constexpr Counters<gcm_powers + 1, 2> gcm_counters{};
constexpr int pre_counter = 1 << 24;

SLUICE_INLINE __mmask64 first_bytes(size_t count) {
    return _bzhi_u64(~uint64_t{0}, static_cast<uint32_t>(count));
}

template <int Rounds>
struct Cipher {
    __m512i keys[Rounds + 1];
    __m512i whitened;  // the IV with a counter of 0, plus the first round key

    SLUICE_INLINE Cipher(const GcmKey<Rounds>& key, const uint8_t* iv) {
        SLUICE_UNROLL for (int r = 0; r <= Rounds; ++r) keys[r] = broadcast_block(key.round_keys[r]);
        whitened = _mm512_xor_si512(broadcast_block(iv), keys[0]);
    }

    // All rounds but the last, of N registers side by side. `x` is the counters.
    template <int N>
    SLUICE_INLINE void rounds(__m512i (&x)[N]) const {
        SLUICE_UNROLL for (int i = 0; i < N; ++i) x[i] = _mm512_xor_si512(x[i], whitened);
        SLUICE_UNROLL for (int r = 1; r < Rounds; ++r) {
            SLUICE_UNROLL for (int i = 0; i < N; ++i) x[i] = _mm512_aesenc_epi128(x[i], keys[r]);
            asm volatile("");  // the compiler's own order is 3 % slower
        }
    }
    // The last round adds its key at the very end: with the text added to that key, it enciphers it.
    [[nodiscard]] SLUICE_INLINE __m512i last_round(__m512i x, __m512i text) const {
        return _mm512_aesenclast_epi128(x, _mm512_xor_si512(text, keys[Rounds]));
    }
};

// Right-aligned to the register's end, block by block, the last block padded with zeroes.
SLUICE_INLINE __m512i load_aad(const uint8_t* aad, uint32_t len) {
    const uint32_t before = 64 - (len + 15) / 16 * 16;
    // Masked bytes are not read: the address before the buffer is never touched.
    return reverse_blocks(_mm512_maskz_loadu_epi8(first_bytes(len) << before, aad - before));
}

// What the functions below pass on.
template <int Rounds>
struct State {
    Cipher<Rounds> cipher;
    Product sum;             // of what has been multiplied
    __m512i waiting[group];  // ciphertext of the group before, to be multiplied
    const uint8_t* src;
    uint8_t* dst;
    const uint8_t* stride;  // power of the first register that waits, or else of the one at src
    size_t counter;         // registers of payload done
};

template <int Rounds>
SLUICE_INLINE void hash_waiting(State<Rounds>& s) {
    SLUICE_UNROLL for (int i = 0; i < group; i += 2) {
        multiply_add(s.sum, s.waiting[i], broadcast_block(s.stride + 16 * i), s.waiting[i + 1],
                     broadcast_block(s.stride + 16 * i + 16));
    }
    s.stride += 16 * group;
}

// Enciphers the full register at `at`, and returns its ciphertext for GHASH.
template <int Rounds, Direction D>
SLUICE_INLINE __m512i do_register(const State<Rounds>& s, int at, __m512i x) {
    const __m512i text = _mm512_loadu_si512(s.src + 64 * at);
    const __m512i result = s.cipher.last_round(x, text);
    _mm512_storeu_si512(s.dst + 64 * at, result);
    return reverse_blocks(D == Direction::seal ? result : text);
}

// `group` full registers, none of them the last full one. GHASH of the group before stands behind the
// AES rounds of this one, on which it does not depend.
template <int Rounds, Direction D, bool Waiting>
SLUICE_INLINE void do_group(State<Rounds>& s) {
    __m512i x[group];
    SLUICE_UNROLL for (int i = 0; i < group; ++i) x[i] = gcm_counters[s.counter + static_cast<size_t>(i)];
    s.cipher.rounds(x);
    if constexpr (Waiting) hash_waiting(s);
    asm volatile("");
    SLUICE_UNROLL for (int i = 0; i < group; ++i) s.waiting[i] = do_register<Rounds, D>(s, i, x[i]);
    s.src += 64 * group;
    s.dst += 64 * group;
    s.counter += group;
}

// The last N registers: all full, but the last two. Returns the tag. `unmultiplied` is the associated
// data if that is all there is before the last register.
template <int Rounds, Direction D, bool Waiting, int N>
SLUICE_INLINE __m128i finish(State<Rounds>& s, const GcmKey<Rounds>& key, const GcmPacket& p, __m512i unmultiplied) {
    const size_t left = p.text_len - 64 * s.counter;
    const unsigned length_lane = (p.text_len + 15) / 16 % lanes;
    const auto in_length_lane = static_cast<__mmask8>(0x3u << (2 * length_lane));
    __m512i x[N];
    SLUICE_UNROLL for (int i = 0; i < N; ++i) x[i] = gcm_counters[s.counter + static_cast<size_t>(i)];
    const __m512i j0 = _mm512_broadcast_i32x4(_mm_set_epi32(pre_counter, 0, 0, 0));
    x[N - 1] = _mm512_mask_mov_epi64(x[N - 1], in_length_lane, j0);
    s.cipher.rounds(x);
    if constexpr (Waiting) hash_waiting(s);
    asm volatile("");

    SLUICE_UNROLL for (int i = 0; i < N - 2; ++i) {
        multiply_add(s.sum, do_register<Rounds, D>(s, i, x[i]), broadcast_block(s.stride + 16 * i));
    }
    if constexpr (N >= 2) {
        constexpr size_t at = 64 * (N - 2);
        const __mmask64 bytes = first_bytes(left - at < 64 ? left - at : 64);
        const __m512i text = _mm512_maskz_loadu_epi8(bytes, s.src + at);
        const __m512i result = s.cipher.last_round(x[N - 2], text);
        _mm512_mask_storeu_epi8(s.dst + at, bytes, result);
        unmultiplied = reverse_blocks(D == Direction::seal ? _mm512_maskz_mov_epi8(bytes, result) : text);
    }

    constexpr size_t at = 64 * (N - 1);
    const __mmask64 bytes = first_bytes(left > at ? left - at : 0);
    const __m512i text = _mm512_maskz_loadu_epi8(bytes, s.src + at);
    const __m512i keystream = _mm512_aesenclast_epi128(x[N - 1], s.cipher.keys[Rounds]);
    const __m512i result = _mm512_maskz_xor_epi64(0xff, keystream, text);
    _mm512_mask_storeu_epi8(s.dst + at, bytes, result);
    const __m512i ending = reverse_blocks(D == Direction::seal ? _mm512_maskz_mov_epi8(bytes, result) : text);
    const __m128i lengths = _mm_load_si128(reinterpret_cast<const __m128i*>(p.lengths));
    const __m512i last = _mm512_mask_broadcast_i64x2(ending, in_length_lane, lengths);

    // The length block lacks H^1, its lane's left neighbour H^2, ...: `used` lanes of powers end the table.
    const uint8_t* powers = key.lows[2 * lanes - 1 - length_lane];
    const __m512i for_last = _mm512_loadu_si512(powers);
    const __m512i for_sum = _mm512_loadu_si512(powers - 64);
    const __m512i before = N >= 2 ? _mm512_xor_si512(reduce(s.sum), unmultiplied) : unmultiplied;
    Product total = multiply(last, for_last);
    multiply_add(total, before, for_sum);
    // E(K, J0) joins the sum in its own lane.
    const __m512i hash = reduce(total);
    const __m512i tag = _mm512_mask_xor_epi64(hash, in_length_lane, hash, reverse_blocks(keystream));
    return _mm512_castsi512_si128(reverse_blocks(_mm512_castsi128_si512(add_lanes(tag))));
}

template <int Rounds, Direction D, bool Waiting>
SLUICE_INLINE __m128i finish(State<Rounds>& s, const GcmKey<Rounds>& key, const GcmPacket& p, unsigned full_left) {
    const __m512i none = _mm512_setzero_si512();
    switch (full_left) {
        case 1: return finish<Rounds, D, Waiting, 2>(s, key, p, none);
        case 2: return finish<Rounds, D, Waiting, 3>(s, key, p, none);
        case 3: return finish<Rounds, D, Waiting, 4>(s, key, p, none);
        default: return finish<Rounds, D, Waiting, 5>(s, key, p, none);
    }
}

template <int Rounds, Direction D>
SLUICE_INLINE void process(const GcmPacket& p) {
    const auto& key = *static_cast<const GcmKey<Rounds>*>(p.key);
    const unsigned full = (p.text_len + 15) / 16 / lanes;
    const __m512i aad = load_aad(p.aad, p.aad_len);
    State<Rounds> s{.cipher = Cipher<Rounds>(key, p.iv),
                    .sum = {},
                    .waiting = {},
                    .src = p.src,
                    .dst = p.dst,
                    .stride = key.strides[gcm_powers - full],
                    .counter = 0};
    __m128i tag;
    if (full == 0) {
        tag = finish<Rounds, D, false, 1>(s, key, p, aad);
    } else {
        s.sum = multiply(aad, broadcast_block(s.stride));
        s.stride += 16;
        // The last full register is left to finish(): it is not multiplied.
        const unsigned groups = (full - 1) / group;
        const unsigned full_left = full - groups * group;
        if (groups == 0) {
            tag = finish<Rounds, D, false>(s, key, p, full_left);
        } else {
            do_group<Rounds, D, false>(s);
            for (unsigned i = 1; i < groups; ++i) do_group<Rounds, D, true>(s);
            tag = finish<Rounds, D, true>(s, key, p, full_left);
        }
    }
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p.tag), tag);
}

// Packets whose keys are being fetched while one is enciphered.
constexpr size_t ahead = 3;

// Keys of large rooms do not stay in L2: asks for the lines that the packet will read, and for no more.
template <int Rounds>
SLUICE_INLINE void prefetch(const GcmPacket& p) {
    const auto& key = *static_cast<const GcmKey<Rounds>*>(p.key);
    const auto* end = reinterpret_cast<const uint8_t*>(&key + 1);
    for (const uint8_t* line = key.strides[gcm_powers - p.text_len / 64]; line < end; line += 64) __builtin_prefetch(line);
}

template <int Rounds, Direction D>
SLUICE_INLINE void process_all(const GcmPacket* packets, size_t count) {
    for (size_t i = 1; i < ahead && i < count; ++i) prefetch<Rounds>(packets[i]);
    for (size_t i = 0; i < count; ++i) {
        if (i + ahead < count) prefetch<Rounds>(packets[i + ahead]);
        process<Rounds, D>(packets[i]);
    }
}

template <int Rounds>
SLUICE_INLINE void expand(GcmKey<Rounds>* out, const uint8_t* key) {
    expand_key(out->round_keys, key, out->round_keys);
    const __m128i zero = encrypt_block<Rounds>(out->round_keys, _mm_setzero_si128());
    const __m128i reflected = _mm512_castsi512_si128(reverse_blocks(_mm512_castsi128_si512(zero)));
    const __m512i h1 = _mm512_broadcast_i32x4(stored_form(reflected));
    const __m512i h2 = multiply_stored(h1, h1);
    const __m512i h21 = _mm512_mask_mov_epi64(h2, 0xcc, h1);    // H^2 H^1 H^2 H^1
    const __m512i h43 = multiply_stored(h21, h2);               // H^4 H^3 H^4 H^3
    const __m512i low = _mm512_mask_mov_epi64(h43, 0xf0, h21);  // H^4 H^3 H^2 H^1
    const __m512i h4 = _mm512_shuffle_i64x2(low, low, 0x00);
    _mm512_store_si512(out->lows[lanes], low);
    _mm512_store_si512(out->lows[0], multiply_stored(low, h4));
    // H^16 H^12 H^8 H^4, and from there in steps of H^16, written backwards.
    const __m512i h8 = multiply_stored(h4, h4);
    const __m512i h84 = _mm512_mask_mov_epi64(h8, 0xcc, h4);
    __m512i strides = _mm512_mask_mov_epi64(multiply_stored(h84, h8), 0xf0, h84);
    const __m512i h16 = _mm512_shuffle_i64x2(strides, strides, 0x00);
    for (unsigned i = gcm_powers; i != 0; i -= lanes) {
        _mm512_store_si512(out->strides[i - lanes], strides);
        strides = multiply_stored(strides, h16);
    }
}

}  // namespace

void expand_gcm128(Gcm128Key* out, const uint8_t key[16]) noexcept {
    expand<10>(out, key);
}
void expand_gcm256(Gcm256Key* out, const uint8_t key[32]) noexcept {
    expand<14>(out, key);
}
void seal_gcm128(const GcmPacket* packets, size_t count) noexcept {
    process_all<10, Direction::seal>(packets, count);
}
void seal_gcm256(const GcmPacket* packets, size_t count) noexcept {
    process_all<14, Direction::seal>(packets, count);
}
void open_gcm128(const GcmPacket* packets, size_t count) noexcept {
    process_all<10, Direction::open>(packets, count);
}
void open_gcm256(const GcmPacket* packets, size_t count) noexcept {
    process_all<14, Direction::open>(packets, count);
}

}  // namespace sluice::srtp::avx512
