// Printed vectors: RFC 7714 16.1.1, 17.1 and 17.2 (which begin at the session keys), and the packet
// that libsrtp's srtp_driver publishes for AES_CM_128_HMAC_SHA1_80.
#include "dataplane/srtp/avx512_engine.hpp"
#include "dataplane/srtp/ipsec_mb_engine.hpp"
#include "dataplane/srtp/test_support.hpp"

namespace sluice::srtp {
namespace {

using test::Bytes;
using test::from_hex;
using test::operator+;

template <typename Backend>
class Rfc7714 : public testing::Test {
protected:
    void SetUp() override {
        if (engine_ == nullptr) GTEST_SKIP() << "does not run on this CPU";
        SessionKeys keys;
        for (SessionKeys::Half* half : {&keys.rtp, &keys.rtcp}) {
            for (std::uint8_t i = 0; i < 16; ++i) half->key[i] = i;
            std::memcpy(half->salt.data(), "Quid pro quo", 12);
        }
        this->engine_->expand(tx_, Suite::aead_aes_128_gcm, keys);
        this->engine_->expand(rx_, Suite::aead_aes_128_gcm, keys);
    }

    std::unique_ptr<Backend> engine_ = Backend::make();
    TxKey tx_;
    RxKey rx_;
    const Bytes rtcp_ = from_hex(
        "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61"
        "deadbeef deadbeef deadbeef deadbeef deadbeef");
};

using Engines = testing::Types<IpsecMbEngine, Avx512Engine>;
TYPED_TEST_SUITE(Rfc7714, Engines);

TYPED_TEST(Rfc7714, RtpPacketIsThatOfSection16) {
    const Bytes header = from_hex("8040f17b 8041f8d3 5501a0b2");
    const Bytes payload = from_hex("47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 6573");
    const Bytes sealed = header + from_hex(
                                      "f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833"
                                      "899d7f27 beb16a91 52cf765e e4390cce");
    EXPECT_EQ(test::seal(*this->engine_, this->tx_, header, payload, 0xf17b), sealed);
    EXPECT_EQ(test::open(*this->engine_, this->rx_, sealed, 12, 0xf17b), header + payload);
}

TYPED_TEST(Rfc7714, EncryptedRtcpPacketIsThatOfSection17_1) {
    const Bytes sealed = from_hex(
        "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46"
        "86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4");
    EXPECT_EQ(test::seal_rtcp(*this->engine_, this->tx_, this->rtcp_, 0x5d4), sealed);
    const auto opened = test::open_rtcp(*this->engine_, this->rx_, sealed);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->plain, this->rtcp_);
    EXPECT_EQ(opened->index, 0x5d4U);
}

TYPED_TEST(Rfc7714, AuthenticatedOnlyRtcpPacketOfSection17_2Opens) {
    Bytes sealed = this->rtcp_ + from_hex("841dd968 3dd78ec9 2ae58790 125f62b3 000005d4");
    const auto opened = test::open_rtcp(*this->engine_, this->rx_, sealed);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->plain, this->rtcp_);
    EXPECT_EQ(opened->index, 0x5d4U);
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        sealed[i] ^= 0x10;
        EXPECT_FALSE(test::open_rtcp(*this->engine_, this->rx_, sealed)) << "byte " << i;
        sealed[i] ^= 0x10;
    }
}

class CmSha1 : public testing::TestWithParam<Backend> {};

TEST_P(CmSha1, PacketIsThatOfLibsrtpsDriver) {
    SLUICE_SKIP_UNLESS_IT_RUNS(GetParam());
    const auto engine = make_engine(GetParam());
    MasterKey master;
    std::ranges::copy(from_hex("e1f97a0d3e018be0d64fa32c06de4139"), master.key.begin());
    std::ranges::copy(from_hex("0ec675ad498afeebb6960b3aabe6"), master.salt.begin());
    const test::Keys keys(Suite::aes_cm_128_hmac_sha1_80, master, *engine);
    const Bytes header = from_hex("800f1234 decafbad cafebabe");
    const Bytes payload(16, 0xab);
    const Bytes sealed = header + from_hex("4e55dc4c e79978d8 8ca4d215 949d2402 b78d6acc 99ea179b 8dbb");
    EXPECT_EQ(test::seal(*engine, keys.tx, header, payload, 0x1234), sealed);
    EXPECT_EQ(test::open(*engine, keys.rx, sealed, 12, 0x1234), header + payload);

    const Bytes rtcp = from_hex("81c8000b cafebabe abababab abababab abababab abababab");
    const Bytes sealed_rtcp =
        from_hex("81c8000b cafebabe 7128035b e487b9bd bef89041 f977a5a8 80000001 993e08cd 54d6c1230798");
    EXPECT_EQ(test::seal_rtcp(*engine, keys.tx, rtcp, 1), sealed_rtcp);
    const auto opened = test::open_rtcp(*engine, keys.rx, sealed_rtcp);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->plain, rtcp);
}

INSTANTIATE_TEST_SUITE_P(Backends, CmSha1, testing::ValuesIn(test::own_backends),
                         [](const auto& info) { return std::string(to_string(info.param)); });

}  // namespace
}  // namespace sluice::srtp
