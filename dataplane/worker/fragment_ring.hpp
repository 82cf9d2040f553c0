// What a worker and main exchange about IP fragments: copies of the fragments up, whole datagrams and what became of the
// rest down. The reasons of main's drops come down too, since a worker's counters have one writer.
#pragma once

#include <cstdint>

#include "dataplane/abi/drop_reason.hpp"
#include "dataplane/base/spsc_ring.hpp"

struct rte_mbuf;

namespace sluice::worker {

struct Reassembled {
    rte_mbuf* datagram = nullptr;  // a whole frame of one segment; nullptr: only the drops below
    abi::DropReason reason = abi::DropReason::none;
    std::uint32_t count = 0;
};

// l2_len and l3_len of each mbuf are set, and it ends where its IP packet ends.
using FragmentRing = SpscRing<rte_mbuf*>;
using ReassembledRing = SpscRing<Reassembled>;

}  // namespace sluice::worker
