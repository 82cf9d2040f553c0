#include "controlplane/dpclient/program.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controlplane/dpclient/test_support.hpp"
#include "dataplane/abi/message_reader.hpp"

namespace sluice::dpclient {
namespace {

using ::testing::ElementsAre;

TEST(Program, OrdersUpsertsByDependencyAndRemovalsInReverse) {
    Program p;
    p.upsert(leg(l1, s1, t2));
    p.upsert(source(s1, t1));
    p.upsert(transport(t2));
    p.upsert(transport(t1));
    p.upsert(Blob{7, 0, 0, 0, {}});
    p.remove(t3);
    p.remove(s2);
    p.remove(l2);
    p.remove_blob(8);
    EXPECT_THAT(p.take_changes(), ElementsAre(key_of(t1), key_of(t2), key_of(s1), key_of(l1), blob_key(7), key_of(l2),
                                              key_of(s2), key_of(t3), blob_key(8)));
    EXPECT_FALSE(p.dirty());
    EXPECT_TRUE(p.take_changes().empty());
}

TEST(Program, HoldsChangesBackUntilTheOutermostGroupIsCommitted) {
    Program p;
    p.begin();
    p.upsert(transport(t1));
    p.begin();
    p.commit();
    EXPECT_TRUE(p.take_changes().empty());
    p.commit();
    EXPECT_THAT(p.take_changes(), ElementsAre(key_of(t1)));
}

TEST(Program, MessagesCarryTheGenerationAndReadBack) {
    Program p;
    p.raise_generation(9);
    p.upsert(leg(l1, s1, t2));
    const auto spec = abi::read_as<abi::LegSpec>(p.encode(key_of(l1)));
    ASSERT_TRUE(spec);
    EXPECT_EQ(spec->generation, 9u);
    EXPECT_EQ(spec->start_index, 100u);
    p.raise_generation(3);
    EXPECT_EQ(p.generation(), 9u);
}

TEST(Program, AKeyWhoseObjectIsGoneBecomesARemoval) {
    Program p;
    p.upsert(source(s1, t1));
    const auto changes = p.take_changes();
    p.remove(s1);
    const auto remove = abi::read_as<abi::Remove>(p.encode(changes).at(0));
    ASSERT_TRUE(remove);
    EXPECT_EQ(remove->kind, abi::ObjectKind::source);
    EXPECT_EQ(remove->id, 0x21u);
}

TEST(Program, BlobsReadBackAndOversizedOnesAreRefused) {
    Program p;
    EXPECT_TRUE(p.upsert(Blob{7, 5, 2, 3, {9, 8}}));
    const auto record = p.encode(blob_key(7));
    const auto blob = abi::read_blob(record);
    ASSERT_TRUE(blob);
    EXPECT_EQ(blob->spec.owner, 5u);
    EXPECT_THAT(blob->bytes, ElementsAre(9, 8));
    EXPECT_FALSE(p.upsert(Blob{8, 0, 0, 0, std::vector<std::uint8_t>(abi::max_blob + 1)}));
    EXPECT_EQ(p.find_blob(8), nullptr);
}

TEST(Program, ReservationsRaiseStartIndicesAndNeverLowerThem) {
    Program p;
    p.upsert(transport(t1));
    p.upsert(leg(l1, s1, t1));
    p.upsert(leg(l2, s1, t1));
    Reservations r;
    r.srtcp[t1] = 777;
    r.srtcp[t3] = 1;  // of an object that is gone
    r.legs[l1] = {612, 150};
    p.replay(r);
    EXPECT_EQ(p.find(t1)->srtcp_start, 777u);
    EXPECT_EQ(p.find(l1)->start_index, 612u);
    EXPECT_EQ(p.find(l1)->rtx_start_index, 200u);
    EXPECT_EQ(p.find(l2)->start_index, 100u);
    r.legs[l1] = {5, 5};
    p.replay(r);
    EXPECT_EQ(p.find(l1)->start_index, 612u);
    // Nor does an upsert by somebody who still holds the first spec.
    p.upsert(leg(l1, s2, t1));
    EXPECT_EQ(p.find(l1)->start_index, 612u);
    EXPECT_EQ(p.find(l1)->source, s2);
    p.upsert(transport(t1));
    EXPECT_EQ(p.find(t1)->srtcp_start, 777u);
}

TEST(Program, StartIndicesStopWhereTheKeystreamWouldRepeat) {
    Program p;
    p.upsert(transport(t1));
    p.upsert(leg(l1, s1, t1));
    Reservations r;
    r.srtcp[t1] = 0xffff'ffff'ffff;
    r.legs[l1] = {~std::uint64_t{0}, 0};
    p.replay(r);
    EXPECT_EQ(p.find(t1)->srtcp_start, 0x7fff'ffffu);
    EXPECT_EQ(p.find(l1)->start_index, 0xffff'ffff'ffffu);
}

TEST(Program, ReceiveProgressFollowsItsSsrcOnly) {
    Program p;
    auto known = source(s1, t1);
    known.ssrc = 5;
    p.upsert(known);
    p.upsert(source(s2, t1));
    Reservations r;
    r.sources[s1] = {5, 6, 70'000, 80'000};
    r.sources[s2] = {8, 0, 90'000, 0};
    p.replay(r);
    EXPECT_EQ(p.find(s1)->rx_index, 70'000u);
    EXPECT_EQ(p.find(s1)->rtx_ssrc, 6u);
    EXPECT_EQ(p.find(s1)->rtx_rx_index, 80'000u);
    EXPECT_EQ(p.find(s2)->ssrc, 8u);
    EXPECT_EQ(p.find(s2)->rx_index, 90'000u);
    p.upsert(source(s1, t1));  // leaves SSRC and progress open
    EXPECT_EQ(p.find(s1)->rx_index, 70'000u);
    p.learn_ssrcs(s1, 99, 0);
    EXPECT_EQ(p.find(s1)->rx_index, 0u);
    EXPECT_EQ(p.find(s1)->rtx_rx_index, 80'000u);
    r.sources = {{s1, {5, 0, 70'000, 0}}};
    p.replay(r);
    EXPECT_EQ(p.find(s1)->rx_index, 0u);
}

TEST(Program, SendsAPathOnceSoThatItCannotUndoALaterSwitch) {
    Program p;
    auto spec = transport(t1);
    spec.path = flow(1);
    p.upsert(spec);
    const auto sent_path = [&p] { return abi::read_as<abi::TransportSpec>(p.encode(key_of(t1)))->path; };
    EXPECT_EQ(sent_path(), flow(1));
    p.upsert(spec);
    EXPECT_TRUE(sent_path().empty());
    p.learn_path(t1, flow(2));
    p.upsert(transport(t1));
    EXPECT_TRUE(sent_path().empty());
    EXPECT_EQ(abi::read_as<abi::TransportSpec>(p.encode_whole(key_of(t1)))->path, flow(2));
    spec.path = flow(3);
    p.upsert(spec);
    EXPECT_EQ(sent_path(), flow(3));
}

TEST(Program, AdoptsWithoutMarkingAndHandsUnknownFieldsBack) {
    Dump dump;
    dump.transports.push_back(transport(t1));
    dump.blobs.push_back({7, 0, 99, 42, {1}});  // a kind and version of nobody we know
    dump.tails[key_of(t1)] = {0xab, 0xcd};
    dump.generation = 6;
    Program p;
    p.adopt(dump);
    EXPECT_FALSE(p.dirty());
    EXPECT_EQ(p.generation(), 6u);
    EXPECT_THAT(p.all_keys(), ElementsAre(key_of(t1), blob_key(7)));
    const auto record = p.encode(key_of(t1));
    EXPECT_THAT(abi::unknown_tail<abi::TransportSpec>(record), ElementsAre(0xab, 0xcd));
    EXPECT_TRUE(abi::read_as<abi::TransportSpec>(record));
    p.remove(t1);
    p.upsert(transport(t1));
    EXPECT_TRUE(abi::unknown_tail<abi::TransportSpec>(p.encode(key_of(t1))).empty());
}

}  // namespace
}  // namespace sluice::dpclient
