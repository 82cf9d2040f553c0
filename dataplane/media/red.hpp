// Redundant audio (RFC 2198): a packet holds older encodings and, as its last block, the primary one, which is what the
// packet would be without RED. Example (Opus with one repetition, payload types 111):
//     1|111  ts offset 960  length 60 |  0|111 | 60 bytes of the last packet | the primary block: the rest
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/base/bytes.hpp"

namespace sluice::media {

struct RedPrimary {
    std::uint8_t payload_type;
    std::uint16_t offset;  // into the payload; the block reaches to its end
    friend bool operator==(const RedPrimary&, const RedPrimary&) = default;
};

// Nothing if the block headers do not fit the payload, or if they leave the primary block nothing.
[[nodiscard]] std::optional<RedPrimary> find_red_primary(ByteView payload) noexcept;

}  // namespace sluice::media
