#include "tests/linkem/link_model.hpp"

#include <gtest/gtest.h>

namespace sluice::linkem {
namespace {

using std::chrono::milliseconds;

LinkModel::Frame frame(std::uint8_t mark, std::size_t size = 1000) {
    LinkModel::Frame f(size, 0);
    f[0] = mark;
    return f;
}

TEST(LinkModel, DeliversAFrameAfterTheDelayAndNotBefore) {
    LinkModel link({.delay = milliseconds(50)}, 1);
    link.offer(frame(7), milliseconds(10));
    EXPECT_EQ(link.next(), milliseconds(60));
    EXPECT_FALSE(link.take(milliseconds(59)));
    ASSERT_TRUE(link.take(milliseconds(60)));
    EXPECT_FALSE(link.next());
}

TEST(LinkModel, LosesTheGivenShare) {
    LinkModel link({.loss_percent = 5}, 2);
    for (int i = 0; i < 100'000; ++i) link.offer(frame(0, 60), milliseconds(i));
    EXPECT_NEAR(static_cast<double>(link.counters().lost), 5000, 300);
    EXPECT_EQ(link.counters().offered, 100'000u);
}

TEST(LinkModel, NeverLosesWhatMayNotBeLost) {
    LinkModel link({.loss_percent = 100}, 3);
    link.offer(frame(1), milliseconds(0), false);
    EXPECT_TRUE(link.take(milliseconds(0)));
}

TEST(LinkModel, SendsAtTheRate) {
    LinkModel link({.rate_bps = 1'000'000}, 4);  // 1000 bytes take 8 ms
    for (std::uint8_t i = 0; i < 3; ++i) link.offer(frame(i), milliseconds(0));
    EXPECT_FALSE(link.take(milliseconds(7)));
    EXPECT_TRUE(link.take(milliseconds(8)));
    EXPECT_FALSE(link.take(milliseconds(15)));
    EXPECT_TRUE(link.take(milliseconds(24)));
    EXPECT_TRUE(link.take(milliseconds(24)));
}

TEST(LinkModel, DropsWhatTheQueueCannotHold) {
    LinkModel link({.rate_bps = 1'000'000, .queue_bytes = 3000}, 5);
    for (std::uint8_t i = 0; i < 5; ++i) link.offer(frame(i), milliseconds(0));
    EXPECT_EQ(link.counters().queue_full, 2u);
    link.offer(frame(9), milliseconds(100));  // it is empty again
    EXPECT_EQ(link.counters().queue_full, 2u);
}

TEST(LinkModel, JitterDoesNotReorder) {
    LinkModel link({.delay = milliseconds(20), .jitter = milliseconds(15)}, 6);
    for (int i = 0; i < 250; ++i) link.offer(frame(static_cast<std::uint8_t>(i)), milliseconds(i));
    for (int i = 0; i < 250; ++i) EXPECT_EQ(link.take(milliseconds(1000))->front(), i);
}

TEST(LinkModel, AReorderedFrameOvertakes) {
    LinkModel link({.reorder_percent = 100, .delay = milliseconds(20)}, 7);
    link.offer(frame(1), milliseconds(0));
    EXPECT_TRUE(link.take(milliseconds(0)));
    EXPECT_EQ(link.counters().reordered, 1u);
}

TEST(LinkModel, RepeatsWithTheSameSeed) {
    const auto lost = [](std::uint64_t seed) {
        LinkModel link({.loss_percent = 30}, seed);
        for (int i = 0; i < 1000; ++i) link.offer(frame(0, 60), milliseconds(i));
        return link.counters().lost;
    };
    EXPECT_EQ(lost(8), lost(8));
}

TEST(ParseLink, ReadsEveryPart) {
    const auto options = parse_link("loss=5,delay=50,jitter=2.5,rate=2000,queue=64,reorder=1");
    ASSERT_TRUE(options) << options.error();
    EXPECT_EQ(options->loss_percent, 5);
    EXPECT_EQ(options->delay, milliseconds(50));
    EXPECT_EQ(options->jitter, std::chrono::microseconds(2500));
    EXPECT_EQ(options->rate_bps, 2'000'000u);
    EXPECT_EQ(options->queue_bytes, 65536u);
    EXPECT_EQ(options->reorder_percent, 1);
    EXPECT_TRUE(parse_link(""));
}

TEST(ParseLink, NamesWhatIsWrong) {
    EXPECT_NE(parse_link("loss=101").error().find("loss=101"), std::string::npos);
    EXPECT_NE(parse_link("delay").error().find("delay"), std::string::npos);
    EXPECT_NE(parse_link("colour=3").error().find("colour"), std::string::npos);
    EXPECT_FALSE(parse_link("delay=-1"));
    EXPECT_FALSE(parse_link("delay=nan"));
}

}  // namespace
}  // namespace sluice::linkem
