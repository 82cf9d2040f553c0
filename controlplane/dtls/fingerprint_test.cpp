#include "controlplane/dtls/fingerprint.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "controlplane/dtls/openssl_ptr.hpp"
#include "controlplane/dtls/test_link.hpp"

namespace sluice::dtls {
namespace {

Fingerprint print_with(const Certificate& certificate, std::string hash, const EVP_MD* md) {
    std::uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    X509_digest(certificate.x509(), md, digest, &length);
    return {std::move(hash), {digest, digest + length}};
}

TEST(Fingerprint, ReadsEveryHashInEitherCase) {
    for (auto [hash, size] : {std::pair{"sha-1", 20u}, {"SHA-256", 32u}, {"sha-384", 48u}, {"Sha-512", 64u}}) {
        std::string text = std::string(hash) + " ";
        for (unsigned i = 0; i < size; ++i) text += i % 2 ? "aF:" : "0B:";
        text.pop_back();
        auto const print = parse_fingerprint(text);
        ASSERT_TRUE(print) << text;
        EXPECT_EQ(print->bytes.size(), size);
        EXPECT_EQ(print->bytes[1], 0xaf);
        EXPECT_TRUE(print->hash.starts_with("sha-"));
    }
}

TEST(Fingerprint, RefusesWhatIsNotOne) {
    std::string const good = "sha-1 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33";
    ASSERT_TRUE(parse_fingerprint(good));
    EXPECT_FALSE(parse_fingerprint(""));
    EXPECT_FALSE(parse_fingerprint("sha-1"));
    EXPECT_FALSE(parse_fingerprint("sha-1 "));
    EXPECT_FALSE(parse_fingerprint("md5 " + good.substr(6)));
    EXPECT_FALSE(parse_fingerprint("sha-256 " + good.substr(6)));
    EXPECT_FALSE(parse_fingerprint(good + ":"));
    EXPECT_FALSE(parse_fingerprint(good + ":44"));
    for (std::size_t n = 6; n < good.size(); ++n) {
        std::string bad = good;
        bad[n] = 'g';
        EXPECT_FALSE(parse_fingerprint(bad)) << bad;
    }
}

TEST(Fingerprint, PrintsAsItReads) {
    std::vector<std::uint8_t> const bytes{0x00, 0xab, 0x5f};
    EXPECT_EQ(hex_colons(bytes), "00:AB:5F");
}

TEST(Fingerprint, MatchesUnderEveryHash) {
    Certificate const c = test::make_certificate();
    for (auto [hash, md] :
         {std::pair{"sha-1", EVP_sha1()}, {"sha-256", EVP_sha256()}, {"sha-384", EVP_sha384()}, {"sha-512", EVP_sha512()}})
        EXPECT_EQ(check_fingerprint(c.x509(), {print_with(c, hash, md)}), FingerprintCheck::match) << hash;
}

TEST(Fingerprint, TrustsTheStrongestHashOnly) {
    Certificate const c = test::make_certificate();
    Fingerprint weak = print_with(c, "sha-1", EVP_sha1());
    Fingerprint strong = print_with(c, "sha-512", EVP_sha512());
    EXPECT_EQ(check_fingerprint(c.x509(), {weak, strong}), FingerprintCheck::match);
    strong.bytes[0] ^= 1;
    EXPECT_EQ(check_fingerprint(c.x509(), {weak, strong}), FingerprintCheck::mismatch);
}

TEST(Fingerprint, NeedsOneMatchAmongSeveralOfAHash) {
    Certificate const c = test::make_certificate();
    Fingerprint const good = print_with(c, "sha-256", EVP_sha256());
    Fingerprint other = good;
    other.bytes[5] ^= 1;
    EXPECT_EQ(check_fingerprint(c.x509(), {other, good}), FingerprintCheck::match);
    EXPECT_EQ(check_fingerprint(c.x509(), {other}), FingerprintCheck::mismatch);
}

TEST(Fingerprint, IsNeverMatchedByNothing) {
    Certificate const c = test::make_certificate();
    EXPECT_EQ(check_fingerprint(c.x509(), {}), FingerprintCheck::no_known_hash);
    EXPECT_EQ(check_fingerprint(c.x509(), {{"sha-256", {}}}), FingerprintCheck::mismatch);
    EXPECT_EQ(check_fingerprint(nullptr, {print_with(c, "sha-256", EVP_sha256())}), FingerprintCheck::mismatch);
}

}  // namespace
}  // namespace sluice::dtls
