// The last packet indices of one SSRC with a hash of each packet's authentication tag: tells a byte-identical repetition
// from two different packets under one index, which would give away plaintext.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "dataplane/base/bytes.hpp"

namespace sluice::loadgen {

// The last bytes of a packet hold its tag, which depends on all of it; SRTCP has the index there too.
[[nodiscard]] inline std::uint64_t hash_of_tag(ByteView packet) noexcept {
    const ByteView end = packet.last(std::min<std::size_t>(packet.size(), 24));
    return std::hash<std::string_view>{}({reinterpret_cast<const char*>(end.data()), end.size()});
}

// Owning thread only. Takes memory with the first index.
class RecentIndices {
public:
    // `size` is a power of two.
    explicit RecentIndices(std::uint32_t size) noexcept : size_(size) {}

    // The hash under which `index` was noted; nothing when it was not, or too long ago.
    [[nodiscard]] std::optional<std::uint64_t> find(std::uint64_t index) const noexcept {
        if (empty()) return std::nullopt;
        const Entry& entry = entries_[index & (size_ - 1)];
        return entry.index == index ? std::optional(entry.hash) : std::nullopt;
    }
    // An older index with the same slot is forgotten.
    void note(std::uint64_t index, std::uint64_t hash) {
        if (empty()) entries_.resize(size_);
        entries_[index & (size_ - 1)] = {index, hash};
        if (empty_ || index > highest_) highest_ = index;
        empty_ = false;
    }
    [[nodiscard]] bool empty() const noexcept { return empty_; }
    [[nodiscard]] std::uint64_t highest() const noexcept { return highest_; }

private:
    struct Entry {
        std::uint64_t index = ~std::uint64_t{0};
        std::uint64_t hash = 0;
    };
    std::vector<Entry> entries_;
    std::uint64_t highest_ = 0;
    std::uint32_t size_;
    bool empty_ = true;
};

}  // namespace sluice::loadgen
