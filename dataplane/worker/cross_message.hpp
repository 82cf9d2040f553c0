// What one worker tells another, over one SPSC ring per ordered pair: opened packets, sender reports, keyframe requests,
// datagrams that arrived on the wrong queue or at another than the owner of their transport, and transports that move.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/table/flow_table.hpp"

struct rte_mbuf;

namespace sluice::table {
struct MediaPacket;
}

namespace sluice::worker {

struct Move;

enum class CrossKind : std::uint8_t {
    packet,
    sender_report,
    keyframe_request,
    datagram,
    transport,     // `move`: the receiver owns it from now on
    flow_learned,  // flow() is of a transport of the sender's, and of a port of the receiver's
    flow_lost,
};

struct CrossMessage {
    CrossKind kind;
    // Of the source. Of a datagram: 1 = the sender, to whom it was handed on, has no such transport. Of a flow: its ports.
    std::uint32_t slot;
    union {
        struct {
            std::uint64_t source;  // its id: a slot may have been reused while the message was under way
            union {
                table::MediaPacket* packet;  // one reference travels with the message
                rte_mbuf* datagram;
                std::uint64_t ntp;
                Move* move;
            };
        };
        std::array<std::uint8_t, 16> remote_ip;  // of a flow
    };
    std::int64_t arrival_ns;
    std::uint32_t rtp_timestamp;

    void set_flow(const table::FlowKey& key) noexcept {
        remote_ip = key.remote_ip;
        slot = std::uint32_t{key.remote_port} << 16 | key.local_port;
    }
    [[nodiscard]] table::FlowKey flow() const noexcept {
        return {remote_ip, static_cast<std::uint16_t>(slot >> 16), static_cast<std::uint16_t>(slot)};
    }
};

}  // namespace sluice::worker
