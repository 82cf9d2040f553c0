#include "signaling/sdp/trickle.hpp"

#include <gtest/gtest.h>

namespace sluice::sdp {
namespace {

constexpr std::string_view rfc9725 =
    "a=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF "
    "111\r\na=mid:0\r\na=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n"
    "a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1\r\n"
    "a=candidate:3471623853 1 udp 2122194687 198.51.100.2 61765 typ host generation 0 ufrag EsAw network-id 2\r\n"
    "a=candidate:473322822 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active generation 0 ufrag EsAw network-id "
    "1\r\na=end-of-candidates\r\n";

TEST(TrickleFragment, ReadsTheExampleOfRfc9725) {
    const auto f = parse_trickle(rfc9725);
    ASSERT_TRUE(f.has_value()) << f.error().message;
    EXPECT_EQ(f->ice_ufrag, "EsAw");
    EXPECT_EQ(f->bundle, (std::vector<std::string>{"0", "1"}));
    ASSERT_EQ(f->sections.size(), 1u);
    EXPECT_EQ(f->sections[0].mid, "0");
    EXPECT_EQ(f->sections[0].candidates.size(), 3u);
    EXPECT_TRUE(f->sections[0].end_of_candidates);
    EXPECT_FALSE(f->end_of_candidates);
    EXPECT_EQ(parse_trickle(write_trickle(*f)), f);
}

TEST(TrickleFragment, RoundTripsARestart) {
    TrickleFragment f{.ice_ufrag = "abcd",
                      .ice_pwd = "0123456789012345678901",
                      .ice_options = {"trickle", "ice2"},
                      .ice_lite = true,
                      .bundle = {"0"},
                      .end_of_candidates = true,
                      .sections = {}};
    f.sections.push_back({.mid = "0", .candidates = {host_candidate("1", "192.0.2.1", 7882)}, .end_of_candidates = false});
    EXPECT_EQ(parse_trickle(write_trickle(f)), f);
}

TEST(TrickleFragment, TakesCandidatesWithoutAnMLine) {
    const auto f = parse_trickle("a=ice-ufrag:abcd\na=mid:7\na=candidate:1 1 udp 1 192.0.2.1 7 typ host\n");
    ASSERT_TRUE(f.has_value());
    ASSERT_EQ(f->sections.size(), 1u);
    EXPECT_EQ(f->sections[0].mid, "7");
}

TEST(TrickleFragment, RefusesTwoCredentialsAndBadLines) {
    EXPECT_FALSE(parse_trickle("a=ice-ufrag:abcd\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=ice-ufrag:efgh\r\n").has_value());
    const auto bad = parse_trickle("a=mid:0\r\na=candidate:bad\r\n");
    ASSERT_FALSE(bad.has_value());
    EXPECT_EQ(bad.error().line, 2u);
    for (const auto* text : {"x", "a=ice-pwd:short\n", "m=audio\n", "a=mid:\n", "a=x\x01\n"})
        EXPECT_FALSE(parse_trickle(text).has_value()) << text;
}

TEST(TrickleFragment, MayBeEmpty) {
    EXPECT_TRUE(parse_trickle("")->sections.empty());
}

}  // namespace
}  // namespace sluice::sdp
