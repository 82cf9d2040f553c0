// A memfd with its mapping: the state segment and the packet rings. Kept out of core dumps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>

namespace sluice::telemetry {

// Any thread; movable, owns descriptor and mapping.
class SharedMemory {
public:
    // Zeroed, at least `size` bytes. The error is errno's text.
    [[nodiscard]] static std::expected<SharedMemory, std::string> create(const char* name, std::size_t size);
    SharedMemory() = default;
    SharedMemory(SharedMemory&& other) noexcept;
    SharedMemory& operator=(SharedMemory&& other) noexcept;
    ~SharedMemory();

    [[nodiscard]] std::uint8_t* data() const noexcept { return data_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] int fd() const noexcept { return fd_; }
    // A descriptor through which nobody can write; the caller closes it. -1 on error.
    [[nodiscard]] int read_only_fd() const noexcept;
    // No new writable mapping from now on (F_SEAL_FUTURE_WRITE); ours stays.
    void seal() noexcept;

private:
    int fd_ = -1;
    std::uint8_t* data_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace sluice::telemetry
