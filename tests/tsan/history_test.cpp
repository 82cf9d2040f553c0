// Packets of one worker's history in the hands of others: written before they are handed over, read by all, and back in the
// pool by whoever lets go last.
#include <gtest/gtest.h>
#include <rte_lcore.h>
#include <rte_mempool.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "dataplane/base/spsc_ring.hpp"
#include "dataplane/table/media_packet.hpp"
#include "tests/component/eal.hpp"

namespace sluice::table {
namespace {

constexpr std::uint16_t length = 200;

// A worker on a thread of its own, with an lcore's number, hence a cache of the pool of its own.
class Reader {
public:
    Reader() : thread_([this] { run(); }) {}
    void give(MediaPacket* packet) {
        while (!ring_.push(packet)) std::this_thread::yield();
    }
    void finish() {
        stop_ = true;
        thread_.join();
    }
    // Good after finish().
    std::uint64_t read = 0;
    std::uint64_t wrong = 0;

private:
    // What this thread's cache got last is what it gives first: had nobody but us held that packet, we are its next owner,
    // and all that others read of it has to be over.
    static void write_over_one(rte_mempool* pool) {
        void* object = nullptr;
        if (rte_mempool_get(pool, &object) != 0) return;
        std::fill_n(static_cast<MediaPacket*>(object)->data, length, std::uint8_t{0xee});
        rte_mempool_put(pool, object);
    }
    void run() {
        if (rte_thread_register() != 0) ++wrong;
        for (bool last = false;;) {
            MediaPacket* packet = nullptr;
            if (!ring_.pop(packet)) {
                if (last) break;
                last = stop_;  // what was given before it is still read
                std::this_thread::yield();
                continue;
            }
            const auto expected = static_cast<std::uint8_t>(packet->index);
            ++read;
            if (!std::all_of(packet->data, packet->data + length, [&](std::uint8_t b) { return b == expected; })) ++wrong;
            rte_mempool* pool = packet->pool;
            release(packet);
            write_over_one(pool);
        }
        rte_thread_unregister();
    }
    SpscRing<MediaPacket*> ring_{64};
    std::atomic<bool> stop_ = false;
    std::thread thread_;  // last: it uses the others
};

TEST(HistoryPool, PacketsAreReadByManyWorkersAndReturnedByTheLast) {
    constexpr std::uint64_t packets = 30'000;
    // More than the caches of all threads hold.
    HistoryPool pool("tsan_history", 4 << 20, -1);
    ASSERT_TRUE(pool.valid());
    std::array<Reader, 3> readers;
    std::uint64_t taken = 0;
    for (std::uint64_t n = 0; n < packets;) {
        MediaPacket* packet = pool.take(media_packet_room);
        if (packet == nullptr) {
            std::this_thread::yield();
            continue;
        }
        ++taken;
        packet->index = static_cast<std::int64_t>(n);
        std::fill_n(packet->data, length, static_cast<std::uint8_t>(n));
        for (Reader& reader : readers) {
            packet->retain();
            reader.give(packet);
        }
        release(packet);
        ++n;
    }
    for (Reader& reader : readers) {
        reader.finish();
        EXPECT_EQ(reader.read, taken);
        EXPECT_EQ(reader.wrong, 0u);
    }
    EXPECT_EQ(pool.available(), pool.size());
}

}  // namespace
}  // namespace sluice::table

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    if (!sluice::test::start_eal()) return 2;
    return RUN_ALL_TESTS();
}
