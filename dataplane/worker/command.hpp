// What main asks of a worker. Main builds everything that needs memory, the worker only links and unlinks, and the same
// command comes back with whatever main has to free. So a worker neither allocates nor waits.
#pragma once

#include <cstdint>
#include <memory>

#include "dataplane/base/ip_address.hpp"
#include "dataplane/table/leg.hpp"
#include "dataplane/table/next_hop.hpp"
#include "dataplane/table/source.hpp"
#include "dataplane/table/transport.hpp"
#include "dataplane/telemetry/tap.hpp"
#include "dataplane/worker/move.hpp"

namespace sluice::worker {

enum class Op : std::uint8_t {
    install_transport,
    update_transport,
    remove_transport,
    install_source,
    update_source,
    remove_source,
    install_view,
    remove_view,
    set_interest,
    install_leg,
    update_leg,  // also moves it to another view, or to none
    remove_leg,
    request_keyframe,
    set_capture,  // `tap`, or none; the one before on the way back
    set_trace,
    set_next_hop,     // of one transport
    update_next_hop,  // an entry of the table, on every worker
    // stage_move.cpp
    grow_view,  // room for more legs, in `legs`
    move_out,   // `move`, if it may; says so in it
    move_in,    // it has been handed over: take it before anything else is asked of it
    lead,       // `reach` leads to `owner`, `forgotten` does no more; only where that is another worker
    give_back_windows,
};

struct Command {
    // Keeps alive what the worker lets go of; dropped when main frees the command, after all that follows here.
    std::shared_ptr<const void> garbage;
    Op op{};
    std::uint64_t token = 0;  // main's transaction
    table::Transport* transport = nullptr;
    table::Source* source = nullptr;
    table::SourceView* view = nullptr;
    table::Leg* leg = nullptr;
    std::uint64_t interest = 0;  // set_interest; `view`: of a worker that had none before

    // update_transport: prepared by main. `keys` holds the old ones on the way back.
    abi::TransportSpec transport_spec;
    table::IceState ice;
    table::IceState previous_ice;
    table::TransportKeys keys;
    // install_source: for a transport that has none yet. Comes back if it had.
    std::unique_ptr<table::Publishing> publishing;
    std::unique_ptr<media::TwccRecorder> twcc;  // install_source, update_source
    // update_source, update_leg
    abi::SourceSpec source_spec;
    abi::LegSpec leg_spec;
    // A longer list for the view that the leg joins; the old list on the way back.
    std::unique_ptr<table::LegRef[]> legs;
    std::uint32_t leg_capacity = 0;
    // set_capture, set_trace
    std::unique_ptr<telemetry::Tap> tap;
    // set_next_hop: only if the transport's path still leads there. update_next_hop: the entry.
    IpAddress destination;
    table::NextHopIndex next_hop = table::no_next_hop;
    table::NextHop next_hop_entry;
    std::shared_ptr<Move> move;        // move_out, move_in
    std::unique_ptr<Reach> reach;      // lead; remove_transport: filled in, for the worker whose port it had
    std::unique_ptr<Reach> forgotten;  // lead
    std::uint16_t owner = 0;
    std::uint16_t port_worker = 0;              // remove_transport, for main
    std::uint64_t transport_id = 0;             // move_out, move_in, for main
    table::RtcpWindowBlock* windows = nullptr;  // give_back_windows
};

}  // namespace sluice::worker
