// CRC-32 (ITU-T V.42, reflected polynomial 0xEDB88320), as STUN's FINGERPRINT wants it.
#pragma once

#include <cstdint>

#include "dataplane/base/bytes.hpp"

namespace sluice {

// Pass the result of the previous chunk to continue over several.
[[nodiscard]] std::uint32_t crc32(ByteView bytes, std::uint32_t previous = 0) noexcept;

}  // namespace sluice
