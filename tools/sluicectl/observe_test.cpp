// capture and trace as far as no packet is needed: what they refuse, and how events are shown. That frames come through is
// for tests/component and tests/netns.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/abi/drop_reason.hpp"
#include "dataplane/base/ip_address.hpp"
#include "tools/sluicectl/test_support.hpp"
#include "tools/sluicectl/trace_text.hpp"

namespace sluice::ctl {
namespace {

using testing::HasSubstr;

TraceEvent event_of(abi::TraceKind kind, std::array<std::uint32_t, abi::trace_values> values, std::int64_t unix_ns = 0) {
    TraceEvent e;
    e.unix_ns = unix_ns;
    e.transport = 0x11;
    e.record.kind = kind;
    e.record.object = 0x31;
    e.record.values = values;
    return e;
}

TEST(TraceText, NamesWhatAnEventTells) {
    const TraceEvent nack = event_of(abi::TraceKind::nack_answered, {0x9000, 1001, 1, 5000}, 1'500'000'000);
    EXPECT_EQ(text_line(nack),
              "1970-01-01 00:00:01.500Z  nack_answered    leg 0000000000000031  ssrc 0x00009000  sequence 1001  as_rtx yes  "
              "rtx_sequence 5000\n");
    EXPECT_EQ(boost::json::serialize(json_of(nack)),
              R"({"unix_ns":1500000000,"event":"nack_answered","transport":"0000000000000011","leg":"0000000000000031",)"
              R"("ssrc":36864,"sequence":1001,"as_rtx":true,"rtx_sequence":5000})");
    const TraceEvent rr = event_of(abi::TraceKind::rr_received, {0x9000, 12, static_cast<std::uint32_t>(-3), 90, 4500});
    EXPECT_EQ(json_of(rr).at("lost").as_int64(), -3) << "duplicates make it negative";
    TraceEvent moved = event_of(abi::TraceKind::path_switched, {});
    moved.record.flow.remote_ip = IpAddress::parse("192.0.2.1")->bytes;
    moved.record.flow.remote_port = 5000;
    EXPECT_THAT(text_line(moved), HasSubstr("path_switched    remote 192.0.2.1:5000\n"));
    EXPECT_EQ(json_of(moved).at("remote").as_string(), "192.0.2.1:5000");
    const TraceEvent drop = event_of(abi::TraceKind::dropped, {static_cast<std::uint32_t>(abi::DropReason::srtp_auth), 2});
    EXPECT_THAT(text_line(drop), HasSubstr("reason srtp_auth  count 2"));
}

TEST(TraceText, OfANewerDataPlaneShowsNumbers) {
    EXPECT_THAT(text_line(event_of(static_cast<abi::TraceKind>(900), {1, 2, 3})), HasSubstr("event_900"));
    EXPECT_EQ(json_of(event_of(abi::TraceKind::dropped, {250, 1})).at("reason").to_number<int>(), 250);
    abi::CaptureRecord record;
    record.kind = abi::CaptureKind::trace;
    const abi::TraceRecord whole;
    EXPECT_FALSE(trace_event(record, bytes_of(whole).first(20)));
    EXPECT_TRUE(trace_event(record, bytes_of(whole)));
    record.kind = abi::CaptureKind::frame;
    EXPECT_FALSE(trace_event(record, bytes_of(whole)));
}

TEST(TraceText, AFloodOfDropsIsSummedUpWithoutLosingOne) {
    DropSummary drops;
    std::uint32_t shown = 0;
    std::size_t lines = 0;
    const auto add = [&](const std::vector<TraceEvent>& events) {
        lines += events.size();
        for (const TraceEvent& e : events) shown += e.record.values[1];
    };
    const auto reason = static_cast<std::uint32_t>(abi::DropReason::no_legs);
    for (std::int64_t ms = 2000; ms < 5000; ms += 5)
        add(drops.filter(event_of(abi::TraceKind::dropped, {reason, 1}, ms * 1'000'000)));
    EXPECT_GE(lines, 2u);
    EXPECT_LE(lines, 4u);
    add(drops.due(5'000'000'000, true));
    EXPECT_EQ(shown, 600u);
    EXPECT_TRUE(drops.due(9'000'000'000, true).empty());
    EXPECT_EQ(drops.filter(event_of(abi::TraceKind::pli, {1})).size(), 1u);
}

class ObserveTest : public CtlTest {
protected:
    void old_data_plane() {
        plane = std::make_unique<DataPlaneThread>(control());
        abi::TransportSpec transport;
        transport.id = abi::TransportId{0x11};
        plane->plane().put(transport);
        plane->start();
    }
    std::unique_ptr<DataPlaneThread> plane;
};

TEST_F(ObserveTest, NoDataPlaneIs3) {
    for (const auto& verb : std::vector<std::vector<std::string>>{{"capture", "--write", dir + "/x"}, {"trace", "11"}}) {
        const Ran ran = ctl(verb);
        EXPECT_EQ(ran.exit, 3) << verb[0];
        EXPECT_THAT(ran.err, HasSubstr("the data plane is down"));
    }
    EXPECT_FALSE(std::filesystem::exists(dir + "/x"));
}

// The fake knows neither message, as a data plane of before them.
TEST_F(ObserveTest, AnOlderDataPlaneIsNamedAsSuch) {
    old_data_plane();
    Ran ran = ctl({"capture", "--write", dir + "/x", "--json"});
    EXPECT_EQ(ran.exit, 1);
    EXPECT_THAT(std::string(ran.json().at("error").as_string()), HasSubstr("older than this sluicectl"));
    ran = ctl({"trace", "transport", "11"});
    EXPECT_EQ(ran.exit, 1);
    EXPECT_THAT(ran.err, HasSubstr("older than this sluicectl"));
}

TEST_F(ObserveTest, WhatCannotBeMeantIsRefused) {
    old_data_plane();
    EXPECT_EQ(ctl({"capture", "--json"}).exit, 2) << "both to stdout";
    EXPECT_EQ(ctl({"capture", "--transport", "zz", "--write", dir + "/x"}).exit, 2);
    EXPECT_EQ(ctl({"capture", "--transport", "11", "--room", "r", "--write", dir + "/x"}).exit, 2);
    EXPECT_EQ(ctl({"capture", "--snaplen", "1", "--write", dir + "/x"}).exit, 2);
    EXPECT_EQ(ctl({"capture", "--room", "r", "--write", dir + "/x"}).exit, 4) << "only the control plane knows rooms";
    const Ran none = ctl({"capture", "--transport", "12", "--write", dir + "/x"});
    EXPECT_EQ(none.exit, 1);
    EXPECT_THAT(none.err, HasSubstr("no transport 0000000000000012"));
    EXPECT_EQ(ctl({"capture", "--write", dir + "/no/such/x"}).exit, 1);
    EXPECT_EQ(ctl({"trace"}).exit, 2);
    EXPECT_EQ(ctl({"trace", "leg", "11"}).exit, 2);
    EXPECT_EQ(ctl({"trace", "zz"}).exit, 2);
    EXPECT_EQ(ctl({"trace", "12"}).exit, 1);
}

}  // namespace
}  // namespace sluice::ctl
