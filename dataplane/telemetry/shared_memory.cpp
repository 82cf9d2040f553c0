#include "dataplane/telemetry/shared_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace sluice::telemetry {

std::expected<SharedMemory, std::string> SharedMemory::create(const char* name, std::size_t size) {
    SharedMemory m;
    m.fd_ = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (m.fd_ < 0) return std::unexpected(std::string("memfd_create: ") + std::strerror(errno));
    if (ftruncate(m.fd_, static_cast<off_t>(size)) != 0)
        return std::unexpected(std::string("ftruncate: ") + std::strerror(errno));
    (void)fcntl(m.fd_, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
    void* at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, m.fd_, 0);
    if (at == MAP_FAILED) return std::unexpected(std::string("mmap: ") + std::strerror(errno));
    m.data_ = static_cast<std::uint8_t*>(at);
    m.size_ = size;
    (void)madvise(at, size, MADV_DONTDUMP);
    return m;
}

SharedMemory::SharedMemory(SharedMemory&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

SharedMemory& SharedMemory::operator=(SharedMemory&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
}

SharedMemory::~SharedMemory() {
    if (data_ != nullptr) munmap(data_, size_);
    if (fd_ >= 0) close(fd_);
}

int SharedMemory::read_only_fd() const noexcept {
    const std::string path = "/proc/self/fd/" + std::to_string(fd_);
    return open(path.c_str(), O_RDONLY | O_CLOEXEC);
}

void SharedMemory::seal() noexcept {
#ifdef F_SEAL_FUTURE_WRITE
    (void)fcntl(fd_, F_ADD_SEALS, F_SEAL_FUTURE_WRITE);
#endif
}

}  // namespace sluice::telemetry
