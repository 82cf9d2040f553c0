// Single-producer single-consumer ring of what a worker shows to an observer: copies of frames (capture) and what happened
// to a transport (trace). One per worker, side by side in a memfd that exists only while somebody watches.
//
// Theory of operation. A ring of bytes, a power of two; records are multiples of 8 bytes and may wrap. `head` counts bytes
// produced, `tail` bytes consumed, both free-running. The producer never waits: a record for which there is no room is
// counted in `lost`. The observer maps all of it writable, for `tail`; so the producer believes nothing but its own head and
// the mask that it was made with, and takes an impossible `tail` for a full ring. The consumer copies a record's header out
// before it looks at it and starts again at the head when that is nonsense.
// Example: ring.push(record, frame); ring.publish();  |  while (ring.pop(record, room) == Result::ok) show(record, room);
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>

#include "dataplane/abi/types.hpp"
#include "dataplane/base/bytes.hpp"

namespace sluice::abi {

enum class CaptureKind : std::uint8_t {
    none = 0,
    frame = 1,   // as on the wire
    opened = 2,  // a frame of plaintext RTP or RTCP: headers as on the wire, but for lengths and checksums
    trace = 3,   // a TraceRecord, see trace.hpp
};

enum class Direction : std::uint8_t { none = 0, rx = 1, tx = 2 };

struct CaptureRecord {
    std::uint32_t size = 0;      // of the record in the ring, this header included: a multiple of 8
    std::uint32_t length = 0;    // of the frame, however much of it was kept
    std::uint32_t captured = 0;  // bytes that follow this header, before the filling up to `size`
    CaptureKind kind = CaptureKind::none;
    Direction direction = Direction::none;
    std::uint8_t worker = 0;
    std::uint8_t reserved = 0;
    std::int64_t unix_ns = 0;
    std::uint64_t transport = 0;  // 0 = none, or not known
    std::uint64_t lost = 0;       // records of this ring that found no room, from its start to this one
};
static_assert(sizeof(CaptureRecord) == 40);

inline constexpr std::size_t max_captured = 4096;  // bytes kept of one frame, whatever snaplen asks for

struct alignas(64) CaptureRingHeader {
    alignas(64) std::atomic<std::uint64_t> head;
    std::atomic<std::uint64_t> records;  // produced since the start
    std::atomic<std::uint64_t> lost;     // found no room
    alignas(64) std::atomic<std::uint64_t> tail;
    alignas(64) std::uint64_t reserved[8];
};
static_assert(sizeof(CaptureRingHeader) == 192);

// Where the rings of `workers` stand, `bytes` of data each.
struct CaptureLayout {
    [[nodiscard]] static constexpr std::uint32_t bytes_for(std::uint32_t workers) noexcept {
        constexpr std::uint32_t all = 64u << 20, most = 4u << 20, least = 256u << 10;
        return std::clamp(std::bit_floor(all / (workers == 0 ? 1 : workers)), least, most);
    }
    [[nodiscard]] static constexpr std::size_t stride(std::uint32_t bytes) noexcept {
        return sizeof(CaptureRingHeader) + bytes;
    }
    [[nodiscard]] static constexpr std::size_t total(std::uint32_t workers, std::uint32_t bytes) noexcept {
        return workers * stride(bytes);
    }
};

// One thread. Does not allocate.
class CaptureRingProducer {
public:
    CaptureRingProducer() = default;
    // `bytes` is a power of two.
    CaptureRingProducer(void* base, std::uint32_t bytes) noexcept
        : header_(static_cast<CaptureRingHeader*>(base)),
          data_(static_cast<std::uint8_t*>(base) + sizeof(CaptureRingHeader)),
          mask_(bytes - 1) {}

    // A position to go back to: what was pushed after it is as if it had never been, until it is published.
    struct Mark {
        std::uint64_t head = 0, records = 0, lost = 0;
    };
    [[nodiscard]] Mark mark() const noexcept { return at_; }
    void rewind(const Mark& mark) noexcept { at_ = mark; }

