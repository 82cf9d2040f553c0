// SRTCP of our backends against libsrtp2, in both directions.
#include "dataplane/srtp/test_support.hpp"

namespace sluice::srtp {
namespace {

using test::Bytes;
using test::Random;

class Rtcp : public testing::TestWithParam<std::tuple<Backend, Suite>> {
protected:
    void SetUp() override { SLUICE_SKIP_UNLESS_IT_RUNS(std::get<0>(GetParam())); }
    static Suite suite() { return std::get<1>(GetParam()); }

    Bytes compound(std::size_t len) {
        Bytes packet = random_.bytes(len);
        packet[0] = 0x81;
        packet[1] = 200;
        store(packet.data() + 4, be32(0xcafe));
        return packet;
    }

    Random random_{40};
    std::unique_ptr<Engine> own_ = make_engine(std::get<0>(GetParam()));
    std::unique_ptr<Engine> oracle_ = make_engine(Backend::libsrtp);
};

TEST_P(Rtcp, AgreesWithLibsrtpForEveryLength) {
    const MasterKey master = random_.master();
    const test::Keys ours(suite(), master, *own_);
    const test::Keys theirs(suite(), master, *oracle_);
    // libsrtp numbers the packets of a stream 1, 2, 3...
    std::uint32_t index = 0;
    for (std::size_t len = 8; len <= 1400; len += len < 300 ? 1 : 4) {
        const Bytes plain = compound(len);
        const Bytes sealed = test::seal_rtcp(*own_, ours.tx, plain, ++index);
        ASSERT_EQ(sealed.size(), len + rtcp_overhead(suite()));
        ASSERT_EQ(test::seal_rtcp(*oracle_, theirs.tx, plain, 0), sealed) << "length " << len;
        for (const auto& opened : {test::open_rtcp(*own_, ours.rx, sealed), test::open_rtcp(*oracle_, theirs.rx, sealed)}) {
            ASSERT_TRUE(opened);
            ASSERT_EQ(opened->plain, plain);
            ASSERT_EQ(opened->index, index);
        }
    }
}

TEST_P(Rtcp, HonoursAnyIndex) {
    const MasterKey master = random_.master();
    const test::Keys ours(suite(), master, *own_);
    const test::Keys theirs(suite(), master, *oracle_);
    for (const std::uint32_t index : {1U, 2U, 0xffffU, 0x10000U, 0x123456U, 0x7ffffffeU}) {
        const Bytes plain = compound(64);
        const Bytes sealed = test::seal_rtcp(*own_, ours.tx, plain, index);
        for (const auto& opened : {test::open_rtcp(*own_, ours.rx, sealed), test::open_rtcp(*oracle_, theirs.rx, sealed)}) {
            ASSERT_TRUE(opened) << index;
            EXPECT_EQ(opened->plain, plain);
            EXPECT_EQ(opened->index, index);
        }
    }
}

TEST_P(Rtcp, RefusesToSealLessThanAHeader) {
    const test::Keys ours(suite(), random_.master(), *own_);
    const test::Keys theirs(suite(), random_.master(), *oracle_);
    EXPECT_TRUE(test::seal_rtcp(*own_, ours.tx, Bytes(7), 1).empty());
    EXPECT_TRUE(test::seal_rtcp(*oracle_, theirs.tx, Bytes(7), 1).empty());
}

INSTANTIATE_TEST_SUITE_P(Suites, Rtcp,
                         testing::Combine(testing::ValuesIn(test::own_backends), testing::ValuesIn(test::real_suites)),
                         [](const auto& info) {
                             return std::string(to_string(std::get<0>(info.param))) + "_" +
                                    std::string(to_string(std::get<1>(info.param)));
                         });

TEST(PlaintextRtcp, PassesThroughWithAnIndexThatGrows) {
    Random random(41);
    for (const Backend backend : test::all_backends) {
        const auto engine = make_engine(backend);
        if (engine == nullptr) continue;
        const test::Keys keys(Suite::plaintext, {}, *engine);
        const Bytes plain = random.bytes(40);
        EXPECT_EQ(test::seal_rtcp(*engine, keys.tx, plain, 5), plain);
        const auto first = test::open_rtcp(*engine, keys.rx, plain);
        const auto second = test::open_rtcp(*engine, keys.rx, plain);
        ASSERT_TRUE(first && second);
        EXPECT_EQ(first->plain, plain);
        EXPECT_LT(first->index, second->index);
    }
}

}  // namespace
}  // namespace sluice::srtp
