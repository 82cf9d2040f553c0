#include "tests/component/allocation.hpp"

#include <cstddef>

namespace {
thread_local bool watching = false;
std::uint64_t allocations = 0;
}  // namespace

namespace sluice::test {
AllocationGuard::AllocationGuard() {
    watching = true;
}
AllocationGuard::~AllocationGuard() {
    watching = false;
}
std::uint64_t AllocationGuard::counted() {
    return allocations;
}
}  // namespace sluice::test

#if !defined(__SANITIZE_ADDRESS__) && !(defined(__has_feature) && __has_feature(address_sanitizer))
// glibc's own entry points, so that C libraries are counted too.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t size) {
    allocations += watching;
    return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
    allocations += watching;
    return __libc_calloc(count, size);
}
void* realloc(void* old, std::size_t size) {
    allocations += watching;
    return __libc_realloc(old, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
    allocations += watching;
    return __libc_memalign(alignment, size);
}
int posix_memalign(void** out, std::size_t alignment, std::size_t size) {
    allocations += watching;
    *out = __libc_memalign(alignment, size);
    return *out == nullptr ? 12 : 0;
}
}
#endif