    // Copies a record in, for the consumer to see after publish(). `record` brings everything but size, captured and lost.
    void push(CaptureRecord record, ByteView bytes) noexcept {
        record.captured = static_cast<std::uint32_t>(bytes.size());
        record.size = static_cast<std::uint32_t>((sizeof record + bytes.size() + 7) & ~std::size_t{7});
        record.lost = at_.lost;
        const std::uint64_t used = at_.head - header_->tail.load(std::memory_order_acquire);
        if (used > mask_ + 1 || mask_ + 1 - used < record.size) {
            ++at_.lost;
            return;
        }
        copy_in(at_.head, {reinterpret_cast<const std::uint8_t*>(&record), sizeof record});
        copy_in(at_.head + sizeof record, bytes);
        at_.head += record.size;
        ++at_.records;
    }
    void publish() noexcept {
        header_->lost.store(at_.lost, std::memory_order_relaxed);
        header_->records.store(at_.records, std::memory_order_relaxed);
        header_->head.store(at_.head, std::memory_order_release);
    }

private:
    void copy_in(std::uint64_t position, ByteView bytes) noexcept {
        const std::size_t from = position & mask_;
        const std::size_t first = std::min<std::size_t>(bytes.size(), mask_ + 1 - from);
        if (first != 0) std::memcpy(data_ + from, bytes.data(), first);
        if (first < bytes.size()) std::memcpy(data_, bytes.data() + first, bytes.size() - first);
    }

    CaptureRingHeader* header_ = nullptr;
    std::uint8_t* data_ = nullptr;
    std::uint64_t mask_ = 0;
    Mark at_;
};

// One thread. Does not allocate.
class CaptureRingConsumer {
public:
    CaptureRingConsumer() = default;
    CaptureRingConsumer(void* base, std::uint32_t bytes) noexcept
        : header_(static_cast<CaptureRingHeader*>(base)),
          data_(static_cast<const std::uint8_t*>(base) + sizeof(CaptureRingHeader)),
          mask_(bytes - 1) {}

    enum class Result : std::uint8_t { empty, ok, invalid };
    // The oldest record, its bytes in `room[0..record.captured)`. `invalid`: nonsense in the ring, which is empty now.
    Result pop(CaptureRecord& record, std::span<std::uint8_t, max_captured> room) noexcept {
        const std::uint64_t head = header_->head.load(std::memory_order_acquire);
        if (head == tail_) return Result::empty;
        const std::uint64_t ready = head - tail_;
        bool valid = ready <= mask_ + 1 && ready >= sizeof record;
        if (valid) {
            copy_out(tail_, {reinterpret_cast<std::uint8_t*>(&record), sizeof record});
            valid = record.size <= ready && record.size >= sizeof record && record.size % 8 == 0 &&
                    record.captured <= record.size - sizeof record && record.captured <= room.size();
        }
        if (valid) copy_out(tail_ + sizeof record, room.first(record.captured));
        tail_ = valid ? tail_ + record.size : head;
        header_->tail.store(tail_, std::memory_order_release);
        return valid ? Result::ok : Result::invalid;
    }

    [[nodiscard]] std::uint64_t lost() const noexcept { return header_->lost.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t records() const noexcept { return header_->records.load(std::memory_order_relaxed); }

private:
    void copy_out(std::uint64_t position, ByteSpan out) const noexcept {
        const std::size_t from = position & mask_;
        const std::size_t first = std::min<std::size_t>(out.size(), mask_ + 1 - from);
        if (first != 0) std::memcpy(out.data(), data_ + from, first);
        if (first < out.size()) std::memcpy(out.data() + first, data_, out.size() - first);
    }

    CaptureRingHeader* header_ = nullptr;
    const std::uint8_t* data_ = nullptr;
    std::uint64_t mask_ = 0;
    std::uint64_t tail_ = 0;
};

}  // namespace sluice::abi
