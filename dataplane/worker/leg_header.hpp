// The RTP header that a packet has towards the legs of one format, prepared once and laid under each of them.
//
// Theory of operation. prepare() writes the whole header with the sequence number, timestamp, SSRC and the letters of the
// MID left out. The MID stands last in the extension block, so that one 16-byte store of a leg's MID, which ends in zeros,
// writes its letters and the block's padding; what it spills over is payload, which is sealed later. lay() is then a few
// wide stores a leg. The header is read back by the cipher only when the batch is sealed, long after these stores have
// retired.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "dataplane/abi/messages.hpp"
#include "dataplane/base/byteorder.hpp"
#include "dataplane/base/bytes.hpp"
#include "dataplane/table/leg_format.hpp"
#include "dataplane/table/media_packet.hpp"

namespace sluice::worker {

struct LegHeader {
    static constexpr std::size_t room = 512;
    // lay() writes whole steps, and a MID past the end: so much behind the header has to be writable.
    static constexpr std::size_t step = 64;
    static constexpr std::size_t overrun = step + abi::max_mid;

    alignas(64) std::array<std::uint8_t, room> bytes;
    std::uint16_t length;      // 12 to room
    std::uint16_t mid_offset;  // 0: no MID
    // What follows the header: the packet's payload, or of RED the primary block alone. Shared by all legs.
    std::uint16_t payload_length;
    abi::LegPayload types;  // payload_type 0xff: legs of this format cannot take the packet
    const std::uint8_t* payload;

    void set_payload_type(std::uint8_t type) noexcept {
        bytes[1] = static_cast<std::uint8_t>((bytes[1] & 0x80) | (type & 0x7f));
    }
    void prepare(const table::LegFormat& format, const table::MediaPacket& packet) noexcept;

    void lay(std::uint8_t* out, std::uint16_t sequence, std::uint32_t timestamp, std::uint32_t ssrc,
             const std::array<char, abi::max_mid>& mid) const noexcept {
        std::memcpy(out, bytes.data(), step);
        for (std::size_t at = step; at < length; at += step) std::memcpy(out + at, bytes.data() + at, step);
        store(out + 2, be16{sequence});
        store(out + 4, be32{timestamp});
        store(out + 8, be32{ssrc});
        if (mid_offset != 0) std::memcpy(out + mid_offset, mid.data(), mid.size());
    }
};

}  // namespace sluice::worker
