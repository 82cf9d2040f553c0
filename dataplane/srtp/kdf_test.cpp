#include "dataplane/srtp/kdf.hpp"

#include "dataplane/srtp/aes128.hpp"
#include "dataplane/srtp/iv.hpp"
#include "dataplane/srtp/test_support.hpp"

namespace sluice::srtp {
namespace {

using test::Bytes;
using test::from_hex;

template <std::size_t N>
std::array<std::uint8_t, N> array_of(std::string_view hex) {
    std::array<std::uint8_t, N> made{};
    const Bytes bytes = from_hex(hex);
    std::copy_n(bytes.begin(), std::min(N, bytes.size()), made.begin());
    return made;
}

TEST(Kdf, AgreesWithRfc3711AppendixB3) {
    MasterKey master;
    master.key = array_of<16>("E1F97A0D3E018BE0D64FA32C06DE4139");
    master.salt = array_of<14>("0EC675AD498AFEEBB6960B3AABE6");
    const SessionKeys keys(Suite::aes_cm_128_hmac_sha1_80, master);
    EXPECT_EQ(keys.rtp.key, array_of<16>("C61E7A93744F39EE10734AFE3FF7A087"));
    EXPECT_EQ(keys.rtp.salt, array_of<16>("30CBBC08863D8C85D49DB34A9AE10000"));
    EXPECT_EQ(keys.rtp.auth, array_of<20>("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
}

TEST(Kdf, IgnoresSaltBeyondTwelveBytesForGcm) {
    test::Random random(1);
    MasterKey a = random.master();
    MasterKey b = a;
    b.salt[12] ^= 0xff;
    b.salt[13] ^= 0xff;
    const SessionKeys ka(Suite::aead_aes_128_gcm, a);
    const SessionKeys kb(Suite::aead_aes_128_gcm, b);
    EXPECT_EQ(ka.rtp.key, kb.rtp.key);
    EXPECT_EQ(ka.rtcp.salt, kb.rtcp.salt);
    EXPECT_EQ(load<be32>(ka.rtp.salt.data() + 12).value(), 0U);
}

TEST(Kdf, GivesRtpAndRtcpDifferentKeys) {
    test::Random random(2);
    const SessionKeys keys(Suite::aes_cm_128_hmac_sha1_80, random.master());
    EXPECT_NE(keys.rtp.key, keys.rtcp.key);
    EXPECT_NE(keys.rtp.auth, keys.rtcp.auth);
    EXPECT_NE(keys.rtp.salt, keys.rtcp.salt);
}

TEST(Aes128, AgreesWithRfc3711AppendixB2) {
    const Aes128 cipher(array_of<16>("2B7E151628AED2A6ABF7158809CF4F3C"));
    auto counter = array_of<16>("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000");
    const auto stream = [&] {
        return std::bit_cast<std::array<std::uint8_t, 16>>(cipher.encrypt(std::bit_cast<__m128i>(counter)));
    };
    EXPECT_EQ(stream(), array_of<16>("E03EAD0935C95E80E166B16DD92B4EB4"));
    counter[15] = 1;
    EXPECT_EQ(stream(), array_of<16>("D23513162B02D0F72A43A2FE4A5F97AB"));
}

// Byte by byte, as the RFCs draw it.
TEST(Iv, IsWhatTheRfcsDraw) {
    test::Random random(3);
    for (int round = 0; round < 1000; ++round) {
        std::array<std::uint8_t, 16> salt{};
        random.fill(ByteSpan(salt).first(12));
        const auto ssrc = static_cast<std::uint32_t>(random.below(1ULL << 32));
        const std::uint64_t index = random.below(1ULL << 48);
        std::array<std::uint8_t, 10> tail;
        for (int i = 0; i < 4; ++i) tail[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(ssrc >> (24 - 8 * i));
        for (int i = 0; i < 6; ++i) {
            tail[static_cast<std::size_t>(4 + i)] = static_cast<std::uint8_t>(index >> (40 - 8 * i));
        }
        auto gcm = salt;
        auto cm = salt;
        for (std::size_t i = 0; i < tail.size(); ++i) {
            gcm[2 + i] ^= tail[i];
            cm[4 + i] ^= tail[i];
        }
        EXPECT_EQ(gcm_iv(salt, ssrc, index).bytes, gcm);
        EXPECT_EQ(cm_iv(salt, ssrc, index).bytes, cm);
    }
}

}  // namespace
}  // namespace sluice::srtp
