// Our answers to the captured offers, as publisher's (WHIP) and viewer's (WHEP) server.
#include <gmock/gmock.h>

#include "signaling/sdp/codec_match.hpp"
#include "signaling/sdp/golden.hpp"

namespace sluice::sdp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// What holds for each answer to each offer, by whatever policy.
void check_answer(const SessionDescription& offer, const SessionDescription& answer) {
    ASSERT_EQ(answer.media.size(), offer.media.size());
    EXPECT_TRUE(answer.ice_lite);
    std::vector<std::string> accepted;
    for (std::size_t i = 0; i < offer.media.size(); ++i) {
        const auto &o = offer.media[i], &a = answer.media[i];
        EXPECT_EQ(a.mid, o.mid);
        EXPECT_EQ(a.kind, o.kind);
        EXPECT_EQ(a.protocol, o.protocol);
        if (a.rejected()) {
            EXPECT_EQ(a.direction, Direction::inactive);
            continue;
        }
        EXPECT_EQ(a.candidates.size(), accepted.empty() ? 2u : 0u);
        EXPECT_EQ(a.end_of_candidates, accepted.empty());
        accepted.push_back(a.mid);
        EXPECT_EQ(a.setup, Setup::passive);
        EXPECT_EQ(a.ice_ufrag, "locl");
        EXPECT_EQ(a.fingerprints.size(), 1u);
        EXPECT_EQ(a.port, 7882);
        if (a.kind == MediaKind::application) continue;
        EXPECT_TRUE(a.rtcp_mux);
        EXPECT_FALSE(sends(a.direction) && !receives(o.direction));
        EXPECT_FALSE(receives(a.direction) && !sends(o.direction));
        for (const auto& c : a.codecs) {
            const auto* offered = o.find_codec(c.pt);
            ASSERT_NE(offered, nullptr) << int(c.pt);
            EXPECT_TRUE(offered->is(c.name));
            EXPECT_TRUE(same_format(*offered, c));
            EXPECT_EQ(offered->rtx_pt, c.rtx_pt);
            for (const auto& feedback : c.feedback) EXPECT_TRUE(offered->has_feedback(feedback)) << feedback;
        }
        for (const auto& e : a.extmaps) {
            EXPECT_TRUE(header_extension_of(e.uri).has_value()) << e.uri;
            EXPECT_TRUE(std::any_of(o.extmaps.begin(), o.extmaps.end(),
                                    [&](const Extmap& x) { return x.id == e.id && x.uri == e.uri; }));
        }
    }
    ASSERT_EQ(answer.bundle_groups.size(), accepted.empty() ? 0u : 1u);
    if (!accepted.empty()) {
        EXPECT_EQ(answer.bundle_groups.front(), accepted);
    }
}

class Answers : public testing::TestWithParam<std::string> {};

TEST_P(Answers, EchoTheOffersPayloadTypesAndExtensionIdsToAPublisher) {
    const auto offer = golden(GetParam());
    for (const bool red : {false, true}) {
        Session session(local_params());
        const auto answer = answered(session, offer, AnswerPolicy::publisher(red));
        check_answer(offer, answer);
        for (std::size_t i = 0; i < offer.media.size(); ++i) {
            const auto& n = session.media()[i];
            EXPECT_EQ(n.index, i);
            const bool sending = offer.media[i].kind != MediaKind::application && sends(offer.media[i].direction);
            EXPECT_EQ(n.rejected, !sending);
            if (!sending) continue;
            EXPECT_EQ(n.direction, Direction::recvonly);
            const auto media = std::count_if(n.codecs.begin(), n.codecs.end(),
                                             [&](const Codec& c) { return is_supported_media(n.kind, c); });
            EXPECT_EQ(media, 1);
        }
    }
}

TEST_P(Answers, OfferAViewerEveryCommonCodecInItsOrder) {
    const auto offer = golden(GetParam());
    Session session(local_params());
    const auto answer = answered(session, offer, AnswerPolicy::viewer(streams_for(offer)));
    check_answer(offer, answer);
    for (std::size_t i = 0; i < offer.media.size(); ++i) {
        const auto &o = offer.media[i], &a = answer.media[i];
        const bool watching = o.kind != MediaKind::application && receives(o.direction);
        EXPECT_EQ(a.rejected(), !watching);
        if (!watching) continue;
        EXPECT_EQ(a.direction, Direction::sendonly);
        std::vector<int> expected;
        for (const auto& c : o.codecs)
            if (is_supported_media(o.kind, c)) expected.push_back(c.pt);
        std::vector<int> got;
        for (const auto& c : a.codecs)
            if (is_supported_media(a.kind, c)) got.push_back(c.pt);
        EXPECT_EQ(got, expected);
        EXPECT_EQ(a.msids.size(), 1u);
        ASSERT_TRUE(session.media()[i].send_stream.has_value());
        EXPECT_THAT(session.media()[i].rids, IsEmpty());
        EXPECT_THAT(session.media()[i].remote_ssrcs, IsEmpty());
    }
}

