// Indices into a slab of fixed size. Main only.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace sluice::control {

class SlotPool {
public:
    explicit SlotPool(std::uint32_t size) : size_(size) {}

    // nullopt when all are taken.
    [[nodiscard]] std::optional<std::uint32_t> take() {
        if (!free_.empty()) {
            const std::uint32_t slot = free_.back();
            free_.pop_back();
            return slot;
        }
        if (next_ == size_) return std::nullopt;
        return next_++;
    }
    void give_back(std::uint32_t slot) { free_.push_back(slot); }
    [[nodiscard]] std::uint32_t used() const noexcept { return next_ - static_cast<std::uint32_t>(free_.size()); }
    [[nodiscard]] std::uint32_t size() const noexcept { return size_; }

private:
    std::uint32_t size_;
    std::uint32_t next_ = 0;
    std::vector<std::uint32_t> free_;
};

}  // namespace sluice::control
