#include "signaling/sdp/session.hpp"

#include <gmock/gmock.h>

#include "signaling/sdp/golden.hpp"

namespace sluice::sdp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

NegotiationErrc refusal(SessionDescription offer) {
    Session session(local_params());
    const auto applied = session.apply_offer(std::move(offer));
    EXPECT_FALSE(applied.has_value());
    EXPECT_EQ(session.state(), Session::State::stable);
    return applied ? NegotiationErrc::wrong_state : applied.error().code;
}

TEST(SessionOffer, IsRefusedForANamedReason) {
    const auto good = golden("chromium156-single-send");
    auto d = good;
    d.bundle_groups.clear();
    EXPECT_EQ(refusal(d), NegotiationErrc::no_bundle);
    d = good;
    d.bundle_groups[0].pop_back();
    EXPECT_EQ(refusal(d), NegotiationErrc::no_bundle);
    d = good;
    d.media.clear();
    EXPECT_EQ(refusal(d), NegotiationErrc::no_media);
    d = good;
    d.media[1].mid = "0";
    EXPECT_EQ(refusal(d), NegotiationErrc::bad_mid);
    d = good;
    d.media[1].mid.clear();
    EXPECT_EQ(refusal(d), NegotiationErrc::bad_mid);
    d = good;
    d.media[0].ice_pwd.clear();
    EXPECT_EQ(refusal(d), NegotiationErrc::no_ice);
    d = good;
    d.ice_lite = true;
    EXPECT_EQ(refusal(d), NegotiationErrc::no_ice);
    d = good;
    d.media[0].fingerprints = {{"sha-1", "AB"}};
    EXPECT_EQ(refusal(d), NegotiationErrc::no_fingerprint);
    d = good;
    d.media[1].rtcp_mux = false;
    EXPECT_EQ(refusal(d), NegotiationErrc::no_rtcp_mux);
    d = good;
    for (auto& m : d.media) m.port = 0;
    EXPECT_EQ(refusal(d), NegotiationErrc::no_media);
}

// aiortc 1.4 numbers the extensions of each section by itself.
TEST(SessionOffer, LeavesOutAnExtensionWhoseIdContradictsAnotherSection) {
    auto d = golden("chromium156-single-send");
    ASSERT_EQ(d.media.size(), 2u);
    const std::string moved = d.media[1].extmaps[1].uri;  // abs-send-time, which audio has under another id
    d.media[1].extmaps[1].id = 77;
    Session session(local_params());
    ASSERT_TRUE(session.apply_offer(d).has_value());
    const auto answer = session.create_answer(AnswerPolicy::publisher());
    ASSERT_TRUE(answer.has_value());
    const auto has = [&](const MediaSection& m) {
        return std::any_of(m.extmaps.begin(), m.extmaps.end(), [&](const Extmap& e) { return e.uri == moved; });
    };
    EXPECT_TRUE(has(answer->media[0]));
    EXPECT_FALSE(has(answer->media[1]));
    EXPECT_FALSE(answer->media[1].extmaps.empty());
}

TEST(SessionOffer, NeedsNoBundleForASingleSection) {
    auto d = golden("chromium156-svc-av1-send");
    d.bundle_groups.clear();
    d.media[0].mid.clear();
    Session session(local_params());
    const auto answer = answered(session, d, AnswerPolicy::publisher());
    EXPECT_TRUE(answer.bundle_groups.empty());
    EXPECT_FALSE(session.media()[0].rejected);
}

TEST(SessionOffer, TakesABundleOnlySectionForAccepted) {
    auto d = golden("chromium156-single-send");
    d.media[1].port = 0;
    d.media[1].bundle_only = true;
    Session session(local_params());
    EXPECT_FALSE(answered(session, d, AnswerPolicy::publisher()).media[1].rejected());
}

TEST(SessionOffer, IsAnsweredActiveOnlyIfThePeerIsPassive) {
    for (const auto& [offered, answer_setup] :
         {std::pair{Setup::actpass, Setup::passive}, {Setup::active, Setup::passive}, {Setup::passive, Setup::active}}) {
        auto d = golden("chromium156-single-send");
        for (auto& m : d.media) m.setup = offered;
        Session session(local_params());
        EXPECT_EQ(answered(session, d, AnswerPolicy::publisher()).media[0].setup, answer_setup);
        EXPECT_EQ(session.transport().dtls_client, answer_setup == Setup::active);
    }
}

