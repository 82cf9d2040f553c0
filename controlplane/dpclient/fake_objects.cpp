#include <utility>

#include "controlplane/dpclient/fake_impl.hpp"

namespace sluice::dpclient {

void FakeDataPlane::Impl::note(ByteView record) {
    Received entry;
    entry.type = load<abi::MessageHeader>(record.data()).type;
    const auto take = [&entry](const auto& message) {
        entry.object.id = std::uint64_t(message->id), entry.generation = message->generation;
    };
    using enum abi::MessageType;
    switch (entry.type) {
        case upsert_transport:
            take(abi::read_as<abi::TransportSpec>(record));
            entry.object.kind = abi::ObjectKind::transport;
            break;
        case upsert_source:
            take(abi::read_as<abi::SourceSpec>(record));
            entry.object.kind = abi::ObjectKind::source;
            break;
        case upsert_leg:
            take(abi::read_as<abi::LegSpec>(record));
            entry.object.kind = abi::ObjectKind::leg;
            break;
        case upsert_blob:
            take(abi::read_as<abi::BlobSpec>(record));
            entry.object.kind = abi::ObjectKind::blob;
            break;
        case remove: {
            const auto message = abi::read_as<abi::Remove>(record);
            take(message);
            entry.object.kind = message->kind;
            break;
        }
        case sync_begin: entry.generation = abi::read_as<abi::SyncBegin>(record)->generation; break;
        case sync_end: entry.generation = abi::read_as<abi::SyncEnd>(record)->generation; break;
        case request_keyframe: entry.object = key_of(abi::read_as<abi::RequestKeyframe>(record)->source); break;
        default: break;
    }
    received_.push_back(entry);
}

// As the real one: the ACK names the first refusal, the rest is applied.
std::pair<abi::Status, std::uint64_t> FakeDataPlane::Impl::commit() {
    std::pair<abi::Status, std::uint64_t> first{abi::Status::ok, 0};
    for (const auto& record : std::exchange(life_->staged, {})) {
        const auto result = apply(record);
        if (result.first != abi::Status::ok && first.first == abi::Status::ok) first = result;
    }
    return first.first == abi::Status::ok ? std::pair{abi::Status::ok, std::uint64_t{0}} : first;
}

std::pair<abi::Status, std::uint64_t> FakeDataPlane::Impl::apply(ByteView record) {
    auto& o = life_->objects;
    using abi::Status;
    const auto refused = [this](ObjectKey key) {
        const auto found = refusals_.find(key);
        return found == refusals_.end() ? Status::ok : found->second;
    };
    const auto upsert = [&]<typename Spec>(std::map<decltype(Spec::id), Spec>& map, const Spec& spec, bool known) {
        const auto id = std::uint64_t(spec.id);
        if (const auto status = refused(key_of(spec.id)); status != Status::ok) return std::pair{status, id};
        if (id == 0) return std::pair{Status::bad_value, id};
        if (!known) return std::pair{Status::no_such_object, id};
        const auto old = map.find(spec.id);
        if (old == map.end()) return std::pair{install(map, spec), id};
        if (old->second.generation > spec.generation) return std::pair{Status::stale_generation, id};
        auto next = spec;
        if constexpr (std::is_same_v<Spec, abi::TransportSpec>) {
            if (next.path.empty()) next.path = old->second.path;
        }
        if constexpr (std::is_same_v<Spec, abi::SourceSpec>) {
            if (next.ssrc == 0) next.ssrc = old->second.ssrc;
            if (next.rtx_ssrc == 0) next.rtx_ssrc = old->second.rtx_ssrc;
        }
        return std::pair{install(map, next), id};
    };
    using enum abi::MessageType;
    switch (load<abi::MessageHeader>(record.data()).type) {
        case upsert_transport: {
            Record known(record.begin(), record.end());
            const int delta = options_.transport_size_delta;
            known.resize(std::min(known.size(), sizeof(abi::TransportSpec) + static_cast<std::size_t>(std::min(delta, 0))));
            auto h = load<abi::MessageHeader>(known.data());
            h.size = static_cast<std::uint32_t>(known.size());
            store(known.data(), h);
            const auto spec = abi::read_as<abi::TransportSpec>(known);
            if (!spec) return {Status::malformed, 0};
            auto result = upsert(o.transports, *spec, true);
            if (result.first == Status::ok && delta > 0) {
                const auto tail = abi::unknown_tail<abi::TransportSpec>(record);
                o.tails[spec->id].assign(tail.begin(), tail.end());
                o.tails[spec->id].resize(static_cast<std::size_t>(delta));  // the append-only rule
            }
            return result;
        }
        case upsert_source: {
            const auto spec = abi::read_as<abi::SourceSpec>(record);
            if (!spec) return {Status::malformed, 0};
            return upsert(o.sources, *spec, o.transports.contains(spec->transport));
        }
        case upsert_leg: {
            const auto spec = abi::read_as<abi::LegSpec>(record);
            if (!spec) return {Status::malformed, 0};
            return upsert(o.legs, *spec,
                          o.transports.contains(spec->transport) &&
                              (spec->source == abi::SourceId::none || o.sources.contains(spec->source)));
        }
        case upsert_blob: {
            const auto blob = abi::read_blob(record);
            if (!blob) return {Status::malformed, 0};
            const auto id = blob->spec.id;
            if (const auto status = refused(blob_key(id)); status != Status::ok) return {status, id};
            o.blobs[id] = {
                id, blob->spec.owner, blob->spec.kind, blob->spec.version, {blob->bytes.begin(), blob->bytes.end()}};
            o.blob_generations[id] = blob->spec.generation;
            return {Status::ok, 0};
        }
        case remove: {
            const auto message = abi::read_as<abi::Remove>(record);
            if (!message) return {Status::malformed, 0};
            switch (message->kind) {
                case abi::ObjectKind::transport: drop(abi::TransportId{message->id}); break;
                case abi::ObjectKind::source: drop(abi::SourceId{message->id}); break;
                case abi::ObjectKind::leg: drop(abi::LegId{message->id}); break;
                case abi::ObjectKind::blob: o.blobs.erase(message->id); break;
                case abi::ObjectKind::none: return {Status::bad_value, message->id};
            }
            return {Status::ok, 0};
        }
        default: return {Status::unknown_type, 0};
    }
}

abi::Status FakeDataPlane::Impl::sweep(const abi::SyncEnd& end) {
    auto& o = life_->objects;
    const auto old = [&end](const auto& entry) { return entry.second.generation < end.generation; };
    const auto victims = static_cast<std::size_t>(std::ranges::count_if(o.transports, old));
    if (victims * 5 > o.transports.size() && end.force == 0) return abi::Status::sweep_refused;
    const auto drop_old = [&](const auto& map) {
        std::vector<typename std::remove_cvref_t<decltype(map)>::key_type> ids;
        for (const auto& entry : map) {
            if (old(entry)) ids.push_back(entry.first);
        }
        for (const auto id : ids) drop(id);
    };
    drop_old(o.legs);
    drop_old(o.sources);
    drop_old(o.transports);
    std::erase_if(o.blobs, [&](const auto& entry) { return o.blob_generations[entry.first] < end.generation; });
    return abi::Status::ok;
}

void FakeDataPlane::Impl::answer_dump(std::uint64_t seq) {
    const auto& o = life_->objects;
    abi::DumpEnd end;
    end.header.seq = seq;
    for (const auto& [id, spec] : o.transports) {
        const auto tail = o.tails.find(id);
        auto record = to_record(spec, tail == o.tails.end() ? ByteView{} : ByteView(tail->second));
        record.resize(record.size() + static_cast<std::size_t>(std::min(options_.transport_size_delta, 0)));
        auto h = load<abi::MessageHeader>(record.data());
        h.size = static_cast<std::uint32_t>(record.size());
        store(record.data(), h);
        life_->programmer->send(std::move(record));
        ++end.objects;
    }
    for (const auto& [id, spec] : o.sources) life_->programmer->send(to_record(spec)), ++end.objects;
    for (const auto& [id, spec] : o.legs) life_->programmer->send(to_record(spec)), ++end.objects;
    for (const auto& [id, blob] : o.blobs) {
        abi::BlobSpec spec;
        spec.id = id;
        spec.owner = blob.owner;
        spec.generation = o.blob_generations.at(id);
        spec.kind = blob.kind;
        spec.version = blob.version;
        spec.length = static_cast<std::uint32_t>(blob.bytes.size());
        life_->programmer->send(to_record(spec, blob.bytes));
        ++end.objects;
    }
    life_->programmer->send(to_record(end));
}

}  // namespace sluice::dpclient
