// Maps the packets of a leg's source to the leg's own RTP numbering: a 48-bit packet index (ROC << 16 | sequence),
// which is what SRTP seals under, and a timestamp.
//
// Theory of operation: outgoing numbers are cut into *segments*, each a constant offset from the source's numbers.
// A switch of source, a deliberately dropped packet or a jump of the publisher's numbers closes a segment and opens
// the next one at the first index that was never given out. So every index has one source packet at most (the SRTP
// invariant), while a late packet still finds the offset of the segment that it belongs to. Example:
//     start(1000, ts);  switch_source(50, ..)   in 50,51,53 -> out 1000,1001,1003
//     drop(54)          in 55 -> 1004, late 52 -> 1002, 54 -> nothing
//     switch_source(9000, ..)                   in 9000 -> 1005, late 8999 -> nothing
// The last two closed segments are kept for late packets and for NACK.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace sluice::media {

// Owning worker only.
class LegRewriter {
public:
    static constexpr std::uint64_t max_index = (std::uint64_t{1} << 48) - 1;
    // Receivers guess the ROC right only for steps below 2^15 (RFC 3711 section 3.3.1); a larger forward step of the
    // source is closed up to a gap of one.
    static constexpr std::int64_t max_step = 1 << 14;

    struct Out {
        std::uint64_t index;  // the RTP sequence number is its low 16 bits
        std::uint32_t ts;
        friend bool operator==(const Out&, const Out&) = default;
    };

    // Where an outgoing packet came from.
    struct Origin {
        std::int64_t seq;           // extended; of an earlier source only the low 32 bits are known
        std::uint64_t index;        // the full outgoing index
        std::uint32_t ts_delta;     // outgoing minus incoming timestamp
        std::uint8_t switches_ago;  // 0: the current source
    };

    // Begins a new numbering. No packet maps until switch_source(). `first_ts` is the timestamp of the first packet.
    void start(std::uint64_t first_out_index, std::uint32_t first_ts) noexcept;

    // Never gives out an index below `reserved_index` from now on (after a restart, or a hand-over to another worker).
    // No packet maps until switch_source().
    void resume(std::uint64_t reserved_index) noexcept;

    // From now on packets come from another source, the first of them being `first_in_seq`; it gets the next free
    // index, and a timestamp that is ahead of the last one by the time since then, at least 10 ms.
    void switch_source(std::int64_t first_in_seq, std::uint32_t first_in_ts, std::int64_t now_ns,
                       std::uint32_t clock_hz) noexcept;

    // The common case of map(): the packet that follows the highest one mapped so far. False, and nothing changed, when it
    // is not. `now_ms` counts modulo 2^32.
    [[nodiscard]] bool map_next(std::int64_t in_seq, std::uint32_t in_ts, std::uint32_t now_ms, Out& out) noexcept {
        const auto index = static_cast<std::uint64_t>(in_seq + delta_);
        if (index != next_index_ || !has_source_ || index > max_index) return false;
        const std::uint32_t ts = in_ts + ts_delta_;
        next_index_ = index + 1;
        last_at_ms_ = now_ms;
        if (!has_last_ || static_cast<std::int32_t>(ts - last_ts_) > 0) last_ts_ = ts;
        has_last_ = true;
        out = {index, ts};
        return true;
    }

    // nullopt: older than the segments kept, dropped on purpose, no source yet, or the index space is used up.
    [[nodiscard]] std::optional<Out> map(std::int64_t in_seq, std::uint32_t in_ts, std::int64_t now_ns) noexcept;

    // Leaves `in_seq` out of the numbering without a gap. False if that is impossible: it is not ahead of all mapped
    // packets. Gaps before it stay open for late packets.
    bool drop(std::int64_t in_seq) noexcept;
    // The next n packets after the highest one that was mapped or dropped.
    void skip(std::uint32_t n) noexcept;

    // For NACK: the current source's packet behind the outgoing sequence number, among the last 2^15 of them.
    [[nodiscard]] std::optional<std::int64_t> source_seq_of(std::uint16_t out_seq) const noexcept;
    // The same, with packets of earlier sources as far as they are remembered.
    [[nodiscard]] std::optional<Origin> origin_of(std::uint16_t out_seq) const noexcept;

    // The lowest index that was never given out; what a reservation must stay ahead of.
    [[nodiscard]] std::uint64_t next_index() const noexcept { return next_index_; }
    [[nodiscard]] std::uint32_t ts_delta() const noexcept { return ts_delta_; }  // of the current source
    [[nodiscard]] std::uint32_t last_ts() const noexcept { return last_ts_; }
    [[nodiscard]] bool has_source() const noexcept { return has_source_; }

private:
    struct Closed {
        std::uint32_t out_start = 0;  // low 32 bits
        std::uint32_t delta = 0;      // low 32 bits of out - in
        std::uint32_t ts_delta = 0;
    };

    void close_segment(bool source_ends) noexcept;
    void open_segment(std::int64_t in_start) noexcept;

    std::uint64_t next_index_ = 0;
    std::int64_t delta_ = 0;     // out - in of the open segment
    std::int64_t in_start_ = 0;  // first source packet of the open segment
    std::uint32_t last_at_ms_ = 0;
    std::uint32_t ts_delta_ = 0;
    std::uint32_t last_ts_ = 0;
    std::array<Closed, 2> closed_{};  // newest first
    std::uint8_t closed_count_ = 0;
    std::array<std::uint8_t, 2> closed_switches_{};  // source switches between that segment and now, saturated
    bool has_source_ : 1 = false;
    bool has_last_ : 1 = false;  // last_ts_/last_at_ms_ come from a packet
};
static_assert(sizeof(LegRewriter) <= 64);

}  // namespace sluice::media
