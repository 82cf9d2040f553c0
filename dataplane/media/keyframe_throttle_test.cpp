#include "dataplane/media/keyframe_throttle.hpp"

#include <gtest/gtest.h>

namespace sluice::media {
namespace {

constexpr std::int64_t ms = 1'000'000;

TEST(KeyframeThrottle, SendsOnePliForManyViewers) {
    KeyframeThrottle t;
    EXPECT_FALSE(t.poll(0, 0));
    int sent = 0;
    for (int i = 0; i < 100; ++i) {
        t.request();
        sent += t.poll(i * ms, 0);
    }
    EXPECT_EQ(sent, 1);
    EXPECT_EQ(t.requests(), 100u);
}

TEST(KeyframeThrottle, LimitsTheRateAcrossKeyframes) {
    KeyframeThrottle t;
    t.request();
    EXPECT_TRUE(t.poll(0, 0));
    t.on_keyframe();
    t.request();
    EXPECT_FALSE(t.poll(299 * ms, 0));
    EXPECT_TRUE(t.poll(300 * ms, 0));
    t.on_keyframe();
    t.request();
    EXPECT_FALSE(t.poll(800 * ms, 600 * ms));
    EXPECT_TRUE(t.poll(900 * ms, 600 * ms));
}

TEST(KeyframeThrottle, AsksAgainWhileSomebodyWaits) {
    KeyframeThrottle t;
    t.request();
    int sent = 0;
    for (std::int64_t now = 0; now < 10'000 * ms; now += 10 * ms) sent += t.poll(now, 50 * ms);
    // At 0, 0.5, 1.5, 3.5, 5.5, 7.5, 9.5 s.
    EXPECT_EQ(sent, 7);
    EXPECT_EQ(t.retries(), 6u);
    t.on_keyframe();
    EXPECT_FALSE(t.waiting());
    EXPECT_FALSE(t.poll(60'000 * ms, 0));
}

TEST(KeyframeThrottle, SaysWhenTheNextRequestIsDue) {
    KeyframeThrottle t;
    EXPECT_EQ(t.due_ns(50 * ms), INT64_MAX);
    t.request();
    EXPECT_LE(t.due_ns(50 * ms), 0);
    ASSERT_TRUE(t.poll(1000 * ms, 50 * ms));
    EXPECT_EQ(t.due_ns(50 * ms), 1000 * ms + KeyframeThrottle::first_retry_ns);
    t.on_keyframe();
    EXPECT_EQ(t.due_ns(50 * ms), INT64_MAX);
    t.request();
    EXPECT_EQ(t.due_ns(50 * ms), 1000 * ms + KeyframeThrottle::min_interval_ns);
}

}  // namespace
}  // namespace sluice::media
