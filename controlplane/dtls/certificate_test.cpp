#include "controlplane/dtls/certificate.hpp"

#include <gtest/gtest.h>

#include "controlplane/dtls/test_link.hpp"

namespace sluice::dtls {
namespace {

TEST(Certificate, KeepsItsFingerprintThroughTheBlob) {
    Certificate const original = test::make_certificate();
    auto const restored = Certificate::deserialize(original.serialize());
    ASSERT_TRUE(restored) << restored.error().message;
    EXPECT_EQ(restored->fingerprint_sha256(), original.fingerprint_sha256());
    EXPECT_EQ(restored->serialize(), original.serialize());
}

TEST(Certificate, HasAFingerprintOf32HexPairs) {
    std::string const text = test::make_certificate().fingerprint_sha256();
    EXPECT_EQ(text.size(), 95u);
    EXPECT_TRUE(parse_fingerprint("sha-256 " + text));
}

TEST(Certificate, IsAnotherEachTime) {
    EXPECT_NE(test::make_certificate().fingerprint_sha256(), test::make_certificate().fingerprint_sha256());
}

TEST(Certificate, IsValidForAYearFromTheGivenTime) {
    EXPECT_EQ(test::make_certificate().not_after_unix(), test::now_unix + 365 * 86'400);
}

TEST(Certificate, IsValidForAsLongAsItIsAskedToBe) {
    const auto certificate = Certificate::generate(test::now_unix, 10);
    ASSERT_TRUE(certificate);
    EXPECT_EQ(certificate->made_unix(), test::now_unix);
    EXPECT_EQ(certificate->not_after_unix(), test::now_unix + 10 * 86'400);
}

TEST(Certificate, IsDueForAnotherAfterNineTenthsOfItsLife) {
    constexpr std::int64_t day = 86'400;
    const auto certificate = Certificate::generate(test::now_unix, 100);
    ASSERT_TRUE(certificate);
    EXPECT_FALSE(certificate->due(test::now_unix, 100));
    EXPECT_FALSE(certificate->due(test::now_unix + 90 * day - 1, 100));
    EXPECT_TRUE(certificate->due(test::now_unix + 90 * day, 100));
    // A shorter lifetime that is configured later counts at once; a longer one cannot lengthen it.
    EXPECT_TRUE(certificate->due(test::now_unix + 9 * day, 10));
    EXPECT_FALSE(certificate->due(test::now_unix + 9 * day - 1, 10));
    EXPECT_TRUE(certificate->due(test::now_unix + 90 * day, 3650));
}

TEST(Certificate, FitsABlobOfTheDataPlane) {
    EXPECT_LT(test::make_certificate().serialize().size(), 1024u);
}

TEST(Certificate, RefusesEveryTruncation) {
    auto const blob = test::make_certificate().serialize();
    for (std::size_t n = 0; n < blob.size(); ++n) EXPECT_FALSE(Certificate::deserialize(ByteView(blob).first(n))) << n;
}

TEST(Certificate, RefusesTrailingBytesAndUnknownVersions) {
    auto blob = test::make_certificate().serialize();
    blob.push_back(0);
    EXPECT_EQ(Certificate::deserialize(blob).error().message, "stored DTLS certificate: trailing bytes");
    blob.pop_back();
    blob[3] = 9;
    EXPECT_EQ(Certificate::deserialize(blob).error().message, "stored DTLS certificate: unknown version 9");
}

TEST(Certificate, RefusesTheKeyOfAnother) {
    auto one = test::make_certificate().serialize();
    auto const two = test::make_certificate().serialize();
    // The key part has one length; it is the end of the blob.
    std::copy(two.end() - 100, two.end(), one.end() - 100);
    auto const mixed = Certificate::deserialize(one);
    ASSERT_FALSE(mixed);
    EXPECT_TRUE(mixed.error().message.starts_with("stored DTLS certificate: ")) << mixed.error().message;
}

TEST(Certificate, SurvivesEveryFlippedByte) {
    auto const blob = test::make_certificate().serialize();
    for (std::size_t n = 0; n < blob.size(); ++n) {
        auto copy = blob;
        copy[n] ^= 0x55;
        if (auto restored = Certificate::deserialize(copy)) EXPECT_FALSE(restored->serialize().empty());
    }
}

}  // namespace
}  // namespace sluice::dtls
