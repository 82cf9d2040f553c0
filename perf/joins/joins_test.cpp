// A small crowd against the control plane: everybody gets in, and what a session keeps is what the memory plan says. Counts
// and bytes are hard; times only beyond five times their target.
#include <gtest/gtest.h>

#include <algorithm>

#include "perf/joins/crowd.hpp"

namespace sluice::perf {
namespace {

constexpr double planned_kb = 40;        // per session
constexpr double planned_cpu_us = 1000;  // per join
constexpr double far_beyond = 5;

TEST(Joins, ACrowdGetsInWithinTheMemoryPlanAndAsksForNoKeyframe) {
    Crowd crowd({.program = SLUICE_CONTROLPLANE, .offers = SLUICE_SDP_GOLDEN, .sessions = 1'000, .log_level = "warn"});
    crowd.start();
    // The first ones pay for what is there once: code, caches, the handshakes' peak.
    const Wave first = crowd.join(200, 400, 30);
    ASSERT_EQ(first.connected, 200u) << crowd.last_refusal();
    crowd.rest(2);
    const std::size_t before = crowd.memory_kb();
    const Wave wave = crowd.join(400, 400, 30);
    ASSERT_EQ(wave.connected, 400u) << crowd.last_refusal();
    EXPECT_EQ(wave.refused, 0u);
    crowd.rest(2);  // the handshakes' memory goes back
    const std::size_t after = crowd.memory_kb();
    const double each = (static_cast<double>(after) - static_cast<double>(before)) / 400;
    RecordProperty("kb_per_session", std::to_string(each));
    RecordProperty("cpu_us_per_join", std::to_string(wave.cpu_us));
    EXPECT_LE(each, planned_kb);
    EXPECT_LE(wave.cpu_us, far_beyond * planned_cpu_us);
    EXPECT_EQ(wave.keyframe_requests, 0u) << "newcomers' keyframes are the workers' affair";
    // An upsert each of the transport, its path and its keys, two of the blob, two legs; transactions are shared.
    std::size_t messages = 0;
    for (const auto& [type, count] : wave.messages) messages += count;
    EXPECT_LE(messages, 400u * 12);
    EXPECT_EQ(wave.messages.at(abi::MessageType::upsert_leg), 800u);
    EXPECT_LE(wave.messages.at(abi::MessageType::upsert_transport), 1'200u);
    EXPECT_LE(wave.messages.at(abi::MessageType::upsert_blob), 800u + 50u);
}

}  // namespace
}  // namespace sluice::perf
