#include <fcntl.h>
#include <gmock/gmock.h>

#include "controlplane/dpclient/test_support.hpp"

namespace sluice::dpclient {
namespace {

using abi::MessageType;

template <typename Spec>
Spec at(Spec spec, std::uint32_t generation) {
    spec.generation = generation;
    return spec;
}

TEST_F(ClientTest, AdoptsWhatAnEarlierControlPlaneProgrammed) {
    boot();
    plane->put(at(transport(t1), 7));
    plane->put(at(transport(t2), 7));
    plane->put(at(source(s1, t1), 7));
    plane->put(at(leg(l1, s1, t2), 7));
    plane->put(Blob{7, 1, 2, 3, {9}}, 7);
    std::optional<Dump> seen;
    handlers.on_adopt = [&](const Dump& dump) {
        seen = dump;
        program.adopt(dump);
    };
    start();
    ASSERT_TRUE(synced());
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->transports.size(), 2u);
    EXPECT_EQ(seen->generation, 7u);
    EXPECT_EQ(program.generation(), 8u);
    EXPECT_EQ(plane->transports().at(t1).generation, 8u);
    EXPECT_EQ(plane->legs().at(l1).generation, 8u);
    EXPECT_EQ(plane->blobs().size(), 1u);
    EXPECT_EQ(reports.at(0).objects, 5u);
    EXPECT_EQ(reports.at(0).failed, 0u);
}

TEST_F(ClientTest, SweepsWhatTheUpperLayersDidNotTakeOver) {
    boot();
    for (std::uint64_t i = 1; i <= 10; ++i) plane->put(at(transport(abi::TransportId{i}), 3));
    plane->put(at(source(s1, abi::TransportId{1}), 3));
    handlers.on_adopt = [&](const Dump& dump) {
        program.adopt(dump);
        for (const auto& spec : dump.transports) {
            if (spec.id == abi::TransportId{1}) program.remove(spec.id);
        }
        program.remove(s1);
    };
    start();
    ASSERT_TRUE(synced());
    EXPECT_EQ(plane->transports().size(), 9u);
    EXPECT_TRUE(plane->sources().empty());
    EXPECT_EQ(reports.at(0).sweep, abi::Status::ok);
}

TEST_F(ClientTest, ARefusedSweepIsReportedAndNotForced) {
    boot();
    for (std::uint64_t i = 1; i <= 10; ++i) plane->put(at(transport(abi::TransportId{i}), 3));
    handlers.on_adopt = [](const Dump&) {};
    start();
    ASSERT_TRUE(synced());
    EXPECT_EQ(reports.at(0).sweep, abi::Status::sweep_refused);
    EXPECT_EQ(plane->transports().size(), 10u);
}

TEST_F(ClientTest, ARefusedSweepIsForcedWhenTheOptionSaysSo) {
    boot();
    for (std::uint64_t i = 1; i <= 10; ++i) plane->put(at(transport(abi::TransportId{i}), 3));
    handlers.on_adopt = [](const Dump&) {};
    auto o = client_options();
    o.force_sweep = true;
    start(std::move(o));
    ASSERT_TRUE(synced());
    EXPECT_EQ(reports.at(0).sweep, abi::Status::ok);
    EXPECT_TRUE(plane->transports().empty());
}

TEST_F(ClientTest, ALostSocketIsResyncedWithTheNextGenerationAndRemovesNothing) {
    boot();
    start();
    ASSERT_TRUE(synced());
    program_a_viewer();
    ASSERT_TRUE(apply().ok());
    const auto generation = program.generation();
    plane->drop_connections();
    ASSERT_TRUE(synced(2));
    EXPECT_EQ(reports.at(1).kind, ResyncKind::reconnect);
    EXPECT_EQ(program.generation(), generation + 1);
    EXPECT_EQ(plane->legs().at(l1).generation, generation + 1);
    EXPECT_EQ(plane->transports().size(), 2u);
    EXPECT_EQ(client->counters().disconnects, 1u);
}

TEST_F(ClientTest, LearnsWhatChangedWhileTheSocketWasLost) {
    boot();
    start();
    ASSERT_TRUE(synced());
    program_a_viewer();
    ASSERT_TRUE(apply().ok());
    program.learn_path(t1, flow(1));
    plane->drop_connections();
    auto moved = plane->transports().at(t1);
    moved.path = flow(2);
    plane->put(moved);
    auto bound = plane->sources().at(s1);
    bound.ssrc = 4711;
    plane->put(bound);
    ASSERT_TRUE(synced(2));
    EXPECT_EQ(plane->transports().at(t1).path, flow(2));
    EXPECT_EQ(program.find(t1)->path, flow(2));
    EXPECT_EQ(program.find(s1)->ssrc, 4711u);
}

TEST_F(ClientTest, ReplaysToANewDataPlaneBeyondEveryIndexOfTheDeadOne) {
    boot();
    start();
    ASSERT_TRUE(synced());
    program_a_viewer();
    ASSERT_TRUE(apply().ok());
    plane->slot(l1)->rtp_reserved = 5'120;
    plane->slot(l1)->rtx_reserved = 1'024;
    plane->slot(t2)->srtcp_reserved = 640;
    plane->slot(s1)->ssrc = 99;
    plane->slot(s1)->rx_index = 70'001;
    int lost = 0;
    handlers.on_disconnected = [&] { ++lost; };
    plane->kill();
    settle();
    EXPECT_FALSE(client->connected());
    ASSERT_NE(client->segment(), nullptr);  // the dead one's stays readable
    plane->boot();
    ASSERT_TRUE(synced(2));
    EXPECT_EQ(reports.at(1).kind, ResyncKind::replay);
    EXPECT_EQ(plane->legs().at(l1).start_index, 5'120u);
    EXPECT_EQ(plane->legs().at(l1).rtx_start_index, 1'024u);
    EXPECT_EQ(plane->transports().at(t2).srtcp_start, 640u);
    EXPECT_EQ(plane->sources().at(s1).rx_index, 70'001u);
    EXPECT_EQ(plane->blobs().size(), 1u);
    EXPECT_EQ(client->segment()->boot_id(), plane->boot_id());
}

TEST_F(ClientTest, WhatStoodOnARemovedObjectIsNotReplayed) {
    boot();
    start();
    ASSERT_TRUE(synced());
    program_a_viewer();
    program.upsert(transport(t3));
    program.upsert(leg(l2, s1, t3));
    ASSERT_TRUE(apply().ok());
    program.remove(t2);  // with l1
    program.remove(s1);  // l2 stays and waits
    ASSERT_TRUE(apply().ok());
    EXPECT_EQ(plane->legs().at(l2).source, abi::SourceId::none);
    plane->kill();
    plane->boot();
    ASSERT_TRUE(synced(2));
    EXPECT_EQ(reports.at(1).failed, 0u);
    EXPECT_EQ(plane->legs().size(), 1u);
    EXPECT_FALSE(program.contains(key_of(l1)));
}

TEST_F(ClientTest, ManyDeathsInARowNeverLowerAnIndex) {
    boot();
    start();
    ASSERT_TRUE(synced());
    program_a_viewer();
    ASSERT_TRUE(apply().ok());
    std::uint64_t used = 100;
    for (std::size_t life = 2; life <= 8; ++life) {
        if (auto* slot = plane->slot(l1)) {
            EXPECT_GE(plane->legs().at(l1).start_index, used);
            used += 512;
            slot->rtp_reserved = used;
        }
        plane->kill();
        plane->boot();
        // Some of them die before the replay is complete.
        if (life % 3 == 0) {
            ASSERT_TRUE(until([&] { return client->connected(); }));
        } else {
            const auto before = reports.size();
            ASSERT_TRUE(synced(before + 1));
        }
    }
    ASSERT_TRUE(until([&] { return client->synced() && plane->legs().contains(l1); }));
    EXPECT_GE(plane->legs().at(l1).start_index, used);
}

TEST_F(ClientTest, ReservationsOfADataPlaneThatOnlyTheSupervisorRemembersAreUsed) {
    boot();
    plane->put(leg(l1, s1, t1));
    plane->slot(l1)->rtp_reserved = 9'000;
    auto o = client_options();
    o.old_segment = UniqueFd(::fcntl(plane->segment_fd(), F_DUPFD_CLOEXEC, 3));
    plane->kill();
    plane->boot();
    plane->put(at(transport(t1), 1));
    plane->put(at(source(s1, t1), 1));
    plane->put(at(leg(l1, s1, t1), 1));
    start(std::move(o));
    ASSERT_TRUE(synced());
    EXPECT_EQ(program.find(l1)->start_index, 9'000u);
}

TEST_F(ClientTest, TheKeptSegmentOfTheLivingDataPlaneChangesNothing) {
    boot();
    plane->put(at(transport(t1), 1));
    plane->put(at(source(s1, t1), 1));
    plane->put(at(leg(l1, s1, t1), 1));
    plane->slot(l1)->rtp_reserved = 9'000;
    auto o = client_options();
    o.old_segment = UniqueFd(::fcntl(plane->segment_fd(), F_DUPFD_CLOEXEC, 3));
    start(std::move(o));
    ASSERT_TRUE(synced());
    // It goes on by itself: a gap of a reservation would be one that viewers see.
    EXPECT_EQ(program.find(l1)->start_index, 100u);
}

TEST_F(ClientTest, AppliesOfAnOutageAreSentAfterItAndAnsweredOnce) {
    boot();
    start();
    ASSERT_TRUE(synced());
    plane->hold_acks(true);
    int answers = 0;
    program.upsert(transport(t1));
    client->apply([&](ApplyResult r) { answers += r.ok(); });  // sent, answer lost
    ASSERT_TRUE(until([&] { return plane->transports().size() == 1; }));
    plane->kill();
    plane->hold_acks(true);
    settle();
    program.upsert(transport(t2));
    client->apply([&](ApplyResult r) { answers += 10 * r.ok(); });  // made while there was nobody
    program.upsert(transport(t3));
    client->apply([&](ApplyResult r) { answers += 100 * (r.status == abi::Status::capacity); });
    plane->refuse(key_of(t3), abi::Status::capacity);
    EXPECT_EQ(answers, 0);
    plane->boot();
    ASSERT_TRUE(until([&] { return client->connected() && plane->transports().size() == 2; }));
    plane->hold_acks(false);
    ASSERT_TRUE(synced(2));
    // They left together; whose was refused is asked again.
    ASSERT_TRUE(until([&] { return answers >= 111; }));
    settle();
    EXPECT_EQ(answers, 111);
    EXPECT_EQ(reports.at(1).failed, 1u);
}

TEST_F(ClientTest, AnIncompleteAdoptionIsBegunAgain) {
    boot();
    plane->put(at(transport(t1), 2));
    int adoptions = 0;
    handlers.on_adopt = [&](const Dump& dump) {
        ++adoptions;
        program.adopt(dump);
    };
    bool dropped = false;
    handlers.on_connected = [&](const abi::HelloReply&, ResyncKind kind) {
        EXPECT_EQ(kind, ResyncKind::adopt);
        if (!std::exchange(dropped, true)) plane->drop_connections();
    };
    start();
    ASSERT_TRUE(synced());
    EXPECT_EQ(adoptions, 1);
    EXPECT_EQ(plane->transports().at(t1).generation, 3u);
}

TEST_F(ClientTest, AGenerationAheadOfOursMeansThatAnotherProgrammed) {
    boot();
    start();
    ASSERT_TRUE(synced());
    program.upsert(transport(t1));
    ASSERT_TRUE(apply().ok());
    auto theirs = plane->transports().at(t1);
    theirs.generation = program.generation() + 50;
    plane->put(theirs);
    program.upsert(transport(t1));
    client->apply();
    ASSERT_TRUE(until([&] { return fenced == 1; }));
}

TEST_F(ClientTest, ALargeProgramIsReplayedInSlices) {
    options_.max_transports = 6'000;
    options_.max_legs = 6'000;
    boot();
    start();
    ASSERT_TRUE(synced());
    for (std::uint64_t i = 1; i <= 5'000; ++i) program.upsert(transport(abi::TransportId{i}));
    EXPECT_TRUE(apply().ok());
    EXPECT_EQ(plane->transports().size(), 5'000u);
    plane->kill();
    plane->boot();
    ASSERT_TRUE(synced(2));
    EXPECT_EQ(plane->transports().size(), 5'000u);
    EXPECT_EQ(reports.at(1).objects, 5'000u);
    EXPECT_EQ(reports.at(1).failed, 0u);
}

TEST_F(ClientTest, ADataPlaneThatDoesNotReadIsDroppedAndResynced) {
    boot();
    auto o = client_options();
    o.max_backlog = 256 * 1024;
    start(std::move(o));
    ASSERT_TRUE(synced());
    // One turn of the loop cannot take this much: the socket holds some 200 KiB.
    for (std::uint64_t i = 1; i <= 40; ++i) program.upsert(Blob{i, 0, 0, 0, std::vector<std::uint8_t>(abi::max_blob)});
    bool done = false;
    client->apply([&](ApplyResult r) { done = r.ok(); });
    EXPECT_TRUE(client->congested());
    ASSERT_TRUE(until([&] { return done; }));
    EXPECT_EQ(client->counters().disconnects, 1u);
    EXPECT_EQ(plane->blobs().size(), 40u);
}

}  // namespace
}  // namespace sluice::dpclient
