#include "controlplane/room/layer_choice.hpp"

#include <algorithm>
#include <iterator>

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

bool LayerChoice::update(std::span<const LayerSample> samples, std::int64_t now_ns, std::size_t lower) {
    seen_.resize(samples.size());
    std::vector<std::size_t> live;
    bool chosen_live = false;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        Seen& seen = seen_[i];
        if (samples[i].bytes != seen.bytes) {
            seen.rate = samples[i].bytes > seen.bytes ? samples[i].bytes - seen.bytes : 0;
            seen.bytes = samples[i].bytes;
            seen.moved_ns = now_ns;
        }
        if (seen.moved_ns == 0 || now_ns - seen.moved_ns > live_for_ns) continue;
        live.push_back(i);
        if (i == chosen_) chosen_live = true;
    }
    std::vector<std::size_t> eligible;
    std::ranges::copy_if(live, std::back_inserter(eligible),
                         [&](std::size_t i) { return lines(samples[i]) <= highest_lines; });
    // All live layers are above 720p: the one that flows is better than none.
    if (eligible.empty() && !chosen_live && !live.empty()) eligible.push_back(live.front());
    if (eligible.empty()) return false;
    const bool sizes_known = std::ranges::all_of(eligible, [&](std::size_t i) { return lines(samples[i]) != 0; });
    std::ranges::sort(eligible, [&](std::size_t a, std::size_t b) {
        const std::uint64_t of_a = sizes_known ? lines(samples[a]) : seen_[a].rate;
        const std::uint64_t of_b = sizes_known ? lines(samples[b]) : seen_[b].rate;
        return of_a != of_b ? of_a > of_b : a < b;
    });
    const std::size_t best = eligible[std::min(lower, eligible.size() - 1)];
    if (best == chosen_) return false;
    if (chosen_live && changed_ns_ != 0 && now_ns - changed_ns_ < settle_ns) return false;
    chosen_ = best;
    changed_ns_ = now_ns;
    return true;
}

}  // namespace sluice::room
