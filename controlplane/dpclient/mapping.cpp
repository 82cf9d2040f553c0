#include "controlplane/dpclient/mapping.hpp"

#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <system_error>

namespace sluice::dpclient {

std::expected<Mapping, std::string> Mapping::map(int fd, Access access, std::size_t smallest) {
    struct stat info{};
    if (::fstat(fd, &info) != 0) return std::unexpected("fstat: " + std::generic_category().message(errno));
    const auto size = static_cast<std::size_t>(info.st_size);
    if (size < smallest || size == 0) {
        return std::unexpected("has " + std::to_string(size) + " bytes, " + std::to_string(smallest) + " are needed");
    }
    const int protection = access == Access::read ? PROT_READ : PROT_READ | PROT_WRITE;
    void* base = ::mmap(nullptr, size, protection, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED) return std::unexpected("mmap: " + std::generic_category().message(errno));
    ::madvise(base, size, MADV_DONTDUMP);
    Mapping mapping;
    mapping.base_ = static_cast<std::uint8_t*>(base);
    mapping.size_ = size;
    return mapping;
}

Mapping::~Mapping() {
    if (base_ != nullptr) ::munmap(base_, size_);
}

}  // namespace sluice::dpclient