TEST(SessionOffer, KeepsTheDtlsRoleThroughAnIceRestart) {
    auto d = golden("chromium156-single-send");
    for (auto& m : d.media) m.setup = Setup::passive;
    Session session(local_params());
    answered(session, d, AnswerPolicy::publisher());
    EXPECT_FALSE(session.ice_restarted());

    for (auto& m : d.media) {
        m.setup = Setup::actpass;
        m.ice_ufrag = "newu";
        m.ice_pwd = "a-new-password-of-22-characters";
    }
    session.set_local("next", "next-password-of-22-chars!", {host_candidate("1", "192.0.2.1", 7883)});
    const auto answer = answered(session, d, AnswerPolicy::publisher());
    EXPECT_TRUE(session.ice_restarted());
    EXPECT_EQ(answer.media[0].setup, Setup::active);
    EXPECT_EQ(answer.media[0].ice_ufrag, "next");
    EXPECT_EQ(answer.media[0].port, 7883);

    for (auto& m : d.media) m.setup = Setup::active;
    const auto swapped = session.apply_offer(d);
    ASSERT_FALSE(swapped.has_value());
    EXPECT_EQ(swapped.error().code, NegotiationErrc::bad_setup);
    for (auto& m : d.media) m.fingerprints[0].value[0] = m.fingerprints[0].value[0] == 'A' ? 'B' : 'A';
    EXPECT_TRUE(session.apply_offer(d).has_value());
}

TEST(SessionOffer, CountsVersionsUp) {
    auto params = local_params();
    params.first_version = 7;
    Session session(params);
    const auto d = golden("chromium156-single-send");
    EXPECT_EQ(answered(session, d, AnswerPolicy::publisher()).origin, (Origin{"-", 42, 7, "127.0.0.1"}));
    EXPECT_EQ(answered(session, d, AnswerPolicy::publisher()).origin.version, 8u);
    EXPECT_EQ(session.version(), 8u);
}

TEST(SessionOffer, MayNotRemoveOrReorderSections) {
    const auto d = golden("chromium156-single-send");
    const auto again = [&](auto change) {
        Session session(local_params());
        answered(session, d, AnswerPolicy::publisher());
        auto next = d;
        change(next);
        const auto applied = session.apply_offer(next);
        return applied ? std::optional<NegotiationErrc>{} : applied.error().code;
    };
    EXPECT_EQ(again([](auto&) {}), std::nullopt);
    EXPECT_EQ(again([](auto& n) { n.media.pop_back(); }), NegotiationErrc::changed_sections);
    EXPECT_EQ(again([](auto& n) { std::swap(n.media[0], n.media[1]); }), NegotiationErrc::changed_sections);
    EXPECT_EQ(again([](auto& n) {
                  n.media[1].mid = "9";
                  n.bundle_groups[0].push_back("9");
              }),
              NegotiationErrc::changed_sections);
}

TEST(SessionOffer, RecyclesARejectedSectionWithANewMidAndKind) {
    auto d = golden("chromium156-single-send");
    Session session(local_params());
    answered(session, d, AnswerPolicy::publisher());
    d.media[0].port = 0;
    const auto stopped = answered(session, d, AnswerPolicy::publisher());
    EXPECT_EQ(stopped.media[0].port, 0);
    EXPECT_TRUE(session.media()[0].rejected);

    auto recycled = d.media[1];
    recycled.mid = "7";
    recycled.ssrcs.clear();
    recycled.ssrc_groups.clear();
    d.media[0] = recycled;
    d.bundle_groups[0] = {"1", "7"};
    const auto answer = answered(session, d, AnswerPolicy::publisher());
    EXPECT_EQ(answer.media[0].mid, "7");
    EXPECT_EQ(session.media()[0].kind, MediaKind::video);
    EXPECT_EQ(session.media()[0].index, 0u);
    EXPECT_FALSE(session.media()[0].rejected);
}

