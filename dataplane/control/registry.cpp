#include "dataplane/control/registry.hpp"

#include <algorithm>
#include <cstring>

namespace sluice::control {
namespace {

using abi::Status;
using worker::Command;
using worker::Op;

// A shared object that gives its slot back when the last command naming it has come home. `owner` outlives it.
template <typename T, typename Delete>
std::shared_ptr<T> with_slot(std::unique_ptr<T, Delete> object, std::shared_ptr<SlotPool> pool, std::uint32_t slot,
                             std::shared_ptr<const void> owner = nullptr) {
    const Delete end = object.get_deleter();
    return std::shared_ptr<T>(object.release(), [end, pool = std::move(pool), slot, owner = std::move(owner)](T* dead) {
        end(dead);
        pool->give_back(slot);
    });
}

table::IceState ice_state(const abi::IceCredentials& c) {
    table::IceState state;
    state.ufrag = table::ufrag_key({c.ufrag.data(), c.ufrag.size()});
    if (state.ufrag != 0) {
        state.hmac.init({reinterpret_cast<const std::uint8_t*>(c.password.data()), c.password_length});
    }
    return state;
}

// Hz: of the first payload in use that states one, otherwise what WebRTC uses for the kind.
std::uint32_t clock_rate_of(const abi::SourceSpec& spec) noexcept {
    for (const auto& p : spec.payloads) {
        if (p.payload_type != 0xff && p.clock_rate != 0) return p.clock_rate;
    }
    return spec.kind == abi::MediaKind::video ? 90'000 : 48'000;
}

bool same_keys(const abi::TransportSpec& a, const abi::TransportSpec& b) noexcept {
    return a.suite == b.suite && a.rx_key.key == b.rx_key.key && a.rx_key.salt == b.rx_key.salt &&
           a.tx_key.key == b.tx_key.key && a.tx_key.salt == b.tx_key.salt;
}

}  // namespace

Registry::Registry(RegistryLimits limits, std::vector<WorkerLink*> workers, const telemetry::Segment& segment,
                   srtp::Backend backend)
    : limits_(limits),
      workers_(std::move(workers)),
      segment_(segment),
      engine_(srtp::make_engine(backend)),
      transport_slots_(std::make_shared<SlotPool>(limits.max_transports)),
      source_slots_(std::make_shared<SlotPool>(limits.max_sources)),
      leg_slots_(std::make_shared<SlotPool>(limits.max_legs)) {
    segment_.header().blob_budget = limits_.blob_budget;
}

Registry::~Registry() {
    for (auto& [id, blob] : blobs_) srtp::secure_zero(blob.bytes.data(), blob.bytes.size());
    for (auto& [id, t] : transports_) {
        srtp::secure_zero(&t.spec.rx_key, sizeof t.spec.rx_key);
        srtp::secure_zero(&t.spec.tx_key, sizeof t.spec.tx_key);
    }
}

std::unique_ptr<Command> Registry::command(Op op, std::uint64_t token) const {
    auto c = std::make_unique<Command>();
    c->op = op;
    c->token = token;
    return c;
}

void Registry::send(std::uint16_t worker, std::unique_ptr<Command> c) {
    ++under_way_[c->token];
    workers_[worker]->send(std::move(c));
}

std::size_t Registry::commands(std::uint64_t token) const {
    const auto at = under_way_.find(token);
    return at == under_way_.end() ? 0 : at->second;
}

bool Registry::poll(const std::function<void(std::uint64_t)>& done) {
    bool any = false;
    for (WorkerLink* link : workers_) {
        any |= link->poll([&](Command& c) {
            came_home(c);
            const auto at = under_way_.find(c.token);
            if (at == under_way_.end() || --at->second != 0) return;
            under_way_.erase(at);
            done(c.token);
        });
    }
    advance_moves();
    return any;
}

void Registry::observe(std::uint16_t worker, abi::ObserveKind kind, std::unique_ptr<telemetry::Tap> tap,
                       std::uint64_t token) {
    auto c = command(kind == abi::ObserveKind::trace ? Op::set_trace : Op::set_capture, token);
    c->tap = std::move(tap);
    send(worker, std::move(c));
}

Registry::Result Registry::apply(ByteView record, std::uint64_t token) {
    const auto header = abi::read_header(record);
    if (!header) return {Status::malformed, 0};
    if (handing_over()) return {Status::busy, 0};  // the server holds records back until then
    const auto run = [&]<typename T>(std::expected<T, abi::AbiError> message, auto&& action) -> Result {
        return message ? action(*message) : Result{Status::malformed, 0};
    };
    switch (header->type) {
        case abi::MessageType::upsert_transport:
            return run(abi::read_as<abi::TransportSpec>(record), [&](const auto& m) { return upsert_transport(m, token); });
        case abi::MessageType::upsert_source:
            return run(abi::read_as<abi::SourceSpec>(record), [&](const auto& m) { return upsert_source(m, token); });
        case abi::MessageType::upsert_leg:
            return run(abi::read_as<abi::LegSpec>(record), [&](const auto& m) { return upsert_leg(m, token); });
        case abi::MessageType::upsert_blob: return upsert_blob(record);
        case abi::MessageType::remove:
            return run(abi::read_as<abi::Remove>(record), [&](const auto& m) { return remove(m, token); });
        case abi::MessageType::request_keyframe:
            return run(abi::read_as<abi::RequestKeyframe>(record), [&](const abi::RequestKeyframe& m) -> Result {
                const auto at = sources_.find(raw(m.source));
                if (at == sources_.end()) return {Status::no_such_object, raw(m.source)};
                auto c = command(Op::request_keyframe, token);
                c->source = at->second.object.get();
                c->garbage = at->second.object;
                send(at->second.worker, std::move(c));
                return {};
            });
        default: return {Status::unknown_type, 0};
    }
}

void Registry::fill_transport(Command& c, TransportRecord& record, const abi::TransportSpec& spec, bool new_keys) {
    c.transport = record.object.get();
    c.transport_spec = spec;
    c.ice = ice_state(spec.ice);
    c.previous_ice = ice_state(spec.previous_ice);
    c.garbage = record.object;
    if (new_keys && spec.suite != abi::CryptoSuite::none) {
        c.keys = {table::make_in<table::SealKey>(slabs_->seal_keys), table::make_in<table::OpenKey>(slabs_->open_keys)};
        const auto suite = static_cast<srtp::Suite>(spec.suite);
        c.keys.rx->init(suite, {spec.rx_key.key, spec.rx_key.salt}, *engine_);
        c.keys.tx->init(suite, {spec.tx_key.key, spec.tx_key.salt}, *engine_);
    }
    srtp::secure_zero(&c.transport_spec.rx_key, sizeof c.transport_spec.rx_key);
    srtp::secure_zero(&c.transport_spec.tx_key, sizeof c.transport_spec.tx_key);
}

Registry::Result Registry::upsert_transport(const abi::TransportSpec& spec, std::uint64_t token) {
    const std::uint64_t id = raw(spec.id);
    if (id == 0 || spec.ice.password_length > abi::max_password || spec.previous_ice.password_length > abi::max_password) {
        return {Status::bad_value, id};
    }
    if (spec.worker >= workers_.size() || spec.owner > workers_.size()) return {Status::bad_worker, id};
    switch (spec.suite) {
        case abi::CryptoSuite::none:
        case abi::CryptoSuite::aead_aes_128_gcm:
        case abi::CryptoSuite::aes_cm_128_hmac_sha1_80: break;
        case abi::CryptoSuite::plaintext:
            if (!limits_.allow_plaintext) return {Status::plaintext_refused, id};
            break;
        default: return {Status::bad_value, id};
    }
    if (const auto at = transports_.find(id); at != transports_.end()) {
        TransportRecord& record = at->second;
        if (spec.generation < record.spec.generation) return {Status::stale_generation, id};
        if (spec.worker != record.spec.worker) return {Status::bad_worker, id};
        const std::uint16_t owner = spec.owner == 0 ? record.spec.owner : spec.owner;
        if (!record.sources.empty() && owner != record.owner + 1) return {Status::not_movable, id};
        lead_fragments(record, spec, token);
        auto c = command(Op::update_transport, token);
        fill_transport(*c, record, spec, !same_keys(spec, record.spec));
        const abi::FlowAddress in_use = record.spec.path;
        record.spec = spec;
        record.spec.owner = owner;
        // The same rule as the worker's: what it learned is younger than a repetition.
        if (spec.path.empty() || spec.path == record.programmed)
            record.spec.path = in_use;
        else
            record.programmed = spec.path;
        send(record.owner, std::move(c));
        want_owner(id, record);
        path_changed(id, record.spec.path);
        return {};
    }
    const auto slot = transport_slots_->take();
    if (!slot) return {Status::capacity, id};
    TransportRecord& record = transports_[id];
    record.spec = spec;
    record.owner = spec.owner == 0 ? spec.worker : static_cast<std::uint16_t>(spec.owner - 1);
    record.spec.owner = static_cast<std::uint16_t>(record.owner + 1);
    record.programmed = spec.path;
    record.object = with_slot(table::make_in<table::Transport>(slabs_->transports), transport_slots_, *slot, slabs_);
    record.object->id = spec.id;
    record.object->slot = *slot;
    abi::TransportSlot& counters = segment_.transport(*slot);
    std::memset(static_cast<void*>(&counters), 0, sizeof counters);
    counters.worker = record.owner;
    counters.port_worker = spec.worker;
    counters.srtcp_reserved.store(spec.srtcp_start, std::memory_order_relaxed);
    record.object->hot.counters = &counters;
    auto c = command(Op::install_transport, token);
    fill_transport(*c, record, spec, true);
    send(record.owner, std::move(c));
    lead_fragments(record, spec, token);
    path_changed(id, record.spec.path);
    return {};
}

Registry::Result Registry::upsert_source(const abi::SourceSpec& spec, std::uint64_t token) {
    const std::uint64_t id = raw(spec.id);
    const auto owner = transports_.find(raw(spec.transport));
    if (owner == transports_.end()) return {Status::no_such_object, id};
    if (id == 0 || (spec.kind != abi::MediaKind::audio && spec.kind != abi::MediaKind::video) ||
        spec.mid_length > abi::max_mid || spec.rid_length > abi::max_mid) {
        return {Status::bad_value, id};
    }
    TransportRecord& transport = owner->second;
    stay(raw(spec.transport), transport);
    const auto twcc = [&](Command& c) {
        if ((spec.flags & abi::source_transport_cc) == 0 || transport.wants_twcc) return;
        transport.wants_twcc = true;
        c.twcc = std::make_unique<media::TwccRecorder>();
    };
    if (const auto at = sources_.find(id); at != sources_.end()) {
        SourceRecord& record = at->second;
        if (spec.generation < record.spec.generation) return {Status::stale_generation, id};
        if (spec.transport != record.spec.transport || spec.kind != record.spec.kind) return {Status::bad_value, id};
        const std::uint32_t ssrc = record.spec.ssrc;
        const std::uint32_t rtx_ssrc = record.spec.rtx_ssrc;
        record.spec = spec;
        if (spec.ssrc == 0) record.spec.ssrc = ssrc;
        if (spec.rtx_ssrc == 0) record.spec.rtx_ssrc = rtx_ssrc;
        auto c = command(Op::update_source, token);
        c->source = record.object.get();
        c->source_spec = spec;
        c->garbage = record.object;
        twcc(*c);
        send(record.worker, std::move(c));
        return {};
    }
    if (transport.sources.size() >= table::Publishing::max_sources) return {Status::capacity, id};
    const auto slot = source_slots_->take();
    if (!slot) return {Status::capacity, id};
    SourceRecord& record = sources_[id];
    record.spec = spec;
    record.worker = transport.owner;
    record.object = with_slot(std::make_unique<table::Source>(), source_slots_, *slot);
    table::Source* source = record.object.get();
    source->id = spec.id;
    source->slot = *slot;
    source->transport = transport.object.get();
    source->stats = media::ReceiveStats(clock_rate_of(spec));
    abi::SourceSlot& counters = segment_.source(*slot);
    std::memset(static_cast<void*>(&counters), 0, sizeof counters);
    counters.rx_index.store(spec.rx_index, std::memory_order_relaxed);
    counters.rtx_rx_index.store(spec.rtx_rx_index, std::memory_order_relaxed);
    source->counters = &counters;
    auto c = command(Op::install_source, token);
    if (transport.sources.empty()) c->publishing = std::make_unique<table::Publishing>();
    transport.sources.insert(id);
    c->source = source;
    c->transport = transport.object.get();
    c->source_spec = spec;
    c->garbage = record.object;
    twcc(*c);
    send(record.worker, std::move(c));
    (void)view_on(record, record.worker, token);
    return {};
}

Registry::ViewRecord& Registry::view_on(SourceRecord& source, std::uint16_t worker, std::uint64_t token) {
    const auto at = source.views.find(worker);
    if (at != source.views.end()) return at->second;
    ViewRecord& view = source.views[worker];
    view.object = std::make_shared<table::SourceView>(source.spec.id, source.object->slot, source.worker,
                                                      worker == source.worker, source.spec.kind, clock_rate_of(source.spec));
    auto c = command(Op::install_view, token);
    c->view = view.object.get();
    c->garbage = view.object;
    send(worker, std::move(c));
    if (worker != source.worker) send_interest(source, token, &view);
    return view;
}

void Registry::send_interest(SourceRecord& source, std::uint64_t token, const ViewRecord* fresh) {
    auto c = command(Op::set_interest, token);
    c->source = source.object.get();
    c->garbage = source.object;
    if (fresh != nullptr) {
        c->view = fresh->object.get();
        c->garbage = std::make_shared<std::pair<std::shared_ptr<void>, std::shared_ptr<void>>>(fresh->object, source.object);
    }
    for (const auto& [worker, view] : source.views) {
        if (worker != source.worker) c->interest |= std::uint64_t{1} << worker;
    }
    send(source.worker, std::move(c));
}

void Registry::leave_view(SourceRecord& source, std::uint16_t worker, std::uint64_t token) {
    ViewRecord& view = source.views.at(worker);
    if (--view.legs != 0 || worker == source.worker) return;
    auto c = command(Op::remove_view, token);
    c->view = view.object.get();
    // The slot must not be reused while this command is under way: hold the source too.
    c->garbage = std::make_shared<std::pair<std::shared_ptr<void>, std::shared_ptr<void>>>(view.object, source.object);
    source.views.erase(worker);
    send(worker, std::move(c));
    send_interest(source, token);
}

void Registry::join_view(SourceRecord& source, LegRecord& leg, Command& c, std::uint64_t token) {
    ViewRecord& view = view_on(source, leg.worker, token);
    c.view = view.object.get();
    make_room(view, c);
    source.legs.insert(raw(leg.spec.id));
}

// For one more leg.
void Registry::make_room(ViewRecord& view, Command& c) {
    if (++view.legs <= view.capacity) return;
    view.capacity = std::max<std::uint32_t>(16, view.capacity * 2);
    c.legs = std::make_unique<table::LegRef[]>(view.capacity);
    c.leg_capacity = view.capacity;
}

Registry::Result Registry::upsert_leg(const abi::LegSpec& spec, std::uint64_t token) {
    const std::uint64_t id = raw(spec.id);
    const auto transport = transports_.find(raw(spec.transport));
    if (transport == transports_.end()) return {Status::no_such_object, id};
    if (id == 0 || spec.ssrc == 0 || spec.clock_rate == 0 || spec.mid_length > abi::max_mid) return {Status::bad_value, id};
    const auto source = sources_.find(raw(spec.source));
    if (spec.source != abi::SourceId::none && source == sources_.end()) return {Status::no_such_object, id};

    if (const auto at = legs_.find(id); at != legs_.end()) {
        LegRecord& record = at->second;
        if (spec.generation < record.spec.generation) return {Status::stale_generation, id};
        if (spec.transport != record.spec.transport) return {Status::bad_value, id};
        const abi::SourceId before = record.spec.source;
        record.spec = spec;
        auto c = command(Op::update_leg, token);
        c->leg = record.object.get();
        c->leg_spec = spec;
        c->garbage = record.object;
        if (before == spec.source) {
            if (source != sources_.end()) c->view = source->second.views.at(record.worker).object.get();
            send(record.worker, std::move(c));
            return {};
        }
        if (source != sources_.end()) join_view(source->second, record, *c, token);
        send(record.worker, std::move(c));
        if (const auto old = sources_.find(raw(before)); old != sources_.end()) {
            old->second.legs.erase(id);
            leave_view(old->second, record.worker, token);
        }
        return {};
    }
    const auto slot = leg_slots_->take();
    if (!slot) return {Status::capacity, id};
    LegRecord& record = legs_[id];
    record.spec = spec;
    record.worker = transport->second.owner;
    record.object = with_slot(table::make_in<table::Leg>(slabs_->legs), leg_slots_, *slot, slabs_);
    table::Leg* leg = record.object.get();
    leg->id = spec.id;
    leg->slot = *slot;
    leg->rtx_index = spec.rtx_start_index;
    abi::LegSlot& counters = segment_.leg(*slot);
    std::memset(static_cast<void*>(&counters), 0, sizeof counters);
    counters.rtp_reserved.store(spec.start_index, std::memory_order_relaxed);
    counters.rtx_reserved.store(spec.rtx_start_index, std::memory_order_relaxed);
    leg->hot.counters = &counters;
    transport->second.legs.insert(id);
    auto c = command(Op::install_leg, token);
    c->leg = leg;
    c->transport = transport->second.object.get();
    c->leg_spec = spec;
    c->garbage = record.object;
    if (source != sources_.end()) join_view(source->second, record, *c, token);
    send(record.worker, std::move(c));
    return {};
}

Registry::Result Registry::upsert_blob(ByteView record) {
    const auto blob = abi::read_blob(record);
    if (!blob) return {Status::malformed, 0};
    const std::uint64_t id = blob->spec.id;
    const auto at = blobs_.find(id);
    const std::uint64_t old = at == blobs_.end() ? 0 : at->second.bytes.size();
    if (at != blobs_.end() && blob->spec.generation < at->second.spec.generation) return {Status::stale_generation, id};
    if (blob_bytes_ - old + blob->bytes.size() > limits_.blob_budget) return {Status::capacity, id};
    Blob& kept = blobs_[id];
    srtp::secure_zero(kept.bytes.data(), kept.bytes.size());
    kept.spec = blob->spec;
    kept.bytes.assign(blob->bytes.begin(), blob->bytes.end());
    blob_bytes_ = blob_bytes_ - old + blob->bytes.size();
    segment_.header().blobs = blobs_.size();
    segment_.header().blob_bytes = blob_bytes_;
    return {};
}

Registry::Result Registry::remove(const abi::Remove& m, std::uint64_t token) {
    // Removing what is gone already is no error: REMOVE is idempotent.
    switch (m.kind) {
        case abi::ObjectKind::transport:
            if (transports_.contains(m.id)) remove_transport(m.id, token);
            return {};
        case abi::ObjectKind::source:
            if (sources_.contains(m.id)) remove_source(m.id, token);
            return {};
        case abi::ObjectKind::leg:
            if (legs_.contains(m.id)) remove_leg(m.id, token);
            return {};
        case abi::ObjectKind::blob:
            if (const auto at = blobs_.find(m.id); at != blobs_.end()) {
                blob_bytes_ -= at->second.bytes.size();
                srtp::secure_zero(at->second.bytes.data(), at->second.bytes.size());
                blobs_.erase(at);
                segment_.header().blobs = blobs_.size();
                segment_.header().blob_bytes = blob_bytes_;
            }
            return {};
        case abi::ObjectKind::none: break;
    }
    return {Status::bad_value, m.id};
}

void Registry::remove_leg(Id id, std::uint64_t token) {
    const auto at = legs_.find(id);
    LegRecord record = std::move(at->second);
    legs_.erase(at);
    auto c = command(Op::remove_leg, token);
    c->leg = record.object.get();
    c->garbage = std::move(record.object);
    send(record.worker, std::move(c));
    if (const auto source = sources_.find(raw(record.spec.source)); source != sources_.end()) {
        source->second.legs.erase(id);
        leave_view(source->second, record.worker, token);
    }
    if (const auto transport = transports_.find(raw(record.spec.transport)); transport != transports_.end()) {
        transport->second.legs.erase(id);
    }
}

// The legs stay, without a source, until the control plane gives them another.
void Registry::remove_source(Id id, std::uint64_t token) {
    const auto at = sources_.find(id);
    const std::unordered_set<Id> legs = at->second.legs;
    for (const Id leg_id : legs) {
        LegRecord& leg = legs_.at(leg_id);
        leg.spec.source = abi::SourceId::none;
        auto c = command(Op::update_leg, token);
        c->leg = leg.object.get();
        c->leg_spec = leg.spec;
        c->garbage = leg.object;
        send(leg.worker, std::move(c));
        leave_view(at->second, leg.worker, token);
    }
    SourceRecord record = std::move(at->second);
    sources_.erase(at);
    auto c = command(Op::remove_source, token);
    c->source = record.object.get();
    c->garbage = record.object;
    send(record.worker, std::move(c));
    for (auto& [worker, view] : record.views) {
        auto v = command(Op::remove_view, token);
        v->view = view.object.get();
        v->garbage = std::make_shared<std::pair<std::shared_ptr<void>, std::shared_ptr<void>>>(view.object, record.object);
        send(worker, std::move(v));
    }
    if (const auto transport = transports_.find(raw(record.spec.transport)); transport != transports_.end()) {
        transport->second.sources.erase(id);
    }
}

void Registry::remove_transport(Id id, std::uint64_t token) {
    const auto at = transports_.find(id);
    for (const Id leg : std::unordered_set<Id>(at->second.legs)) remove_leg(leg, token);
    for (const Id source : std::unordered_set<Id>(at->second.sources)) remove_source(source, token);
    stay(id, at->second);
    TransportRecord record = std::move(at->second);
    transports_.erase(at);
    srtp::secure_zero(&record.spec.rx_key, sizeof record.spec.rx_key);
    srtp::secure_zero(&record.spec.tx_key, sizeof record.spec.tx_key);
    auto c = command(Op::remove_transport, token);
    c->transport = record.object.get();
    c->garbage = std::move(record.object);
    if (record.owner != record.spec.worker) {
        c->reach = std::make_unique<worker::Reach>();
        c->owner = record.owner;
        c->port_worker = record.spec.worker;
    }
    send(record.owner, std::move(c));
    if (path_observer_) path_observer_(id, nullptr);
}

Registry::Result Registry::sweep(std::uint32_t generation, bool force, std::uint64_t token) {
    const auto stale = [&](const auto& objects) {
        std::vector<Id> ids;
        for (const auto& [id, record] : objects) {
            if (record.spec.generation < generation) ids.push_back(id);
        }
        return ids;
    };
    const std::vector<Id> transports = stale(transports_);
    // A restarted control plane that knows nothing must not end everybody's call by mistake.
    if (!force && transports.size() * 5 > transports_.size()) return {Status::sweep_refused, transports.size()};
    for (const Id id : stale(legs_)) remove_leg(id, token);
    for (const Id id : stale(sources_)) remove_source(id, token);
    for (const Id id : transports) {
        if (transports_.contains(id)) remove_transport(id, token);
    }
    for (const Id id : stale(blobs_)) {
        abi::Remove m;
        m.kind = abi::ObjectKind::blob;
        m.id = id;
        (void)remove(m, token);
    }
    return {};
}

std::uint64_t Registry::dump(const std::function<void(ByteView)>& out) const {
    std::uint64_t count = 0;
    const auto put = [&](auto message) {
        abi::finish(message, 0, 0);
        out(bytes_of(message));
        ++count;
    };
    for (const auto& [id, record] : transports_) put(record.spec);
    for (const auto& [id, record] : sources_) put(record.spec);
    for (const auto& [id, record] : legs_) put(record.spec);
    for (const auto& [id, blob] : blobs_) {
        abi::BlobSpec spec = blob.spec;
        abi::finish(spec, 0, 0, blob.bytes.size());
        const ByteView head = bytes_of(spec);
        std::vector<std::uint8_t> bytes(head.begin(), head.end());
        bytes.insert(bytes.end(), blob.bytes.begin(), blob.bytes.end());  // none is a blob too
        out(bytes);
        ++count;
    }
    return count;
}

void Registry::source_learned(std::uint64_t source, std::uint32_t ssrc, std::uint32_t rtx_ssrc) {
    const auto at = sources_.find(source);
    if (at == sources_.end()) return;
    if (ssrc != 0) at->second.spec.ssrc = ssrc;
    if (rtx_ssrc != 0) at->second.spec.rtx_ssrc = rtx_ssrc;
}

}  // namespace sluice::control
