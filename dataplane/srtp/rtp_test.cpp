// Our backends against libsrtp2, packet for packet: what one seals is byte-identical to what the other
// seals, and each opens the other's.
#include "dataplane/srtp/test_support.hpp"

namespace sluice::srtp {
namespace {

using test::Bytes;
using test::Random;
using test::operator+;

struct World {
    explicit World(Backend backend = Backend::ipsec_mb) : ours(make_engine(backend)) {}
    std::unique_ptr<Engine> ours;
    std::unique_ptr<Engine> oracle = make_engine(Backend::libsrtp);
};

using BackendAndSuite = std::tuple<Backend, Suite>;

std::string name_of(const testing::TestParamInfo<BackendAndSuite>& info) {
    return std::string(to_string(std::get<0>(info.param))) + "_" + std::string(to_string(std::get<1>(info.param)));
}

class Differential : public testing::TestWithParam<BackendAndSuite>, protected World {
protected:
    Differential() : World(std::get<0>(GetParam())) {}
    static Suite suite() { return std::get<1>(GetParam()); }

    void SetUp() override {
        SLUICE_SKIP_UNLESS_IT_RUNS(std::get<0>(GetParam()));
        ASSERT_NE(ours, nullptr);
        ASSERT_NE(oracle, nullptr);
    }

