// Which of a simulcast publisher's layers the room is sent: the highest live one up to 720p, the same for everybody,
// until layers are chosen per viewer.
//
// Theory of operation: every half second the owner hands over the counters of all layers, in the order of the SDP. A
// layer whose counter moved within the last 1.5 s is live. Layers rank by picture size where the keyframes told it, by
// bytes otherwise. The choice leaves a dead layer at once, and a live one for a higher one at most every 2 s.
// Example: q, h, f at 180p, 360p, 720p -> f; the sender's uplink drops f -> h after 1.5 s; f comes back -> f.
//
// Thread: the io thread. Pure: the time is the caller's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sluice::room {

struct LayerSample {
    std::uint64_t bytes = 0;  // since its start
    std::uint16_t width = 0;  // 0 = unknown
    std::uint16_t height = 0;
};

class LayerChoice {
public:
    // True when the choice changed. `lower`: so many ranks below the highest are wanted, as far as there are live layers.
    bool update(std::span<const LayerSample> samples, std::int64_t now_ns, std::size_t lower = 0);
    [[nodiscard]] std::size_t chosen() const noexcept { return chosen_; }
    // A choice made before this process started.
    void restore(std::size_t chosen) noexcept { chosen_ = chosen; }

private:
    struct Seen {
        std::uint64_t bytes = 0;
        std::uint64_t rate = 0;     // bytes between the last two updates that moved it
        std::int64_t moved_ns = 0;  // 0 = never
    };
    std::vector<Seen> seen_;
    std::size_t chosen_ = 0;
    std::int64_t changed_ns_ = 0;
};

}  // namespace sluice::room
