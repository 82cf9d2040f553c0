#include "controlplane/dpclient/program.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <utility>

#include "dataplane/abi/message_reader.hpp"

namespace sluice::dpclient {
namespace {

// Beyond these the cipher would repeat its keystream, so a start index stops there and the data plane refuses to seal.
constexpr std::uint64_t last_rtp_index = (std::uint64_t{1} << 48) - 1;
constexpr std::uint64_t last_srtcp_index = (std::uint64_t{1} << 31) - 1;

void wipe_keys(abi::TransportSpec& spec) noexcept {
    OPENSSL_cleanse(&spec, sizeof spec);
}
void wipe_blob(Blob& blob) noexcept {
    OPENSSL_cleanse(blob.bytes.data(), blob.bytes.size());
}

template <typename Map, typename Id>
auto* find_in(const Map& map, Id id) {
    const auto found = map.find(id);
    return found == map.end() ? nullptr : &found->second;
}

}  // namespace

Program::~Program() {
    for (auto& [id, spec] : transports_) wipe_keys(spec);
    for (auto& [id, blob] : blobs_) wipe_blob(blob);
}

void Program::upsert(const abi::TransportSpec& spec) {
    auto [at, created] = transports_.try_emplace(spec.id, spec);
    if (!created) {
        auto next = spec;
        if (next.path.empty()) next.path = at->second.path;
        if (next.path != at->second.path) new_paths_.insert(spec.id);
        next.srtcp_start = std::max(next.srtcp_start, at->second.srtcp_start);
        at->second = next;
        wipe_keys(next);
    } else if (!spec.path.empty()) {
        new_paths_.insert(spec.id);
    }
    dirty_.insert(key_of(spec.id));
}

void Program::upsert(const abi::SourceSpec& spec) {
    auto [at, created] = sources_.try_emplace(spec.id, spec);
    if (!created) {
        auto next = spec;
        if (next.ssrc == 0) next.ssrc = at->second.ssrc;
        if (next.rtx_ssrc == 0) next.rtx_ssrc = at->second.rtx_ssrc;
        if (next.ssrc == at->second.ssrc) next.rx_index = std::max(next.rx_index, at->second.rx_index);
        if (next.rtx_ssrc == at->second.rtx_ssrc) next.rtx_rx_index = std::max(next.rtx_rx_index, at->second.rtx_rx_index);
        at->second = next;
    }
    dirty_.insert(key_of(spec.id));
}

void Program::upsert(const abi::LegSpec& spec) {
    auto [at, created] = legs_.try_emplace(spec.id, spec);
    if (!created) {
        auto next = spec;
        next.start_index = std::max(next.start_index, at->second.start_index);
        next.rtx_start_index = std::max(next.rtx_start_index, at->second.rtx_start_index);
        at->second = next;
    }
    dirty_.insert(key_of(spec.id));
}

bool Program::upsert(Blob blob) {
    if (blob.bytes.size() > abi::max_blob) return false;
    auto& mine = blobs_[blob.id];
    wipe_blob(mine);
    const auto key = blob_key(blob.id);
    mine = std::move(blob);
    dirty_.insert(key);
    return true;
}

void Program::remove(ObjectKey key) {
    switch (key.kind) {
        case abi::ObjectKind::transport:
            if (const auto at = transports_.find(abi::TransportId{key.id}); at != transports_.end()) {
                wipe_keys(at->second);
                new_paths_.erase(at->first);
                transports_.erase(at);
            }
            break;
        case abi::ObjectKind::source: sources_.erase(abi::SourceId{key.id}); break;
        case abi::ObjectKind::leg: legs_.erase(abi::LegId{key.id}); break;
        case abi::ObjectKind::blob:
            if (const auto at = blobs_.find(key.id); at != blobs_.end()) {
                wipe_blob(at->second);
                blobs_.erase(at);
            }
            break;
        case abi::ObjectKind::none: return;
    }
    tails_.erase(key);
    dirty_.insert(key);
}

bool Program::contains(ObjectKey key) const {
    switch (key.kind) {
        case abi::ObjectKind::transport: return transports_.contains(abi::TransportId{key.id});
        case abi::ObjectKind::source: return sources_.contains(abi::SourceId{key.id});
        case abi::ObjectKind::leg: return legs_.contains(abi::LegId{key.id});
        case abi::ObjectKind::blob: return blobs_.contains(key.id);
        case abi::ObjectKind::none: break;
    }
    return false;
}

Changes Program::take_changes() {
    if (open_groups_ > 0) return {};
    Changes keys(dirty_.begin(), dirty_.end());
    dirty_.clear();
    return ordered(std::move(keys));
}

Changes Program::ordered(Changes keys) const {
    const auto place = [this](const ObjectKey& key) {
        const int kind = static_cast<int>(key.kind);  // transports, sources, legs, blobs
        if (contains(key)) return kind;
        constexpr int blob = static_cast<int>(abi::ObjectKind::blob);
        return kind == blob ? 2 * blob : 2 * blob - kind;  // behind: legs, sources, transports, blobs
    };
    std::vector<std::pair<int, ObjectKey>> placed;
    placed.reserve(keys.size());
    for (const ObjectKey& key : keys) placed.emplace_back(place(key), key);
    std::ranges::sort(placed);
    keys.clear();
    for (const auto& [at, key] : placed)
        if (keys.empty() || keys.back() != key) keys.push_back(key);
    return keys;
}

Changes Program::all_keys() const {
    Changes keys;
    keys.reserve(size());
    for (const auto& [id, spec] : transports_) keys.push_back(key_of(id));
    for (const auto& [id, spec] : sources_) keys.push_back(key_of(id));
    for (const auto& [id, spec] : legs_) keys.push_back(key_of(id));
    for (const auto& [id, blob] : blobs_) keys.push_back(blob_key(id));
    return keys;
}

template <typename Spec>
Record Program::encode_spec(ObjectKey key, Spec spec) const {
    const auto tail = tails_.find(key);
    const std::size_t extra = tail == tails_.end() ? 0 : tail->second.size();
    spec.generation = generation_;
    abi::finish(spec, 0, 0, extra);
    Record record(sizeof spec + extra);
    store(record.data(), spec);
    if (extra > 0) std::ranges::copy(tail->second, record.begin() + sizeof spec);
    if constexpr (std::is_same_v<Spec, abi::TransportSpec>) wipe_keys(spec);
    return record;
}

Record Program::encode(ObjectKey key) {
    if (key.kind != abi::ObjectKind::transport || new_paths_.erase(abi::TransportId{key.id}) > 0) return encode_whole(key);
    const auto* spec = find(abi::TransportId{key.id});
    if (spec == nullptr) return encode_whole(key);
    auto pathless = *spec;
    pathless.path = {};
    auto record = encode_spec(key, pathless);
    wipe_keys(pathless);
    return record;
}

Record Program::encode_whole(ObjectKey key) const {
    switch (key.kind) {
        case abi::ObjectKind::transport:
            if (const auto* spec = find(abi::TransportId{key.id})) return encode_spec(key, *spec);
            break;
        case abi::ObjectKind::source:
            if (const auto* spec = find(abi::SourceId{key.id})) return encode_spec(key, *spec);
            break;
        case abi::ObjectKind::leg:
            if (const auto* spec = find(abi::LegId{key.id})) return encode_spec(key, *spec);
            break;
        case abi::ObjectKind::blob:
            if (const auto* blob = find_blob(key.id)) {
                abi::BlobSpec spec;
                spec.id = blob->id;
                spec.owner = blob->owner;
                spec.generation = generation_;
                spec.kind = blob->kind;
                spec.version = blob->version;
                spec.length = static_cast<std::uint32_t>(blob->bytes.size());
                abi::finish(spec, 0, 0, blob->bytes.size());
                Record record(sizeof spec + blob->bytes.size());
                store(record.data(), spec);
                std::ranges::copy(blob->bytes, record.begin() + sizeof spec);
                return record;
            }
            break;
        case abi::ObjectKind::none: break;
    }
    abi::Remove remove;
    remove.id = key.id;
    remove.kind = key.kind;
    remove.generation = generation_;
    abi::finish(remove, 0, 0);
    const auto bytes = bytes_of(remove);
    return Record(bytes.begin(), bytes.end());
}

std::vector<Record> Program::encode(const Changes& changes) {
    std::vector<Record> records;
    records.reserve(changes.size());
    for (const auto& key : changes) records.push_back(encode(key));
    return records;
}

void Program::replay(const Reservations& reservations, std::int64_t now_unix_ns) {
    for (const auto& [id, index] : reservations.srtcp) {
        if (const auto at = transports_.find(id); at != transports_.end()) {
            const auto start = static_cast<std::uint32_t>(std::min(index, last_srtcp_index));
            at->second.srtcp_start = std::max(at->second.srtcp_start, start);
        }
    }
    for (const auto& [id, leg] : reservations.legs) {
        if (const auto at = legs_.find(id); at != legs_.end()) {
            auto& spec = at->second;
            spec.start_index = std::max(spec.start_index, std::min(leg.rtp, last_rtp_index));
            spec.rtx_start_index = std::max(spec.rtx_start_index, std::min(leg.rtx, last_rtp_index));
            if (leg.last_unix_ns != 0) {
                const std::int64_t pause_ms =
                    std::clamp<std::int64_t>((now_unix_ns - leg.last_unix_ns) / 1'000'000, 1, 60'000);
                spec.start_timestamp = leg.last_timestamp + static_cast<std::uint32_t>(pause_ms * spec.clock_rate / 1000);
            }
        }
    }
    for (const auto& [id, progress] : reservations.sources) {
        const auto at = sources_.find(id);
        if (at == sources_.end()) continue;
        auto& spec = at->second;
        if (spec.ssrc == 0) spec.ssrc = progress.ssrc;  // bound in the dead one's last moments
        if (spec.rtx_ssrc == 0) spec.rtx_ssrc = progress.rtx_ssrc;
        if (spec.ssrc == progress.ssrc) spec.rx_index = std::max(spec.rx_index, progress.rx_index);
        if (spec.rtx_ssrc == progress.rtx_ssrc) spec.rtx_rx_index = std::max(spec.rtx_rx_index, progress.rtx_rx_index);
    }
}

void Program::adopt(const Dump& dump) {
    for (const auto& spec : dump.transports) transports_.try_emplace(spec.id, spec);
    for (const auto& spec : dump.sources) sources_.try_emplace(spec.id, spec);
    for (const auto& spec : dump.legs) legs_.try_emplace(spec.id, spec);
    for (const auto& blob : dump.blobs) blobs_.try_emplace(blob.id, blob);
    for (const auto& [key, tail] : dump.tails) {
        if (contains(key)) tails_[key] = tail;
    }
    raise_generation(dump.generation);
}

void Program::forget_orphans() {
    const auto orphan = [this](const auto& entry) { return !transports_.contains(entry.second.transport); };
    std::erase_if(sources_, orphan);
    std::erase_if(legs_, orphan);
    for (auto& [id, spec] : legs_) {
        if (!sources_.contains(spec.source)) spec.source = abi::SourceId::none;
    }
    std::erase_if(tails_, [this](const auto& entry) { return !contains(entry.first); });
}

void Program::learn_path(abi::TransportId id, const abi::FlowAddress& path) {
    const auto at = transports_.find(id);
    if (at == transports_.end() || path.empty()) return;
    at->second.path = path;
    new_paths_.erase(id);
}

void Program::learn_ssrcs(abi::SourceId id, std::uint32_t ssrc, std::uint32_t rtx_ssrc) {
    const auto at = sources_.find(id);
    if (at == sources_.end()) return;
    auto& spec = at->second;
    if (ssrc != 0 && std::exchange(spec.ssrc, ssrc) != ssrc) spec.rx_index = 0;
    if (rtx_ssrc != 0 && std::exchange(spec.rtx_ssrc, rtx_ssrc) != rtx_ssrc) spec.rtx_rx_index = 0;
}

const abi::TransportSpec* Program::find(abi::TransportId id) const {
    return find_in(transports_, id);
}
const abi::SourceSpec* Program::find(abi::SourceId id) const {
    return find_in(sources_, id);
}
const abi::LegSpec* Program::find(abi::LegId id) const {
    return find_in(legs_, id);
}
const Blob* Program::find_blob(std::uint64_t id) const {
    return find_in(blobs_, id);
}

}  // namespace sluice::dpclient
