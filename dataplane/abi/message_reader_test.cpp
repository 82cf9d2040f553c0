#include "dataplane/abi/message_reader.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace sluice::abi {
namespace {

template <typename T>
std::vector<std::uint8_t> record_of(T message, std::size_t size = sizeof(T)) {
    finish(message, 7, 9);
    message.header.size = static_cast<std::uint32_t>(size);
    std::vector<std::uint8_t> out(size, 0xaa);
    std::memcpy(out.data(), &message, std::min(size, sizeof message));
    return out;
}

std::vector<std::uint8_t> blob_record(std::uint32_t length, std::size_t struct_size = sizeof(BlobSpec)) {
    BlobSpec spec;
    spec.id = 5;
    spec.length = length;
    auto out = record_of(spec, struct_size);
    out.resize(struct_size + length);
    for (std::uint32_t i = 0; i < length; ++i) out[struct_size + i] = static_cast<std::uint8_t>(i + 1);
    auto header = load<MessageHeader>(out.data());
    header.size = static_cast<std::uint32_t>(out.size());
    store(out.data(), header);
    return out;
}

TEST(MessageReader, ReadsWhatWasFinished) {
    LegSpec leg;
    leg.id = LegId{42};
    leg.start_index = 0x123456789abc;
    const auto read = read_as<LegSpec>(record_of(leg));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->id, LegId{42});
    EXPECT_EQ(read->start_index, 0x123456789abcu);
    EXPECT_EQ(read->header.seq, 7u);
    EXPECT_EQ(read->header.epoch, 9u);
}

TEST(MessageReader, LeavesWhatAnOlderPeerDoesNotKnowZero) {
    TransportSpec spec;
    spec.id = TransportId{1};
    spec.generation = 3;
    spec.srtcp_start = 77;
    spec.sender_ssrc = 99;
    const auto read = read_as<TransportSpec>(record_of(spec, sizeof spec - 8));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->generation, 3u);
    EXPECT_EQ(read->srtcp_start, 0u);
    EXPECT_EQ(read->sender_ssrc, 0u);  // zero, not the default of the member
}

TEST(MessageReader, CutsWhatANewerPeerAppendedAndHandsItOut) {
    Remove remove;
    remove.id = 8;
    const auto record = record_of(remove, sizeof remove + 12);
    ASSERT_TRUE(read_as<Remove>(record));
    EXPECT_EQ(unknown_tail<Remove>(record).size(), 12u);
    EXPECT_TRUE(unknown_tail<Remove>(record_of(remove)).empty());
}

TEST(MessageReader, RefusesByName) {
    Ack ack;
    const auto good = record_of(ack);
    EXPECT_EQ(read_as<Ack>({}).error(), AbiError::too_short);
    EXPECT_EQ(read_as<Ack>(ByteView(good).first(23)).error(), AbiError::too_short);
    EXPECT_EQ(read_as<Ack>(ByteView(good).first(30)).error(), AbiError::size_mismatch);
    EXPECT_EQ(read_as<DumpEnd>(good).error(), AbiError::wrong_type);
    EXPECT_EQ(read_as<Ack>(record_of(ack, sizeof(MessageHeader) + 4)).error(), AbiError::too_short);
    EXPECT_EQ(read_as<HelloReply>(record_of(HelloReply{}, 40)).error(), AbiError::too_short);
    EXPECT_EQ(name(AbiError::wrong_type), "wrong_type");
}

TEST(MessageReader, EveryTruncationOfEveryLengthIsHandled) {
    const auto full = record_of(SourceSpec{});
    for (std::size_t size = 0; size <= full.size(); ++size) {
        std::vector<std::uint8_t> cut(full.begin(), full.begin() + static_cast<std::ptrdiff_t>(size));
        if (size >= sizeof(MessageHeader)) {
            auto header = load<MessageHeader>(cut.data());
            header.size = static_cast<std::uint32_t>(size);
            store(cut.data(), header);
        }
        EXPECT_EQ(read_as<SourceSpec>(cut).has_value(), size >= required_size<SourceSpec>) << size;
    }
}

TEST(MessageReader, ABlobIsTheEndOfItsRecord) {
    for (const std::size_t struct_size : {sizeof(BlobSpec), sizeof(BlobSpec) + 16, sizeof(BlobSpec) - 4}) {
        const auto record = blob_record(3, struct_size);
        const auto blob = read_blob(record);
        ASSERT_TRUE(blob) << struct_size;
        EXPECT_EQ(std::vector(blob->bytes.begin(), blob->bytes.end()), (std::vector<std::uint8_t>{1, 2, 3}));
        EXPECT_EQ(blob->spec.id, 5u);
        EXPECT_EQ(blob->spec.length, 3u);
    }
    EXPECT_EQ(read_blob(blob_record(4, sizeof(BlobSpec) - 4))->spec.reserved, 0u);  // payload is not taken for a field
    EXPECT_TRUE(read_blob(blob_record(max_blob)));
    EXPECT_TRUE(read_blob(blob_record(0))->bytes.empty());
}

TEST(MessageReader, RefusesABlobLongerThanItsRecordOrTheLimit) {
    auto record = blob_record(8);
    record.resize(record.size() - 8);
    auto header = load<MessageHeader>(record.data());
    header.size = static_cast<std::uint32_t>(record.size());
    store(record.data(), header);
    EXPECT_EQ(read_blob(record).error(), AbiError::bad_blob);
    EXPECT_EQ(read_blob(blob_record(max_blob + 1)).error(), AbiError::bad_blob);
}

TEST(MessageNames, KnowEveryValueAndAdmitTheUnknown) {
    EXPECT_EQ(name(MessageType::event_fenced), "event_fenced");
    EXPECT_EQ(name(Status::sweep_refused), "sweep_refused");
    EXPECT_EQ(name(ObjectKind::blob), "blob");
    EXPECT_EQ(name(MessageType{9999}), "unknown");
    EXPECT_EQ(name(Status{9999}), "unknown");
}

}  // namespace
}  // namespace sluice::abi
