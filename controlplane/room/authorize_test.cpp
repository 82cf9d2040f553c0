#include "controlplane/room/authorize.hpp"

#include <gtest/gtest.h>

namespace sluice::room {
namespace {

const jwt::Time now{std::chrono::seconds{1'800'000'000}};

class AuthorizeTest : public ::testing::Test {
protected:
    std::expected<std::optional<whip::Auth>, whip::Refusal> ask(whip::Role role, const std::string& room,
                                                                std::optional<std::string> token) {
        return make_authorize([this]() -> const AuthorizeOptions& { return options; }, [] { return now; })(role, room,
                                                                                                           token);
    }
    std::string token(const jwt::VideoGrant& grant, const std::string& secret = "secret") {
        jwt::Claims claims;
        claims.identity = "ann";
        claims.video = grant;
        return jwt::create("devkey", secret, claims, std::chrono::hours(1), now);
    }
    static jwt::VideoGrant grant(std::optional<bool> publish = {}, std::optional<bool> subscribe = {}) {
        jwt::VideoGrant g;
        g.room_join = true;
        g.room = "r";
        g.publish = publish;
        g.subscribe = subscribe;
        return g;
    }
    AuthorizeOptions options{.keys = {{"devkey", "secret"}}, .allow_anonymous = false};
};

TEST_F(AuthorizeTest, OnlyDevelopmentModeNeedsNoToken) {
    EXPECT_EQ(ask(whip::Role::watch, "r", std::nullopt).error().status, 401);
    options.allow_anonymous = true;
    const auto anonymous = ask(whip::Role::publish, "r", std::nullopt);
    ASSERT_TRUE(anonymous);
    EXPECT_FALSE(anonymous->has_value());
}

TEST_F(AuthorizeTest, ABadTokenIsRefusedEvenInDevelopmentMode) {
    options.allow_anonymous = true;
    EXPECT_EQ(ask(whip::Role::watch, "r", token(grant(), "wrong")).error().status, 401);
}

TEST_F(AuthorizeTest, GrantsAreOfTheRoomAndOfTheRole) {
    const std::string watch_only = token(grant(false));
    const auto watching = ask(whip::Role::watch, "r", watch_only);
    ASSERT_TRUE(watching);
    EXPECT_EQ((*watching)->identity, "ann");
    EXPECT_EQ(ask(whip::Role::publish, "r", watch_only).error().status, 403);
    EXPECT_EQ(ask(whip::Role::watch, "other", watch_only).error().status, 403);
    EXPECT_EQ(ask(whip::Role::watch, "r", token(grant({}, false))).error().status, 403);
}

}  // namespace
}  // namespace sluice::room
