// What a received packet is counted in, and loss: what we ask a publisher for, and how a viewer's NACK becomes an RTX
// packet.

#include <array>
#include <cstring>
#include <memory>

#include "dataplane/base/byteorder.hpp"
#include "dataplane/base/token_bucket.hpp"
#include "dataplane/media/leg_rewriter.hpp"
#include "dataplane/media/receive_stats.hpp"
#include "dataplane/media/twcc_recorder.hpp"
#include "dataplane/media/upstream_nack.hpp"
#include "dataplane/srtp/srtp.hpp"
#include "dataplane/table/media_packet.hpp"
#include "dataplane/table/source_view.hpp"
#include "dataplane/wire/rtp_writer.hpp"
#include "perf/micro/stage.hpp"

namespace sluice::perf {
namespace {

constexpr std::int64_t packet_ns = 1'000'000;

// A leg on a source whose last 1024 packets are in the history, and what a worker needs to answer for it.
struct History {
    table::HistoryPool pool{"micro_history", 4 << 20, -1};
    table::SourceView view{abi::SourceId{1}, 0, 0, true, abi::MediaKind::video, 90'000};
    media::LegRewriter rewriter;
    TokenBucket budget{INT64_MAX / 2'000'000'000, INT64_MAX / 2};
    std::unique_ptr<srtp::Engine> engine = srtp::make_engine(srtp::Backend::ipsec_mb);
    srtp::TxKey key;
    std::array<std::uint8_t, 2048> scratch{};
    std::array<std::uint8_t, 2304> out{};
    std::int64_t next = 1;
    std::uint64_t rtx_index = 5000;
    std::uint16_t asked = 0;

    History() {
        key.init(srtp::Suite::aead_aes_128_gcm, {}, *engine);
        rewriter.start(1000, 90'000);
        rewriter.switch_source(1, 3000, 0, 90'000);
        for (int i = 0; i < 1024; ++i) (void)(push() && rewriter.map(next - 1, 3000, 0));
    }
    ~History() {
        view.clear();
        key.wipe();
    }
    bool push() {
        table::MediaPacket* packet = pool.take(table::media_packet_room);
        if (packet == nullptr) return false;
        packet->index = next++;
        packet->order = static_cast<std::uint64_t>(packet->index);
        packet->keyframe_start = false;
        packet->header_length = 20;
        packet->payload_length = payload_size;
        packet->timestamp = static_cast<std::uint32_t>(3000 * packet->index);
        view.push(packet);
        return true;
    }
    // One of the last 1024, each time another.
    std::uint16_t next_asked() {
        asked = static_cast<std::uint16_t>((asked + 37) % 1024);
        return static_cast<std::uint16_t>(1000 + asked);
    }
    const table::MediaPacket* find(std::uint16_t sequence) const {
        const auto origin = rewriter.origin_of(sequence);
        return origin ? view.by_index(origin->seq) : nullptr;
    }
    bool answer(std::uint16_t sequence) {
        const table::MediaPacket* packet = find(sequence);
        if (packet == nullptr || !budget.take(0, packet->payload_length)) return false;
        store(scratch.data(), be16(sequence));
        std::memcpy(scratch.data() + 2, packet->payload(), packet->payload_length);
        constexpr std::uint8_t mid = '1';
        const wire::RtpExtensionElement element{4, {&mid, 1}};
        const auto header = wire::write_rtp_header(
            out, {103, true, static_cast<std::uint16_t>(rtx_index), packet->timestamp, 0x20000}, {&element, 1});
        if (!header) return false;
        srtp::SealJob job{&key,
                          out.data(),
                          static_cast<std::uint16_t>(*header),
                          static_cast<std::uint16_t>(packet->payload_length + 2),
                          scratch.data(),
                          rtx_index++,
                          0x20000,
                          0};
        engine->sealer().seal_rtp({&job, 1});
        return job.out_len == *header + payload_size + 2 + srtp::gcm_tag_bytes;
    }
};

}  // namespace

void add_repair_stages() {
    stage("ingest/receive_stats", {}, [] {
        return [stats = media::ReceiveStats(), n = std::uint32_t{0}]() mutable {
            ++n;
            return stats.on_packet(static_cast<std::uint16_t>(n), 3000 * n, n * packet_ns) >= 0;
        };
    });
    stage("ingest/transport_cc_record", {}, [] {
        return [recorder = std::make_unique<media::TwccRecorder>(), n = std::int64_t{0}]() mutable {
            ++n;
            recorder->on_packet(static_cast<std::uint16_t>(n), n * packet_ns);
            // As the timers do every 50 ms.
            if (recorder->unreported() >= 64) recorder->reported(recorder->unreported(), n * packet_ns);
            return recorder->received() == static_cast<std::uint64_t>(n);
        };
    });
    stage("ingest/nack_list_in_order", {}, [] {
        return [nack = std::make_unique<media::UpstreamNack>(), n = std::int64_t{0}]() mutable {
            ++n;
            nack->on_packet(n, n * packet_ns);
            return nack->missing() == 0;
        };
    });
    stage("ingest/nack_list_5_percent_lost", {}, [] {
        return [nack = std::make_unique<media::UpstreamNack>(), n = std::int64_t{0}, asked = std::size_t{0}]() mutable {
            if (++n % 20 == 0) ++n;
            nack->on_packet(n, n * packet_ns);
            if (n % 5 == 0) {
                std::array<std::uint16_t, 64> out;
                asked += nack->collect(n * packet_ns, 50'000'000, out);
            }
            return n < 100 || asked != 0;
        };
    });
    stage("history/take_and_push", {}, [] { return [h = std::make_unique<History>()] { return h->push(); }; });
    stage("nack/find_in_history", {},
          [] { return [h = std::make_unique<History>()] { return h->find(h->next_asked()) != nullptr; }; });
    stage("nack/answer_as_rtx/GCM-128/1200", {1, payload_size},
          [] { return [h = std::make_unique<History>()] { return h->answer(h->next_asked()); }; });
}

}  // namespace sluice::perf
