// The desired state of the data plane: every transport, source, leg and blob that this control plane wants to exist. Pure:
// no I/O.
//
// Theory of operation. upsert() and remove() change the desired state and mark the object. take_changes() hands out what was
// marked, ordered so that nothing is named before it exists: transports, sources, legs, blobs, then removals of legs,
// sources, transports, blobs. encode() makes messages of keys at the time of sending, so a key whose object is gone becomes
// a REMOVE and sending anything twice is harmless. All messages carry one generation, which each resync raises. What the
// data plane learns (path, SSRCs) and what must never fall (start indices) survives an upsert that leaves it open. Example:
// program.upsert(transport); program.upsert(leg); client.apply(done);
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "controlplane/dpclient/object.hpp"
#include "controlplane/dpclient/reservations.hpp"
#include "dataplane/abi/messages.hpp"
#include "dataplane/base/bytes.hpp"

namespace sluice::dpclient {

// Upserts in dependency order, then removals in reverse.
using Changes = std::vector<ObjectKey>;

// One thread.
class Program {
public:
    Program() = default;
    ~Program();
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    // Header and generation of the spec are ignored. An empty path, an SSRC of 0 and a lower start index leave what is
    // known.
    void upsert(const abi::TransportSpec& spec);
    void upsert(const abi::SourceSpec& spec);
    void upsert(const abi::LegSpec& spec);
    // False when it is longer than abi::max_blob.
    bool upsert(Blob blob);
    // Of one that is not there: still sent, as the data plane may have it.
    void remove(ObjectKey key);
    void remove(abi::TransportId id) { remove(key_of(id)); }
    void remove(abi::SourceId id) { remove(key_of(id)); }
    void remove(abi::LegId id) { remove(key_of(id)); }
    void remove_blob(std::uint64_t id) { remove(blob_key(id)); }

    // Between the two, take_changes() gives nothing: what a join changes in several steps leaves together. They nest.
    void begin() noexcept { ++open_groups_; }
    void commit() noexcept {
        if (open_groups_ > 0) --open_groups_;
    }

    [[nodiscard]] bool dirty() const noexcept { return !dirty_.empty(); }
    [[nodiscard]] Changes take_changes();
    // Each key once, in the order in which take_changes() gives them: of changes that were taken at several times.
    [[nodiscard]] Changes ordered(Changes keys) const;
    // For a data plane that knows the object, or learns it now. A path goes out once after it was set: repeated later it
    // could undo a switch that a worker made since.
    [[nodiscard]] Record encode(ObjectKey key);
    [[nodiscard]] std::vector<Record> encode(const Changes& changes);
    // For a resync: everything that is known.
    [[nodiscard]] Record encode_whole(ObjectKey key) const;
    [[nodiscard]] Changes all_keys() const;

    // For a new data plane: raises the start indices to what the dead one may have used; never lowers one.
    // `now_unix_ns` moves the legs' RTP clocks on by the time since their last packet.
    void replay(const Reservations& reservations, std::int64_t now_unix_ns = 0);
    // Takes over what a data plane holds; nothing of it is marked as changed. What is there already wins.
    void adopt(const Dump& dump);

    // Before a resync: drops what the data plane dropped by itself when a transport was removed (its sources and legs), and
    // takes legs off sources that are gone.
    void forget_orphans();

    // What events report; not marked as changed, since the data plane knows it already.
    void learn_path(abi::TransportId id, const abi::FlowAddress& path);
    void learn_ssrcs(abi::SourceId id, std::uint32_t ssrc, std::uint32_t rtx_ssrc);

    [[nodiscard]] std::uint32_t generation() const noexcept { return generation_; }
    void raise_generation(std::uint32_t at_least) noexcept {
        if (at_least > generation_) generation_ = at_least;
    }

    [[nodiscard]] bool contains(ObjectKey key) const;
    [[nodiscard]] const abi::TransportSpec* find(abi::TransportId id) const;
    [[nodiscard]] const abi::SourceSpec* find(abi::SourceId id) const;
    [[nodiscard]] const abi::LegSpec* find(abi::LegId id) const;
    [[nodiscard]] const Blob* find_blob(std::uint64_t id) const;
    [[nodiscard]] const std::map<abi::TransportId, abi::TransportSpec>& transports() const noexcept { return transports_; }
    [[nodiscard]] const std::map<abi::SourceId, abi::SourceSpec>& sources() const noexcept { return sources_; }
    [[nodiscard]] const std::map<abi::LegId, abi::LegSpec>& legs() const noexcept { return legs_; }
    [[nodiscard]] const std::map<std::uint64_t, Blob>& blobs() const noexcept { return blobs_; }
    [[nodiscard]] std::size_t size() const noexcept {
        return transports_.size() + sources_.size() + legs_.size() + blobs_.size();
    }

private:
    template <typename Spec>
    [[nodiscard]] Record encode_spec(ObjectKey key, Spec spec) const;
    std::map<abi::TransportId, abi::TransportSpec> transports_;
    std::map<abi::SourceId, abi::SourceSpec> sources_;
    std::map<abi::LegId, abi::LegSpec> legs_;
    std::map<std::uint64_t, Blob> blobs_;
    std::map<ObjectKey, std::vector<std::uint8_t>> tails_;
    std::set<ObjectKey> dirty_;
    std::set<abi::TransportId> new_paths_;  // set by our side, not sent yet
    std::uint32_t generation_ = 1;
    int open_groups_ = 0;
};

}  // namespace sluice::dpclient
