#include "controlplane/dtls/record.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace sluice::dtls {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes record(std::uint8_t type, std::uint8_t epoch, Bytes body) {
    Bytes out{type,
              0xfe,
              0xfd,
              0,
              epoch,
              0,
              0,
              0,
              0,
              0,
              7,
              static_cast<std::uint8_t>(body.size() >> 8),
              static_cast<std::uint8_t>(body.size())};
    out.insert(out.end(), body.begin(), body.end());
    return out;
}
Bytes fragment(std::size_t message, std::size_t offset, std::size_t length, std::size_t present) {
    auto b = [](std::size_t v, int shift) { return static_cast<std::uint8_t>(v >> shift); };
    Bytes out{1,
              b(message, 16),
              b(message, 8),
              b(message, 0),
              0,
              0,
              b(offset, 16),
              b(offset, 8),
              b(offset, 0),
              b(length, 16),
              b(length, 8),
              b(length, 0)};
    out.resize(out.size() + present);
    return out;
}
Bytes operator+(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

TEST(Record, AcceptsWholeRecordsAndStopsAtTheFirstBadOne) {
    Bytes const good = record(22, 0, fragment(40, 0, 40, 40));
    EXPECT_EQ(well_formed_prefix(good), good.size());
    EXPECT_EQ(well_formed_prefix(good + good), 2 * good.size());
    EXPECT_EQ(well_formed_prefix(good + Bytes{1, 2, 3}), good.size());
    EXPECT_EQ(well_formed_prefix(Bytes{1, 2, 3} + good), 0u);
}

TEST(Record, RefusesEveryTruncation) {
    Bytes const good = record(22, 0, fragment(40, 0, 40, 40));
    for (std::size_t n = 0; n < good.size(); ++n) EXPECT_EQ(well_formed_prefix(ByteView(good).first(n)), 0u) << n;
}

TEST(Record, RefusesFragmentsThatDoNotFit) {
    EXPECT_NE(well_formed_prefix(record(22, 0, fragment(100, 60, 40, 40))), 0u);
    EXPECT_EQ(well_formed_prefix(record(22, 0, fragment(100, 61, 40, 40))), 0u) << "past the message";
    EXPECT_EQ(well_formed_prefix(record(22, 0, fragment(100, 0, 40, 39))), 0u) << "past the record";
    EXPECT_EQ(well_formed_prefix(record(22, 0, fragment(100, 0, 0, 0))), 0u) << "empty part of a message";
    EXPECT_NE(well_formed_prefix(record(22, 0, fragment(0, 0, 0, 0))), 0u) << "ServerHelloDone is empty";
    EXPECT_EQ(well_formed_prefix(record(22, 0, fragment(16'385, 0, 10, 10))), 0u) << "too large a message";
    EXPECT_EQ(well_formed_prefix(record(22, 0, fragment(0xffffff, 0xffffff, 0xffffff, 10))), 0u);
    EXPECT_EQ(well_formed_prefix(record(22, 0, {})), 0u);
}

TEST(Record, LeavesCiphertextAlone) {
    EXPECT_NE(well_formed_prefix(record(22, 1, {1, 2, 3})), 0u);
    EXPECT_NE(well_formed_prefix(record(23, 1, {1, 2, 3})), 0u);
    EXPECT_EQ(well_formed_prefix(record(23, 0, {1, 2, 3})), 0u) << "data before there are keys";
}

TEST(Record, KnowsItsTypesAndVersions) {
    EXPECT_NE(well_formed_prefix(record(20, 0, {1})), 0u);
    EXPECT_EQ(well_formed_prefix(record(20, 0, {2})), 0u);
    EXPECT_NE(well_formed_prefix(record(21, 0, {2, 40})), 0u);
    EXPECT_EQ(well_formed_prefix(record(21, 0, {3, 40})), 0u);
    EXPECT_EQ(well_formed_prefix(record(24, 0, {1})), 0u) << "heartbeat";
    EXPECT_EQ(well_formed_prefix(record(63, 0, {1})), 0u);
    Bytes tls = record(21, 0, {2, 40});
    tls[1] = 0x03;
    EXPECT_EQ(well_formed_prefix(tls), 0u);
    EXPECT_EQ(well_formed_prefix({}), 0u);
}

}  // namespace
}  // namespace sluice::dtls
