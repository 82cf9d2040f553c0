#include "dataplane/srtp/known_answers.hpp"

#include "dataplane/srtp/avx512/cpu.hpp"
#include "dataplane/srtp/test_support.hpp"

namespace sluice::srtp {
namespace {

class EveryBackend : public testing::TestWithParam<Backend> {};

TEST_P(EveryBackend, GivesTheKnownAnswers) {
    SLUICE_SKIP_UNLESS_IT_RUNS(GetParam());
    const auto engine = make_engine(GetParam());
    ASSERT_NE(engine, nullptr);
    EXPECT_TRUE(known_answers(*engine));
}

INSTANTIATE_TEST_SUITE_P(Backends, EveryBackend, testing::ValuesIn(test::all_backends),
                         [](const auto& info) { return std::string(to_string(info.param)); });

// Seals like the engine behind it, but for one bit of one packet.
class FakeFaultyEngine final : public Engine {
public:
    explicit FakeFaultyEngine(std::size_t packet) : sealer_(*behind_, packet) {}
    [[nodiscard]] Backend backend() const noexcept override { return Backend::ipsec_mb; }
    [[nodiscard]] SrtpSealer& sealer() noexcept override { return sealer_; }
    [[nodiscard]] SrtpOpener& opener() noexcept override { return behind_->opener(); }

private:
    class Sealer final : public SrtpSealer {
    public:
        Sealer(Engine& behind, std::size_t packet) : behind_(behind), packet_(packet) {}
        void seal_rtp(std::span<SealJob> jobs) override {
            behind_.sealer().seal_rtp(jobs);
            jobs[packet_].dst[jobs[packet_].out_len - 1] ^= 0x40;
        }
        std::size_t seal_rtcp(const TxKey&, std::uint8_t*, std::size_t, std::uint32_t) override { return 0; }
        [[nodiscard]] std::string_view name() const override { return "faulty"; }

    private:
        Engine& behind_;
        std::size_t packet_;
    };
    void load(KeyState& state, Suite suite, const MasterKey& master) override {
        TxKey key;
        key.init(suite, master, *behind_);
        std::memcpy(static_cast<void*>(&state), static_cast<const void*>(static_cast<const KeyState*>(&key)), sizeof state);
        key.wipe();
    }

    std::unique_ptr<Engine> behind_ = make_engine(Backend::ipsec_mb);
    Sealer sealer_;
};

TEST(KnownAnswers, NoticeOneWrongBit) {
    for (const std::size_t packet : {0, 7, 23}) {
        FakeFaultyEngine engine(packet);
        EXPECT_FALSE(known_answers(engine)) << packet;
    }
}

TEST(BestBackend, RunsHereAndIsOursWhereTheCpuAllows) {
    EXPECT_NE(make_engine(best_backend()), nullptr);
    EXPECT_EQ(best_backend() == Backend::avx512, avx512::missing_features().empty());
    EXPECT_EQ(why_not(best_backend()), "");
}

}  // namespace
}  // namespace sluice::srtp
