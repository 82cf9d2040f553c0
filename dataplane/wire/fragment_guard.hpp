// Decides which IP fragments may enter reassembly: bounded, and nothing that a reassembler could be fooled by.
//
// Theory of operation. One entry per datagram in the making, with the ranges that came. A fragment that overlaps another, or
// contradicts where the datagram ends, condemns the datagram (RFC 5722, RFC 8200 section 4.5): whatever comes of it until
// the entry's end is refused. An exact repetition is refused alone. An entry ends when the datagram is complete, or
// `timeout_ns` after its first fragment; the entries' order of birth is the order of their ends. Real-time media has no use
// for the minute that RFC 8200 would wait. At most `capacity` entries; a caller that limits fragments per second to less
// than capacity per timeout never sees it full. The guard counts pieces only, the bytes are the reassembler's.
//
// Thread: one.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <unordered_map>

#include "dataplane/base/endpoint.hpp"
#include "dataplane/wire/fragment.hpp"

namespace sluice::wire {

enum class FragmentVerdict : std::uint8_t {
    keep,       // to the reassembler
    completes,  // to the reassembler, whose datagram is whole now
    duplicate,
    overlap,   // with what came before, which is lost too: see `lost`
    too_many,  // pieces of one datagram; it is lost too
    full,
};

class FragmentGuard {
public:
    static constexpr std::size_t max_pieces = 8;

    FragmentGuard(std::size_t capacity, std::int64_t timeout_ns, std::uint64_t salt)
        : capacity_(capacity), timeout_ns_(timeout_ns), entries_(0, Hash{salt}) {
        entries_.reserve(capacity);
    }

    struct Decision {
        FragmentVerdict verdict;
        std::uint32_t lost = 0;    // pieces that this one condemned, itself included
        std::uint32_t pieces = 0;  // of the datagram that it completes
    };
    // `owner` is the caller's: expire() names it.
    [[nodiscard]] Decision decide(const Fragment& fragment, std::uint16_t owner, std::int64_t now_ns);

    // Ends what is older than the timeout: calls lost(owner, pieces) for datagrams that were not condemned before.
    template <typename F>
    void expire(std::int64_t now_ns, F&& lost) {
        while (!births_.empty() && now_ns - births_.front().born_ns > timeout_ns_) {
            const auto at = entries_.find(births_.front().key);
            if (at != entries_.end() && at->second.born_ns == births_.front().born_ns) {
                if (!at->second.condemned) lost(at->second.owner, std::uint32_t{at->second.count});
                entries_.erase(at);
            }
            births_.pop_front();
        }
    }
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

private:
    struct Key {
        IpAddress source;
        IpAddress destination;
        std::uint32_t id;
        friend bool operator==(const Key&, const Key&) = default;
    };
    struct Hash {
        std::uint64_t salt;
        std::size_t operator()(const Key& key) const noexcept {
            return hash_of({key.source, static_cast<std::uint16_t>(key.id)}, salt ^ key.id);
        }
    };
    struct Piece {
        std::uint16_t begin;
        std::uint16_t end;
    };
    struct Entry {
        std::int64_t born_ns = 0;
        std::array<Piece, max_pieces> pieces{};
        std::uint8_t count = 0;
        bool condemned = false;
        std::uint16_t owner = 0;
        std::uint16_t total = 0;  // bytes, once the last piece is there
        std::uint16_t bytes = 0;  // that are there
    };
    struct Birth {
        std::int64_t born_ns;
        Key key;
    };
    [[nodiscard]] static Decision condemn(Entry& entry, FragmentVerdict verdict) noexcept;

    std::size_t capacity_;
    std::int64_t timeout_ns_;
    std::unordered_map<Key, Entry, Hash> entries_;
    std::deque<Birth> births_;
};

}  // namespace sluice::wire
