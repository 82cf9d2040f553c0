// Receive-side index handling: estimating the 48-bit packet index from the 16-bit sequence number
// (RFC 3711 3.3.1 and appendix A), and the replay list (RFC 3711 3.3.2).
//
// Use, per SSRC and direction:
//     index = guess_index(window.highest(), seq);      // the first packet: index = seq
//     if (!window.check(index)) drop;
//     if (!opener.open_rtp(..., index, ...)) drop;     // a forgery must not move the window
//     window.commit(index);
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace sluice::srtp {

// The index nearest to `highest_index` whose low 16 bits are `seq`; never before ROC 0.
[[nodiscard]] constexpr std::uint64_t guess_index(std::uint64_t highest_index, std::uint16_t seq) noexcept {
    const auto last = static_cast<std::uint16_t>(highest_index);
    auto roc = static_cast<std::uint32_t>(highest_index >> 16);
    if (last < 0x8000) {
        if (seq - last > 0x8000 && roc > 0) --roc;
    } else {
        if (last - 0x8000 > seq) ++roc;
    }
    return std::uint64_t{roc} << 16 | seq;
}

// A ring of bits: bit (index % Bits) tells whether `index` was received, for the Bits indices up to
// the highest. Works for 48-bit RTP and 31-bit RTCP indices alike.
// Thread: owning worker only.
template <std::size_t Bits = 1024>
    requires(std::has_single_bit(Bits) && Bits >= 128)
class ReplayWindow {
public:
    // May this index be opened? Everything is fresh before the first commit().
    [[nodiscard]] constexpr bool check(std::uint64_t index) const noexcept {
        if (empty_ || index > highest_) return true;
        return highest_ - index < Bits && !test(index);
    }

    // Tells the two refusals of check() apart: left the window, rather than seen before.
    [[nodiscard]] constexpr bool too_old(std::uint64_t index) const noexcept {
        return !empty_ && index < highest_ && highest_ - index >= Bits;
    }

    // Marks an index that check() accepted and that has opened since.
    constexpr void commit(std::uint64_t index) noexcept {
        if (empty_ || (index > highest_ && index - highest_ >= Bits)) {
            words_.fill(0);
            highest_ = index;
            empty_ = false;
        } else if (index > highest_) {
            for (std::uint64_t skipped = highest_ + 1; skipped < index; ++skipped) clear(skipped);
            highest_ = index;
        } else if (highest_ - index >= Bits) {
            return;
        }
        words_[word(index)] |= mask(index);
    }

    [[nodiscard]] constexpr bool empty() const noexcept { return empty_; }
    // 0 before the first commit().
    [[nodiscard]] constexpr std::uint64_t highest() const noexcept { return highest_; }
    constexpr void reset() noexcept { *this = ReplayWindow{}; }

private:
    static constexpr std::size_t word(std::uint64_t index) noexcept { return index % Bits / 64; }
    static constexpr std::uint64_t mask(std::uint64_t index) noexcept { return std::uint64_t{1} << (index % 64); }
    [[nodiscard]] constexpr bool test(std::uint64_t index) const noexcept {
        return (words_[word(index)] & mask(index)) != 0;
    }
    constexpr void clear(std::uint64_t index) noexcept { words_[word(index)] &= ~mask(index); }

    std::uint64_t highest_ = 0;
    bool empty_ = true;
    std::array<std::uint64_t, Bits / 64> words_{};
};

}  // namespace sluice::srtp
