// Capture and trace over the control socket. Only root and our own user may: the socket may have been handed to a control
// plane that is neither. A plaintext capture leaves an audit line in our log, and each leaves an event.

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "dataplane/control/server.hpp"

namespace sluice::control {

using abi::MessageType;
using abi::ObserveKind;
using abi::Status;

namespace {

std::string scope_of(const abi::ObserveStart& wanted) {
    std::string text = wanted.worker == abi::every_worker ? "every worker" : "worker " + std::to_string(wanted.worker);
    if (wanted.count == 0) return text + ", every transport";
    text += ", transports";
    for (std::uint32_t i = 0; i < wanted.count; ++i) {
        char id[24];
        std::snprintf(id, sizeof id, " %016llx", static_cast<unsigned long long>(wanted.transports[i]));
        text += id;
    }
    return text;
}

}  // namespace

void Server::observe(Connection& c, const abi::MessageHeader& header, ByteView record) {
    if (c.peer_uid != 0 && c.peer_uid != geteuid()) return acknowledge(c, header.seq, Status::not_permitted);
    switch (header.type) {
        case MessageType::observe_start: {
            const auto m = abi::read_as<abi::ObserveStart>(record);
            return m ? observe_start(c, header.seq, *m) : acknowledge(c, header.seq, Status::malformed);
        }
        case MessageType::observe_stop: {
            const auto m = abi::read_as<abi::ObserveStop>(record);
            return m ? observe_stop(c, header.seq, m->kind) : acknowledge(c, header.seq, Status::malformed);
        }
        case MessageType::subscribe: c.subscribed = true; return acknowledge(c, header.seq, Status::ok);
        default: return acknowledge(c, header.seq, Status::unknown_type);
    }
}

void Server::observe_start(Connection& c, std::uint64_t seq, const abi::ObserveStart& wanted) {
    abi::ObserveStarted reply;
    reply.kind = wanted.kind;
    const auto refuse = [&](Status status) {
        reply.status = status;
        abi::finish(reply, seq, c.epoch);
        c.send(bytes_of(reply));
    };
    const std::uint16_t workers = registry_.workers();
    if (wanted.kind == ObserveKind::none || wanted.kind > ObserveKind::trace || wanted.count > abi::max_observed)
        return refuse(Status::bad_value);
    if (wanted.worker != abi::every_worker && wanted.worker >= workers) return refuse(Status::bad_worker);
    std::optional<Observation>& slot = wanted.kind == ObserveKind::trace ? trace_ : capture_;
    if (slot) {
        reply.holder_pid = slot->pid;
        return refuse(Status::busy);
    }
    Observation o;
    o.wanted = wanted;
    o.connection = c.serial;
    o.seq = seq;
    o.uid = c.peer_uid;
    o.pid = c.peer_pid;
    o.ring_bytes = abi::CaptureLayout::bytes_for(workers);
    auto memory = telemetry::SharedMemory::create("sluice-capture", abi::CaptureLayout::total(workers, o.ring_bytes));
    if (!memory) return refuse(Status::capacity);
    o.memory = std::make_shared<telemetry::SharedMemory>(std::move(*memory));
    o.token = next_token_++;
    for (std::uint16_t w = 0; w < workers; ++w) {
        if (wanted.worker != abi::every_worker && wanted.worker != w) continue;
        void* ring = o.memory->data() + w * abi::CaptureLayout::stride(o.ring_bytes);
        registry_.observe(w, wanted.kind, std::make_unique<telemetry::Tap>(o.memory, ring, o.ring_bytes, w, wanted),
                          o.token);
    }
    slot = std::move(o);
    tell_observation(*slot, true);
}

// Every worker shows: the observer gets the rings.
void Server::observation_ready(std::uint64_t token) {
    for (std::optional<Observation>* slot : {&capture_, &trace_}) {
        if (!*slot || (*slot)->token != token) continue;
        Observation& o = **slot;
        o.token = 0;
        for (auto& [fd, c] : connections_) {
            if (c->serial != o.connection) continue;
            abi::ObserveStarted reply;
            reply.kind = o.wanted.kind;
            reply.workers = registry_.workers();
            reply.ring_bytes = o.ring_bytes;
            abi::finish(reply, o.seq, c->epoch);
            const int memory = o.memory->fd();
            c->send(bytes_of(reply), {&memory, 1});
        }
    }
}

void Server::observe_stop(Connection& c, std::uint64_t seq, ObserveKind kind) {
    std::optional<Observation>& slot = kind == ObserveKind::trace ? trace_ : capture_;
    if (!slot || slot->connection != c.serial) return acknowledge(c, seq, Status::no_such_object);
    const std::uint64_t token = next_token_++;
    end_observation(slot, token);
    settle(c, seq, {}, token);
}

void Server::end_observation(std::optional<Observation>& slot, std::uint64_t token) {
    if (!slot) return;
    const abi::ObserveStart& wanted = slot->wanted;
    for (std::uint16_t w = 0; w < registry_.workers(); ++w) {
        if (wanted.worker == abi::every_worker || wanted.worker == w) registry_.observe(w, wanted.kind, nullptr, token);
    }
    const Observation ended = std::move(*slot);
    slot.reset();
    tell_observation(ended, false);
}

// An observer that goes away ends what it began.
void Server::end_observations(const Connection& c) {
    for (std::optional<Observation>* slot : {&capture_, &trace_}) {
        if (*slot && (*slot)->connection == c.serial) end_observation(*slot, next_token_++);
    }
}

void Server::tell_observation(const Observation& o, bool started) {
    if (o.wanted.kind == ObserveKind::plaintext) {
        info_.audit("audit: plaintext capture " + std::string(started ? "started" : "ended") + " by uid " +
                    std::to_string(o.uid) + ", pid " + std::to_string(o.pid) + ": " + scope_of(o.wanted));
    }
    abi::EventObservation event;
    event.kind = o.wanted.kind;
    event.started = started ? 1 : 0;
    event.worker = o.wanted.worker;
    event.pid = o.pid;
    event.uid = o.uid;
    event.count = o.wanted.count;
    event.transport = o.wanted.count == 0 ? 0 : o.wanted.transports[0];
    send_event(event);
}

}  // namespace sluice::control
