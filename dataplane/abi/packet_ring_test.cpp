#include "dataplane/abi/packet_ring.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

namespace sluice::abi {
namespace {

struct Memory {
    explicit Memory(std::uint32_t slots) : bytes(packet_ring_size(slots)) {
        base = static_cast<std::uint8_t*>(::operator new(bytes, std::align_val_t{64}));
        std::memset(base, 0, bytes);
    }
    ~Memory() { ::operator delete(base, std::align_val_t{64}); }
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;
    [[nodiscard]] PacketRingHeader& header() const { return *reinterpret_cast<PacketRingHeader*>(base); }
    [[nodiscard]] PacketSlot& slot(std::size_t i) const {
        return reinterpret_cast<PacketSlot*>(base + sizeof(PacketRingHeader))[i];
    }
    std::size_t bytes;
    std::uint8_t* base;
};

using Result = PacketRingConsumer::Result;
constexpr std::uint32_t slots = 8;

PacketRecord record_for(std::uint64_t n) {
    PacketRecord r;
    r.transport = TransportId{n};
    return r;
}

TEST(PacketRing, GivesBackWhatWasPushedInOrder) {
    const Memory m(slots);
    PacketRingProducer in(m.base, slots);
    PacketRingConsumer out(m.base, slots);
    auto slot = std::make_unique<PacketSlot>();
    EXPECT_EQ(out.pop(*slot), Result::empty);
    for (std::uint64_t n = 1; n <= 100; ++n) {
        const std::vector<std::uint8_t> data(n, static_cast<std::uint8_t>(n));
        ASSERT_TRUE(in.push(record_for(n), data));
        EXPECT_FALSE(out.empty());
        ASSERT_EQ(out.pop(*slot), Result::ok);
        EXPECT_EQ(slot->record.transport, TransportId{n});
        ASSERT_EQ(slot->record.length, n);
        EXPECT_EQ(std::vector(slot->datagram, slot->datagram + n), data);
    }
    EXPECT_TRUE(out.empty());
}

TEST(PacketRing, HoldsAsManyAsItHasSlotsAndThenRefuses) {
    const Memory m(slots);
    PacketRingProducer in(m.base, slots);
    PacketRingConsumer out(m.base, slots);
    for (std::uint32_t i = 0; i < slots; ++i) EXPECT_TRUE(in.push(record_for(i), {}));
    EXPECT_FALSE(in.push(record_for(99), {}));
    EXPECT_EQ(in.reserve(), nullptr);
    auto slot = std::make_unique<PacketSlot>();
    EXPECT_EQ(out.pop(*slot), Result::ok);
    EXPECT_TRUE(in.push(record_for(99), {}));
}

TEST(PacketRing, RefusesADatagramLongerThanASlot) {
    const Memory m(slots);
    PacketRingProducer in(m.base, slots);
    EXPECT_FALSE(in.push({}, std::vector<std::uint8_t>(max_datagram + 1)));
    EXPECT_TRUE(in.push({}, std::vector<std::uint8_t>(max_datagram)));
}

TEST(PacketRing, RefusesALengthBeyondTheSlotAndGoesOn) {
    const Memory m(slots);
    PacketRingProducer in(m.base, slots);
    PacketRingConsumer out(m.base, slots);
    auto slot = std::make_unique<PacketSlot>();
    for (const std::uint32_t length : {static_cast<std::uint32_t>(max_datagram) + 1, 0xffffffffu, 0x80000000u}) {
        auto* reserved = in.reserve();
        ASSERT_NE(reserved, nullptr);
        reserved->record.length = length;
        in.publish();
        EXPECT_EQ(out.pop(*slot), Result::invalid);
    }
    ASSERT_TRUE(in.push(record_for(3), {}));
    EXPECT_EQ(out.pop(*slot), Result::ok);
    EXPECT_EQ(slot->record.transport, TransportId{3});
}

TEST(PacketRing, SurvivesAnyHeadThatAHostileProducerWrites) {
    const Memory m(slots);
    PacketRingConsumer out(m.base, slots);
    auto slot = std::make_unique<PacketSlot>();
    for (const std::uint64_t head :
         {std::uint64_t{slots} + 1, ~std::uint64_t{0}, std::uint64_t{1} << 63, std::uint64_t{5}}) {
        m.header().head = head;
        std::size_t invalid = 0;
        std::size_t valid = 0;
        for (auto r = out.pop(*slot); r != Result::empty; r = out.pop(*slot)) {
            ++(r == Result::ok ? valid : invalid);
            ASSERT_LE(valid + invalid, slots + 1);
        }
        EXPECT_TRUE(out.empty());
        EXPECT_EQ(m.header().tail, head);
    }
    // An honest producer that takes over from there is understood.
    PacketRingProducer in(m.base, slots);
    ASSERT_TRUE(in.push(record_for(4), {}));
    EXPECT_EQ(out.pop(*slot), Result::ok);
}

TEST(PacketRing, SurvivesAnyTailThatAHostileConsumerWrites) {
    const Memory m(slots);
    PacketRingProducer in(m.base, slots);
    for (const std::uint64_t tail : {std::uint64_t{100}, ~std::uint64_t{0}, std::uint64_t{1} << 63}) {
        m.header().tail = tail;
        for (int i = 0; i < 20; ++i) in.push({}, std::vector<std::uint8_t>(max_datagram, 0xee));  // ASan watches
    }
    m.header().tail = m.header().head.load();
    EXPECT_TRUE(in.push({}, {}));
}

TEST(PacketRing, ConsumerDoesNotTrustItsOwnTailInSharedMemory) {
    const Memory m(slots);
    PacketRingProducer in(m.base, slots);
    PacketRingConsumer out(m.base, slots);
    ASSERT_TRUE(in.push(record_for(1), {}));
    m.header().tail = 12345;
    auto slot = std::make_unique<PacketSlot>();
    EXPECT_EQ(out.pop(*slot), Result::ok);
    EXPECT_EQ(out.pop(*slot), Result::empty);
}

TEST(PacketRing, DiscardForgetsWhatPiledUp) {
    const Memory m(slots);
    PacketRingProducer in(m.base, slots);
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(in.push({}, {}));
    PacketRingConsumer out(m.base, slots);
    out.discard();
    EXPECT_TRUE(out.empty());
    for (std::uint32_t i = 0; i < slots; ++i) EXPECT_TRUE(in.push({}, {}));
}

TEST(PacketRing, ASecondConsumerGoesOnWhereTheFirstStopped) {
    const Memory m(slots);
    PacketRingProducer in(m.base, slots);
    auto slot = std::make_unique<PacketSlot>();
    for (std::uint64_t n = 0; n < 4; ++n) ASSERT_TRUE(in.push(record_for(n), {}));
    {
        PacketRingConsumer first(m.base, slots);
        ASSERT_EQ(first.pop(*slot), Result::ok);
    }
    PacketRingConsumer second(m.base, slots);
    ASSERT_EQ(second.pop(*slot), Result::ok);
    EXPECT_EQ(slot->record.transport, TransportId{1});
}

TEST(PacketRing, CountersMayWrap) {
    const Memory m(slots);
    m.header().head = m.header().tail = ~std::uint64_t{0} - 2;
    PacketRingProducer in(m.base, slots);
    PacketRingConsumer out(m.base, slots);
    auto slot = std::make_unique<PacketSlot>();
    for (std::uint64_t n = 0; n < 20; ++n) {
        ASSERT_TRUE(in.push(record_for(n), {}));
        ASSERT_EQ(out.pop(*slot), Result::ok);
        EXPECT_EQ(slot->record.transport, TransportId{n});
    }
}

// Meaningful under TSan: nothing of a slot is read before it was published, nor written before it was freed.
TEST(PacketRing, TwoThreadsExchangeEveryDatagramIntact) {
    const Memory m(slots);
    constexpr std::uint64_t count = 20'000;
    std::thread producer([&m] {
        PacketRingProducer in(m.base, slots);
        for (std::uint64_t n = 0; n < count;) {
            const std::vector<std::uint8_t> data(n % 300, static_cast<std::uint8_t>(n));
            if (in.push(record_for(n), data)) {
                ++n;
            } else {
                std::this_thread::yield();
            }
        }
    });
    PacketRingConsumer out(m.base, slots);
    auto slot = std::make_unique<PacketSlot>();
    std::uint64_t bad = 0;
    for (std::uint64_t n = 0; n < count;) {
        const auto result = out.pop(*slot);
        if (result == Result::empty) {
            std::this_thread::yield();
            continue;
        }
        bad += result != Result::ok || slot->record.transport != TransportId{n} || slot->record.length != n % 300;
        for (std::uint32_t i = 0; i < slot->record.length; ++i) bad += slot->datagram[i] != static_cast<std::uint8_t>(n);
        ++n;
    }
    producer.join();
    EXPECT_EQ(bad, 0u);
}

}  // namespace
}  // namespace sluice::abi
