// One check at a time: what is accepted, and how each is answered.
#include "controlplane/ice/lite_agent.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "controlplane/ice/test_peer.hpp"
#include "dataplane/wire/stun.hpp"

namespace sluice::ice {
namespace {

using test::Check;
using test::Packet;
using wire::StunType;
using wire::StunView;

const Endpoint browser = test::at("198.51.100.7", 50'000);

LiteAgent make_agent() {
    LiteAgent agent(test::server);
    agent.set_remote(test::peer.ufrag, test::peer.pwd);
    return agent;
}

void expect_error(const CheckResult& result, CheckVerdict verdict, int code, bool with_integrity) {
    EXPECT_EQ(result.verdict, verdict);
    auto const answer = StunView::parse(result.response);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->type(), StunType::binding_error);
    ASSERT_TRUE(answer->error_code());
    EXPECT_EQ(answer->error_code()->code, code);
    EXPECT_EQ(answer->transaction_id()[11], 12);
    EXPECT_TRUE(answer->fingerprint_valid());
    EXPECT_EQ(answer->has_message_integrity(), with_integrity);
    if (with_integrity) EXPECT_TRUE(answer->message_integrity_valid(StunHmac(test::server.pwd)));
    EXPECT_LE(result.response.size(), 100u) << "a refusal must not amplify";
}

TEST(LiteAgent, AnswersAValidCheckWithTheAddressThatItSaw) {
    for (const Endpoint& from : {browser, test::at("2001:db8::7", 50'001)}) {
        LiteAgent agent = make_agent();
        CheckResult const result = agent.handle_check(Check{}.build(), from, 5);
        EXPECT_EQ(result.verdict, CheckVerdict::valid);
        EXPECT_TRUE(result.new_pair);
        EXPECT_FALSE(result.nominated);
        EXPECT_EQ(result.priority, 0x6e001effu);
        auto const answer = StunView::parse(result.response);
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->type(), StunType::binding_success);
        EXPECT_EQ(answer->transaction_id(), StunView::parse(Check{}.build())->transaction_id());
        EXPECT_EQ(answer->xor_mapped_address(), from);
        EXPECT_TRUE(answer->message_integrity_valid(StunHmac(test::server.pwd)));
        EXPECT_TRUE(answer->fingerprint_valid());
    }
}

TEST(LiteAgent, RefusesAWrongPassword) {
    LiteAgent agent = make_agent();
    expect_error(agent.handle_check(Check{.pwd = test::peer.pwd}.build(), browser, 0), CheckVerdict::bad_integrity, 401,
                 false);
    EXPECT_TRUE(agent.pairs().empty());
    EXPECT_FALSE(agent.consent_deadline_ns());
}

TEST(LiteAgent, RefusesAUserThatIsNotOfThisSession) {
    LiteAgent agent = make_agent();
    for (const char* username :
         {"SFUufrag:mallory", "other:peer", "SFUufrag", "SFUufragX:peer", "peer:SFUufrag", ":", "SFUufrag:", ":peer"})
        expect_error(agent.handle_check(Check{.username = username}.build(), browser, 0), CheckVerdict::unknown_user, 401,
                     false);
}

TEST(LiteAgent, RefusesACheckWithoutCredentials) {
    LiteAgent agent = make_agent();
    expect_error(agent.handle_check(Check{.username = std::nullopt}.build(), browser, 0), CheckVerdict::missing_credentials,
                 400, false);
    expect_error(agent.handle_check(Check{.integrity = false}.build(), browser, 0), CheckVerdict::missing_credentials, 400,
                 false);
}

TEST(LiteAgent, RefusesAPeerThatClaimsToBeControlled) {
    LiteAgent agent = make_agent();
    expect_error(agent.handle_check(Check{.controlling = false, .controlled = true}.build(), browser, 0),
                 CheckVerdict::role_conflict, 487, true);
    EXPECT_TRUE(agent.pairs().empty());
}

TEST(LiteAgent, NamesAttributesThatItMustUnderstandAndDoesNot) {
    LiteAgent agent = make_agent();
    CheckResult const result = agent.handle_check(Check{.extra = {0x7001, 0x7002}}.build(), browser, 0);
    expect_error(result, CheckVerdict::unknown_attribute, 420, true);
    Packet const wanted{0x00, 0x0a, 0x00, 0x04, 0x70, 0x01, 0x70, 0x02};
    EXPECT_NE(std::search(result.response.begin(), result.response.end(), wanted.begin(), wanted.end()),
              result.response.end());
}

TEST(LiteAgent, PassesOverOptionalAttributes) {
    LiteAgent agent = make_agent();
    // GOOG-NETWORK-INFO, which Chromium sends.
    EXPECT_EQ(agent.handle_check(Check{.extra = {0xc057}}.build(), browser, 0).verdict, CheckVerdict::valid);
}

TEST(LiteAgent, ProvesThePasswordBeforeItTalksAboutAttributesAndRoles) {
    LiteAgent agent = make_agent();
    Check const check{.pwd = "wrong", .controlling = false, .controlled = true, .extra = {0x7001}};
    expect_error(agent.handle_check(check.build(), browser, 0), CheckVerdict::bad_integrity, 401, false);
}

TEST(LiteAgent, IsSilentWithoutAValidFingerprint) {
    LiteAgent agent = make_agent();
    CheckResult result = agent.handle_check(Check{.fingerprint = false}.build(), browser, 0);
    EXPECT_EQ(result.verdict, CheckVerdict::bad_fingerprint);
    EXPECT_TRUE(result.response.empty());
    Packet packet = Check{}.build();
    packet.back() ^= 1;
    result = agent.handle_check(packet, browser, 0);
    EXPECT_EQ(result.verdict, CheckVerdict::bad_fingerprint);
    EXPECT_TRUE(result.response.empty());
}

TEST(LiteAgent, IsSilentToWhatIsNoRequest) {
    LiteAgent agent = make_agent();
    for (StunType type : {StunType::binding_indication, StunType::binding_success, StunType::binding_error}) {
        CheckResult const result = agent.handle_check(Check{.type = type}.build(), browser, 0);
        EXPECT_EQ(result.verdict, CheckVerdict::not_a_request);
        EXPECT_TRUE(result.response.empty());
    }
    EXPECT_EQ(agent.handle_check({}, browser, 0).verdict, CheckVerdict::not_a_request);
}

TEST(LiteAgent, AcceptsChecksThatOvertakeTheAnswer) {
    LiteAgent agent(test::server);
    EXPECT_EQ(agent.handle_check(Check{}.build(), browser, 0).verdict, CheckVerdict::valid);
    agent.set_remote("another", "x");
    EXPECT_EQ(agent.handle_check(Check{}.build(), browser, 0).verdict, CheckVerdict::unknown_user);
}

TEST(LiteAgent, AcceptsNoCheckWithAnyByteChanged) {
    Packet const good = Check{.use_candidate = true}.build();
    for (std::size_t n = 0; n < good.size(); ++n) {
        for (int bit = 0; bit < 8; ++bit) {
            LiteAgent agent = make_agent();
            Packet packet = good;
            packet[n] = static_cast<std::uint8_t>(packet[n] ^ 1 << bit);
            CheckResult const result = agent.handle_check(packet, browser, 0);
            EXPECT_NE(result.verdict, CheckVerdict::valid) << n << " bit " << bit;
            EXPECT_FALSE(agent.selected());
        }
    }
}

TEST(LiteAgent, AcceptsNoTruncatedCheck) {
    LiteAgent agent = make_agent();
    Packet const good = Check{}.build();
    for (std::size_t n = 0; n < good.size(); ++n)
        EXPECT_NE(agent.handle_check(ByteView(good).first(n), browser, 0).verdict, CheckVerdict::valid) << n;
}

TEST(StunHmac, KnowsTheVectorOfRfc2202) {
    std::string const text = "what do ya want for nothing?";
    std::array<std::uint8_t, 20> mac{};
    auto const* at = reinterpret_cast<const std::uint8_t*>(text.data());
    // In two parts, since the codec gives several.
    std::array<ByteView, 2> const parts{ByteView{at, 10}, ByteView{at + 10, text.size() - 10}};
    StunHmac hmac("Jefe");
    hmac(parts, mac.data());
    EXPECT_TRUE(hmac.ok());
    std::array<std::uint8_t, 20> const wanted{0xef, 0xfc, 0xdf, 0x6a, 0xe5, 0xeb, 0x2f, 0xa2, 0xd2, 0x74,
                                              0x16, 0xd5, 0xf1, 0x84, 0xdf, 0x9c, 0x25, 0x9a, 0x7c, 0x79};
    EXPECT_EQ(mac, wanted);
}

}  // namespace
}  // namespace sluice::ice