INSTANTIATE_TEST_SUITE_P(Sdp, Answers, testing::ValuesIn(golden_names()), [](const auto& info) {
    auto name = info.param;
    std::replace_if(name.begin(), name.end(), [](unsigned char c) { return !std::isalnum(c); }, '_');
    return name;
});

TEST(PublisherAnswer, MirrorsChromiumsRidsWithoutSsrcs) {
    Session session(local_params());
    const auto answer = answered(session, golden("chromium156-simulcast-vp8-send"), AnswerPolicy::publisher());
    const auto& v = answer.media[1];
    EXPECT_THAT(payload_types(v), ElementsAre(96, 97));
    EXPECT_THAT(v.codecs[0].feedback, ElementsAre("goog-remb", "transport-cc", "ccm fir", "nack", "nack pli"));
    EXPECT_THAT(write(answer), HasSubstr("a=rid:q recv\r\na=rid:h recv\r\na=rid:f recv\r\na=simulcast:recv q;h;f\r\n"));
    EXPECT_THAT(payload_types(answer.media[0]), ElementsAre(111));
    EXPECT_THAT(write(answer), HasSubstr("a=fmtp:111 minptime=10;useinbandfec=1\r\n"));
    EXPECT_EQ(answer.media[2].port, 0);

    const auto& n = session.media()[1];
    EXPECT_EQ(n.mid, "1");
    ASSERT_EQ(n.codecs.size(), 1u);
    EXPECT_EQ(n.codecs[0].rtx_pt, 97);
    EXPECT_EQ(n.rids.size(), 3u);
    EXPECT_THAT(n.remote_ssrcs, IsEmpty());
    EXPECT_EQ(n.extensions[HeaderExtension::mid], 4);
    EXPECT_EQ(n.extensions[HeaderExtension::rid], 10);
    EXPECT_EQ(n.extensions[HeaderExtension::repaired_rid], 11);
    EXPECT_EQ(n.extensions[HeaderExtension::dependency_descriptor], 12);
    EXPECT_EQ(n.extensions[HeaderExtension::video_layers_allocation], 9);
    EXPECT_EQ(n.extensions[HeaderExtension::abs_capture_time], 0);
    EXPECT_EQ(n.remote_msid->track, "f518c28e-89d6-4ab9-bfbb-eab95cc12720");
    EXPECT_EQ(session.transport().ice_ufrag, "0uTw");
    EXPECT_EQ(session.transport().remote_setup, Setup::actpass);
    EXPECT_FALSE(session.transport().dtls_client);
}

TEST(PublisherAnswer, ObeysFirefoxsDirectionalExtensionsAndPairsItsSsrcs) {
    Session session(local_params());
    const auto answer = answered(session, golden("firefox153-simulcast-send"), AnswerPolicy::publisher());
    const auto& v = answer.media[1];
    EXPECT_THAT(payload_types(v), ElementsAre(120, 124));
    const auto text = write(answer);
    EXPECT_THAT(text, HasSubstr("a=extmap:8/recvonly https://aomediacodec"));
    EXPECT_THAT(text, HasSubstr("a=extmap:9/recvonly urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"));
    EXPECT_THAT(text, HasSubstr("a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid"));
    EXPECT_EQ(text.find("playout-delay"), std::string::npos);  // it would only receive that one
    EXPECT_EQ(text.find("max-fs"), std::string::npos);
    const auto& n = session.media()[1];
    EXPECT_EQ(n.extensions[HeaderExtension::playout_delay], 0);
    EXPECT_EQ(n.extensions[HeaderExtension::rid], 9);
    ASSERT_EQ(n.remote_ssrcs.size(), 3u);
    EXPECT_EQ(n.remote_ssrcs[1].ssrc, 3154531993u);
    EXPECT_EQ(n.remote_ssrcs[1].rtx_ssrc, 769785624u);
    EXPECT_EQ(n.remote_ssrcs[1].cname, "{3932e6d6-34fb-42bd-a7ac-ffa2f18326e4}");
    EXPECT_EQ(n.rids.size(), 3u);
}

