// Suite::plaintext, alike in all backends: the packet is copied, nothing is protected.
#pragma once

#include <cstring>

#include "dataplane/srtp/opener.hpp"
#include "dataplane/srtp/sealer.hpp"

namespace sluice::srtp::plaintext {

inline void seal_rtp(SealJob& job) noexcept {
    if (job.payload_len != 0) std::memcpy(job.dst + job.header_len, job.payload, job.payload_len);
    job.out_len = job.header_len + job.payload_len;
}

inline std::size_t open(ByteView packet, std::uint8_t* dst) noexcept {
    std::memcpy(dst, packet.data(), packet.size());
    return packet.size();
}

}  // namespace sluice::srtp::plaintext
