// The last packet indices of one SSRC with a hash of their ciphertext: tells a byte-identical repetition from two
// different packets under one index, which would give away plaintext.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "dataplane/base/bytes.hpp"

namespace sluice::loadgen {

[[nodiscard]] inline std::uint64_t hash_of(ByteView packet) noexcept {
    return std::hash<std::string_view>{}({reinterpret_cast<const char*>(packet.data()), packet.size()});
}

// Owning thread only.
template <std::size_t Size>
class RecentIndices {
public:
    // The hash under which `index` was noted; nothing when it was not, or too long ago.
    [[nodiscard]] std::optional<std::uint64_t> find(std::uint64_t index) const noexcept {
        const Entry& entry = (*entries_)[index % Size];
        return entry.used && entry.index == index ? std::optional(entry.hash) : std::nullopt;
    }
    // An older index with the same slot is forgotten.
    void note(std::uint64_t index, std::uint64_t hash) noexcept {
        (*entries_)[index % Size] = {index, hash, true};
        if (empty_ || index > highest_) highest_ = index;
        empty_ = false;
    }
    [[nodiscard]] bool empty() const noexcept { return empty_; }
    [[nodiscard]] std::uint64_t highest() const noexcept { return highest_; }

private:
    struct Entry {
        std::uint64_t index = 0;
        std::uint64_t hash = 0;
        bool used = false;
    };
    std::unique_ptr<std::array<Entry, Size>> entries_ = std::make_unique<std::array<Entry, Size>>();
    std::uint64_t highest_ = 0;
    bool empty_ = true;
};

}  // namespace sluice::loadgen
