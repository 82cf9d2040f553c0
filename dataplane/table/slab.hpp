// Memory for objects that a worker walks over by the thousand: side by side, in the order in which they were made, on large
// pages. So the next viewer's key is where the hardware prefetcher looks for it, and a walk over fifty thousand of them does
// not miss the TLB at each.
//
// Theory of operation. Chunks of 2 MB, asked of the kernel as huge pages where it has them; a freed object's place is taken
// by the next one. Chunks are given back when the slab goes. Not in core dumps: keys live here. Main only.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace sluice::table {

class Slab {
public:
    static constexpr std::size_t chunk_bytes = std::size_t{2} << 20;

    // `size` is rounded up to whole cache lines; at most chunk_bytes.
    explicit Slab(std::size_t size);
    ~Slab();
    Slab(const Slab&) = delete;
    Slab& operator=(const Slab&) = delete;

    // Aligned to 64 bytes. Throws std::bad_alloc.
    [[nodiscard]] void* take();
    void give_back(void* place) noexcept;
    [[nodiscard]] std::size_t stride() const noexcept { return stride_; }
    [[nodiscard]] std::size_t used() const noexcept { return used_; }
    [[nodiscard]] std::size_t bytes() const noexcept { return chunks_.size() * chunk_bytes; }

private:
    std::size_t stride_;
    std::size_t used_ = 0;
    std::size_t next_ = chunk_bytes;  // in the last chunk
    std::vector<std::byte*> chunks_;
    std::vector<void*> free_;
};

// Gives an object back to its slab, which lives longer.
struct SlabDelete {
    Slab* slab = nullptr;
    template <typename T>
    void operator()(T* object) const noexcept {
        object->~T();
        slab->give_back(object);
    }
};
template <typename T>
using SlabPtr = std::unique_ptr<T, SlabDelete>;

template <typename T, typename... Arguments>
[[nodiscard]] SlabPtr<T> make_in(Slab& slab, Arguments&&... arguments) {
    static_assert(alignof(T) <= 64);
    return SlabPtr<T>(new (slab.take()) T(std::forward<Arguments>(arguments)...), SlabDelete{&slab});
}

}  // namespace sluice::table
