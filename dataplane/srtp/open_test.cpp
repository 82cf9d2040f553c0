// What must not open: damaged, forged and truncated packets, wrong indices and wrong keys.
#include "dataplane/srtp/test_support.hpp"

namespace sluice::srtp {
namespace {

using test::Bytes;
using test::Random;
using test::operator+;

class Opener : public testing::TestWithParam<std::tuple<Backend, Suite>> {
protected:
    void SetUp() override { SLUICE_SKIP_UNLESS_IT_RUNS(std::get<0>(GetParam())); }

    Random random_{30};
    std::unique_ptr<Engine> engine_ = make_engine(std::get<0>(GetParam()));
    // Of the other backend where this one does not run: the test is skipped then.
    std::unique_ptr<Engine> fallback_ = make_engine(Backend::ipsec_mb);
    test::Keys keys_{std::get<1>(GetParam()), random_.master(), engine_ ? *engine_ : *fallback_};
    // Far from 0, so that libsrtp takes the index it is told.
    const std::uint64_t index_ = 0x30000 + 500;
    const Bytes header_ = test::rtp_header(random_, 28, 1, 77, 500);
    const Bytes payload_ = random_.bytes(150);
};

TEST_P(Opener, RefusesAPacketWithAnyByteChanged) {
    Bytes sealed = test::seal(*engine_, keys_.tx, header_, payload_, index_);
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        for (const std::uint8_t change : {0x01, 0x80, 0xff}) {
            sealed[i] ^= change;
            ASSERT_FALSE(test::open(*engine_, keys_.rx, sealed, header_.size(), index_)) << "byte " << i;
            sealed[i] ^= change;
        }
    }
    EXPECT_EQ(test::open(*engine_, keys_.rx, sealed, header_.size(), index_), header_ + payload_);
}

TEST_P(Opener, RefusesEveryTruncationAndNeverWritesPastTheBounds) {
    const Bytes sealed = test::seal(*engine_, keys_.tx, header_, payload_, index_);
    for (std::size_t len = 0; len < sealed.size(); ++len) {
        const Bytes cut(sealed.begin(), sealed.begin() + static_cast<std::ptrdiff_t>(len));
        const auto opened = test::open(*engine_, keys_.rx, cut, header_.size(), index_);
        ASSERT_FALSE(opened) << "length " << len;
        if (len < header_.size() + rtp_overhead(keys_.rx.suite)) {
            EXPECT_EQ(opened.error(), OpenError::too_short);
        }
    }
}

TEST_P(Opener, RefusesTheWrongRollover) {
    const Bytes sealed = test::seal(*engine_, keys_.tx, header_, payload_, index_);
    EXPECT_FALSE(test::open(*engine_, keys_.rx, sealed, header_.size(), index_ + 0x10000));
    EXPECT_FALSE(test::open(*engine_, keys_.rx, sealed, header_.size(), index_ - 0x10000));
}

TEST_P(Opener, RefusesAnotherTransportsKey) {
    const Bytes sealed = test::seal(*engine_, keys_.tx, header_, payload_, index_);
    const test::Keys other(std::get<1>(GetParam()), random_.master(), *engine_);
    const auto opened = test::open(*engine_, other.rx, sealed, header_.size(), index_);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error(), OpenError::auth_failed);
}

TEST_P(Opener, RefusesAHeaderLengthBelowTheFixedHeader) {
    const Bytes sealed = test::seal(*engine_, keys_.tx, header_, payload_, index_);
    const auto opened = test::open(*engine_, keys_.rx, sealed, 11, index_);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error(), OpenError::too_short);
}

TEST_P(Opener, LeavesNoPlaintextOfAForgery) {
    Bytes sealed = test::seal(*engine_, keys_.tx, header_, payload_, index_);
    sealed.back() ^= 1;
    test::Guarded dst(sealed.size());
    ASSERT_FALSE(engine_->opener().open_rtp(keys_.rx, sealed, header_.size(), index_, dst.data()));
    const ByteView written = dst.view(header_.size() + payload_.size()).subspan(header_.size());
    EXPECT_TRUE(std::ranges::all_of(written, [](std::uint8_t byte) { return byte == 0 || byte == 0xa5; }));
}

TEST_P(Opener, RefusesRtcpWithAnyByteChangedOrCutOff) {
    Bytes plain = random_.bytes(60);
    plain[0] = 0x81;
    plain[1] = 200;
    Bytes sealed = test::seal_rtcp(*engine_, keys_.tx, plain, 1);
    ASSERT_EQ(sealed.size(), plain.size() + rtcp_overhead(keys_.tx.suite));
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        for (const std::uint8_t change : {0x01, 0x80, 0xff}) {
            sealed[i] ^= change;
            ASSERT_FALSE(test::open_rtcp(*engine_, keys_.rx, sealed)) << "byte " << i;
            sealed[i] ^= change;
        }
    }
    for (std::size_t len = 0; len < sealed.size(); ++len) {
        const Bytes cut(sealed.begin(), sealed.begin() + static_cast<std::ptrdiff_t>(len));
        ASSERT_FALSE(test::open_rtcp(*engine_, keys_.rx, cut)) << "length " << len;
    }
    const auto opened = test::open_rtcp(*engine_, keys_.rx, sealed);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->plain, plain);
}

TEST_P(Opener, RefusesAnEmptyKey) {
    const RxKey empty;
    const Bytes packet = header_ + payload_;
    Bytes dst(packet.size());
    EXPECT_EQ(engine_->opener().open_rtp(empty, packet, 12, 1, dst.data()).error(), OpenError::no_key);
    EXPECT_EQ(engine_->opener().open_rtcp(empty, packet, dst.data()).error(), OpenError::no_key);
}

INSTANTIATE_TEST_SUITE_P(Backends, Opener,
                         testing::Combine(testing::ValuesIn(test::all_backends), testing::ValuesIn(test::real_suites)),
                         [](const auto& info) {
                             return std::string(to_string(std::get<0>(info.param))) + "_" +
                                    std::string(to_string(std::get<1>(info.param)));
                         });

TEST(LibsrtpOpener, TellsARepeatedPacket) {
    Random random(31);
    const auto engine = make_engine(Backend::libsrtp);
    const test::Keys keys(Suite::aead_aes_128_gcm, random.master(), *engine);
    const Bytes header = test::rtp_header(random, 12, 0, 1, 1);
    const Bytes sealed = test::seal(*engine, keys.tx, header, random.bytes(20), 1);
    EXPECT_TRUE(test::open(*engine, keys.rx, sealed, 12, 1));
    const auto again = test::open(*engine, keys.rx, sealed, 12, 1);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error(), OpenError::replayed);
}

}  // namespace
}  // namespace sluice::srtp
