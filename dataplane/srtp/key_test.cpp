#include "dataplane/srtp/key.hpp"

#include "dataplane/srtp/test_support.hpp"

namespace sluice::srtp {
namespace {

using test::Bytes;
using test::Random;
using test::operator+;

template <typename Key>
bool all_zero(const Key& key) {
    const auto* bytes = static_cast<const std::uint8_t*>(static_cast<const void*>(&key));
    return std::all_of(bytes, bytes + sizeof key, [](std::uint8_t byte) { return byte == 0; });
}

TEST(Key, WipeLeavesZeroes) {
    Random random(50);
    for (const Backend backend : test::all_backends) {
        const auto engine = make_engine(backend);
        if (engine == nullptr) continue;
        for (const Suite suite : test::real_suites) {
            TxKey tx;
            RxKey rx;
            tx.init(suite, random.master(), *engine);
            rx.init(suite, random.master(), *engine);
            EXPECT_FALSE(all_zero(tx));
            EXPECT_FALSE(all_zero(rx));
            tx.wipe();
            rx.wipe();
            EXPECT_TRUE(all_zero(tx));
            EXPECT_TRUE(all_zero(rx));
            EXPECT_EQ(tx.suite, Suite::none);
        }
    }
}

TEST(Key, InitAgainReplacesTheSecrets) {
    Random random(51);
    const auto engine = make_engine(Backend::ipsec_mb);
    const MasterKey second = random.master();
    test::Keys used(Suite::aead_aes_128_gcm, random.master(), *engine);
    used.tx.init(Suite::aes_cm_128_hmac_sha1_80, second, *engine);
    const test::Keys fresh(Suite::aes_cm_128_hmac_sha1_80, second, *engine);
    const Bytes header = test::rtp_header(random, 12, 0, 1, 1);
    const Bytes payload = random.bytes(99);
    EXPECT_EQ(test::seal(*engine, used.tx, header, payload, 1), test::seal(*engine, fresh.tx, header, payload, 1));
}

TEST(Key, OfOneEngineServesAnother) {
    Random random(52);
    const auto maker = make_engine(Backend::ipsec_mb);
    const auto worker = make_engine(Backend::ipsec_mb);
    const test::Keys keys(Suite::aead_aes_128_gcm, random.master(), *maker);
    const Bytes header = test::rtp_header(random, 12, 0, 1, 1);
    const Bytes payload = random.bytes(99);
    EXPECT_EQ(test::seal(*worker, keys.tx, header, payload, 1), test::seal(*maker, keys.tx, header, payload, 1));
}

TEST(Key, OfOneBackendIsNoKeyForAnother) {
    Random random(53);
    const Bytes header = test::rtp_header(random, 12, 0, 1, 1);
    const Bytes packet = header + random.bytes(99);
    for (const Backend one : test::all_backends) {
        for (const Backend other : test::all_backends) {
            const auto maker = make_engine(one);
            const auto user = make_engine(other);
            if (one == other || maker == nullptr || user == nullptr) continue;
            for (const Suite suite : test::real_suites) {
                const test::Keys keys(suite, random.master(), *maker);
                EXPECT_TRUE(test::seal(*user, keys.tx, header, packet, 1).empty());
                EXPECT_TRUE(test::seal_rtcp(*user, keys.tx, packet, 1).empty());
                EXPECT_EQ(test::open(*user, keys.rx, packet, 12, 1).error(), OpenError::no_key);
                EXPECT_EQ(test::open_rtcp(*user, keys.rx, packet).error(), OpenError::no_key);
            }
        }
    }
}

TEST(Suite, KnowsItsOverheads) {
    EXPECT_EQ(rtp_overhead(Suite::aead_aes_128_gcm), 16U);
    EXPECT_EQ(rtp_overhead(Suite::aes_cm_128_hmac_sha1_80), 10U);
    EXPECT_EQ(rtcp_overhead(Suite::aead_aes_128_gcm), 20U);
    EXPECT_EQ(rtcp_overhead(Suite::aes_cm_128_hmac_sha1_80), 14U);
    EXPECT_EQ(rtp_overhead(Suite::plaintext) + rtcp_overhead(Suite::plaintext), 0U);
}

}  // namespace
}  // namespace sluice::srtp
