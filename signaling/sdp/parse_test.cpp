#include "signaling/sdp/parse.hpp"

#include <gmock/gmock.h>

#include "signaling/sdp/golden.hpp"

namespace sluice::sdp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Golden : public testing::TestWithParam<std::string> {};

TEST_P(Golden, ParsesAndSerialisesWithoutLoss) {
    const auto d = golden(GetParam());
    ASSERT_FALSE(d.media.empty());
    EXPECT_EQ(parsed(write(d)), d);
    EXPECT_EQ(write(parsed(write(d))), write(d));
}

// Every line of the capture that is modelled stands in the output again, but for its order and inheritance.
TEST_P(Golden, KeepsEachModelledLine) {
    const auto text = golden_text(GetParam());
    const auto out = write(golden(GetParam()));
    for (const auto* prefix :
         {"a=mid:", "a=extmap:", "a=rid:", "a=simulcast:", "a=ssrc-group:", "a=rtcp-fb:", "a=fingerprint:", "a=ice-ufrag:",
          "a=setup:", "a=candidate:", "a=msid:", "a=sctp-port:", "a=max-message-size:"}) {
        for (std::size_t at = text.find(prefix); at != std::string::npos; at = text.find(prefix, at + 1)) {
            const auto line = text.substr(at, text.find_first_of("\r\n", at) - at);
            EXPECT_THAT(out, HasSubstr(line + "\r\n"));
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Sdp, Golden, testing::ValuesIn(golden_names()), [](const auto& info) {
    auto name = info.param;
    std::replace_if(name.begin(), name.end(), [](unsigned char c) { return !std::isalnum(c); }, '_');
    return name;
});

constexpr std::string_view head = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
const std::string audio = std::string(head) + "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n";

TEST(SdpParser, ReadsAChromiumSimulcastSection) {
    const auto d = golden("chromium156-simulcast-vp8-send");
    ASSERT_EQ(d.media.size(), 3u);
    const auto& v = d.media[1];
    EXPECT_EQ(v.kind, MediaKind::video);
    EXPECT_EQ(v.direction, Direction::sendonly);
    EXPECT_EQ(v.setup, Setup::actpass);
    EXPECT_TRUE(v.rtcp_mux && v.rtcp_rsize && d.extmap_allow_mixed);
    EXPECT_THAT(d.bundle_groups, ElementsAre(ElementsAre("0", "1", "2")));
    ASSERT_NE(v.find_codec(102), nullptr);
    EXPECT_EQ(v.find_codec(102)->rtx_pt, 103);
    EXPECT_EQ(find_param(v.find_codec(102)->fmtp, "profile-level-id"), "42001f");
    EXPECT_TRUE(v.find_codec(102)->has_feedback("nack pli"));
    EXPECT_EQ(v.rids.size(), 3u);
    ASSERT_TRUE(v.simulcast.has_value());
    EXPECT_EQ(v.simulcast->send.size(), 3u);
    EXPECT_TRUE(v.ssrcs.empty());
    EXPECT_EQ(v.msids.front().track, "f518c28e-89d6-4ab9-bfbb-eab95cc12720");
    EXPECT_EQ(d.media[0].find_codec(111)->channels, 2);
    EXPECT_EQ(d.media[2].formats.front(), "webrtc-datachannel");
    EXPECT_EQ(d.media[2].max_message_size, 262144u);
}

TEST(SdpParser, InheritsFirefoxsSessionLevelFingerprint) {
    const auto d = golden("firefox153-simulcast-send");
    for (const auto& m : d.media) {
        ASSERT_EQ(m.fingerprints.size(), 1u);
        EXPECT_EQ(m.fingerprints.front().algorithm, "sha-256");
        EXPECT_THAT(m.ice_options, ElementsAre("trickle"));
    }
    EXPECT_EQ(d.media[1].extmaps[5].direction, Direction::sendonly);
    EXPECT_EQ(d.media[1].ssrc_groups.size(), 3u);
}

TEST(SdpParser, InheritsAllOfIceAndDtlsAndTheDirection) {
    const auto d = parsed(std::string(head) +
                          "c=IN IP6 ::1\na=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\na=setup:passive\na=sendonly\n"
                          "m=audio 9 RTP/SAVPF 0\nm=audio 9 RTP/SAVPF 0\na=recvonly\na=ice-ufrag:efgh\n");
    EXPECT_EQ(d.media[0].direction, Direction::sendonly);
    EXPECT_EQ(d.media[0].ice_ufrag, "abcd");
    EXPECT_EQ(d.media[0].setup, Setup::passive);
    EXPECT_EQ(d.media[0].connection, "::1");
    EXPECT_EQ(d.media[1].direction, Direction::recvonly);
    EXPECT_EQ(d.media[1].ice_ufrag, "efgh");
    EXPECT_EQ(d.media[1].ice_pwd, "0123456789012345678901");
    EXPECT_EQ(d.media[0].codecs[0].name, "PCMU");
}

TEST(SdpParser, ToleratesUnknownAttributesAndBareLineFeeds) {
    const auto d = parsed(
        "v=0\no=- 1 2 IN IP4 0.0.0.0\ns=-\nb=AS:100\nz=0 0\na=unheard:of it\nm=audio 9 UDP/TLS/RTP/SAVPF 111\na=more:of "
        "that\n\n");
    EXPECT_EQ(d.media.size(), 1u);
}

TEST(SdpParser, GivesAWildcardFeedbackToEachCodec) {
    const auto d =
        parsed(std::string(head) + "m=video 9 UDP/TLS/RTP/SAVPF 96 98\na=rtcp-fb:* nack pli\na=rtcp-fb:96 nack\n");
    EXPECT_THAT(d.media[0].codecs[0].feedback, ElementsAre("nack pli", "nack"));
    EXPECT_THAT(d.media[0].codecs[1].feedback, ElementsAre("nack pli"));
}

TEST(SdpParser, ReadsSimulcastAlternativesAndPausedStreams) {
    const auto d =
        parsed(std::string(head) +
               "m=video 9 UDP/TLS/RTP/SAVPF 96\na=rid:a send pt=96;max-width=640\na=simulcast:recv x send a,~b;c\n");
    const auto& s = *d.media[0].simulcast;
    EXPECT_EQ(s.recv.size(), 1u);
    ASSERT_EQ(s.send.size(), 2u);
    EXPECT_EQ(s.send[0][1], (SimulcastAlternative{"b", true}));
    EXPECT_EQ(d.media[0].rids[0].restrictions[1].second, "640");
    EXPECT_EQ(parsed(write(d)), d);
}

TEST(SdpParser, NamesTheLineOfAnError) {
    const auto d = parse(audio + "a=mid:0\r\na=setup:sideways\r\n");
    ASSERT_FALSE(d.has_value());
    EXPECT_EQ(d.error().line, 7u);
    EXPECT_THAT(d.error().message, HasSubstr("setup"));
}

TEST(SdpParser, RefusesMalformedSectionLines) {
    for (const auto* line : {"a=rtpmap:111",
                             "a=rtpmap:200 opus/48000",
                             "a=rtpmap:111 opus/x",
                             "a=rtpmap:111 opus/48000/0",
                             "a=fmtp:x y",
                             "a=rtcp-fb:111",
                             "a=rtcp-fb:999 nack",
                             "a=extmap:0 urn:x",
                             "a=extmap:1",
                             "a=extmap:1/up urn:x",
                             "a=mid:",
                             "a=ice-ufrag:abc",
                             "a=ice-pwd:short",
                             "a=fingerprint:sha-256 AB:CD",
                             "a=fingerprint:sha-256 zz",
                             "a=rid:a up",
                             "a=rid:sp/ce send",
                             "a=simulcast:send",
                             "a=simulcast:send a;;b",
                             "a=simulcast:send a send b",
                             "a=ssrc:x cname:y",
                             "a=ssrc:4294967296 cname:y",
                             "a=ssrc-group:FID",
                             "a=ssrc-group:FID x",
                             "a=candidate:1 1 udp 1 192.0.2.1 70000 typ host",
                             "a=candidate:1 1 udp 1 192.0.2.1 7",
                             "a=sctp-port:x",
                             "a=max-message-size:-1",
                             "a=msid:",
                             "m=audio",
                             "m=audio 70000 UDP/TLS/RTP/SAVPF 0",
                             "m=audio 9 UDP/TLS/RTP/SAVPF 128",
                             "m=audio 9 UDP/TLS/RTP/SAVPF 0 0",
                             "c=IN IP9 x",
                             "no equals",
                             "=",
                             "a",
                             "A=x",
                             "o=- 1 2 IN IP4 x"}) {
        const auto d = parse(audio + line + "\r\n");
        EXPECT_FALSE(d.has_value()) << line;
        if (!d) {
            EXPECT_EQ(d.error().line, 6u) << line;
        }
    }
}

TEST(SdpParser, RefusesMalformedSessions) {
    EXPECT_FALSE(parse("").has_value());
    EXPECT_FALSE(parse("v=1\r\n").has_value());
    EXPECT_FALSE(parse("v=0\r\n").has_value());
    EXPECT_FALSE(parse("o=- 1 2 IN IP4 x\r\nv=0\r\n").has_value());
    EXPECT_FALSE(parse("v=0\r\no=- x 2 IN IP4 y\r\n").has_value());
    EXPECT_FALSE(parse(std::string(head) + std::string("a=x\0y\r\n", 7)).has_value());
    EXPECT_FALSE(parse(std::string(head) + "a=x\ry\r\n").has_value());
    EXPECT_FALSE(parse(audio + "a=extmap:1 urn:a\r\na=extmap:1 urn:b\r\n").has_value());
}

TEST(SdpParser, HoldsItsBounds) {
    EXPECT_FALSE(parse(audio + std::string(max_description_bytes, 'x')).has_value());
    std::string many(head);
    for (std::size_t i = 0; i < max_media_sections; ++i) many += "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n";
    EXPECT_TRUE(parse(many).has_value());
    EXPECT_FALSE(parse(many + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n").has_value());
    std::string ssrcs = audio;
    for (int i = 0; i < 2000; ++i) ssrcs += "a=ssrc:" + std::to_string(i) + " cname:x\r\n";
    EXPECT_FALSE(parse(ssrcs).has_value());
}

TEST(SdpParser, NeverQuotesAnIcePassword) {
    const auto d = parse(audio + "a=ice-pwd:secret word\r\n");
    ASSERT_FALSE(d.has_value());
    EXPECT_EQ(d.error().message.find("secret"), std::string::npos);
}

TEST(Candidate, RoundTripsBrowsersCandidates) {
    for (const std::string text :
         {"candidate:1467250027 1 udp 2122260223 192.168.0.196 46243 typ host generation 0 ufrag EsAw network-id 1",
          "candidate:1 1 udp 2113937151 9b36eaac-bb2e-49bb-bb78-21c41c499900.local 10400 typ host",
          "candidate:2 1 udp 1686052607 203.0.113.7 1 typ srflx raddr 0.0.0.0 rport 9",
          "candidate:3 1 tcp 1518280447 2001:db8::7 9 typ host tcptype active generation 0"}) {
        const auto c = parse_candidate(text);
        ASSERT_TRUE(c.has_value()) << c.error();
        EXPECT_EQ(write_candidate(*c), text);
        EXPECT_EQ(parse_candidate("a=" + text), c);
        EXPECT_EQ(parse_candidate(text.substr(10)), c);
    }
    EXPECT_EQ(parse_candidate("candidate:1 1 UDP 1 h 1 typ host")->transport, "udp");
}

TEST(Candidate, HasTheHostPriorityOfRfc8445) {
    const auto c = host_candidate("1", "192.0.2.1", 7882);
    EXPECT_EQ(c.priority, 2130706431u);
    EXPECT_EQ(write_candidate(c), "candidate:1 1 udp 2130706431 192.0.2.1 7882 typ host");
}

}  // namespace
}  // namespace sluice::sdp
