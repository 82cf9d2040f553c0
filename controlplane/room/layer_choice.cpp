#include "controlplane/room/layer_choice.hpp"

#include <algorithm>
#include <optional>

namespace sluice::room {
namespace {

constexpr std::int64_t live_for_ns = 1'500'000'000;
constexpr std::int64_t settle_ns = 2'000'000'000;
constexpr std::uint16_t highest_lines = 720;

// Of a portrait picture the width counts.
std::uint16_t lines(const LayerSample& s) {
    return std::min(s.width, s.height);
}

}  // namespace

bool LayerChoice::update(std::span<const LayerSample> samples, std::int64_t now_ns) {
    seen_.resize(samples.size());
    std::optional<std::size_t> best;
    bool chosen_live = false;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        Seen& seen = seen_[i];
        if (samples[i].bytes != seen.bytes) {
            seen.rate = samples[i].bytes > seen.bytes ? samples[i].bytes - seen.bytes : 0;
            seen.bytes = samples[i].bytes;
            seen.moved_ns = now_ns;
        }
        if (seen.moved_ns == 0 || now_ns - seen.moved_ns > live_for_ns) continue;
        if (i == chosen_) chosen_live = true;
        if (lines(samples[i]) > highest_lines) continue;
        if (!best) {
            best = i;
            continue;
        }
        const bool sizes_known = lines(samples[i]) != 0 && lines(samples[*best]) != 0;
        const bool higher = sizes_known ? lines(samples[i]) > lines(samples[*best]) : seen.rate > seen_[*best].rate;
        if (higher) best = i;
    }
    // All live layers are above 720p: the one that flows is better than none.
    if (!best && !chosen_live)
        for (std::size_t i = 0; i < seen_.size() && !best; ++i)
            if (seen_[i].moved_ns != 0 && now_ns - seen_[i].moved_ns <= live_for_ns) best = i;
    if (!best || *best == chosen_) return false;
    if (chosen_live && changed_ns_ != 0 && now_ns - changed_ns_ < settle_ns) return false;
    chosen_ = *best;
    changed_ns_ = now_ns;
    return true;
}

}  // namespace sluice::room