TEST(PublisherAnswer, PairsTheSsrcsOfASingleStream) {
    Session session(local_params());
    answered(session, golden("chromium156-single-send"), AnswerPolicy::publisher());
    ASSERT_EQ(session.media()[1].remote_ssrcs.size(), 1u);
    EXPECT_EQ(session.media()[1].remote_ssrcs[0].ssrc, 2393559313u);
    EXPECT_EQ(session.media()[1].remote_ssrcs[0].rtx_ssrc, 386748977u);
    EXPECT_EQ(session.media()[0].remote_ssrcs[0].rtx_ssrc, std::nullopt);
}

TEST(PublisherAnswer, HonoursTheOffersFirstCodecUnlessPreferencesSayOtherwise) {
    const auto offer = golden("chromium156-single-send");
    auto policy = AnswerPolicy::publisher();
    policy.video_preference = {"H265", "AV1", "VP8"};
    Session session(local_params());
    EXPECT_THAT(payload_types(answered(session, offer, policy).media[1]), ElementsAre(45, 46));
    policy.video_preference = {"H265"};
    Session second(local_params());
    EXPECT_THAT(payload_types(answered(second, offer, policy).media[1]), ElementsAre(96, 97));
}

TEST(PublisherAnswer, TakesRedOnlyWhereAllowed) {
    Session session(local_params());
    EXPECT_THAT(payload_types(answered(session, golden("chromium156-single-send"), AnswerPolicy::publisher(true)).media[0]),
                ElementsAre(111, 63));
    ASSERT_EQ(session.media()[0].codecs.size(), 2u);
    EXPECT_TRUE(session.media()[0].codecs[1].is("red"));
}

TEST(PublisherAnswer, AddsOpusParametersOfThePolicy) {
    auto policy = AnswerPolicy::publisher();
    policy.opus_fmtp = {{"usedtx", "1"}, {"minptime", "20"}};
    Session session(local_params());
    EXPECT_THAT(write(answered(session, golden("chromium156-single-send"), policy)),
                HasSubstr("a=fmtp:111 useinbandfec=1;usedtx=1;minptime=20\r\n"));
}

TEST(PublisherAnswer, AcceptsTwoVideoSections) {
    auto offer = golden("chromium156-single-send");
    auto screen = offer.media[1];
    screen.mid = "screen";
    screen.ssrcs.clear();
    screen.ssrc_groups.clear();
    offer.media.push_back(screen);
    offer.bundle_groups[0].push_back("screen");
    Session session(local_params());
    const auto answer = answered(session, offer, AnswerPolicy::publisher());
    check_answer(offer, answer);
    EXPECT_FALSE(session.find_media("1")->rejected);
    EXPECT_FALSE(session.find_media("screen")->rejected);
    EXPECT_THAT(payload_types(answer.media.back()), ElementsAre(96, 97));
}

TEST(PublisherAnswer, RejectsASectionWithoutACommonCodec) {
    auto offer = golden("chromium156-single-send");
    std::erase_if(offer.media[0].codecs, [](const Codec& c) { return c.is("opus"); });
    Session session(local_params());
    const auto answer = answered(session, offer, AnswerPolicy::publisher());
    EXPECT_EQ(answer.media[0].port, 0);
    EXPECT_THAT(answer.bundle_groups, ElementsAre(ElementsAre("1")));
    EXPECT_EQ(answer.media[1].candidates.size(), 2u);
}

TEST(PublisherAnswer, NarrowsRidRestrictionsToTheAcceptedPayloadTypes) {
    auto offer = golden("chromium156-simulcast-vp8-send");
    offer.media[1].rids[0].restrictions = {{"pt", "96,102"}, {"max-width", "640"}};
    offer.media[1].rids[1].restrictions = {{"pt", "102"}};
    Session session(local_params());
    EXPECT_THAT(write(answered(session, offer, AnswerPolicy::publisher())),
                HasSubstr("a=rid:q recv pt=96;max-width=640\r\na=rid:f recv\r\na=simulcast:recv q;f\r\n"));
}

TEST(PublisherAnswer, DropsTransportFeedbackWithoutItsExtension) {
    auto offer = golden("chromium156-single-send");
    std::erase_if(offer.media[1].extmaps, [](const Extmap& e) { return e.uri == uri_of(HeaderExtension::transport_cc); });
    Session session(local_params());
    EXPECT_FALSE(answered(session, offer, AnswerPolicy::publisher()).media[1].codecs[0].has_feedback("transport-cc"));
}

