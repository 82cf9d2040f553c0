#include "controlplane/ice/candidate.hpp"

#include <gtest/gtest.h>

#include <array>

#include "controlplane/ice/test_peer.hpp"

namespace sluice::ice {
namespace {

constexpr auto malformed = CandidateError::malformed;

TEST(Candidate, ReadsTheLinesOfBrowsers) {
    auto c = parse_candidate(
        "a=candidate:1467250027 1 udp 2122260223 192.168.0.196 46243 typ host generation 0 ufrag Ab+/ network-id 1\r\n");
    ASSERT_TRUE(c);
    EXPECT_EQ(c->foundation, "1467250027");
    EXPECT_EQ(c->priority, 2122260223u);
    EXPECT_EQ(c->endpoint, test::at("192.168.0.196", 46243));
    EXPECT_EQ(c->type, CandidateType::host);
    c = parse_candidate("candidate:0 1 UDP 1686052863 2001:db8::5 50000 typ srflx raddr 0.0.0.0 rport 0");
    ASSERT_TRUE(c);
    EXPECT_EQ(c->type, CandidateType::srflx);
    EXPECT_EQ(c->endpoint, test::at("2001:db8::5", 50000));
}

TEST(Candidate, SaysWhyOthersAreIgnored) {
    EXPECT_EQ(
        parse_candidate("candidate:1 1 udp 2122260223 3c5b2e1a-0000-4000-8000-a1b2c3d4e5f6.local 46243 typ host").error(),
        CandidateError::not_an_address);
    EXPECT_EQ(parse_candidate("candidate:1 1 udp 1 example.org 5 typ host").error(), CandidateError::not_an_address);
    EXPECT_EQ(parse_candidate("candidate:1 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active").error(),
              CandidateError::not_udp);
    EXPECT_EQ(parse_candidate("candidate:1 2 udp 1 192.0.2.1 9 typ host").error(), CandidateError::wrong_component);
}

TEST(Candidate, RefusesMalformedLines) {
    for (const char* line :
         {"", "candidate:", "candidate:1", "candidate:1 1 udp 1 192.0.2.1 9", "candidate:1 1 udp 1 192.0.2.1 9 typ",
          "candidate:1 1 udp 1 192.0.2.1 9 typ hosts", "candidate:1 1 udp 1 192.0.2.1 65536 typ host",
          "candidate:1 1 udp -1 192.0.2.1 9 typ host", "candidate:1 1 udp 2147483648 192.0.2.1 9 typ host",
          "candidate:1 1 udp 0 192.0.2.1 9 typ host", "candidate:1 0 udp 1 192.0.2.1 9 typ host",
          "candidate:1 x udp 1 192.0.2.1 9 typ host", "candidate:1! 1 udp 1 192.0.2.1 9 typ host",
          "candidate:123456789012345678901234567890123 1 udp 1 192.0.2.1 9 typ host",
          "candidate:1 1 udp 1 192.0.2.1 9x typ host", "candidate:1 1 udp 1 192.0.2.1 9 tip host"}) {
        auto const c = parse_candidate(line);
        ASSERT_FALSE(c) << line;
        EXPECT_EQ(c.error(), malformed) << line;
    }
}

TEST(Candidate, HasThePrioritiesOfTheRfc) {
    EXPECT_EQ(candidate_priority(CandidateType::host, 65535), 2130706431u);
    EXPECT_EQ(candidate_priority(CandidateType::prflx, 65535), 1862270975u);
    EXPECT_EQ(candidate_priority(CandidateType::srflx, 65535), 1694498815u);
    EXPECT_EQ(candidate_priority(CandidateType::relay, 0), 255u);
    EXPECT_EQ(pair_priority(3, 5), (std::uint64_t{3} << 32) + 10);
    EXPECT_EQ(pair_priority(5, 3), (std::uint64_t{3} << 32) + 11);
    EXPECT_EQ(pair_priority(0xffffffff, 0xffffffff), 0xffffffff'00000000ull + 0x1'ffff'fffe);
}

TEST(Candidate, OfOursAreDistinctOrderedAndReadable) {
    std::array const addresses{test::at("192.0.2.1", 7882), test::at("2001:db8::1", 7882), test::at("192.0.2.1", 7883)};
    auto const candidates = host_candidates(addresses);
    ASSERT_EQ(candidates.size(), 3u);
    EXPECT_EQ(format_candidate(candidates[0]), "candidate:1 1 udp 2130706431 192.0.2.1 7882 typ host");
    for (std::size_t n = 0; n < candidates.size(); ++n) {
        EXPECT_EQ(parse_candidate(format_candidate(candidates[n])), candidates[n]);
        if (n > 0) EXPECT_LT(candidates[n].priority, candidates[n - 1].priority);
        if (n > 0) EXPECT_NE(candidates[n].foundation, candidates[n - 1].foundation);
    }
}

}  // namespace
}  // namespace sluice::ice
