#include <algorithm>

#include "controlplane/core/clock.hpp"
#include "controlplane/core/log.hpp"
#include "controlplane/dpclient/client_impl.hpp"

namespace sluice::dpclient {

void Client::Impl::on_dumped(const abi::MessageHeader& header, ByteView record) {
    if (state_ != State::dumping) return ++counters_.unknown_types, void();
    const auto take = [&]<typename Spec>(std::vector<Spec>& into) {
        const auto spec = abi::read_as<Spec>(record);
        if (!spec) return ++counters_.malformed, void();
        into.push_back(*spec);
        dump_.generation = std::max(dump_.generation, spec->generation);
        const auto tail = abi::unknown_tail<Spec>(record);
        if (!tail.empty()) dump_.tails[key_of(spec->id)].assign(tail.begin(), tail.end());
    };
    ++dumped_;
    using enum abi::MessageType;
    if (header.type == upsert_transport) return take(dump_.transports);
    if (header.type == upsert_source) return take(dump_.sources);
    if (header.type == upsert_leg) return take(dump_.legs);
    const auto blob = abi::read_blob(record);
    if (!blob) return ++counters_.malformed, void();
    dump_.generation = std::max(dump_.generation, blob->spec.generation);
    dump_.blobs.push_back(
        {blob->spec.id, blob->spec.owner, blob->spec.kind, blob->spec.version, {blob->bytes.begin(), blob->bytes.end()}});
}

void Client::Impl::on_dump_end(ByteView record) {
    if (state_ != State::dumping) return ++counters_.unknown_types, void();
    const auto end = abi::read_as<abi::DumpEnd>(record);
    if (!end || end->objects != dumped_) return drop("sent an incomplete dump");
    const auto channel = channel_;
    const Dump dump = std::move(dump_);
    dump_ = {};
    if (report_.kind == ResyncKind::adopt) {
        if (handlers_.on_adopt) {
            handlers_.on_adopt(dump);
        } else {
            program_.adopt(dump);
        }
        if (!still(channel)) return;
        // The one that is alive goes on by itself; its reservations would only make gaps.
        if (earlier_boot_id_ != boot_id_) program_.replay(earlier_, core::unix_ns());
        earlier_ = {};
        adopted_ = true;
    } else {
        // What the workers learned while the socket was lost: without it we would send their egress to where a peer was.
        for (const auto& spec : dump.transports) program_.learn_path(spec.id, spec.path);
        for (const auto& spec : dump.sources) program_.learn_ssrcs(spec.id, spec.ssrc, spec.rtx_ssrc);
    }
    program_.raise_generation(dump.generation);
    for (const auto& event : std::exchange(early_events_, {})) {
        on_event(load<abi::MessageHeader>(event.data()).type, event);
        if (!still(channel)) return;
    }
    begin_resync();
    if (still(channel)) drain_later();
}

void Client::Impl::begin_resync() {
    state_ = State::feeding;
    program_.raise_generation(program_.generation() + 1);
    program_.forget_orphans();
    keys_ = program_.all_keys();
    cursor_ = 0;
    replays_ = 0;
    swept_ = forced_ = false;
    report_.objects = keys_.size();
    abi::SyncBegin begin;
    begin.generation = program_.generation();
    send_message(begin);
    feed();
}

// In slices, so that neither a turn nor the queue grows with the number of objects.
void Client::Impl::feed() {
    while (cursor_ < keys_.size()) {
        if (channel_->backlog() > Channel::low_water) return;  // on_drained comes back here
        const auto key = keys_[cursor_++];
        const auto seq = send(program_.encode_whole(key));
        pending_[seq] = {Pending::What::replay, {{{key}, {}}}};
        ++replays_;
    }
    keys_ = {};
    state_ = State::syncing;
    // Before the sweep, so that removals that were asked for do not count as its victims.
    send_changes(std::exchange(waiting_, {}));
    send_sync_end(false);
}

void Client::Impl::send_sync_end(bool force) {
    abi::SyncEnd end;
    end.generation = program_.generation();
    end.force = force ? 1 : 0;
    forced_ = force;
    pending_[send_message(end)] = {Pending::What::sync_end, {}};
}

// In transactions that neither the data plane's main loop nor whoever waits for the acknowledgement finds long.
void Client::Impl::send_changes(std::vector<Caller> callers) {
    constexpr std::size_t long_enough = 512;  // objects
    std::vector<Caller> together;
    std::size_t objects = 0;
    for (Caller& caller : callers) {
        if (!together.empty() && objects + caller.changes.size() > long_enough) {
            send_transaction(std::exchange(together, {}));
            objects = 0;
        }
        objects += caller.changes.size();
        together.push_back(std::move(caller));
    }
    if (!together.empty()) send_transaction(std::move(together));
}

void Client::Impl::send_transaction(std::vector<Caller> callers) {
    Changes changes;
    for (const Caller& caller : callers) changes.insert(changes.end(), caller.changes.begin(), caller.changes.end());
    // Of one caller they are in order, also those that were taken before an object of theirs was removed.
    changes = program_.ordered(std::move(changes));
    const bool transaction = changes.size() > 1;
    if (transaction) send_message(abi::TxnBegin{});
    std::uint64_t seq = 0;
    for (const auto& key : changes) seq = send(program_.encode(key));
    if (transaction) seq = send_message(abi::TxnCommit{});
    ++counters_.transactions;
    pending_[seq] = {Pending::What::apply, std::move(callers)};
}

void Client::Impl::on_ack(ByteView record) {
    const auto ack = abi::read_as<abi::Ack>(record);
    if (!ack) {
        ++counters_.malformed;
        return drop("sent a malformed ACK: " + std::string(abi::name(ack.error())));
    }
    if (ack->status == abi::Status::stale_epoch || ack->status == abi::Status::stale_generation) {
        // Somebody else has programmed since; what we hold is no longer the truth.
        return fenced("another control plane programmed it: " + std::string(abi::name(ack->status)));
    }
    const bool ok = ack->status == abi::Status::ok;
    if (!ok) ++counters_.failed_acks;
    const auto node = pending_.extract(ack->header.seq);
    if (node.empty()) {  // of a message that asks for no answer, or of one inside a transaction
        if (!ok) core::log("dpclient").warn("data plane refused object {:016x}: {}", ack->object, abi::name(ack->status));
        return;
    }
    Pending pending = std::move(node.mapped());
    if (pending.what == Pending::What::sync_end) return on_sync_ack(*ack);
    if (!ok && pending.callers.size() > 1) {
        // The answer names one object at most: whose change was refused shows when each is sent by itself.
        for (Caller& caller : pending.callers) {
            std::vector<Caller> alone;
            alone.push_back(std::move(caller));
            send_transaction(std::move(alone));
        }
        return;
    }
    if (!ok) {
        const Changes& changes = pending.callers.front().changes;
        core::log("dpclient")
            .warn("data plane refused a {} of {} objects beginning with {} {:016x}: {} (object {:016x})",
                  pending.what == Pending::What::replay ? "replay" : "change", changes.size(),
                  abi::name(changes.front().kind), changes.front().id, abi::name(ack->status), ack->object);
    }
    if (pending.what == Pending::What::replay) {
        --replays_;
        if (!ok) ++report_.failed;
        return finish_resync_if_done();
    }
    const auto channel = channel_;
    for (std::size_t i = 0; i < pending.callers.size(); ++i) {
        if (pending.callers[i].done) pending.callers[i].done({ack->status, ack->object});
        if (still(channel)) continue;
        // This callback has ended the connection: the others' answers are the same, but belong to the next one.
        if (stopped_) return;
        for (++i; i < pending.callers.size(); ++i) waiting_.push_back(std::move(pending.callers[i]));
    }
}

void Client::Impl::on_sync_ack(const abi::Ack& ack) {
    report_.sweep = ack.status;
    if (ack.status == abi::Status::sweep_refused) {
        core::log("dpclient")
            .warn("data plane refused to sweep over 20 % of its transports{}",
                  !forced_ && options_.force_sweep ? "; forcing it" : "; they stay");
        if (!forced_ && options_.force_sweep) return send_sync_end(true);
    } else if (ack.status != abi::Status::ok) {
        core::log("dpclient").error("data plane refused SYNC_END: {}", abi::name(ack.status));
    }
    swept_ = true;
    finish_resync_if_done();
}

void Client::Impl::finish_resync_if_done() {
    if (!swept_ || replays_ > 0 || state_ != State::syncing) return;
    state_ = State::ready;
    core::log("dpclient")
        .info("{} done: {} objects, {} refused, generation {}", name(report_.kind), report_.objects, report_.failed,
              program_.generation());
    if (handlers_.on_synced) handlers_.on_synced(report_);
}

// Sent but not acknowledged: whether it was applied is unknown, and applying it again is harmless.
void Client::Impl::keep_for_later() {
    std::vector<Caller> unacknowledged;
    for (auto& [seq, pending] : pending_) {
        if (pending.what == Pending::What::apply) std::ranges::move(pending.callers, std::back_inserter(unacknowledged));
    }
    pending_.clear();
    std::ranges::move(std::exchange(callers_, {}), std::back_inserter(unacknowledged));
    std::ranges::move(waiting_, std::back_inserter(unacknowledged));
    waiting_ = std::move(unacknowledged);
}

void Client::Impl::fenced(const std::string& why) {
    core::log("dpclient").error("{}; this one must stop", why);
    const auto self = shared_from_this();
    stop();
    if (handlers_.on_fenced) handlers_.on_fenced();
}

}  // namespace sluice::dpclient