TEST(SessionOffer, RecyclesASpareSectionInPlace) {
    const auto d = golden("chromium156-recvonly-multi");
    Session session(local_params());
    EXPECT_EQ(answered(session, d, AnswerPolicy::viewer({})).media[1].direction, Direction::inactive);
    EXPECT_EQ(answered(session, d, AnswerPolicy::viewer({{"1", send_stream(20)}})).media[1].direction, Direction::sendonly);
    EXPECT_EQ(answered(session, d, AnswerPolicy::viewer({})).media[1].direction, Direction::inactive);
    const auto answer = answered(session, d, AnswerPolicy::viewer({{"1", send_stream(30, "TR_b")}}));
    EXPECT_EQ(answer.media[1].msids[0].track, "TR_b");
    EXPECT_EQ(session.find_media("1")->send_stream->ssrc, 30u);
}

TEST(SessionOffer, GrowsByNewSections) {
    auto d = golden("chromium156-single-send");
    Session session(local_params());
    answered(session, d, AnswerPolicy::publisher());
    auto extra = d.media[1];
    extra.mid = "9";
    d.media.push_back(extra);
    d.bundle_groups[0].push_back("9");
    answered(session, d, AnswerPolicy::publisher());
    EXPECT_NE(session.find_media("9"), nullptr);
    EXPECT_EQ(session.find_media("8"), nullptr);
}

TEST(SessionState, RefusesStepsOutOfOrder) {
    Session session(local_params());
    const auto d = golden("chromium156-single-send");
    EXPECT_EQ(session.create_answer(AnswerPolicy::publisher()).error().code, NegotiationErrc::wrong_state);
    EXPECT_EQ(session.apply_answer(d).error().code, NegotiationErrc::wrong_state);
    EXPECT_EQ(session.create_offer().error().code, NegotiationErrc::no_media);
    EXPECT_EQ(session.pending_offer(), nullptr);
    ASSERT_TRUE(session.apply_offer(d).has_value());
    EXPECT_NE(session.pending_offer(), nullptr);
    EXPECT_EQ(session.apply_offer(d).error().code, NegotiationErrc::wrong_state);
    EXPECT_EQ(session.create_offer().error().code, NegotiationErrc::wrong_state);
    session.rollback();
    EXPECT_TRUE(session.apply_offer(d).has_value());
}

// The other end of our offers: another Session, made to look like a browser.
LocalParams browser_params() {
    auto p = local_params();
    p.ice_ufrag = "brow";
    p.fingerprint_sha256.replace(0, 2, "11");
    p.candidates.clear();
    return p;
}

AnswerPolicy receive_all() {
    AnswerPolicy p;
    p.receive = true;
    p.accept_red = true;
    p.accept_data_channel = true;
    return p;
}

// The offer goes to `browser` and its answer to `server`. A Session answers as ICE-lite, which a browser is not.
SessionDescription exchange(Session& server, Session& browser) {
    auto offer = server.create_offer();
    EXPECT_TRUE(offer.has_value()) << offer.error().message;
    auto heard = through_text(*offer);
    EXPECT_TRUE(heard.ice_lite);
    heard.ice_lite = false;
    for (auto& m : heard.media)
        if (m.setup) m.setup = Setup::passive;
    auto answer = answered(browser, heard, receive_all());
    answer.ice_lite = false;
    const auto applied = server.apply_answer(answer);
    EXPECT_TRUE(applied.has_value()) << applied.error().message;
    return *offer;
}

TEST(OffererSession, OffersActpassAndBundlesAll) {
    Session server(local_params()), browser(browser_params());
    const auto data = server.add_data_channel(65535);
    const auto audio = server.add_stream(default_offer(MediaKind::audio), send_stream(10, "TR_a"));
    const auto video = server.add_stream(default_offer(MediaKind::video), send_stream(20, "TR_v"));
    const auto offer = exchange(server, browser);
    EXPECT_THAT(offer.bundle_groups, ElementsAre(ElementsAre(data, audio, video)));
    EXPECT_TRUE(offer.ice_lite);
    for (const auto& m : offer.media) EXPECT_EQ(m.setup, Setup::actpass);
    EXPECT_EQ(offer.media[0].candidates.size(), 2u);
    EXPECT_EQ(offer.media[0].max_message_size, 65535u);
    EXPECT_EQ(offer.media[2].direction, Direction::sendonly);
    EXPECT_THAT(write(offer), HasSubstr("a=ssrc-group:FID 20 21\r\n"));

    EXPECT_EQ(server.state(), Session::State::stable);
    EXPECT_FALSE(server.transport().dtls_client);  // the answer said active
    EXPECT_EQ(server.transport().ice_ufrag, "brow");
    const auto* n = server.find_media(video);
    ASSERT_NE(n, nullptr);
    EXPECT_EQ(n->direction, Direction::sendonly);
    EXPECT_EQ(n->send_stream->ssrc, 20u);
    EXPECT_EQ(n->extensions[HeaderExtension::transport_cc], 3);
    EXPECT_EQ(n->codecs.front().pt, 96);
    EXPECT_EQ(n->codecs.front().rtx_pt, 97);
    EXPECT_EQ(browser.find_media(video)->remote_ssrcs[0].rtx_ssrc, 21u);
    EXPECT_EQ(browser.find_media(video)->remote_msid->track, "TR_v");
}

