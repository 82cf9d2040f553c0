#include <gmock/gmock.h>

#include <fstream>
#include <iterator>

#include "controlplane/session/ids.hpp"
#include "controlplane/session/negotiate.hpp"
#include "controlplane/session/specs.hpp"
#include "signaling/sdp/parse.hpp"

namespace sluice::session {
namespace {

// A counter: all different, and the same in each run.
Random counting() {
    return [n = std::uint8_t{1}](std::span<std::uint8_t> out) mutable {
        for (std::uint8_t& byte : out) byte = n = static_cast<std::uint8_t>(n * 37 + 11);
    };
}

std::string golden(const std::string& name) {
    std::ifstream in(std::string{SLUICE_SDP_GOLDEN} + "/" + name);
    EXPECT_TRUE(in) << name;
    return {std::istreambuf_iterator<char>{in}, {}};
}

NegotiateInput input(Role role) {
    std::string fingerprint = "AA";
    for (int i = 0; i < 31; ++i) fingerprint += ":AA";
    return {.role = role,
            .local = {"abcdefgh", "abcdefghijklmnopqrstuvwx"},
            .fingerprint_sha256 = fingerprint,
            .addresses = {{*IpAddress::parse("10.78.82.2"), 7882}},
            .cname = "cname"};
}

SessionState state_of(Role role, const std::string& offer) {
    const Random random = counting();
    const auto negotiated = negotiate(offer, input(role), random);
    EXPECT_TRUE(negotiated) << negotiated.error().detail;
    SessionState s;
    s.id = abi::TransportId{0xfeedfacecafebeef};
    s.resource = "res";
    s.role = role;
    s.room = "a \"room\"";
    s.worker = 3;
    s.etag = "tag";
    s.created_unix_ms = 1'800'000'000'123;
    s.connected_unix_ms = 1'800'000'000'456;
    s.local = {"abcdefgh", "abcdefghijklmnopqrstuvwx"};
    s.remote = negotiated->remote;
    s.fingerprints = negotiated->fingerprints;
    s.cname = "cname";
    s.lines = negotiated->lines;
    return s;
}

TEST(Ids, HexIsReversibleAndRefusesNonsense) {
    EXPECT_EQ(parse_hex_id(hex_id(0xfeedfacecafebeef)), 0xfeedfacecafebeefu);
    EXPECT_EQ(hex_id(1), "0000000000000001");
    for (const char* bad : {"", "xyz", "12345678901234567", "0x1", " 1", "-1"}) EXPECT_EQ(parse_hex_id(bad), 0u) << bad;
}

TEST(Ids, ATokenHasSixBitsACharacter) {
    const Random random = counting();
    EXPECT_EQ(random_token(random, 18).size(), 24u);
    EXPECT_EQ(random_token(random, 16).size(), 22u);
}

TEST(Negotiate, EveryOfferOfABrowserIsPublishedAndItsBlobFits) {
    for (const char* name :
         {"chromium156-single-send.sdp", "chromium156-simulcast-vp8-send.sdp", "chromium156-svc-vp9-L3T3_KEY-send.sdp",
          "chromium156-svc-av1-send.sdp", "firefox153-simulcast-send.sdp"}) {
        const SessionState s = state_of(Role::publisher, golden(name));
        EXPECT_TRUE(encode(s)) << name;
        EXPECT_GE(source_specs(s).size(), 1u) << name;
        for (const abi::SourceSpec& source : source_specs(s)) {
            EXPECT_NE(source.payloads[0].payload_type, 0xff) << name;
            EXPECT_NE(source.payloads[0].codec, abi::CodecId::other) << name;
        }
    }
}

TEST(Negotiate, EveryReceivingBrowserGetsLegsAndItsBlobFits) {
    for (const char* name : {"chromium156-recvonly.sdp", "chromium156-recvonly-multi.sdp", "firefox153-recvonly.sdp"}) {
        const SessionState s = state_of(Role::viewer, golden(name));
        const auto blob = encode(s);
        ASSERT_TRUE(blob) << name << ": " << blob.error();
        EXPECT_LE(blob->size(), abi::max_blob);
        for (const MediaLine& line : s.lines) EXPECT_NE(line.leg, abi::LegId::none) << name;
    }
}

TEST(Negotiate, SimulcastLayersStandInTheOrderOfTheSdpAndAreLearned) {
    const SessionState s = state_of(Role::publisher, golden("chromium156-simulcast-vp8-send.sdp"));
    std::vector<std::string> rids;
    for (const MediaLine& line : s.lines)
        if (line.kind == abi::MediaKind::video)
            for (const Layer& layer : line.layers) {
                rids.push_back(layer.rid);
                EXPECT_EQ(layer.ssrc, 0u);
            }
    EXPECT_EQ(rids, (std::vector<std::string>{"q", "h", "f"}));
}

TEST(Negotiate, TheAnswerIsLiteAndCarriesOurCandidate) {
    const Random random = counting();
    const auto negotiated = negotiate(golden("chromium156-single-send.sdp"), input(Role::publisher), random);
    ASSERT_TRUE(negotiated);
    const auto answer = sdp::parse(negotiated->answer_sdp);
    ASSERT_TRUE(answer);
    EXPECT_TRUE(answer->ice_lite);
    ASSERT_EQ(answer->media.front().candidates.size(), 1u);
    EXPECT_EQ(answer->media.front().candidates.front().address, "10.78.82.2");
    EXPECT_EQ(answer->media.front().setup, sdp::Setup::passive);
    EXPECT_FALSE(negotiated->dtls_client);
}

TEST(SessionBlob, SurvivesAndSaysTheSameAgain) {
    for (const auto& [role, name] : {std::pair{Role::publisher, "firefox153-simulcast-send.sdp"},
                                     std::pair{Role::viewer, "chromium156-recvonly-multi.sdp"}}) {
        const SessionState s = state_of(role, golden(name));
        const auto blob = encode(s);
        const auto again = decode_session(session_blob_version, *blob);
        ASSERT_TRUE(again) << again.error();
        EXPECT_EQ(*encode(*again), *blob);
        EXPECT_EQ(again->lines.size(), s.lines.size());
        for (std::size_t i = 0; i < s.lines.size(); ++i) EXPECT_EQ(again->lines[i].codecs, s.lines[i].codecs);
    }
}

TEST(SessionBlob, WhatANewerControlPlaneAddedIsWrittenBack) {
    const auto blob = encode(state_of(Role::viewer, golden("chromium156-recvonly.sdp")));
    std::string text(blob->begin(), blob->end());
    text.insert(text.size() - 1, R"(,"quality":{"cap":720,"why":["battery"]})");
    auto again =
        decode_session(session_blob_version, ByteView{reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    ASSERT_TRUE(again) << again.error();
    again->etag = "changed";
    const auto rewritten = encode(*again);
    const std::string out(rewritten->begin(), rewritten->end());
    EXPECT_NE(out.find(R"("quality":{"cap":720,"why":["battery"]})"), std::string::npos) << out;
    EXPECT_NE(out.find("changed"), std::string::npos);
}

TEST(SessionBlob, TruncatedAndForeignOnesAreRefusedByName) {
    const auto blob = encode(state_of(Role::viewer, golden("chromium156-recvonly.sdp")));
    EXPECT_EQ(decode_session(99, *blob).error(), "unknown version 99");
    for (std::size_t n = 0; n < blob->size(); n += 7)
        EXPECT_FALSE(decode_session(session_blob_version, ByteView{blob->data(), n})) << n;
    const std::string wrong = R"({"id":"00","lines":7})";
    EXPECT_FALSE(
        decode_session(session_blob_version, ByteView{reinterpret_cast<const std::uint8_t*>(wrong.data()), wrong.size()}));
}

TEST(Specs, ALegFollowsOnlyWhatItsViewerTakes) {
    const SessionState camera = state_of(Role::publisher, golden("chromium156-single-send.sdp"));
    const SessionState viewer = state_of(Role::viewer, golden("chromium156-recvonly.sdp"));
    const MediaLine& sent = camera.lines.at(1);
    MediaLine watching = viewer.lines.at(1);
    abi::LegSpec leg = leg_spec(viewer, watching);
    EXPECT_TRUE(follow(leg, watching, sent, sent.layers.front().source));
    EXPECT_EQ(leg.source, sent.layers.front().source);
    EXPECT_EQ(leg.payloads[0].payload_type, 96);
    std::erase_if(watching.codecs, [](const sdp::Codec& c) { return c.is("VP8"); });
    const abi::LegSpec before = leg;
    EXPECT_FALSE(follow(leg, watching, sent, abi::SourceId{7}));
    EXPECT_EQ(leg.source, before.source);
}

// Which payload types a viewer is sent for Opus and for RED.
TEST(Specs, RedGoesAsItIsToWhoTakesItAndAsItsPrimaryBlockToOthers) {
    const SessionState camera = state_of(Role::publisher, golden("chromium156-single-send.sdp"));
    const SessionState viewer = state_of(Role::viewer, golden("chromium156-recvonly.sdp"));
    const MediaLine& sent = camera.lines.at(0);
    ASSERT_EQ(sent.codecs.size(), 2u);
    EXPECT_TRUE(sent.codecs[0].is("opus")) << "the offer's order: a browser sends RED only where that stands first";
    ASSERT_TRUE(sent.codecs[1].is("red"));
    EXPECT_EQ(source_specs(camera).front().payloads[1].codec, abi::CodecId::red);

    MediaLine watching = viewer.lines.at(0);
    abi::LegSpec leg = leg_spec(viewer, watching);
    ASSERT_TRUE(follow(leg, watching, sent, sent.layers.front().source));
    EXPECT_EQ(leg.payloads[0].payload_type, 111);
    EXPECT_EQ(leg.payloads[1].payload_type, 63);
    EXPECT_EQ(leg.flags & abi::leg_strip_red, 0);

    // The blocks say 111, which means nothing to this viewer.
    MediaLine other_type = watching;
    for (sdp::Codec& c : other_type.codecs)
        if (c.is("opus")) c.pt = 109;
    ASSERT_TRUE(follow(leg, other_type, sent, abi::SourceId{7}));
    EXPECT_EQ(leg.payloads[0].payload_type, 109);
    EXPECT_EQ(leg.payloads[1].payload_type, 109);
    EXPECT_NE(leg.flags & abi::leg_strip_red, 0);

    std::erase_if(watching.codecs, [](const sdp::Codec& c) { return c.is("red"); });
    ASSERT_TRUE(follow(leg, watching, sent, abi::SourceId{8}));
    EXPECT_EQ(leg.payloads[1].payload_type, 111);
    EXPECT_NE(leg.flags & abi::leg_strip_red, 0);

    // The flag goes with the source that needed it.
    MediaLine plain = sent;
    std::erase_if(plain.codecs, [](const sdp::Codec& c) { return c.is("red"); });
    ASSERT_TRUE(follow(leg, watching, plain, abi::SourceId{9}));
    EXPECT_EQ(leg.flags & abi::leg_strip_red, 0);
}

TEST(Specs, CredentialsMustFitTheDataPlane) {
    abi::IceCredentials out;
    EXPECT_TRUE(set_credentials(out, {"abcdefgh", "abcdefghijklmnopqrstuvwx"}));
    EXPECT_EQ(out.password_length, 24);
    EXPECT_FALSE(set_credentials(out, {"abcd", "abcdefghijklmnopqrstuvwx"}));
    EXPECT_FALSE(set_credentials(out, {"abcdefgh", std::string(33, 'x')}));
}

}  // namespace
}  // namespace sluice::session
