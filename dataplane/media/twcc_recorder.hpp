// Arrival times by transport-wide sequence number, turned into transport-cc feedback for the publisher's estimator
// (draft-holmer-rmcat-transport-wide-cc-extensions-01).
//
// Theory of operation: a ring of 1024 arrival times indexed by the unwrapped sequence number. pending() covers
// everything from the first packet not reported yet to the highest one; what is missing in between is reported lost,
// and if it arrives after all, the next feedback begins there and reports it (and what follows) again. Use:
//     while (recorder.due(now)) {
//         auto batch = recorder.pending(scratch);
//         auto written = writer.write(out, batch.base_seq, batch.arrivals);
//         recorder.reported(written->arrivals, now);
//     }
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/media/unwrap.hpp"
#include "dataplane/wire/twcc.hpp"

namespace sluice::media {

// Owning worker only.
class TwccRecorder {
public:
    static constexpr std::size_t ring_size = 1024;
    static constexpr std::int64_t interval_ns = 100'000'000;
    static constexpr std::int64_t short_interval_ns = 50'000'000;
    static constexpr std::size_t much = 32;       // packets that wait for the short interval only
    static constexpr std::size_t flush_at = 512;  // packets that wait for none

    struct Batch {
        std::uint16_t base_seq = 0;
        std::uint8_t feedback_count = 0;
        std::span<const wire::TwccArrival> arrivals;  // in `scratch`; ascending; empty if there is nothing to say
    };

    TwccRecorder() noexcept { arrivals_.fill(absent); }

    void on_packet(std::uint16_t transport_seq, std::int64_t arrival_ns) noexcept;

    // When there is something to say: 100 ms after the last feedback, 50 ms if much is waiting, at once (INT64_MIN) if very
    // much; INT64_MAX when there is nothing.
    [[nodiscard]] std::int64_t due_ns() const noexcept;
    [[nodiscard]] bool due(std::int64_t now_ns) const noexcept { return now_ns >= due_ns(); }
    // Whether the last on_packet() may have brought due_ns() forward.
    [[nodiscard]] bool due_has_changed() const noexcept {
        return unreported_ == 1 || unreported_ == much || unreported_ == flush_at;
    }

    // What the next feedback has to say, as far as `scratch` holds it. Changes nothing.
    [[nodiscard]] Batch pending(std::span<wire::TwccArrival> scratch) const noexcept;
    // The first `arrivals` of that batch stand in a feedback that was sent. Call before the next on_packet().
    void reported(std::size_t arrivals, std::int64_t now_ns) noexcept;

    [[nodiscard]] std::uint64_t received() const noexcept { return received_; }
    [[nodiscard]] std::size_t unreported() const noexcept { return unreported_; }

private:
    static constexpr std::int64_t absent = INT64_MIN;
    static constexpr std::size_t slot(std::int64_t seq) noexcept { return static_cast<std::size_t>(seq) % ring_size; }
    void recount() noexcept;

    SeqUnwrapper seqs_;
    std::int64_t next_report_ = 0;  // first sequence number of the next feedback
    std::int64_t last_sent_ns_ = INT64_MIN / 2;
    std::uint64_t received_ = 0;
    std::size_t unreported_ = 0;  // arrivals from next_report_ on
    std::uint8_t feedback_count_ = 0;
    std::array<std::int64_t, ring_size> arrivals_;  // ns, or `absent`
};

}  // namespace sluice::media
