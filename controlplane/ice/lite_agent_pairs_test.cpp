// Many checks over time: pairs, nomination, restart, consent.
#include <gtest/gtest.h>

#include <array>

#include "controlplane/ice/lite_agent.hpp"
#include "controlplane/ice/test_peer.hpp"

namespace sluice::ice {
namespace {

using test::Check;

constexpr std::int64_t second = 1'000'000'000;
const Endpoint wifi = test::at("198.51.100.7", 50'000);
const Endpoint lte = test::at("203.0.113.9", 40'000);
const Credentials renewed{"SFUagain", "anotherpasswordanotherpa"};

class LiteAgentPairs : public testing::Test {
protected:
    LiteAgentPairs() { agent.set_remote(test::peer.ufrag, test::peer.pwd); }
    CheckResult check(const Endpoint& from, std::uint32_t priority, bool nominate, std::int64_t now,
                      const Endpoint& to = {}) {
        return agent.handle_check(Check{.priority = priority, .use_candidate = nominate}.build(), from, now, to);
    }
    CheckResult check_renewed(const Endpoint& from, bool nominate, std::int64_t now, const std::string& remote = "newpeer") {
        Check const c{
            .username = renewed.ufrag + ":" + remote, .pwd = renewed.pwd, .priority = 100, .use_candidate = nominate};
        return agent.handle_check(c.build(), from, now);
    }
    std::optional<Endpoint> selected() const {
        auto const pair = agent.selected();
        return pair ? std::optional(pair->remote) : std::nullopt;
    }

    LiteAgent agent{test::server};
};

TEST_F(LiteAgentPairs, SelectsNothingBeforeANomination) {
    EXPECT_TRUE(check(wifi, 100, false, 0).new_pair);
    EXPECT_FALSE(check(wifi, 100, false, 1).new_pair);
    EXPECT_EQ(agent.pairs().size(), 1u);
    EXPECT_FALSE(agent.selected());
}

TEST_F(LiteAgentPairs, SelectsTheHighestNominatedPriorityInAnyOrder) {
    EXPECT_TRUE(check(lte, 100, true, 0).selection_changed);
    EXPECT_EQ(selected(), lte);
    EXPECT_TRUE(check(wifi, 200, true, 1).selection_changed);
    EXPECT_EQ(selected(), wifi);
    EXPECT_FALSE(check(lte, 100, true, 2).selection_changed);
    EXPECT_EQ(selected(), wifi);
}

TEST_F(LiteAgentPairs, DoesNotCountPriorityWithoutNomination) {
    check(lte, 100, true, 0);
    EXPECT_FALSE(check(wifi, 200, false, 1).selection_changed);
    EXPECT_EQ(selected(), lte);
}

TEST_F(LiteAgentPairs, KeepsTheNominationOfAPairWhenLaterChecksDoNotRepeatIt) {
    check(wifi, 100, true, 0);
    check(wifi, 100, false, 1);
    EXPECT_EQ(selected(), wifi);
}

TEST_F(LiteAgentPairs, TakesAPeerReflexiveAddressAfterARebinding) {
    check(wifi, 100, true, 0);
    Endpoint const rebound = test::at("198.51.100.7", 61'000);
    CheckResult const result = check(rebound, 100, true, 20 * second);
    EXPECT_TRUE(result.new_pair);
    agent.expire(31 * second);
    EXPECT_EQ(selected(), rebound);
}

TEST_F(LiteAgentPairs, TellsLocalAddressesApart) {
    std::array const addresses{test::at("192.0.2.1", 7882), test::at("2001:db8::1", 7882)};
    agent = LiteAgent(test::server, host_candidates(addresses));
    check(wifi, 0x7f00'0000, true, 0, addresses[1]);
    check(wifi, 0x7f00'0000, true, 0, addresses[0]);
    EXPECT_EQ(agent.pairs().size(), 2u);
    EXPECT_EQ(agent.selected()->local, addresses[0]) << "our first address is preferred";
}

TEST_F(LiteAgentPairs, HoldsAtMostSixteenAndNeverForgetsTheSelectedOne) {
    check(wifi, 100, true, 0);
    for (std::uint16_t n = 0; n < 100; ++n)
        check(test::at("203.0.113.9", static_cast<std::uint16_t>(1000 + n)), 50, false, 1 + n);
    EXPECT_EQ(agent.pairs().size(), max_pairs);
    EXPECT_EQ(selected(), wifi);
    EXPECT_EQ(agent.pairs().back().pair.remote.port, 1099);
}

TEST_F(LiteAgentPairs, LosesConsentAfterThirtySilentSeconds) {
    EXPECT_FALSE(agent.consent_expired(100 * second)) << "never given";
    check(wifi, 100, true, 10 * second);
    EXPECT_EQ(agent.consent_deadline_ns(), 40 * second);
    check(wifi, 100, false, 20 * second);
    EXPECT_FALSE(agent.consent_expired(50 * second - 1));
    EXPECT_FALSE(agent.expire(50 * second - 1));
    EXPECT_TRUE(agent.consent_expired(50 * second));
    EXPECT_TRUE(agent.expire(50 * second));
    EXPECT_FALSE(agent.selected());
    EXPECT_TRUE(agent.pairs().empty());
}

TEST_F(LiteAgentPairs, DoesNotRenewConsentByABadCheck) {
    check(wifi, 100, true, 0);
    agent.handle_check(Check{.pwd = "wrong"}.build(), wifi, 20 * second);
    EXPECT_EQ(agent.consent_deadline_ns(), 30 * second);
}

TEST_F(LiteAgentPairs, FallsBackWhenTheSelectedPairGoesSilent) {
    check(wifi, 200, true, 0);
    check(lte, 100, true, 20 * second);
    EXPECT_TRUE(agent.expire(30 * second));
    EXPECT_EQ(selected(), lte);
    EXPECT_FALSE(agent.consent_expired(30 * second));
}

TEST_F(LiteAgentPairs, CountsTheChecksOfTheDataPlane) {
    check(wifi, 100, true, 0);
    EXPECT_FALSE(agent.note_valid_check({.local = {}, .remote = wifi}, 0, false, 25 * second));
    EXPECT_FALSE(agent.consent_expired(40 * second));
    EXPECT_TRUE(agent.note_valid_check({.local = {}, .remote = lte}, 200, true, 26 * second));
    EXPECT_EQ(selected(), lte);
}

TEST_F(LiteAgentPairs, KeepsTheOldCredentialsUntilTheNewAreNominated) {
    check(wifi, 100, true, 0);
    agent.restart(renewed);
    agent.set_remote("newpeer", "newpeerpasswordnewpeerpa");
    EXPECT_TRUE(agent.restarting());
    EXPECT_EQ(agent.accepted_ufrags(), (std::vector<std::string>{renewed.ufrag, test::server.ufrag}));
    EXPECT_EQ(selected(), wifi);
    EXPECT_EQ(check(wifi, 100, true, second).verdict, CheckVerdict::valid);
    EXPECT_TRUE(agent.restarting());

    CheckResult result = check_renewed(lte, false, 2 * second);
    EXPECT_EQ(result.verdict, CheckVerdict::valid);
    EXPECT_FALSE(result.restart_completed);
    EXPECT_EQ(selected(), wifi);
    result = check_renewed(lte, true, 3 * second);
    EXPECT_TRUE(result.restart_completed);
    EXPECT_TRUE(result.selection_changed);
    EXPECT_EQ(selected(), lte) << "though its priority is lower";
    EXPECT_FALSE(agent.restarting());
    EXPECT_EQ(check(wifi, 100, true, 4 * second).verdict, CheckVerdict::unknown_user);
    EXPECT_EQ(agent.accepted_ufrags().size(), 1u);
}

TEST_F(LiteAgentPairs, RestartsOverTheSamePair) {
    check(wifi, 200, true, 0);
    check(lte, 100, true, 0);
    agent.restart(renewed);
    EXPECT_FALSE(check_renewed(wifi, false, second).selection_changed);
    EXPECT_EQ(selected(), wifi) << "not moved to a pair of the past";
    CheckResult const result = check_renewed(wifi, true, 2 * second);
    EXPECT_TRUE(result.restart_completed);
    EXPECT_FALSE(result.selection_changed);
    EXPECT_FALSE(result.new_pair);
}

TEST_F(LiteAgentPairs, SurvivesARestartThatThePeerNeverTakesUp) {
    check(wifi, 100, true, 0);
    agent.restart({"lostlost", "lostpasswordlostpassword"});
    agent.restart(renewed);
    EXPECT_EQ(check(wifi, 100, true, second).verdict, CheckVerdict::valid) << "the credentials that work";
    EXPECT_EQ(selected(), wifi);
    EXPECT_TRUE(check_renewed(wifi, true, 2 * second, "any").restart_completed);
}

TEST_F(LiteAgentPairs, DoesNotEndARestartByAnOldCheckOfTheDataPlane) {
    check(wifi, 100, true, 0);
    agent.restart(renewed);
    agent.note_valid_check({.local = {}, .remote = wifi}, 100, true, second, test::server.ufrag);
    EXPECT_TRUE(agent.restarting());
    agent.note_valid_check({.local = {}, .remote = wifi}, 100, true, second, renewed.ufrag);
    EXPECT_FALSE(agent.restarting());
}

TEST_F(LiteAgentPairs, LeavesTheOldPairWhenItDiesDuringARestart) {
    check(wifi, 100, true, 0);
    check(lte, 50, true, 20 * second);
    agent.restart(renewed);
    EXPECT_TRUE(agent.expire(31 * second));
    EXPECT_EQ(selected(), lte);
}

}  // namespace
}  // namespace sluice::ice