TEST(ViewerAnswer, CarriesMsidSsrcsAndTheFidGroup) {
    const auto offer = golden("chromium156-recvonly");
    Session session(local_params());
    const auto answer =
        answered(session, offer, AnswerPolicy::viewer({{"0", send_stream(10, "TR_a")}, {"1", send_stream(20, "TR_v")}}));
    const auto text = write(answer);
    EXPECT_THAT(text, HasSubstr("a=msid:PA_x|TR_v TR_v\r\n"));
    EXPECT_THAT(text, HasSubstr("a=ssrc-group:FID 20 21\r\na=ssrc:20 cname:sluice\r\na=ssrc:20 msid:PA_x|TR_v "
                                "TR_v\r\na=ssrc:21 cname:sluice\r\n"));
    EXPECT_EQ(text.find("a=ssrc:11"), std::string::npos);  // Opus has no RTX
    EXPECT_EQ(session.media()[0].send_stream->rtx_ssrc, std::nullopt);
    EXPECT_EQ(session.media()[1].send_stream->rtx_ssrc, 21u);
    EXPECT_THAT(payload_types(answer.media[0]), ElementsAre(111, 63));
    const auto video = payload_types(answer.media[1]);
    for (const int pt : {96, 97, 98, 99, 102, 103, 104, 107, 108, 114, 116, 39, 41, 45, 46, 47})
        EXPECT_THAT(video, testing::Contains(pt));
    for (const int pt : {118, 119, 120, 49}) EXPECT_THAT(video, testing::Not(testing::Contains(pt)));
}

TEST(ViewerAnswer, LeavesSpareSectionsInactiveUntilTheyAreBound) {
    const auto offer = golden("chromium156-recvonly-multi");
    Session session(local_params());
    auto policy = AnswerPolicy::viewer({{"1", send_stream(20)}});
    policy.accept_data_channel = true;
    const auto answer = answered(session, offer, policy);
    EXPECT_EQ(answer.media[1].direction, Direction::sendonly);
    EXPECT_EQ(answer.media[3].direction, Direction::inactive);
    EXPECT_FALSE(answer.media[3].rejected());
    EXPECT_THAT(answer.media[3].msids, IsEmpty());
    EXPECT_THAT(answer.bundle_groups[0], ElementsAre("0", "1", "2", "3", "4", "5", "6"));
    EXPECT_EQ(answer.media[6].sctp_port, 5000);
    EXPECT_EQ(session.media()[6].max_message_size, 262144u);
}

TEST(ViewerAnswer, RejectsASectionThatOnlySends) {
    Session session(local_params());
    const auto answer =
        answered(session, golden("chromium156-simulcast-vp8-send"), AnswerPolicy::viewer({{"0", send_stream(1)}}));
    for (const auto& m : answer.media) {
        EXPECT_EQ(m.port, 0);
        EXPECT_EQ(m.direction, Direction::inactive);
    }
    EXPECT_TRUE(session.media()[0].rejected);
}

TEST(ViewerAnswer, SendsToASectionThatOffersBothDirections) {
    const auto offer = golden("roamhq-wrtc-offer");
    ASSERT_EQ(offer.media[0].direction, Direction::sendrecv);
    Session session(local_params());
    EXPECT_EQ(answered(session, offer, AnswerPolicy::viewer(streams_for(offer))).media[0].direction, Direction::sendonly);
}

TEST(ViewerAnswer, RefusesOneSsrcOrMsidTwice) {
    const auto offer = golden("chromium156-recvonly");
    Session session(local_params());
    ASSERT_TRUE(session.apply_offer(offer).has_value());
    auto answer = session.create_answer(AnswerPolicy::viewer({{"0", send_stream(1, "a")}, {"1", send_stream(2, "b")}}));
    ASSERT_FALSE(answer.has_value());
    EXPECT_EQ(answer.error().code, NegotiationErrc::duplicate_stream);
    answer = session.create_answer(AnswerPolicy::viewer({{"0", send_stream(1, "a")}, {"1", send_stream(5, "a")}}));
    EXPECT_EQ(answer.error().code, NegotiationErrc::duplicate_stream);
    EXPECT_TRUE(
        session.create_answer(AnswerPolicy::viewer({{"0", send_stream(1, "a")}, {"1", send_stream(5, "b")}})).has_value());
}

}  // namespace
}  // namespace sluice::sdp
