#include "controlplane/dpclient/client.hpp"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "controlplane/dpclient/test_support.hpp"
#include "dataplane/abi/message_reader.hpp"

namespace sluice::dpclient {
namespace {

using abi::MessageType;
using ::testing::ElementsAre;

std::vector<MessageType> types(const std::vector<FakeDataPlane::Received>& received) {
    std::vector<MessageType> out;
    for (const auto& r : received) out.push_back(r.type);
    return out;
}

TEST_F(ClientTest, WaitsForADataPlaneThatStartsLater) {
    start();
    settle();
    EXPECT_FALSE(client->connected());
    EXPECT_EQ(client->segment(), nullptr);
    boot();
    ASSERT_TRUE(synced());
    EXPECT_EQ(client->hello().workers, 2u);
    EXPECT_EQ(client->hello().boot_id, plane->boot_id());
    ASSERT_NE(client->segment(), nullptr);
    EXPECT_EQ(client->segment()->boot_id(), plane->boot_id());
    EXPECT_EQ(reports.at(0).kind, ResyncKind::adopt);
}

TEST_F(ClientTest, SendsAChangeAsOneTransaction) {
    boot();
    start();
    ASSERT_TRUE(synced());
    plane->clear_received();
    program_a_viewer();
    EXPECT_TRUE(apply().ok());
    EXPECT_THAT(
        types(plane->received()),
        ElementsAre(MessageType::txn_begin, MessageType::upsert_transport, MessageType::upsert_transport,
                    MessageType::upsert_source, MessageType::upsert_leg, MessageType::upsert_blob, MessageType::txn_commit));
    EXPECT_EQ(plane->legs().at(l1).source, s1);
    EXPECT_EQ(plane->blobs().at(7).bytes, (std::vector<std::uint8_t>{1, 2, 3}));
    plane->clear_received();
    program.remove(l1);
    EXPECT_TRUE(apply().ok());
    EXPECT_THAT(types(plane->received()), ElementsAre(MessageType::remove));
    EXPECT_TRUE(plane->legs().empty());
    EXPECT_TRUE(apply().ok());  // nothing to do
}

TEST_F(ClientTest, ReportsARefusalByNameAndObject) {
    boot();
    start();
    ASSERT_TRUE(synced());
    program_a_viewer();
    plane->refuse(key_of(l1), abi::Status::capacity);
    const auto result = apply();
    EXPECT_EQ(result.status, abi::Status::capacity);
    EXPECT_EQ(result.object, 0x31u);
    EXPECT_EQ(client->counters().failed_acks, 1u);
    EXPECT_TRUE(program.contains(key_of(l1)));
    program.remove(l1);
    program.remove(t2);
    EXPECT_TRUE(apply().ok());
    EXPECT_EQ(plane->transports().size(), 1u);
}

TEST_F(ClientTest, PipelinesAndMatchesAnswersToTheirChange) {
    boot();
    start();
    ASSERT_TRUE(synced());
    plane->hold_acks(true);
    std::vector<int> answers;
    program.upsert(transport(t1));
    client->apply([&](ApplyResult r) { answers.push_back(r.ok() ? 1 : -1); });
    program.upsert(source(s1, t3));  // no such transport
    client->apply([&](ApplyResult r) { answers.push_back(r.status == abi::Status::no_such_object ? 2 : -2); });
    program.upsert(transport(t2));
    client->apply([&](ApplyResult r) { answers.push_back(r.ok() ? 3 : -3); });
    ASSERT_TRUE(until([&] { return plane->transports().size() == 2; }));
    EXPECT_TRUE(answers.empty());
    plane->hold_acks(false);
    ASSERT_TRUE(until([&] { return answers.size() == 3; }));
    EXPECT_THAT(answers, ElementsAre(1, 2, 3));
}

TEST_F(ClientTest, WhatIsChangedInOneTurnLeavesAsOneTransactionWithEachObjectOnce) {
    boot();
    start();
    ASSERT_TRUE(synced());
    plane->clear_received();
    int answers = 0;
    const auto count = [&](ApplyResult r) { answers += r.ok(); };
    for (std::uint64_t i = 1; i <= 20; ++i) {
        program.upsert(transport(abi::TransportId{i}));
        program.upsert(Blob{100 + i, i, 0, 0, {1}});
        client->apply(count);
        program.upsert(Blob{100 + i, i, 0, 0, {1, 2}});  // again, before it has left
        client->apply(count);
    }
    program.remove(abi::TransportId{20});  // and one is gone already
    client->apply(count);
    ASSERT_TRUE(until([&] { return answers == 41; }));
    EXPECT_EQ(plane->transports().size(), 19u);
    EXPECT_EQ(plane->blobs().at(101).bytes.size(), 2u);
    const auto& received = plane->received();
    ASSERT_EQ(received.size(), 2u + 40u);  // begin, the objects, commit
    EXPECT_EQ(received.front().type, MessageType::txn_begin);
    EXPECT_EQ(received.back().type, MessageType::txn_commit);
    EXPECT_EQ(received.at(40).type, MessageType::remove);
    EXPECT_EQ(client->counters().transactions, 1u);
}

TEST_F(ClientTest, ALongTurnsChangesLeaveInSeveralTransactions) {
    options_.max_transports = 2'000;
    boot();
    start();
    ASSERT_TRUE(synced());
    int answers = 0;
    for (std::uint64_t i = 1; i <= 1'300; ++i) {
        program.upsert(transport(abi::TransportId{i}));
        client->apply([&](ApplyResult r) { answers += r.ok(); });
    }
    ASSERT_TRUE(until([&] { return answers == 1'300; }));
    EXPECT_EQ(client->counters().transactions, 3u);
    EXPECT_EQ(plane->transports().size(), 1'300u);
}

TEST_F(ClientTest, OneRefusalInATurnIsToldToItsCallerOnly) {
    boot();
    start();
    ASSERT_TRUE(synced());
    plane->refuse(key_of(abi::TransportId{5}), abi::Status::capacity);
    std::vector<std::uint64_t> refused;
    int answers = 0;
    for (std::uint64_t i = 1; i <= 10; ++i) {
        program.upsert(transport(abi::TransportId{i}));
        client->apply([&, i](ApplyResult r) {
            ++answers;
            if (!r.ok()) refused.push_back(i);
        });
    }
    ASSERT_TRUE(until([&] { return answers == 10; }));
    EXPECT_THAT(refused, ElementsAre(5u));
    EXPECT_EQ(plane->transports().size(), 9u);
}

TEST_F(ClientTest, ACallerMayStopTheClientBeforeTheOthersOfItsTurnAreAnswered) {
    boot();
    start();
    ASSERT_TRUE(synced());
    int answers = 0;
    for (std::uint64_t i = 1; i <= 3; ++i) {
        program.upsert(transport(abi::TransportId{i}));
        client->apply([&, i](ApplyResult) {
            ++answers;
            if (i == 2) client->stop();
        });
    }
    ASSERT_TRUE(until([&] { return answers == 2; }));
    settle();
    EXPECT_EQ(answers, 2);
}

TEST_F(ClientTest, EventsReachTheHandlersAndTheProgram) {
    int silent = 0;
    int bye = 0;
    std::uint16_t port = 0;
    std::uint32_t bound = 0;
    handlers.on_path = [&](const abi::EventPath& e) { port = e.path.remote_port; };
    handlers.on_source_bound = [&](const abi::EventSourceBound& e) { bound = e.ssrc; };
    handlers.on_silent = [&](const abi::EventTransportSilent& e) { silent = static_cast<int>(e.silent_ms); };
    handlers.on_bye = [&](const abi::EventBye&) { ++bye; };
    boot();
    start();
    ASSERT_TRUE(synced());
    program_a_viewer();
    ASSERT_TRUE(apply().ok());
    abi::EventPath path;
    path.transport = t1;
    path.path = flow(4000);
    plane->send(path);
    abi::EventSourceBound binding;
    binding.source = s1;
    binding.ssrc = 55;
    binding.rtx_ssrc = 56;
    plane->send(binding);
    abi::EventTransportSilent silence;
    silence.silent_ms = 30'000;
    plane->send(silence);
    plane->send(abi::EventBye{});
    ASSERT_TRUE(until([&] { return bye == 1; }));
    EXPECT_EQ(port, 4000);
    EXPECT_EQ(bound, 55u);
    EXPECT_EQ(silent, 30'000);
    EXPECT_EQ(program.find(t1)->path, flow(4000));
    EXPECT_EQ(program.find(s1)->rtx_ssrc, 56u);
    EXPECT_FALSE(program.dirty());
}

TEST_F(ClientTest, AsksForKeyframesWithoutWaiting) {
    boot();
    start();
    ASSERT_TRUE(synced());
    plane->clear_received();
    client->request_keyframe(s1);
    ASSERT_TRUE(until([&] { return !plane->received().empty(); }));
    EXPECT_EQ(plane->received().at(0).type, MessageType::request_keyframe);
    EXPECT_EQ(plane->received().at(0).object, key_of(s1));
}

TEST_F(ClientTest, StopsWhenAnotherControlPlaneTakesOver) {
    boot();
    start();
    ASSERT_TRUE(synced());
    Program other_program;
    bool other_synced = false;
    ClientHandlers other_handlers;
    other_handlers.on_synced = [&](const ResyncReport&) { other_synced = true; };
    Client other(io, other_program, client_options(), other_handlers);
    other.start();
    ASSERT_TRUE(until([&] { return fenced == 1 && other_synced; }));
    EXPECT_FALSE(client->connected());
    settle();
    EXPECT_EQ(fenced, 1);
    EXPECT_TRUE(other.synced());
}

TEST_F(ClientTest, AStaleEpochMeansFenced) {
    boot();
    start();
    ASSERT_TRUE(synced());
    plane->raise_epoch();
    program.upsert(transport(t1));
    bool called = false;
    client->apply([&](ApplyResult) { called = true; });
    ASSERT_TRUE(until([&] { return fenced == 1; }));
    EXPECT_FALSE(called);
    EXPECT_TRUE(plane->transports().empty());
}

TEST_F(ClientTest, DropsAConnectionThatSendsNonsenseAndResyncs) {
    boot();
    start();
    ASSERT_TRUE(synced());
    program.upsert(transport(t1));
    ASSERT_TRUE(apply().ok());
    for (const std::size_t size : {1u, 23u, 24u, 40u}) {
        const auto before = reports.size();
        plane->send_raw(std::vector<std::uint8_t>(size, 0xff));
        ASSERT_TRUE(synced(before + 1)) << size;
        EXPECT_EQ(reports.back().kind, ResyncKind::reconnect);
    }
    EXPECT_EQ(client->counters().malformed, 4u);
    EXPECT_EQ(plane->transports().size(), 1u);
}

TEST_F(ClientTest, IgnoresMessagesOfANewerDataPlane) {
    boot();
    start();
    ASSERT_TRUE(synced());
    abi::EventBye event;
    abi::finish(event, 1, 0);
    event.header.type = static_cast<MessageType>(4000);
    plane->send_raw(bytes_of(event));
    ASSERT_TRUE(until([&] { return client->counters().unknown_types == 1; }));
    EXPECT_TRUE(client->synced());
}

TEST_F(ClientTest, RefusesADataPlaneOfAnAbiThatItDoesNotSpeak) {
    options_.abi_min = 40;
    options_.abi_max = 41;
    boot();
    start();
    settle();
    EXPECT_FALSE(client->connected());
    EXPECT_EQ(client->segment(), nullptr);
}

TEST_F(ClientTest, SpeaksWithADataPlaneOfTheAbiBefore) {
    options_.abi_min = 1;
    options_.abi_max = 1;
    options_.transport_size_delta = -8;  // does not know srtcp_start and sender_ssrc
    boot();
    auto spec = transport(t1);
    spec.generation = 4;
    spec.ice.ufrag[0] = 'x';
    plane->put(spec);
    auto o = client_options();
    o.abi_max = 2;
    start(std::move(o));
    ASSERT_TRUE(synced());
    EXPECT_EQ(client->hello().abi, 1);
    EXPECT_EQ(program.find(t1)->ice.ufrag[0], 'x');
    EXPECT_EQ(program.find(t1)->sender_ssrc, 0u);  // not sent, so zero
    program.upsert(transport(t2));
    EXPECT_TRUE(apply().ok());
    EXPECT_EQ(plane->transports().at(t2).sender_ssrc, 0u);
    EXPECT_EQ(plane->transports().at(t2).tx_key.key[0], 0x77);
}

TEST_F(ClientTest, PreservesWhatANewerDataPlaneHolds) {
    options_.transport_size_delta = 16;
    boot();
    auto spec = transport(t1);
    spec.generation = 4;
    const std::vector<std::uint8_t> tail{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    plane->put(spec, tail);
    plane->put(Blob{9, 1, 777, 65535, {4, 5}}, 4);
    start();
    ASSERT_TRUE(synced());
    EXPECT_EQ(plane->transports().at(t1).generation, 5u);
    EXPECT_EQ(std::vector(plane->tail(t1).begin(), plane->tail(t1).end()), tail);
    EXPECT_EQ(plane->blobs().at(9).version, 65535);
}

TEST_F(ClientTest, GivesUpOnASilentPeerAndTriesAgain) {
    // Something listens, but it is no data plane.
    const UniqueFd listener(::socket(AF_UNIX, SOCK_SEQPACKET, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, options_.path.c_str(), sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(listener.get(), 8), 0);
    auto o = client_options();
    o.hello_timeout = std::chrono::milliseconds(20);
    start(std::move(o));
    settle();
    EXPECT_FALSE(client->connected());
    boot();  // takes the path over
    EXPECT_TRUE(synced());
}

TEST_F(ClientTest, MayBeDestroyedFromItsOwnHandlers) {
    boot();
    bool gone = false;
    handlers.on_connected = [&](const abi::HelloReply&, ResyncKind) { client.reset(), gone = true; };
    start();
    ASSERT_TRUE(until([&] { return gone; }));
    settle();
    gone = false;
    handlers.on_connected = {};
    handlers.on_adopt = [&](const Dump&) { client.reset(), gone = true; };
    start();
    ASSERT_TRUE(until([&] { return gone; }));
    settle();
    handlers.on_adopt = {};
    start();
    ASSERT_TRUE(synced());
    gone = false;
    program.upsert(transport(t1));
    client->apply([&](ApplyResult) { client.reset(), gone = true; });
    ASSERT_TRUE(until([&] { return gone; }));
    settle();
}

}  // namespace
}  // namespace sluice::dpclient
