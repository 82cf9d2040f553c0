#include "dataplane/abi/capture_ring.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <thread>
#include <vector>

namespace sluice::abi {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Result = CaptureRingConsumer::Result;

class Ring {
public:
    explicit Ring(std::uint32_t bytes)
        : words_((CaptureLayout::stride(bytes) + 63) / 64 + 1),  // the last line is nobody's
          producer(words_.data(), bytes),
          consumer(words_.data(), bytes),
          header(*reinterpret_cast<CaptureRingHeader*>(words_.data())),
          data(reinterpret_cast<std::uint8_t*>(words_.data()) + sizeof(CaptureRingHeader)) {}

private:
    struct alignas(64) Line {
        std::uint8_t bytes[64] = {};
    };
    std::vector<Line> words_;

public:
    CaptureRingProducer producer;
    CaptureRingConsumer consumer;
    CaptureRingHeader& header;
    std::uint8_t* data;
    CaptureRecord record;
    std::array<std::uint8_t, max_captured> room{};

    Result pop() { return consumer.pop(record, room); }
    [[nodiscard]] bool kept_to_itself() const {
        return std::ranges::all_of(words_.back().bytes, [](std::uint8_t b) { return b == 0; });
    }
    [[nodiscard]] Bytes bytes() const { return {room.begin(), room.begin() + record.captured}; }
};

Bytes pattern(std::size_t size, unsigned seed) {
    Bytes b(size);
    for (std::size_t i = 0; i < size; ++i) b[i] = static_cast<std::uint8_t>(i * 7 + seed);
    return b;
}

CaptureRecord numbered(std::uint64_t n) {
    CaptureRecord r;
    r.kind = CaptureKind::frame;
    r.direction = Direction::tx;
    r.transport = n;
    r.length = 1500;
    return r;
}

TEST(CaptureRing, GivesBackWhatWentInAcrossManyWraps) {
    Ring ring(4096);
    std::mt19937 random(1);
    for (unsigned n = 0; n < 20'000; ++n) {
        const Bytes in = pattern(random() % 1500, n);
        ring.producer.push(numbered(n), in);
        ring.producer.publish();
        ASSERT_EQ(ring.pop(), Result::ok);
        EXPECT_EQ(ring.record.transport, n);
        EXPECT_EQ(ring.record.length, 1500u);
        EXPECT_EQ(ring.bytes(), in);
        ASSERT_EQ(ring.pop(), Result::empty);
    }
    EXPECT_EQ(ring.consumer.records(), 20'000u);
    EXPECT_EQ(ring.consumer.lost(), 0u);
}

TEST(CaptureRing, AFullOneCountsWhatItLosesAndTellsItWithTheNextRecord) {
    Ring ring(1024);
    const Bytes in(216);  // 256 with the header: four fit
    for (unsigned n = 0; n < 10; ++n) ring.producer.push(numbered(n), in);
    ring.producer.publish();
    EXPECT_EQ(ring.consumer.lost(), 6u);
    for (unsigned n = 0; n < 4; ++n) {
        ASSERT_EQ(ring.pop(), Result::ok);
        EXPECT_EQ(ring.record.transport, n);
        EXPECT_EQ(ring.record.lost, 0u);
    }
    EXPECT_EQ(ring.pop(), Result::empty);
    ring.producer.push(numbered(10), in);
    ring.producer.publish();
    ASSERT_EQ(ring.pop(), Result::ok);
    EXPECT_EQ(ring.record.transport, 10u);
    EXPECT_EQ(ring.record.lost, 6u);
}

TEST(CaptureRing, WhatIsTakenBackWasNever) {
    Ring ring(1024);
    ring.producer.push(numbered(1), Bytes(10));
    const auto mark = ring.producer.mark();
    for (unsigned n = 0; n < 20; ++n) ring.producer.push(numbered(2), Bytes(100));
    EXPECT_EQ(ring.pop(), Result::empty) << "nothing is seen before it is published";
    ring.producer.rewind(mark);
    ring.producer.publish();
    ASSERT_EQ(ring.pop(), Result::ok);
    EXPECT_EQ(ring.record.transport, 1u);
    EXPECT_EQ(ring.pop(), Result::empty);
    EXPECT_EQ(ring.consumer.lost(), 0u);
    EXPECT_EQ(ring.consumer.records(), 1u);
}

TEST(CaptureRing, TheProducerStaysInItsRingWhateverTheObserverWrites) {
    Ring ring(1024);
    std::mt19937_64 random(2);
    for (unsigned n = 0; n < 50'000; ++n) {
        ring.header.tail.store(n % 3 == 0 ? random() : ring.header.head.load() + random() % 2048 - 1024);
        ring.header.head.store(random());
        ring.producer.push(numbered(n), Bytes(random() % 300, 0xff));
        if (n % 2 == 0) ring.producer.publish();
        ASSERT_TRUE(ring.kept_to_itself());
    }
}

TEST(CaptureRing, NonsenseEmptiesTheRingAndTheNextRecordIsRead) {
    struct Case {
        std::uint32_t size, captured;
    };
    for (const Case c : {Case{0, 0}, Case{39, 0}, Case{44, 0}, Case{48, 9}, Case{4096, 0}, Case{48, 0xffffffff}}) {
        Ring ring(1024);
        ring.producer.push(numbered(1), Bytes(8));
        ring.producer.publish();
        CaptureRecord bad = numbered(1);
        bad.size = c.size;
        bad.captured = c.captured;
        std::memcpy(ring.data, &bad, sizeof bad);
        EXPECT_EQ(ring.pop(), Result::invalid) << c.size << ' ' << c.captured;
        ring.producer.push(numbered(2), Bytes(8));
        ring.producer.publish();
        ASSERT_EQ(ring.pop(), Result::ok);
        EXPECT_EQ(ring.record.transport, 2u);
    }
    Ring ring(1024);
    ring.header.head.store(1 << 20);
    EXPECT_EQ(ring.pop(), Result::invalid);
    EXPECT_EQ(ring.pop(), Result::empty);
}

TEST(CaptureRing, CrossesThreads) {
    Ring ring(1 << 16);
    constexpr unsigned total = 50'000;
    std::jthread producer([&] {
        for (unsigned n = 0; n < total; ++n) {
            ring.producer.push(numbered(n), pattern(n % 700, n));
            ring.producer.publish();
        }
    });
    std::uint64_t next = 0, got = 0;
    while (next < total) {
        const Result result = ring.pop();
        ASSERT_NE(result, Result::invalid);
        if (result == Result::empty) {
            if (got + ring.consumer.lost() == total && ring.pop() == Result::empty) break;
            std::this_thread::yield();
            continue;
        }
        ASSERT_GE(ring.record.transport, next);
        next = ring.record.transport + 1;
        ++got;
        ASSERT_EQ(ring.bytes(), pattern(ring.record.transport % 700, static_cast<unsigned>(ring.record.transport)));
    }
    EXPECT_EQ(got + ring.consumer.lost(), total);
}

TEST(CaptureRing, TheRingsOfManyWorkersStayWithinSixtyFourMebibytes) {
    EXPECT_EQ(CaptureLayout::bytes_for(1), 4u << 20);
    EXPECT_EQ(CaptureLayout::bytes_for(16), 4u << 20);
    EXPECT_EQ(CaptureLayout::bytes_for(17), 2u << 20);
    EXPECT_EQ(CaptureLayout::bytes_for(64), 1u << 20);
    EXPECT_EQ(CaptureLayout::stride(4096) % 64, 0u);
}

}  // namespace
}  // namespace sluice::abi