TEST(OffererSession, RecyclesAnInactiveSectionForTheNextStream) {
    Session server(local_params()), browser(browser_params());
    const auto first = server.add_stream(default_offer(MediaKind::video), send_stream(20, "TR_1"));
    const auto second = server.add_stream(default_offer(MediaKind::video), send_stream(30, "TR_2"));
    exchange(server, browser);
    EXPECT_TRUE(server.remove_stream(first));
    EXPECT_FALSE(server.remove_stream(first));
    const auto removed = exchange(server, browser);
    EXPECT_EQ(removed.media[0].direction, Direction::inactive);
    EXPECT_EQ(removed.origin.version, 2u);
    EXPECT_EQ(server.find_media(first)->direction, Direction::inactive);

    EXPECT_EQ(server.add_stream(default_offer(MediaKind::video), send_stream(40, "TR_3")), first);
    const auto recycled = exchange(server, browser);
    ASSERT_EQ(recycled.media.size(), 2u);
    EXPECT_EQ(recycled.media[0].msids[0].track, "TR_3");
    EXPECT_EQ(server.find_media(first)->send_stream->ssrc, 40u);
    EXPECT_EQ(server.find_media(second)->send_stream->ssrc, 30u);
    EXPECT_NE(server.add_stream(default_offer(MediaKind::audio), send_stream(50, "TR_4")), first);
}

TEST(OffererSession, RecyclesARejectedSectionUnderANewMid) {
    Session server(local_params());
    const auto audio = server.add_stream(default_offer(MediaKind::audio), send_stream(10, "TR_a"));
    const auto video = server.add_stream(default_offer(MediaKind::video), send_stream(20, "TR_v"));
    Session browser(browser_params());
    auto offer = server.create_offer();
    ASSERT_TRUE(offer.has_value());
    auto heard = *offer;
    heard.ice_lite = false;
    for (auto& m : heard.media) m.setup = Setup::passive;
    heard.media[1].codecs.resize(1);
    heard.media[1].codecs[0].name = "H265";  // as if the browser had none of ours
    auto answer = answered(browser, heard, receive_all());
    answer.ice_lite = false;
    ASSERT_TRUE(answer.media[1].rejected());
    ASSERT_TRUE(server.apply_answer(answer).has_value());
    EXPECT_TRUE(server.find_media(video)->rejected);

    const auto next = server.add_stream(default_offer(MediaKind::audio), send_stream(30, "TR_b"));
    EXPECT_NE(next, video);
    const auto recycled = exchange(server, browser);
    ASSERT_EQ(recycled.media.size(), 2u);
    EXPECT_EQ(recycled.media[1].mid, next);
    EXPECT_EQ(recycled.media[1].kind, MediaKind::audio);
    EXPECT_FALSE(server.find_media(next)->rejected);
    EXPECT_EQ(server.find_media(audio)->direction, Direction::sendonly);
}

TEST(OffererSession, KeepsStreamsThroughARollback) {
    Session server(local_params()), browser(browser_params());
    server.add_stream(default_offer(MediaKind::audio), send_stream(10, "TR_a"));
    exchange(server, browser);
    const auto mid = server.add_stream(default_offer(MediaKind::video), send_stream(20, "TR_v"));
    ASSERT_TRUE(server.create_offer().has_value());
    server.rollback();
    exchange(server, browser);
    EXPECT_EQ(server.find_media(mid)->send_stream->ssrc, 20u);
}

