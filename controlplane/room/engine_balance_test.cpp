// Sessions and workers, with a data plane whose figures are the test's.
#include <gmock/gmock.h>

#include "controlplane/room/test_world.hpp"

namespace sluice::room {
namespace {

using test::Peer;
using whip::Role;

class EngineBalanceTest : public test::World {
protected:
    // A second in which the workers were so busy and sent so much.
    void second(std::array<double, 2> busy, std::array<std::uint64_t, 2> packets) {
        skew_ns += 1'000'000'000;
        for (std::uint32_t w = 0; w < 2; ++w) {
            abi::WorkerBlock& block = plane->worker(w);
            block.total_cycles += 1'000'000;
            block.busy_cycles += static_cast<std::uint64_t>(1e6 * busy[w]);
            block.tx_packets += packets[w];
        }
        for (const auto& [id, spec] : plane->sources())
            if (abi::SourceSlot* slot = plane->slot(id)) slot->packets += 20'000;
        engine().tick_meters();
        settle();
        if (!obeys) return;
        for (const auto& [id, spec] : plane->transports())
            if (spec.owner != 0) plane->slot(id)->worker = spec.owner - 1u;
    }
    [[nodiscard]] int owned_by(std::uint16_t worker) {
        int count = 0;
        for (const auto& [id, s] : engine().sessions()) count += engine().owner_of(*s) == worker;
        return count;
    }
    [[nodiscard]] bool noted_by_node(const std::string& text) {
        for (const Event& e : engine().events().after(0, {}))
            if (e.text.find(text) != std::string::npos) return true;
        return false;
    }
    // A publisher and ten viewers of a room on the first worker.
    void fill() {
        boot();
        camera.emplace(test::golden(test::single_send), 5000);
        enter(*camera, Role::publish);
        for (std::uint16_t i = 0; i < 10; ++i) {
            viewers.push_back(std::make_unique<Peer>(test::golden(test::receive), static_cast<std::uint16_t>(5001 + i)));
            enter(*viewers.back(), Role::watch);
        }
        for (const auto& [id, spec] : plane->transports()) plane->slot(id)->worker = 0;
    }
    std::optional<Peer> camera;
    std::vector<std::unique_ptr<Peer>> viewers;
    bool obeys = true;
};

TEST_F(EngineBalanceTest, ASmallRoomIsPlacedTogetherAndANewRoomElsewhere) {
    fill();
    EXPECT_EQ(owned_by(0), 11);
    Peer other(test::golden(test::single_send), 6000);
    enter(other, Role::publish, "other");
    EXPECT_EQ(other.worker, 1u);
    EXPECT_EQ(other.answer.media.front().candidates.front().port, 7883);
}

TEST_F(EngineBalanceTest, AWorkerOverTheLimitGetsNobodyNotEvenOfItsOwnRoom) {
    fill();
    second({0, 0}, {0, 0});
    second({0.9, 0.1}, {0, 0});
    Peer late(test::golden(test::receive), 6000);
    enter(late, Role::watch);
    EXPECT_EQ(late.worker, 1u);
}

TEST_F(EngineBalanceTest, ViewersOfABusyWorkerMoveAndKeepTheirPorts) {
    fill();
    second({0, 0}, {0, 0});
    second({0.9, 0.1}, {300'000, 30'000});
    second({0.9, 0.1}, {300'000, 30'000});
    EXPECT_EQ(owned_by(1), 0) << "it may be over in a moment";
    second({0.9, 0.1}, {300'000, 30'000});
    // 40,000 packets/s each: two are 0.24 of a worker, a third more than three quarters of half the difference.
    EXPECT_EQ(owned_by(1), 2);
    EXPECT_EQ(engine().owner_of(*engine().find(camera->id)), 0) << "a publisher stays";
    for (const auto& [id, spec] : plane->transports()) {
        EXPECT_EQ(spec.worker, 0) << "the port";
        EXPECT_EQ(spec.path.local_port, 7882);
    }
    EXPECT_TRUE(noted_by_node("worker 0 is 90 % busy and worker 1 10 %: moving viewers"));
    second({0.66, 0.34}, {220'000, 110'000});
    EXPECT_TRUE(noted_by_node("moved 2 viewers between workers"));
    for (int i = 0; i < 10; ++i) second({0.52, 0.48}, {170'000, 160'000});
    EXPECT_EQ(owned_by(1), 2);
    // Newcomers are counted where those who moved are.
    EXPECT_EQ(owned_by(0), 9);
}

TEST_F(EngineBalanceTest, ASecondControlPlaneAdoptsTheOwnersAndASecondDataPlaneIsGivenThem) {
    fill();
    ASSERT_EQ(engine().move(viewers[3]->id, 1), "");
    settle();
    EXPECT_EQ(plane->transports().at(viewers[3]->id).owner, 2);
    life.reset();
    begin();
    EXPECT_EQ(engine().owner_of(*engine().find(viewers[3]->id)), 1);
    EXPECT_EQ(owned_by(1), 1);
    plane->kill();
    plane->boot();
    ASSERT_TRUE(until([&] { return plane->transports().contains(viewers[3]->id) && engine().not_ready().empty(); }));
    EXPECT_EQ(plane->transports().at(viewers[3]->id).owner, 2);
    EXPECT_EQ(plane->transports().at(viewers[3]->id).worker, 0);
}

TEST_F(EngineBalanceTest, WhatIsInjectedGoesToTheOwner) {
    fill();
    ASSERT_EQ(engine().move(viewers[0]->id, 1), "");
    settle();
    while (plane->take_injected(0)) {
    }
    ASSERT_TRUE(engine().kick(viewers[0]->id, "out"));
    settle();
    bool closed = false;
    while (const auto out = plane->take_injected(1)) closed |= out->record.transport == viewers[0]->id;
    EXPECT_TRUE(closed);
    EXPECT_EQ(owned_by(1), 0);
}

TEST_F(EngineBalanceTest, WhoCannotBeMovedStaysWithoutAnotherTryForAMinute) {
    fill();
    obeys = false;
    second({0, 0}, {0, 0});
    for (int i = 0; i < 3; ++i) second({0.9, 0.1}, {300'000, 30'000});
    ASSERT_GT(owned_by(1), 0);
    for (int i = 0; i < 15; ++i) second({0.9, 0.1}, {300'000, 30'000});
    EXPECT_EQ(owned_by(1), 0);
    for (int i = 0; i < 20; ++i) second({0.9, 0.1}, {300'000, 30'000});
    EXPECT_EQ(owned_by(1), 0);
}

TEST_F(EngineBalanceTest, NobodyMovesWhereThatIsTurnedOff) {
    options.moves_per_s = 0;
    fill();
    for (int i = 0; i < 10; ++i) second({0.9, 0.1}, {300'000, 30'000});
    EXPECT_EQ(owned_by(1), 0);
}

TEST_F(EngineBalanceTest, AnOperatorIsToldWhyAMoveIsRefused) {
    fill();
    EXPECT_EQ(engine().move(camera->id, 1), "a publisher stays with its worker");
    EXPECT_EQ(engine().move(viewers[0]->id, 2), "no such worker");
    EXPECT_EQ(engine().move(abi::TransportId{12345}, 1), "no such transport");
    EXPECT_EQ(engine().move(viewers[0]->id, 0), "");
    EXPECT_EQ(plane->transports().at(viewers[0]->id).owner, 0);
}

}  // namespace
}  // namespace sluice::room
