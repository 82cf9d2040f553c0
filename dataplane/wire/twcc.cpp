#include "dataplane/wire/twcc.hpp"

#include <algorithm>
#include <array>

namespace sluice::wire {
namespace {

constexpr std::size_t body_fixed = 16;  // two SSRCs, base, count, reference time, feedback count
constexpr std::size_t packet_fixed = 4 + body_fixed;
constexpr std::size_t max_run = 0x1fff;
constexpr unsigned not_received = 0;
constexpr unsigned large_delta = 2;

// Collects status symbols that one chunk can still hold. The invariant: what is pending can always be
// closed as a single chunk, as a run, as 14 one-bit symbols or as 7 two-bit symbols.
class ChunkBuilder {
public:
    [[nodiscard]] bool can_add(unsigned symbol) const noexcept {
        if (size_ < 7) return true;
        if (size_ < 14 && !has_large_ && symbol != large_delta) return true;
        return uniform_ && size_ < max_run && symbols_[0] == symbol;
    }

    void add(unsigned symbol) noexcept {
        if (size_ < symbols_.size()) symbols_[size_] = static_cast<std::uint8_t>(symbol);
        uniform_ = uniform_ && symbols_[0] == symbol;
        has_large_ = has_large_ || symbol == large_delta;
        ++size_;
    }

    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

    // When no more can be added: the fullest chunk; symbols that it does not hold stay pending.
    std::uint16_t take() noexcept {
        if (uniform_) return take_all(run());
        if (size_ == 14) return take_all(one_bit());
        const std::uint16_t chunk = two_bit(7);
        const std::size_t rest = size_ - 7;
        const auto old = symbols_;
        *this = ChunkBuilder{};
        for (std::size_t i = 0; i < rest; ++i) add(old[7 + i]);
        return chunk;
    }

    // The end of the message: everything that is pending.
    [[nodiscard]] std::uint16_t last() const noexcept {
        if (uniform_) return run();
        return size_ <= 7 ? two_bit(size_) : one_bit();
    }

private:
    [[nodiscard]] std::uint16_t run() const noexcept {
        return static_cast<std::uint16_t>(symbols_[0] << 13 | static_cast<unsigned>(size_));
    }
    [[nodiscard]] std::uint16_t one_bit() const noexcept {
        unsigned chunk = 0x8000;
        for (std::size_t i = 0; i < size_; ++i) chunk |= static_cast<unsigned>(symbols_[i]) << (13 - i);
        return static_cast<std::uint16_t>(chunk);
    }
    [[nodiscard]] std::uint16_t two_bit(std::size_t count) const noexcept {
        unsigned chunk = 0xc000;
        for (std::size_t i = 0; i < count; ++i) chunk |= static_cast<unsigned>(symbols_[i]) << (12 - 2 * i);
        return static_cast<std::uint16_t>(chunk);
    }
    std::uint16_t take_all(std::uint16_t chunk) noexcept {
        *this = ChunkBuilder{};
        return chunk;
    }

    std::array<std::uint8_t, 14> symbols_{};
    std::size_t size_ = 0;
    bool uniform_ = true;
    bool has_large_ = false;
};

// Steps of 250 us since the packet before. The quantised time is carried on, so that rounding never adds up.
class DeltaClock {
public:
    explicit DeltaClock(std::int64_t first_ns) noexcept
        : ticks_(first_ns / twcc_reference_ns * (twcc_reference_ns / twcc_tick_ns)) {}
    [[nodiscard]] std::int64_t step(std::int64_t arrival_ns) noexcept {
        const std::int64_t ticks = arrival_ns / twcc_tick_ns;
        const std::int64_t delta = ticks - ticks_;
        ticks_ = ticks;
        return delta;
    }

private:
    std::int64_t ticks_;
};

unsigned symbol_of(std::int64_t delta) noexcept {
    return delta >= 0 && delta <= 0xff ? 1 : large_delta;
}

// Writes chunks as they fill up and keeps account of the room.
class ChunkWriter {
public:
    explicit ChunkWriter(ByteSpan out) noexcept : out_(out) {}

    [[nodiscard]] bool add(unsigned symbol) noexcept {
        while (!builder_.can_add(symbol)) {
            if (used_ + 2 > out_.size()) return false;
            store(out_.data() + used_, be16{builder_.take()});
            used_ += 2;
        }
        builder_.add(symbol);
        deltas_ += symbol;
        return fits();
    }

    // Of chunks and deltas together, with the pending chunk.
    [[nodiscard]] std::size_t size() const noexcept { return used_ + (builder_.empty() ? 0 : 2) + deltas_; }
    [[nodiscard]] bool fits() const noexcept { return ((size() + 3) & ~std::size_t{3}) <= out_.size(); }

