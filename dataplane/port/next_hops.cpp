#include "dataplane/port/next_hops.hpp"

#include <string_view>

namespace sluice::port {
namespace {

using table::NextHopIndex;
using table::no_next_hop;

constexpr std::int64_t use_interval_ns = 5'000'000'000;
constexpr std::int64_t sweep_interval_ns = 500'000'000;
// A routing daemon changes many routes at once: they are waited for, but no longer than this.
constexpr std::int64_t settle_ns = 50'000'000;
constexpr int asks_per_turn = 64;  // about 10 us each

}  // namespace

std::size_t IpAddressHash::operator()(const IpAddress& address) const noexcept {
    std::size_t hash = 0xcbf2'9ce4'8422'2325;  // FNV-1a
    for (const std::uint8_t byte : address.bytes) hash = (hash ^ byte) * 0x0100'0000'01b3;
    return hash;
}

NextHops::NextHops(NeighbourKernel& kernel, EntryChanged entry_changed, RouteChanged route_changed)
    : kernel_(kernel), entry_changed_(std::move(entry_changed)), route_changed_(std::move(route_changed)) {}

void NextHops::set(NextHopIndex index, std::optional<Mac> mac) {
    const table::NextHop hop{mac.value_or(Mac{}), mac.has_value()};
    if (entries_[index].hop == hop) return;
    entries_[index].hop = hop;
    entry_changed_(index, hop);
}

NextHopIndex NextHops::take(const std::optional<IpAddress>& gateway) {
    if (!gateway) return no_next_hop;
    if (const auto known = by_gateway_.find(*gateway); known != by_gateway_.end()) {
        ++entries_[known->second].destinations;
        return known->second;
    }
    for (std::size_t i = 1; i < entries_.size(); ++i) {
        if (entries_[i].destinations != 0) continue;
        const auto index = static_cast<NextHopIndex>(i);
        entries_[i].gateway = *gateway;
        entries_[i].destinations = 1;
        entries_[i].next_use_ns = 0;
        by_gateway_.emplace(*gateway, index);
        set(index, kernel_.mac_of(*gateway));
        kernel_.use(*gateway);
        return index;
    }
    return no_next_hop;
}

void NextHops::give_back(NextHopIndex index) {
    if (index == no_next_hop || --entries_[index].destinations != 0) return;
    by_gateway_.erase(entries_[index].gateway);
    set(index, std::nullopt);
}

NextHopIndex NextHops::acquire(const IpAddress& destination) {
    const auto [at, added] = destinations_.try_emplace(destination);
    if (added) at->second.index = take(kernel_.gateway_of(destination));
    ++at->second.users;
    return at->second.index;
}

void NextHops::release(const IpAddress& destination) {
    const auto at = destinations_.find(destination);
    if (at == destinations_.end() || --at->second.users != 0) return;
    give_back(at->second.index);
    destinations_.erase(at);
}

NextHopIndex NextHops::index_of(const IpAddress& destination) const {
    const auto at = destinations_.find(destination);
    return at == destinations_.end() ? no_next_hop : at->second.index;
}

void NextHops::neighbour_changed(const IpAddress& address, std::optional<Mac> mac) {
    const auto at = by_gateway_.find(address);
    if (at == by_gateway_.end()) return;
    set(at->second, mac);
    // Forgotten or failed: the kernel shall try again at once, and then at each interval.
    if (!mac && entries_[at->second].next_use_ns != 0) entries_[at->second].next_use_ns = 1;
}

void NextHops::routes_changed(std::int64_t now_ns) {
    if (!ask_all_at_ns_) ask_all_at_ns_ = now_ns + settle_ns;
}

void NextHops::everything_changed(std::int64_t now_ns) {
    for (const auto& [gateway, index] : by_gateway_) set(index, kernel_.mac_of(gateway));
    routes_changed(now_ns);
}

void NextHops::turn(std::int64_t now_ns) {
    if (ask_all_at_ns_ && now_ns >= *ask_all_at_ns_) {
        ask_all_at_ns_.reset();
        to_ask_.clear();
        for (const auto& [destination, record] : destinations_) to_ask_.push_back(destination);
    }
    for (int budget = asks_per_turn; budget > 0 && !to_ask_.empty(); --budget) {
        const IpAddress destination = to_ask_.front();
        to_ask_.pop_front();
        const auto at = destinations_.find(destination);
        if (at == destinations_.end()) continue;
        const NextHopIndex before = at->second.index;
        const NextHopIndex after = take(kernel_.gateway_of(destination));
        // The new one is taken first, so that an entry that stays keeps its place.
        at->second.index = after;
        if (after != before) route_changed_(destination, after);
        give_back(before);
    }
    if (now_ns < next_sweep_ns_) return;
    next_sweep_ns_ = now_ns + sweep_interval_ns;
    for (const auto& [gateway, index] : by_gateway_) {
        Entry& entry = entries_[index];
        if (now_ns < entry.next_use_ns) continue;
        entry.next_use_ns = now_ns + use_interval_ns;
        kernel_.use(gateway);
    }
}

}  // namespace sluice::port
