#include "dataplane/table/slab.hpp"

#include <sys/mman.h>

#include <cstdint>

namespace sluice::table {
namespace {

// A chunk is one huge page, if it begins where one could.
std::byte* map_chunk() {
    constexpr std::size_t size = Slab::chunk_bytes;
    void* mapped = mmap(nullptr, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) throw std::bad_alloc();
    auto* begin = static_cast<std::byte*>(mapped);
    const std::size_t before = (size - reinterpret_cast<std::uintptr_t>(begin) % size) % size;
    if (before != 0) (void)munmap(begin, before);
    std::byte* chunk = begin + before;
    if (size - before != 0) (void)munmap(chunk + size, size - before);
    (void)madvise(chunk, size, MADV_HUGEPAGE);  // a kernel without them serves small ones
    (void)madvise(chunk, size, MADV_DONTDUMP);
    return chunk;
}

}  // namespace

Slab::Slab(std::size_t size) : stride_((size + 63) / 64 * 64) {}

Slab::~Slab() {
    for (std::byte* chunk : chunks_) (void)munmap(chunk, chunk_bytes);
}

void* Slab::take() {
    void* place = nullptr;
    if (!free_.empty()) {
        place = free_.back();
        free_.pop_back();
    } else {
        if (next_ + stride_ > chunk_bytes) {
            chunks_.push_back(map_chunk());
            next_ = 0;
            // Giving back must not need memory.
            free_.reserve(chunks_.size() * (chunk_bytes / stride_));
        }
        place = chunks_.back() + next_;
        next_ += stride_;
    }
    ++used_;
    return place;
}

void Slab::give_back(void* place) noexcept {
    free_.push_back(place);
    --used_;
}

}  // namespace sluice::table
