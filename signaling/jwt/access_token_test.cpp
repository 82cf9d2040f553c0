#include "signaling/jwt/access_token.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace sluice::jwt {
namespace {

using namespace std::chrono_literals;

const Time now{std::chrono::seconds{1'800'000'000}};
const std::string secret = "a-secret-that-must-never-be-printed";
const Keys keys{{"devkey", secret}, {"other", "another-secret"}, {"empty", ""}};

std::string base64url(std::string_view bytes) {
    std::string out(bytes.size() * 4 / 3 + 8, '\0');
    out.resize(static_cast<std::size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                                        reinterpret_cast<const unsigned char*>(bytes.data()),
                                                        static_cast<int>(bytes.size()))));
    while (out.ends_with('=')) out.pop_back();
    for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
    return out;
}

// A signer of our own, so that neither side of the tests is the library under test.
std::string sign(std::string_view header, std::string_view payload, std::string_view key = secret) {
    const std::string input = base64url(header) + '.' + base64url(payload);
    unsigned char mac[32];
    unsigned length = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(input.data()),
         input.size(), mac, &length);
    return input + '.' + base64url({reinterpret_cast<const char*>(mac), length});
}

constexpr std::string_view hs256 = R"({"alg":"HS256","typ":"JWT"})";
constexpr std::string_view good =
    R"({"iss":"devkey","sub":"ann","exp":1800003600,"nbf":1800000000,"video":{"roomJoin":true,"room":"hall"}})";

JwtErrc error_of(std::string_view token, Time at = now) {
    const auto result = verify(token, keys, at);
    EXPECT_FALSE(result.has_value());
    if (result) return JwtErrc::too_large;
    EXPECT_EQ(result.error().message.find(secret), std::string::npos);
    EXPECT_FALSE(result.error().message.empty());
    return result.error().code;
}

TEST(AccessToken, RoundTripsEveryClaim) {
    Claims c;
    c.identity = "ann";
    c.name = "Ann \"quoted\" \xc3\xa9";
    c.kind = "agent";
    c.metadata = R"({"a":1})";
    c.attributes = {{"k", "v"}, {"l", ""}};
    c.sha256 = "abc";
    c.room_preset = "preset";
    c.room_config = R"({"emptyTimeout":30})";
    c.video = {.room_create = true,
               .room_list = true,
               .room_record = true,
               .room_admin = true,
               .room_join = true,
               .room = "hall",
               .destination_room = "other",
               .publish = false,
               .subscribe = true,
               .publish_data = true,
               .publish_sources = {"camera"},
               .update_own_metadata = true,
               .ingress_admin = true,
               .hidden = true,
               .recorder = true,
               .agent = true,
               .subscribe_metrics = false,
               .manage_agent_session = true};
    const auto token = create("devkey", secret, c, 6h, now);
    ASSERT_FALSE(token.empty());
    const auto read = verify(token, keys, now + 5h);
    ASSERT_TRUE(read.has_value()) << read.error().message;
    c.api_key = "devkey";
    c.expires = now + 6h;
    c.not_before = now;
    EXPECT_EQ(*read, c);
}

TEST(AccessToken, ReadsATokenOfAnotherSigner) {
    const auto read = verify(sign(hs256, good), keys, now);
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_EQ(read->identity, "ann");
    EXPECT_TRUE(read->video.can_join("hall"));
    EXPECT_FALSE(read->video.can_join("cellar"));
    EXPECT_FALSE(read->video.can_join(""));
}

TEST(AccessToken, CreatesTokensThatAnIndependentSignerAgreesWith) {
    Claims claims;
    claims.identity = "ann";
    const auto token = create("devkey", secret, claims, 1h, now);
    const auto dot = token.rfind('.');
    unsigned char mac[32];
    unsigned length = 0;
    HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), reinterpret_cast<const unsigned char*>(token.data()),
         dot, mac, &length);
    EXPECT_EQ(token.substr(dot + 1), base64url({reinterpret_cast<const char*>(mac), length}));
}

TEST(AccessToken, GivesLiveKitsDefaultsToAbsentGrants) {
    const auto read = verify(sign(hs256, good), keys, now);
    ASSERT_TRUE(read.has_value());
    const auto& v = read->video;
    EXPECT_TRUE(v.can_publish() && v.can_subscribe() && v.can_publish_data() && v.can_publish_source("camera"));
    EXPECT_FALSE(v.can_update_own_metadata() || v.hidden || v.recorder || v.room_admin || v.room_create);
}

TEST(AccessToken, LetsDataFollowPublishUnlessGranted) {
    VideoGrant v;
    v.publish = false;
    EXPECT_FALSE(v.can_publish_data());
    v.publish_data = true;
    EXPECT_TRUE(v.can_publish_data());
    EXPECT_FALSE(v.can_publish_source("camera"));
    v.publish = true;
    v.publish_sources = {"microphone"};
    EXPECT_FALSE(v.can_publish_source("camera"));
    EXPECT_TRUE(v.can_publish_source("microphone"));
}

TEST(AccessToken, FallsBackToJtiForTheIdentity) {
    const auto read = verify(sign(hs256, R"({"iss":"devkey","jti":"bob","exp":1800003600})"), keys, now);
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->identity, "bob");
}

