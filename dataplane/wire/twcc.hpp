// Transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01):
// which packets of a transport-wide sequence arrived, and when, in steps of 250 us.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string_view>

#include "dataplane/wire/rtcp.hpp"

namespace sluice::wire {

inline constexpr std::int64_t twcc_tick_ns = 250'000;
inline constexpr std::int64_t twcc_reference_ns = 64'000'000;

class TwccFeedbackView {
public:
    // Every status and every delta is there, or an error: iteration cannot fail.
    [[nodiscard]] static std::expected<TwccFeedbackView, RtcpError> parse(const RtcpPacketView& packet) noexcept;

    [[nodiscard]] std::uint16_t base_sequence() const noexcept { return base_sequence_; }
    [[nodiscard]] std::uint16_t status_count() const noexcept { return status_count_; }
    // 24 bits, in steps of 64 ms on the sender's clock; it wraps.
    [[nodiscard]] std::uint32_t reference_time() const noexcept { return reference_time_; }
    [[nodiscard]] std::uint8_t feedback_count() const noexcept { return feedback_count_; }

    // fn(uint16_t sequence, bool received, int32_t delta_250us): the delta is to the received packet
    // before, the first one's to the reference time; 0 for a packet that was not received.
    template <typename F>
    void for_each(F&& fn) const {
        std::uint16_t sequence = base_sequence_;
        std::size_t left = status_count_;
        std::size_t delta_at = 0;
        for (std::size_t at = 0; left != 0; at += 2) {
            const std::uint16_t chunk = load<be16>(chunks_.data() + at).value();
            const std::size_t symbols = std::size_t{chunk_length(chunk)} < left ? chunk_length(chunk) : left;
            for (std::size_t i = 0; i < symbols; ++i, ++sequence) {
                const unsigned symbol = chunk_symbol(chunk, i);
                std::int32_t delta = 0;
                if (symbol == 1) delta = deltas_[delta_at];
                if (symbol == 2) delta = static_cast<std::int16_t>(load<be16>(deltas_.data() + delta_at).value());
                delta_at += symbol;
                fn(sequence, symbol != 0, delta);
            }
            left -= symbols;
        }
    }

private:
    TwccFeedbackView() = default;

    // Run length (13 bits), or a vector of 14 one-bit or 7 two-bit symbols.
    static constexpr std::uint16_t chunk_length(std::uint16_t chunk) noexcept {
        if ((chunk & 0x8000) == 0) return chunk & 0x1fff;
        return (chunk & 0x4000) == 0 ? 14 : 7;
    }
    // 0 not received, 1 small delta (1 byte), 2 large or negative delta (2 bytes), 3 reserved.
    static constexpr unsigned chunk_symbol(std::uint16_t chunk, std::size_t index) noexcept {
        if ((chunk & 0x8000) == 0) return (chunk >> 13) & 3U;
        if ((chunk & 0x4000) == 0) return (chunk >> (13 - index)) & 1U;
        return (chunk >> (12 - 2 * index)) & 3U;
    }

    ByteView chunks_;
    ByteView deltas_;
    std::uint32_t reference_time_ = 0;
    std::uint16_t base_sequence_ = 0;
    std::uint16_t status_count_ = 0;
    std::uint8_t feedback_count_ = 0;
};

struct TwccArrival {
    std::uint16_t sequence = 0;
    std::int64_t arrival_ns = 0;  // any epoch, not negative
};

struct TwccWritten {
    std::size_t bytes = 0;     // size of the RTCP packet
    std::size_t arrivals = 0;  // how many of the arrivals it reports: the rest is for the next message
};

enum class TwccWriteError : std::uint8_t {
    nothing_to_report,  // no arrivals
    not_ascending,      // a sequence is repeated or behind the one before, or behind the base
    negative_time,
    buffer_too_small,  // not even the first arrival fits
};
[[nodiscard]] std::string_view to_string(TwccWriteError error) noexcept;

// Writes one feedback packet; everything from `base_sequence` to the last reported arrival that is not
// among the arrivals is reported lost. Arrivals ascend in sequence (across the wrap), not necessarily in
// time. A message ends early where the buffer does, and before a delta beyond 16 bits (8.19 s).
struct TwccFeedbackWriter {
    std::uint32_t sender_ssrc = 0;
    std::uint32_t media_ssrc = 0;
    std::uint8_t feedback_count = 0;  // one more in each message

    [[nodiscard]] std::expected<TwccWritten, TwccWriteError> write(ByteSpan out, std::uint16_t base_sequence,
                                                                   std::span<const TwccArrival> arrivals) const noexcept;
};

}  // namespace sluice::wire
