// RTCP: compounds as peers send them, read to the last field, and the compounds that we send.

#include <array>

#include "dataplane/wire/rtcp.hpp"
#include "dataplane/wire/rtcp_feedback.hpp"
#include "dataplane/wire/rtcp_reports.hpp"
#include "dataplane/wire/rtcp_writer.hpp"
#include "dataplane/wire/twcc.hpp"
#include "perf/micro/stage.hpp"

namespace sluice::perf {
namespace {

constexpr std::uint32_t us = 1;
constexpr std::uint32_t them = 0x1111;
constexpr wire::SenderInfo sender{0x0123456789abcdef, 90'000, 1000, 1'200'000};

// 17 of one word, the most that a single item asks for.
constexpr auto missing = [] {
    std::array<std::uint16_t, 17> sequences{};
    for (std::size_t i = 0; i < sequences.size(); ++i) sequences[i] = static_cast<std::uint16_t>(1000 + i);
    return sequences;
}();

// 50 ms of a stream of 2,000 packets a second, one in ten lost.
std::vector<wire::TwccArrival> arrivals() {
    std::vector<wire::TwccArrival> made;
    for (std::uint16_t i = 0; i < 100; ++i) {
        if (i % 10 != 3) made.push_back({i, 1'000'000'000 + i * std::int64_t{500'000}});
    }
    return made;
}

template <typename Write>
Bytes compound(Write write) {
    std::array<std::uint8_t, 1200> buffer;
    wire::RtcpWriter writer(buffer);
    if (!write(writer)) return {};
    const ByteView made = writer.finish();
    return {made.begin(), made.end()};
}

bool write_sr(wire::RtcpWriter& w) {
    return w.sender_report(them, sender) && w.sdes_cname(them, "sluice-perf-cname");
}
bool write_rr(wire::RtcpWriter& w) {
    const wire::ReportBlock blocks[2] = {{.ssrc = them, .fraction_lost = 3}, {.ssrc = them + 1, .jitter = 40}};
    return w.receiver_report(us, blocks) && w.sdes_cname(us, "sluice-perf-cname");
}
bool write_nack(wire::RtcpWriter& w) {
    return w.nack(us, them, missing);
}
bool write_twcc(wire::RtcpWriter& w) {
    static const auto arrived = arrivals();
    const auto written = wire::TwccFeedbackWriter{us, them, 1}.write(w.room(), 0, arrived);
    if (!written) return false;
    w.commit(written->bytes);
    return true;
}

// `read` gets each packet of the compound and says how many facts it found.
template <typename Write, typename Read>
void reading(const std::string& name, std::size_t facts, Write write, Read read) {
    stage("rtcp/read/" + name, {}, [=] {
        return [bytes = compound(write), facts, read] {
            auto reader = wire::RtcpReader::parse(bytes);
            std::size_t found = 0;
            if (!reader) return false;
            while (const auto packet = reader->next()) found += read(*packet);
            return found == facts;
        };
    });
}

template <typename Write>
void writing(const std::string& name, Write write) {
    stage("rtcp/write/" + name, {}, [=] {
        return [write, buffer = std::array<std::uint8_t, 1200>{}]() mutable {
            wire::RtcpWriter writer(buffer);
            return write(writer) && writer.size() != 0;
        };
    });
}

}  // namespace

void add_rtcp_stages() {
    reading("sr_sdes", 2, write_sr, [](const wire::RtcpPacketView& p) {
        std::size_t found = p.type == wire::RtcpType::sender_report && wire::read_sender_info(p).has_value();
        if (p.type == wire::RtcpType::source_description) {
            (void)wire::for_each_cname(p, [&](std::uint32_t, std::string_view) { ++found; });
        }
        return found;
    });
    reading("rr_2_blocks", 2, write_rr, [](const wire::RtcpPacketView& p) {
        std::size_t found = 0;
        if (p.type == wire::RtcpType::receiver_report) {
            (void)wire::for_each_report_block(p, [&](const wire::ReportBlock&) { ++found; });
        }
        return found;
    });
    reading("nack_17", missing.size(), write_nack, [](const wire::RtcpPacketView& p) {
        std::size_t found = 0;
        (void)wire::for_each_nack(p, [&](std::uint16_t) { ++found; });
        return found;
    });
    reading("transport_cc_100", 100, write_twcc, [](const wire::RtcpPacketView& p) {
        std::size_t found = 0;
        if (const auto view = wire::TwccFeedbackView::parse(p)) {
            view->for_each([&](std::uint16_t, bool, std::int32_t) { ++found; });
        }
        return found;
    });
    writing("sr_sdes", write_sr);
    writing("rr_2_blocks", write_rr);
    writing("nack_17", write_nack);
    writing("pli", [](wire::RtcpWriter& w) { return w.pli(us, them); });
    writing("transport_cc_100", write_twcc);
}

}  // namespace sluice::perf
