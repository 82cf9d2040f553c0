// Identifiers and value types that both planes share. Everything here is a fixed-size little-endian POD:
// append-only, never reordered. A reader copies min(received, known) bytes and leaves the rest zero.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace sluice::abi {

inline constexpr std::uint16_t abi_current = 1;
inline constexpr std::uint16_t abi_oldest = 1;

// 64-bit, chosen by the control plane, never reused within one boot of the data plane. 0 means "none".
enum class TransportId : std::uint64_t { none = 0 };
enum class SourceId : std::uint64_t { none = 0 };
enum class LegId : std::uint64_t { none = 0 };

enum class ObjectKind : std::uint8_t { none = 0, transport = 1, source = 2, leg = 3, blob = 4 };

// Same values as sluice::srtp::Suite.
enum class CryptoSuite : std::uint8_t {
    none = 0,
    aead_aes_128_gcm = 1,
    aes_cm_128_hmac_sha1_80 = 2,
    plaintext = 0xff,  // only on ring, memif and null ports, and only when the data plane was started with it allowed
};

enum class MediaKind : std::uint8_t { none = 0, audio = 1, video = 2 };

// Same values as sluice::media::Codec.
enum class CodecId : std::uint8_t { none = 0, opus, red, vp8, vp9, h264, av1, pcmu, pcma, other };

// RTP header extensions that a worker reads, forwards or writes (RFC 8285). The value indexes ext id tables.
enum class Extension : std::uint8_t {
    mid = 0,
    rid,
    repaired_rid,
    transport_cc,
    abs_send_time,
    audio_level,
    dependency_descriptor,
    abs_capture_time,
    video_orientation,
    playout_delay,
    video_layers_allocation,
    count
};
inline constexpr std::size_t extension_slots = 16;
// Extension ids on the wire by Extension; 0 means "not negotiated". Two-byte ids up to 255 are allowed.
using ExtensionIds = std::array<std::uint8_t, extension_slots>;

// Where a datagram came from and how to answer it. IPs are 16 bytes, IPv4 in mapped form (::ffff:a.b.c.d); ports in
// host order. `remote_mac`, `vlan` and `port` are the reverse layer-2 path; the control plane hands them back untouched.
struct FlowAddress {
    std::array<std::uint8_t, 16> remote_ip{};
    std::array<std::uint8_t, 16> local_ip{};
    std::uint16_t remote_port = 0;
    std::uint16_t local_port = 0;
    std::array<std::uint8_t, 6> remote_mac{};
    std::uint16_t vlan = 0;  // 0 = untagged
    std::uint16_t port = 0;  // index of the data plane's port
    std::uint16_t reserved = 0;

    friend bool operator==(const FlowAddress&, const FlowAddress&) = default;
    [[nodiscard]] bool empty() const noexcept { return remote_port == 0; }
};
static_assert(sizeof(FlowAddress) == 48);

inline constexpr std::size_t ufrag_size = 8;
inline constexpr std::size_t max_password = 32;
inline constexpr std::size_t max_payloads = 8;
inline constexpr std::size_t max_mid = 16;
inline constexpr std::size_t max_blob = 16 * 1024;
inline constexpr std::size_t max_workers = 64;

}  // namespace sluice::abi
