// A rate for each source prefix, in constant memory: so that a flood from one network costs that network its budget and
// nobody else theirs.
//
// The prefix is a /24 of IPv4 and a /56 of IPv6. A /24 is the smallest network that is routed on its own, so about the
// least that one attacker is free to send from; smaller would give a cloud tenant 256 budgets, larger would let an office
// starve its city. A /56 is what RFC 6177 gives one site; a site can number itself anywhere below.
//
// Theory of operation. Two rows of cells, indexed by two halves of one salted hash of the prefix. A cell is one number, the
// time at which its budget would be whole again (the generic cell rate algorithm, ITU-T I.371): empty cells need no refill,
// so idle prefixes cost nothing. A packet passes if either of its cells has room, and is charged to those that have. Another
// prefix shares both cells of ours with a probability of 1 in slots^2, and with one cell in common we still pass by the
// other; a flood has no rate but that of its own cells, as it drains both.
//
// Thread: one. Allocates in the constructor only.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "dataplane/base/endpoint.hpp"
#include "dataplane/base/token_bucket.hpp"

namespace sluice {

class PrefixBudget {
public:
    static constexpr std::size_t slots = 2048;  // per row: 16 KB
    static constexpr std::size_t ipv4_bits = 24;
    static constexpr std::size_t ipv6_bits = 56;

    PrefixBudget(Rate rate, std::uint64_t salt)
        : interval_ns_(1'000'000'000 / rate.per_second),
          tolerance_ns_((rate.burst - 1) * interval_ns_),
          salt_(salt),
          whole_at_ns_(std::make_unique<std::int64_t[]>(2 * slots)) {}

    [[nodiscard]] static IpAddress prefix_of(IpAddress address) noexcept {
        // A mapped address: 96 bits come before the IPv4 ones.
        const std::size_t kept = address.is_v4() ? (96 + ipv4_bits) / 8 : ipv6_bits / 8;
        for (std::size_t i = kept; i < address.bytes.size(); ++i) address.bytes[i] = 0;
        return address;
    }

    [[nodiscard]] bool take(const IpAddress& source, std::int64_t now_ns) noexcept {
        const std::uint64_t hash = hash_of({prefix_of(source), 0}, salt_);
        const std::array<std::int64_t*, 2> cells{&whole_at_ns_[hash % slots], &whole_at_ns_[slots + (hash >> 32) % slots]};
        bool passed = false;
        for (std::int64_t* cell : cells) {
            const std::int64_t from = *cell < now_ns ? now_ns : *cell;
            if (from - now_ns > tolerance_ns_) continue;
            *cell = from + interval_ns_;
            passed = true;
        }
        return passed;
    }

private:
    std::int64_t interval_ns_;
    std::int64_t tolerance_ns_;
    std::uint64_t salt_;
    std::unique_ptr<std::int64_t[]> whole_at_ns_;
};

static_assert((96 + PrefixBudget::ipv4_bits) % 8 == 0 && PrefixBudget::ipv6_bits % 8 == 0);

}  // namespace sluice
