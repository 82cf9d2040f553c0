// What one worker tells another, over one SPSC ring per ordered pair: opened packets, sender reports, keyframe requests,
// and datagrams that arrived on the wrong queue.
#pragma once

#include <cstdint>

struct rte_mbuf;

namespace sluice::table {
struct MediaPacket;
}

namespace sluice::worker {

enum class CrossKind : std::uint8_t { packet, sender_report, keyframe_request, datagram };

struct CrossMessage {
    CrossKind kind;
    std::uint32_t slot;    // of the source
    std::uint64_t source;  // its id: a slot may have been reused while the message was under way
    union {
        table::MediaPacket* packet;  // one reference travels with the message
        rte_mbuf* datagram;
        std::uint64_t ntp;
    };
    std::int64_t arrival_ns;
    std::uint32_t rtp_timestamp;
};

}  // namespace sluice::worker
