// A transport on its way from one worker to another, with all of its legs; stage_move.cpp tells how.
//
// Thread: main makes it and keeps it until the new owner has confirmed. In between it belongs to whom the command or the
// message that carries it goes to.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "dataplane/media/sender_clock.hpp"
#include "dataplane/table/flow_table.hpp"
#include "dataplane/table/transport.hpp"

namespace sluice::table {
struct Leg;
struct SourceView;
}  // namespace sluice::table

namespace sluice::worker {

// By which keys datagrams find a transport: what the worker whose port it has must know of it.
struct Reach {
    std::array<table::FlowKey, table::Transport::max_flows> flows{};
    std::uint8_t flow_count = 0;
    std::array<std::uint64_t, 2> ufrags{};  // 0: none
};

struct MovingLeg {
    table::Leg* leg = nullptr;
    table::SourceView* view = nullptr;  // on the new worker, with room for the leg; nullptr while it has no source
    // Written by the old worker.
    bool in_stream = false;   // it goes on with the packet of `order`; otherwise as one that joins
    bool replaying = false;   // it was being sent the last keyframe, and goes on at that pace
    std::uint64_t order = 0;  // MediaPacket::order
    media::SenderClock clock;
};

struct Move {
    table::Transport* transport = nullptr;
    std::uint16_t from = 0;
    std::uint16_t to = 0;
    std::vector<MovingLeg> legs;  // all that it has
    bool left = false;            // written by the old worker: false, and nothing changed, when it could not go yet
    Reach reach;                  // when it left
    bool arrived = false;         // written by the new worker
    table::RtcpWindowBlock* windows = nullptr;  // of the old worker's pool, replaced by some of the new one's
};

}  // namespace sluice::worker
