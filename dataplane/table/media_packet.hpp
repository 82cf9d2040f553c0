// An opened (plaintext) RTP packet in the history pool of the worker that received it, shared by reference with every
// worker that has legs of its source. It is written once, before it is published, and read-only from then on.
//
// Theory of operation. open writes it out of place, so the RX mbuf never leaves the rx stage. `refs` counts source rings
// and messages in flight; the last release returns it to its pool from whichever worker that happens on.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "dataplane/abi/types.hpp"
#include "dataplane/base/bytes.hpp"

struct rte_mempool;

namespace sluice::table {

struct MediaPacket {
    static constexpr std::size_t buffer_size = 2048;
    static constexpr std::size_t small_buffer_size = 384;  // audio, and the short packets of video

    std::atomic<std::uint32_t> refs;
    std::uint16_t header_length;   // RTP header, CSRCs and extension
    std::uint16_t payload_length;  // without RTP padding
    rte_mempool* pool;
    std::uint64_t source;  // SourceId of the publisher's source
    std::int64_t index;    // extended sequence number: ROC << 16 | seq
    std::uint64_t rx_tsc;
    std::uint64_t order;  // how many of its source were published before: the same on every worker
    std::uint32_t timestamp;
    std::uint8_t payload_index;  // into the source's payload table
    bool marker;
    bool keyframe_start;
    bool frame_start;
    std::uint16_t primary_offset;  // of RED: into the payload, where the primary block begins; 0 = the payload is no RED
    struct Element {
        std::uint16_t offset;  // into `data`; 0 = absent
        std::uint8_t length;
        std::uint8_t reserved;
    };
    std::array<Element, abi::extension_slots> elements;  // by abi::Extension
    std::uint8_t data[];

    [[nodiscard]] const std::uint8_t* payload() const noexcept { return data + header_length; }
    [[nodiscard]] ByteView element(abi::Extension e) const noexcept {
        const Element& x = elements[static_cast<std::size_t>(e)];
        return x.offset == 0 ? ByteView{} : ByteView{data + x.offset, x.length};
    }
    void retain() noexcept { refs.fetch_add(1, std::memory_order_relaxed); }
};

inline constexpr std::size_t media_packet_room = MediaPacket::buffer_size - sizeof(MediaPacket);
inline constexpr std::size_t small_packet_room = MediaPacket::small_buffer_size - sizeof(MediaPacket);
static_assert(sizeof(MediaPacket) <= 128);

// A fixed amount of memory for media packets, in two sizes: a packet of audio does not take a buffer of 2 KB. Main creates
// it; its worker takes from it, any worker gives back.
class HistoryPool {
public:
    // An eighth of `bytes` is for small packets. Null memory (see valid()) when it does not fit.
    HistoryPool(const char* name, std::uint64_t bytes, int socket);
    ~HistoryPool();
    HistoryPool(const HistoryPool&) = delete;
    HistoryPool& operator=(const HistoryPool&) = delete;

    [[nodiscard]] bool valid() const noexcept { return large_.memory != nullptr && small_.memory != nullptr; }
    // With room for `bytes` of header and payload, at most media_packet_room. One reference is the caller's. nullptr when
    // the pool is empty.
    [[nodiscard]] MediaPacket* take(std::size_t bytes) noexcept;
    [[nodiscard]] std::uint32_t available() const noexcept;
    // Owning worker, now and then, and by take() itself: `low` begins below an eighth and ends above a quarter, of either
    // size. Those who hold packets of the pool ask runs_low() and give up their oldest, so that it never comes to the end of
    // it.
    void note_level() noexcept;
    [[nodiscard]] std::uint32_t size() const noexcept { return large_.size + small_.size; }
    [[nodiscard]] static constexpr std::uint64_t small_share(std::uint64_t bytes) noexcept { return bytes / 8; }

private:
    struct Part {
        rte_mempool* memory = nullptr;
        std::uint32_t size = 0;
        std::uint32_t taken_since_level = 0;
    };
    static Part make(const std::string& name, std::uint64_t bytes, std::size_t buffer, int socket);
    static MediaPacket* take_from(Part& part) noexcept;
    static void note_level(Part& part) noexcept;

    Part large_;
    Part small_;
};

// Of the pool that the packet is from. Any worker.
[[nodiscard]] bool runs_low(const MediaPacket& packet) noexcept;
// Gives one reference back; the packet must not be touched afterwards.
void release(MediaPacket* packet) noexcept;

}  // namespace sluice::table
