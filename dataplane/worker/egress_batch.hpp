// Packets on their way into one call of the sealer: of any packets, views and suites of one turn of the fan-out, so that
// CM-SHA1 finds its lanes full even where rooms are small.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/srtp/sealer.hpp"

struct rte_mbuf;

namespace sluice::table {
struct Leg;
struct MediaPacket;
struct Transport;
}  // namespace sluice::table

namespace sluice::worker {

struct EgressBatch {
    static constexpr std::uint16_t size = 64;

    std::array<srtp::SealJob, size> jobs;
    std::array<rte_mbuf*, size> mbufs;
    std::array<table::Leg*, size> legs;
    std::array<table::Transport*, size> transports;
    // Alive until the batch is sealed: source rings are not pushed to within a turn of the fan-out.
    std::array<const table::MediaPacket*, size> packets;
    std::uint64_t first = 0;  // bit per packet: the first one that its leg was ever sent
    std::uint16_t count = 0;
};

}  // namespace sluice::worker