TEST(OffererSession, LetsAStreamAddedDuringAnExchangeWait) {
    Session server(local_params()), browser(browser_params());
    const auto first = server.add_stream(default_offer(MediaKind::video), send_stream(20, "TR_1"));
    ASSERT_TRUE(server.create_offer().has_value());
    const auto later = server.add_stream(default_offer(MediaKind::video), send_stream(30, "TR_2"));
    EXPECT_NE(first, later);
    server.rollback();
    exchange(server, browser);
    EXPECT_EQ(server.find_media(later)->send_stream->ssrc, 30u);
}

TEST(OffererSession, GoesOnFromAnOfferOfThePeer) {
    Session server(local_params());
    const auto video = server.add_stream(default_offer(MediaKind::video), send_stream(20, "TR_v"));
    answered(server, golden("chromium156-single-send"), AnswerPolicy::publisher());
    EXPECT_EQ(server.find_media(video), nullptr);
    const auto offer = server.create_offer();
    ASSERT_TRUE(offer.has_value());
    ASSERT_EQ(offer->media.size(), 3u);
    EXPECT_EQ(offer->media[0].direction, Direction::recvonly);
    EXPECT_EQ(offer->media[1].mid, "1");
    EXPECT_THAT(payload_types(offer->media[1]), ElementsAre(96, 97));
    EXPECT_EQ(offer->media[2].mid, video);
}

TEST(OffererSession, RefusesAnAnswerThatDoesNotFit) {
    Session server(local_params()), browser(browser_params());
    server.add_stream(default_offer(MediaKind::audio), send_stream(10, "TR_a"));
    server.add_stream(default_offer(MediaKind::video), send_stream(20, "TR_v"));
    auto heard = *server.create_offer();
    heard.ice_lite = false;
    for (auto& m : heard.media) m.setup = Setup::passive;
    auto good = answered(browser, heard, receive_all());
    good.ice_lite = false;
    const auto refused = [&](auto change) {
        auto bad = good;
        change(bad);
        const auto applied = server.apply_answer(bad);
        EXPECT_FALSE(applied.has_value());
        return applied ? NegotiationErrc::wrong_state : applied.error().code;
    };
    EXPECT_EQ(refused([](auto& a) { a.media.pop_back(); }), NegotiationErrc::bad_answer);
    EXPECT_EQ(refused([](auto& a) { a.media[1].mid = "x"; }), NegotiationErrc::bad_answer);
    EXPECT_EQ(refused([](auto& a) { a.media[1].kind = MediaKind::audio; }), NegotiationErrc::bad_answer);
    EXPECT_EQ(refused([](auto& a) { a.media[1].direction = Direction::sendrecv; }), NegotiationErrc::bad_answer);
    EXPECT_EQ(refused([](auto& a) { a.media[1].codecs.clear(); }), NegotiationErrc::bad_answer);
    EXPECT_EQ(refused([](auto& a) { a.media[0].setup = Setup::actpass; }), NegotiationErrc::bad_setup);
    EXPECT_EQ(refused([](auto& a) { a.media[0].ice_ufrag.clear(); }), NegotiationErrc::no_ice);
    EXPECT_EQ(refused([](auto& a) { a.media[1].rtcp_mux = false; }), NegotiationErrc::no_rtcp_mux);
    EXPECT_TRUE(server.apply_answer(good).has_value());
}

TEST(OffererSession, RefusesTwoStreamsOfOneSsrc) {
    Session server(local_params());
    server.add_stream(default_offer(MediaKind::audio), send_stream(10, "TR_a"));
    server.add_stream(default_offer(MediaKind::video), send_stream(10, "TR_v"));
    EXPECT_EQ(server.create_offer().error().code, NegotiationErrc::duplicate_stream);
    EXPECT_EQ(server.state(), Session::State::stable);
}

TEST(DefaultOffer, NumbersEachPayloadTypeAndExtensionOnce) {
    for (const auto kind : {MediaKind::audio, MediaKind::video}) {
        const auto m = default_offer(kind);
        MediaSection section;
        section.codecs = m.codecs;
        auto pts = payload_types(section);
        std::sort(pts.begin(), pts.end());
        EXPECT_EQ(std::adjacent_find(pts.begin(), pts.end()), pts.end());
    }
}

}  // namespace
}  // namespace sluice::sdp