    // Both seal `index`, the bytes agree, and both open them.
    void check(const test::Keys& keys, const test::Keys& theirs, const Bytes& header, const Bytes& payload,
               std::uint64_t index) {
        const Bytes sealed = test::seal(*ours, keys.tx, header, payload, index);
        ASSERT_EQ(sealed.size(), header.size() + payload.size() + rtp_overhead(suite()));
        ASSERT_EQ(test::seal(*oracle, theirs.tx, header, payload, index), sealed)
            << "index " << index << " header " << header.size() << " payload " << payload.size();
        ASSERT_EQ(test::open(*ours, keys.rx, sealed, header.size(), index), header + payload);
        ASSERT_EQ(test::open(*oracle, theirs.rx, sealed, header.size(), index), header + payload);
    }
};

TEST_P(Differential, AgreesForEveryPayloadLength) {
    Random random(10);
    const MasterKey master = random.master();
    const test::Keys keys(suite(), master, *ours);
    const test::Keys theirs(suite(), master, *oracle);
    for (std::size_t len = 0; len <= 1500; ++len) {
        const Bytes header =
            test::rtp_header(random, 12 + 4 * random.below(13), random.below(4), 7, static_cast<std::uint16_t>(len));
        check(keys, theirs, header, random.bytes(len), len);
        if (HasFatalFailure()) return;
    }
}

TEST_P(Differential, AgreesForEveryHeaderSizeWithCsrcsAndExtension) {
    Random random(11);
    const MasterKey master = random.master();
    const test::Keys keys(suite(), master, *ours);
    const test::Keys theirs(suite(), master, *oracle);
    std::uint16_t seq = 0;
    for (std::size_t header_len = 12; header_len <= 88; header_len += 4) {
        for (std::size_t csrcs = 0; csrcs <= 15; ++csrcs) {
            for (const std::size_t payload : {0, 1, 15, 16, 17, 160, 1200}) {
                const Bytes header = test::rtp_header(random, header_len, csrcs, 9, ++seq);
                check(keys, theirs, header, random.bytes(payload), seq);
                if (HasFatalFailure()) return;
            }
        }
    }
}

TEST_P(Differential, AgreesAcrossRolloversAndJumps) {
    Random random(12);
    for (const std::uint64_t start : {0ULL, 65530ULL, 0x12345fff0ULL, (0xfffffffeULL << 16) + 65500}) {
        const MasterKey master = random.master();
        const test::Keys keys(suite(), master, *ours);
        const test::Keys theirs(suite(), master, *oracle);
        std::uint64_t index = start;
        for (int step = 0; step < 400; ++step) {
            const Bytes header = test::rtp_header(random, 24, 0, 11, static_cast<std::uint16_t>(index));
            check(keys, theirs, header, random.bytes(random.below(64)), index);
            if (HasFatalFailure()) return;
            index += 1 + random.below(step % 50 == 49 ? 30000 : 3);
            if (index > max_rtp_index) break;
        }
    }
}

TEST_P(Differential, AgreesForLatePackets) {
    Random random(13);
    const MasterKey master = random.master();
    const test::Keys keys(suite(), master, *ours);
    const test::Keys theirs(suite(), master, *oracle);
    // Pairs swapped around two rollovers: the second of each pair is older than the highest.
    for (std::uint64_t index = 65500; index < 2 * 65536 + 40; index += index % 65536 == 40 ? 65400 : 2) {
        for (const std::uint64_t one : {index + 1, index}) {
            const Bytes header = test::rtp_header(random, 20, 0, 12, static_cast<std::uint16_t>(one));
            check(keys, theirs, header, random.bytes(50), one);
            if (HasFatalFailure()) return;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Suites, Differential,
                         testing::Combine(testing::ValuesIn(test::own_backends), testing::ValuesIn(test::real_suites)),
                         name_of);

// One job of a mixed batch, and what its packet has to look like.
struct Planned {
    Bytes header, payload;
    std::uint64_t index = 0;
    std::size_t key = 0;
};

class SealBatch : public testing::TestWithParam<Backend> {
protected:
    void SetUp() override { SLUICE_SKIP_UNLESS_IT_RUNS(GetParam()); }
};

TEST_P(SealBatch, AgreesWithLibsrtpForAnyMixOfSuitesKeysAndLengths) {
    World world(GetParam());
    Random random(20);
    constexpr std::size_t key_count = 24;
    std::vector<std::unique_ptr<test::Keys>> ours, theirs;
    for (std::size_t i = 0; i < key_count; ++i) {
        const MasterKey master = random.master();
        const Suite suite = i % 8 == 7 ? Suite::plaintext : test::real_suites[i % 2];
        ours.push_back(std::make_unique<test::Keys>(suite, master, *world.ours));
        theirs.push_back(std::make_unique<test::Keys>(suite, master, *world.oracle));
    }
    std::vector<std::uint64_t> next(key_count, 65450);
    for (std::size_t batch = 1; batch <= 130; ++batch) {
        std::vector<Planned> plan(batch);
        std::vector<test::Guarded> dst;
        std::vector<SealJob> jobs(batch);
        const std::size_t common = random.below(1300);
        for (std::size_t i = 0; i < batch; ++i) {
            Planned& one = plan[i];
            // Every third batch is CM-SHA1 only, so that lanes overflow 64.
            one.key = batch % 3 == 0 ? 2 * random.below(key_count / 2) + 1 : random.below(key_count);
            one.index = next[one.key]++;
            one.header = test::rtp_header(random, 12 + 4 * random.below(13), random.below(3),
                                          static_cast<std::uint32_t>(100 + one.key), static_cast<std::uint16_t>(one.index));
            one.payload = random.bytes(random.below(2) ? common : random.below(1500) * (random.below(10) != 0));
            const TxKey& key = ours[one.key]->tx;
            const std::size_t len = one.header.size() + one.payload.size() + rtp_overhead(key.suite);
            dst.emplace_back(len + seal_tailroom);
        }
        for (std::size_t i = 0; i < batch; ++i) {
            std::memcpy(dst[i].data(), plan[i].header.data(), plan[i].header.size());
            jobs[i] = {.key = &ours[plan[i].key]->tx,
                       .dst = dst[i].data(),
                       .header_len = static_cast<std::uint16_t>(plan[i].header.size()),
                       .payload_len = static_cast<std::uint16_t>(plan[i].payload.size()),
                       .payload = plan[i].payload.data(),
                       .index = plan[i].index,
                       .ssrc = static_cast<std::uint32_t>(100 + plan[i].key)};
        }
        world.ours->sealer().seal_rtp(jobs);
        for (std::size_t i = 0; i < batch; ++i) {
            const Planned& one = plan[i];
            const Bytes expected = test::seal(*world.oracle, theirs[one.key]->tx, one.header, one.payload, one.index);
            const ByteView sealed = dst[i].view(jobs[i].out_len);
            ASSERT_EQ(Bytes(sealed.begin(), sealed.end()), expected) << "batch " << batch << " job " << i;
            ASSERT_TRUE(dst[i].intact());
            const RxKey& rx = theirs[one.key]->rx;
            ASSERT_EQ(test::open(*world.oracle, rx, expected, one.header.size(), one.index), one.header + one.payload);
        }
    }
}

TEST_P(SealBatch, KeepsGcmInsideThePacketItself) {
    World world(GetParam());
    Random random(21);
    const test::Keys keys(Suite::aead_aes_128_gcm, random.master(), *world.ours);
    const Bytes header = test::rtp_header(random, 12, 0, 1, 1);
    const Bytes payload = random.bytes(333);
    test::Guarded dst(header.size() + payload.size() + gcm_tag_bytes + seal_tailroom);
    std::memcpy(dst.data(), header.data(), header.size());
    SealJob job{.key = &keys.tx,
                .dst = dst.data(),
                .header_len = 12,
                .payload_len = 333,
                .payload = payload.data(),
                .index = 1,
                .ssrc = 1};
    world.ours->sealer().seal_rtp({&job, 1});
    EXPECT_TRUE(dst.untouched_from(job.out_len));
}

TEST_P(SealBatch, RefusesAJobWithoutAKey) {
    World world(GetParam());
    const TxKey empty;
    std::array<std::uint8_t, 64> dst{};
    for (Engine* engine : {world.ours.get(), world.oracle.get()}) {
        SealJob jobs[] = {{.key = nullptr, .dst = dst.data(), .header_len = 12, .out_len = 99},
                          {.key = &empty, .dst = dst.data(), .header_len = 12, .out_len = 99}};
        engine->sealer().seal_rtp(jobs);
        EXPECT_EQ(jobs[0].out_len, 0);
        EXPECT_EQ(jobs[1].out_len, 0);
    }
}

INSTANTIATE_TEST_SUITE_P(Backends, SealBatch, testing::ValuesIn(test::own_backends),
                         [](const auto& info) { return std::string(to_string(info.param)); });

TEST(LibsrtpSealer, SealsAgainWhatIsAtMost4096Old) {
    World world;
    Random random(23);
    const MasterKey master = random.master();
    const test::Keys theirs(Suite::aead_aes_128_gcm, master, *world.oracle);
    const test::Keys ours(Suite::aead_aes_128_gcm, master, *world.ours);
    const Bytes payload = random.bytes(10);
    for (const auto& [age, sealed] : {std::pair{0, true}, {4000, true}, {5000, false}, {30000, false}}) {
        const std::uint64_t index = 0x28000 - static_cast<std::uint64_t>(age);
        const Bytes header = test::rtp_header(random, 12, 0, 5, static_cast<std::uint16_t>(index));
        const Bytes expected = sealed ? test::seal(*world.ours, ours.tx, header, payload, index) : Bytes{};
        EXPECT_EQ(test::seal(*world.oracle, theirs.tx, header, payload, index), expected) << "age " << age;
    }
}

TEST(LibsrtpSealer, RefusesAnIndexThatItWouldTurnIntoAnother) {
    World world;
    Random random(22);
    const test::Keys keys(Suite::aead_aes_128_gcm, random.master(), *world.oracle);
    const Bytes payload = random.bytes(10);
    const auto seal = [&](std::uint64_t index) {
        const Bytes header = test::rtp_header(random, 12, 0, 5, static_cast<std::uint16_t>(index));
        return test::seal(*world.oracle, keys.tx, header, payload, index);
    };
    EXPECT_FALSE(seal(40000).empty());
    EXPECT_TRUE(seal(100).empty()) << "libsrtp would seal this as 65636";
    EXPECT_FALSE(seal(70000).empty());
    EXPECT_FALSE(seal(0x500000).empty());
    EXPECT_TRUE(seal(70001).empty());
}

}  // namespace
}  // namespace sluice::srtp