TEST(AccessToken, RefusesEveryOtherAlgorithm) {
    const auto none = base64url(R"({"alg":"none"})") + '.' + base64url(good) + '.';
    EXPECT_EQ(error_of(none), JwtErrc::unsupported_algorithm);
    for (const auto* alg : {"none", "None", "hs256", "RS256", "HS384", "HS512", "ES256", ""})
        EXPECT_EQ(error_of(sign(R"({"alg":")" + std::string(alg) + R"("})", good)), JwtErrc::unsupported_algorithm) << alg;
}

TEST(AccessToken, RefusesAWrongSecretAndAnUnknownKey) {
    EXPECT_EQ(error_of(sign(hs256, good, "another-secret")), JwtErrc::bad_signature);
    EXPECT_EQ(error_of(sign(hs256, good, "")), JwtErrc::bad_signature);
    EXPECT_EQ(error_of(sign(hs256, R"({"iss":"stranger","exp":1800003600})")), JwtErrc::unknown_key);
    EXPECT_EQ(error_of(sign(hs256, R"({"iss":"empty","exp":1800003600})", "")), JwtErrc::unknown_key);
}

TEST(AccessToken, RefusesATamperedPayloadOrSignature) {
    const auto token = sign(hs256, good);
    const auto first = token.find('.'), second = token.rfind('.');
    std::string payload(good);
    payload.replace(payload.find("hall"), 4, "vault");
    EXPECT_EQ(error_of(token.substr(0, first + 1) + base64url(payload) + token.substr(second)), JwtErrc::bad_signature);
    for (std::size_t i = second + 1; i + 1 < token.size(); ++i) {
        auto bad = token;
        bad[i] = bad[i] == 'A' ? 'B' : 'A';
        EXPECT_EQ(error_of(bad), JwtErrc::bad_signature) << i;
    }
    EXPECT_EQ(error_of(token.substr(0, second + 1)), JwtErrc::bad_signature);
}

TEST(AccessToken, HoldsExpiryExactAndMandatory) {
    const auto token = sign(hs256, good);
    EXPECT_TRUE(verify(token, keys, now + 3599s).has_value());
    EXPECT_EQ(error_of(token, now + 3600s), JwtErrc::expired);
    EXPECT_EQ(error_of(sign(hs256, R"({"iss":"devkey"})")), JwtErrc::missing_expiry);
    EXPECT_EQ(error_of(sign(hs256, R"({"iss":"devkey","exp":null})")), JwtErrc::missing_expiry);
    for (const auto* exp : {"\"soon\"", "-1", "1e300", "9999999999999999", "true"})
        EXPECT_EQ(error_of(sign(hs256, R"({"iss":"devkey","exp":)" + std::string(exp) + "}")), JwtErrc::bad_claim) << exp;
    // Beyond 64 bits libjwt refuses to read the payload at all.
    EXPECT_FALSE(verify(sign(hs256, R"({"iss":"devkey","exp":99999999999999999999})"), keys, now).has_value());
}

TEST(AccessToken, AllowsAMinuteOfClockSkewBeforeItIsValid) {
    const auto token = sign(hs256, good);
    EXPECT_TRUE(verify(token, keys, now - 60s).has_value());
    EXPECT_EQ(error_of(token, now - 61s), JwtErrc::not_yet_valid);
    const auto issued = sign(hs256, R"({"iss":"devkey","exp":1800003600,"iat":1800000061})");
    EXPECT_EQ(error_of(issued), JwtErrc::not_yet_valid);
    EXPECT_TRUE(verify(issued, keys, now + 1s).has_value());
}

TEST(AccessToken, RefusesWhatIsNoToken) {
    for (const auto* token : {"", ".", "..", "...", "a.b.c", "a.b", "****.****.****", "e30.e30.e30", "e30=.e30.e30"})
        EXPECT_EQ(error_of(token), JwtErrc::malformed) << token;
    EXPECT_EQ(error_of(sign(hs256, "[]")), JwtErrc::malformed);
    EXPECT_EQ(error_of(sign("not json", good)), JwtErrc::malformed);
    EXPECT_EQ(error_of(sign(hs256, std::string(2000, '['))), JwtErrc::malformed);
    EXPECT_EQ(error_of(std::string("e30.e30.e3\0", 11)), JwtErrc::malformed);
}

TEST(AccessToken, RefusesOver16Kilobytes) {
    const auto token = sign(hs256, R"({"iss":"devkey","exp":1800003600,"metadata":")" + std::string(16 * 1024, 'x') + "\"}");
    EXPECT_EQ(error_of(token), JwtErrc::too_large);
}

TEST(AccessToken, RefusesClaimsOfAWrongType) {
    for (const auto* claim : {R"("sub":7)", R"("video":[])", R"("video":{"roomJoin":"yes"})", R"("video":{"canPublish":1})",
                              R"("video":{"canPublishSources":[1]})", R"("attributes":{"a":1})", R"("metadata":{})"})
        EXPECT_EQ(error_of(sign(hs256, R"({"iss":"devkey","exp":1800003600,)" + std::string(claim) + "}")),
                  JwtErrc::bad_claim)
            << claim;
}

TEST(AccessToken, IsNotCreatedWithoutAKeyOrASecret) {
    EXPECT_EQ(create("", secret, {}, 1h, now), "");
    EXPECT_EQ(create("devkey", "", {}, 1h, now), "");
}

TEST(AccessToken, SurvivesTruncationAnywhere) {
    const auto token = sign(hs256, good);
    for (std::size_t n = 0; n < token.size(); ++n) EXPECT_FALSE(verify(token.substr(0, n), keys, now).has_value()) << n;
}

}  // namespace
}  // namespace sluice::jwt
