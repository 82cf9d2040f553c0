#include <gmock/gmock.h>

#include "controlplane/room/test_world.hpp"
#include "controlplane/session/session_state.hpp"

namespace sluice::room {
namespace {

using test::Peer;
using whip::Role;

class CertificateTest : public test::World {
protected:
    CertificateTest() { options.certificate_days = 10; }
    void pass(std::int64_t seconds) { skew_ns += seconds * 1'000'000'000; }
    // Until a moment before nine tenths of its ten days are over.
    void grow_old() { pass(9 * 86'400 - 10); }
    void renew() {
        const std::string before = engine().fingerprint();
        pass(15);
        engine().tick_slow();
        settle();
        ASSERT_NE(engine().fingerprint(), before);
    }
    std::size_t kept() const {
        std::size_t n = 0;
        for (const auto& [id, blob] : plane->blobs())
            n += blob.kind == static_cast<std::uint16_t>(session::BlobKind::certificate);
        return n;
    }
    static std::string answered(const Peer& peer) { return peer.answer.media.front().fingerprints.front().value; }
};

TEST_F(CertificateTest, IsKeptUntilItNearsItsEnd) {
    boot();
    const std::string first = engine().fingerprint();
    grow_old();
    engine().tick_slow();
    settle();
    EXPECT_EQ(engine().fingerprint(), first);
    EXPECT_EQ(kept(), 1u);
    renew();
    EXPECT_EQ(kept(), 1u) << "nobody needs the old one";
}

TEST_F(CertificateTest, NewSessionsGetTheNewOneWhileOldOnesFinishWithTheirs) {
    boot();
    Peer connected(test::golden(test::single_send), 5000), shaking(test::golden(test::receive), 5001);
    enter(connected, Role::publish);
    grow_old();
    ASSERT_TRUE(join(shaking, Role::watch));
    renew();
    EXPECT_EQ(kept(), 2u);
    Peer late(test::golden(test::receive), 5002);
    enter(late, Role::watch);
    EXPECT_EQ(answered(late), engine().fingerprint());
    EXPECT_NE(answered(shaking), engine().fingerprint());
    connect(shaking);  // checks the fingerprint of the answer against the certificate that it is shown
    EXPECT_EQ(engine().sessions().size(), 3u);
    engine().tick_slow();
    settle();
    EXPECT_EQ(kept(), 1u);
}

TEST_F(CertificateTest, AHandshakeBegunUnderTheOldOneIsFinishedByTheNextProcess) {
    boot();
    grow_old();
    Peer shaking(test::golden(test::single_send), 5000);
    ASSERT_TRUE(join(shaking, Role::publish));
    renew();
    const std::string current = engine().fingerprint();
    life.reset();
    settle();
    begin();
    EXPECT_EQ(engine().fingerprint(), current);
    EXPECT_EQ(kept(), 2u);
    connect(shaking);
    EXPECT_NE(answered(shaking), current);
    Peer late(test::golden(test::receive), 5001);
    enter(late, Role::watch);
    EXPECT_EQ(answered(late), current);
}

TEST_F(CertificateTest, OneThatIsDueIsReplacedAtTheStart) {
    boot();
    const std::string first = engine().fingerprint();
    life.reset();
    settle();
    pass(100 * 86'400);
    begin();
    EXPECT_NE(engine().fingerprint(), first);
    engine().tick_slow();
    settle();
    EXPECT_EQ(kept(), 1u);
}

TEST_F(CertificateTest, AnotherPreferredSuiteHoldsForNewSessions) {
    boot();
    const std::string fingerprint = engine().fingerprint();
    Peer first(test::golden(test::single_send), 5000), second(test::golden(test::single_send), 5001);
    enter(first, Role::publish);
    EngineOptions wanted = engine().options();
    std::ranges::reverse(wanted.dtls.profiles);
    engine().set_options(wanted);
    enter(second, Role::publish);
    EXPECT_EQ(plane->transports().at(first.id).suite, abi::CryptoSuite::aead_aes_128_gcm);
    EXPECT_EQ(plane->transports().at(second.id).suite, abi::CryptoSuite::aes_cm_128_hmac_sha1_80);
    EXPECT_EQ(engine().fingerprint(), fingerprint);
}

}  // namespace
}  // namespace sluice::room
