// A shared memory mapping with one owner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <utility>

namespace sluice::dpclient {

class Mapping {
public:
    enum class Access : std::uint8_t { read, read_write };

    // Maps the whole of a file. Refuses one smaller than `smallest` bytes. The descriptor stays the caller's.
    [[nodiscard]] static std::expected<Mapping, std::string> map(int fd, Access access, std::size_t smallest);

    Mapping() noexcept = default;
    Mapping(Mapping&& other) noexcept : base_(std::exchange(other.base_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    Mapping& operator=(Mapping&& other) noexcept {
        std::swap(base_, other.base_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~Mapping();

    [[nodiscard]] std::uint8_t* data() const noexcept { return base_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    std::uint8_t* base_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace sluice::dpclient
