// Expanded key state of one transport and direction, made once from the DTLS-exported master key and
// then read by every packet.
//
// Theory of operation. The caller owns the memory (slabs in fan-out order); nothing here is on the
// heap, except with Backend::libsrtp. init() derives the session keys (RFC 3711 4.3) and expands
// what RTP needs: AES round keys and GHASH powers for GCM, or round keys and the two hashed HMAC
// pads for CM-SHA1. SRTCP is rare, so its cipher key stays compact and is expanded per packet.
// The first 64-byte line is common to all suites. Of what follows, a 1200-byte packet reads, with
// Backend::avx512, ten lines in ascending order for GCM (audio: six), with ipsec-mb about 16; CM-SHA1 four.
//
// Thread: init() and wipe() by the one thread that owns the memory at the time; immutable for sealing
// and opening in between. With Backend::libsrtp the key hides a libsrtp session, which is *not*
// immutable: it belongs to the worker that seals with it. Not copyable, so that secrets have one home.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "dataplane/srtp/avx512/gcm.hpp"
#include "dataplane/srtp/suite.hpp"

namespace sluice::srtp {

class Engine;

enum class Backend : std::uint8_t { ipsec_mb, libsrtp, avx512 };

// State that a backend keeps outside the key; freed by wipe().
struct BackendSession {
    virtual ~BackendSession() = default;
};

// The shape that TxKey and RxKey share. Written only by Engine backends.
struct alignas(64) KeyState {
    // Session salts, zero-padded to 16 bytes, so that an IV is one vector XOR.
    std::array<std::uint8_t, 16> rtp_salt{};
    std::array<std::uint8_t, 16> rtcp_salt{};
    std::array<std::uint8_t, 16> rtcp_key{};
    BackendSession* session = nullptr;
    Suite suite = Suite::none;
    Backend maker{};  // whose layout `rtp` has

    // Chaining values of SHA-1 after the ipad and opad blocks, as host-order words.
    struct HmacPads {
        std::array<std::uint32_t, 5> inner;
        std::array<std::uint32_t, 5> outer;
    };
    struct CmState {
        std::array<std::uint8_t, 11 * 16> rtp_round_keys;
        HmacPads rtp_pads;
        HmacPads rtcp_pads;
    };
    // ipsec-mb's gcm_key_data: round keys and powers of H. It has to be 64-byte aligned.
    struct GcmState {
        std::array<std::uint8_t, 1008> expanded;
    };
    union Expanded {
        Expanded() noexcept : cm{} {}
        GcmState gcm;
        avx512::Gcm128Key gcm128;
        CmState cm;
    };
    alignas(64) Expanded rtp;

    KeyState() noexcept = default;
    KeyState(const KeyState&) = delete;
    KeyState& operator=(const KeyState&) = delete;

    // What `backend` may do with this key: another one's holds no secrets in a form that it knows, and
    // sealing with it would mean a key of arbitrary bytes.
    [[nodiscard]] Suite suite_for(Backend backend) const noexcept {
        return maker == backend || suite == Suite::plaintext ? suite : Suite::none;
    }

    // Frees the backend's session and zeroes all bytes; the key is then as constructed.
    void wipe() noexcept;
};

struct alignas(64) TxKey : KeyState {
    // May be called again on a live key; the old secrets are wiped first.
    void init(Suite suite, const MasterKey& master, Engine& engine);
};

struct alignas(64) RxKey : KeyState {
    void init(Suite suite, const MasterKey& master, Engine& engine);
};

// What a packet of `packet_bytes` reads of a key, about: for asking the cache for it.
[[nodiscard]] constexpr std::size_t bytes_read_of_key(std::size_t packet_bytes) noexcept {
    return packet_bytes < 300 ? 6 * 64 : 10 * 64;
}

static_assert(sizeof(TxKey) == 1088 && sizeof(RxKey) == 1088 && alignof(TxKey) == 64);
// The common line, and what a packet of 1200 bytes reads of the key behind it.
static_assert(offsetof(TxKey, rtp) == 64);
static_assert(64 + sizeof(avx512::Gcm128Key) <= 13 * 64 && 64 + sizeof(KeyState::CmState) == 5 * 64);
static_assert(std::is_trivially_destructible_v<TxKey> && std::is_trivially_destructible_v<RxKey>);

}  // namespace sluice::srtp