    // Closes the pending chunk and returns the offset behind it.
    [[nodiscard]] std::size_t close() noexcept {
        if (!builder_.empty()) {
            store(out_.data() + used_, be16{builder_.last()});
            used_ += 2;
            builder_ = ChunkBuilder{};
        }
        return used_;
    }

private:
    ByteSpan out_;
    ChunkBuilder builder_;
    std::size_t used_ = 0;
    std::size_t deltas_ = 0;
};

}  // namespace

std::expected<TwccFeedbackView, RtcpError> TwccFeedbackView::parse(const RtcpPacketView& packet) noexcept {
    if (!packet.is(RtcpType::transport_feedback, rtpfb_transport_cc)) return std::unexpected(RtcpError::wrong_type);
    if (packet.body.size() < body_fixed) return std::unexpected(RtcpError::truncated_body);
    const std::uint8_t* at = packet.body.data() + 8;
    TwccFeedbackView view;
    view.base_sequence_ = load<be16>(at).value();
    view.status_count_ = load<be16>(at + 2).value();
    view.reference_time_ = load<be32>(at + 4).value() >> 8;
    view.feedback_count_ = at[7];
    if (view.status_count_ == 0) return std::unexpected(RtcpError::bad_content);

    const ByteView rest = packet.body.subspan(body_fixed);
    std::size_t used = 0;
    std::size_t deltas = 0;
    for (std::size_t left = view.status_count_; left != 0; used += 2) {
        if (rest.size() - used < 2) return std::unexpected(RtcpError::truncated_body);
        const std::uint16_t chunk = load<be16>(rest.data() + used).value();
        const std::size_t symbols = std::min<std::size_t>(chunk_length(chunk), left);
        if (symbols == 0) return std::unexpected(RtcpError::bad_content);
        if ((chunk & 0x8000) == 0) {
            const unsigned symbol = chunk_symbol(chunk, 0);
            if (symbol == 3) return std::unexpected(RtcpError::bad_content);
            deltas += symbols * symbol;
        } else {
            for (std::size_t i = 0; i < symbols; ++i) {
                const unsigned symbol = chunk_symbol(chunk, i);
                if (symbol == 3) return std::unexpected(RtcpError::bad_content);
                deltas += symbol;
            }
        }
        left -= symbols;
    }
    if (rest.size() - used < deltas) return std::unexpected(RtcpError::truncated_body);
    view.chunks_ = rest.first(used);
    view.deltas_ = rest.subspan(used, deltas);
    return view;
}

std::expected<TwccWritten, TwccWriteError> TwccFeedbackWriter::write(ByteSpan out, std::uint16_t base_sequence,
                                                                     std::span<const TwccArrival> arrivals) const noexcept {
    if (arrivals.empty()) return std::unexpected(TwccWriteError::nothing_to_report);
    if (arrivals[0].arrival_ns < 0) return std::unexpected(TwccWriteError::negative_time);
    if (out.size() < packet_fixed) return std::unexpected(TwccWriteError::buffer_too_small);
    // The RTCP length field counts words in 16 bits.
    const ByteSpan content = out.subspan(packet_fixed, std::min(out.size() - packet_fixed, std::size_t{0x3ff00}));

    // First pass: chunks, up to the last arrival that fits with its delta.
    ChunkWriter chunks(content);
    DeltaClock clock(arrivals[0].arrival_ns);
    std::size_t reported = 0;
    std::uint16_t statuses = 0;  // from the base to the last reported arrival
    for (const TwccArrival& arrival : arrivals) {
        const auto offset = static_cast<std::uint16_t>(arrival.sequence - base_sequence);
        // A distance of half the space or more is one backwards.
        const auto gap = static_cast<std::uint16_t>(offset - statuses);
        if (gap >= 0x8000 || offset == 0xffff) return std::unexpected(TwccWriteError::not_ascending);
        if (arrival.arrival_ns < 0) return std::unexpected(TwccWriteError::negative_time);
        const std::int64_t delta = clock.step(arrival.arrival_ns);
        if (delta < INT16_MIN || delta > INT16_MAX) break;
        ChunkWriter trial = chunks;
        bool fits = true;
        for (std::uint16_t i = 0; i < gap && fits; ++i) fits = trial.add(not_received);
        if (!fits || !trial.add(symbol_of(delta))) break;
        chunks = trial;
        statuses = static_cast<std::uint16_t>(offset + 1);
        ++reported;
    }
    if (reported == 0) return std::unexpected(TwccWriteError::buffer_too_small);

    // Second pass: deltas.
    std::size_t at = chunks.close();
    DeltaClock again(arrivals[0].arrival_ns);
    for (const TwccArrival& arrival : arrivals.first(reported)) {
        const std::int64_t delta = again.step(arrival.arrival_ns);
        if (symbol_of(delta) == 1) {
            content[at++] = static_cast<std::uint8_t>(delta);
        } else {
            store(content.data() + at, be16{static_cast<std::uint16_t>(delta)});
            at += 2;
        }
    }
    const std::size_t padding = (4 - at % 4) % 4;
    if (padding != 0) {
        std::fill_n(content.data() + at, padding, std::uint8_t{0});
        content[at + padding - 1] = static_cast<std::uint8_t>(padding);
    }
    const std::size_t size = packet_fixed + at + padding;
    out[0] = static_cast<std::uint8_t>(0x80 | (padding != 0 ? 0x20 : 0) | rtpfb_transport_cc);
    out[1] = static_cast<std::uint8_t>(RtcpType::transport_feedback);
    store(out.data() + 2, be16{static_cast<std::uint16_t>(size / 4 - 1)});
    store(out.data() + 4, be32{sender_ssrc});
    store(out.data() + 8, be32{media_ssrc});
    store(out.data() + 12, be16{base_sequence});
    store(out.data() + 14, be16{statuses});
    const auto reference = static_cast<std::uint32_t>(arrivals[0].arrival_ns / twcc_reference_ns);
    store(out.data() + 16, be32{reference << 8 | feedback_count});
    return TwccWritten{size, reported};
}

std::string_view to_string(TwccWriteError error) noexcept {
    switch (error) {
        case TwccWriteError::nothing_to_report: return "nothing_to_report";
        case TwccWriteError::not_ascending: return "not_ascending";
        case TwccWriteError::negative_time: return "negative_time";
        case TwccWriteError::buffer_too_small: return "buffer_too_small";
    }
    return "unknown";
}

}  // namespace sluice::wire
