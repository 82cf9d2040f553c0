#include "dataplane/base/ip_address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "dataplane/base/bytes.hpp"

namespace sluice {
namespace {

constexpr std::array<std::uint8_t, 12> v4_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool in_v4_net(const IpAddress& address, std::uint32_t net, unsigned prefix) noexcept {
    return (address.v4().value() ^ net) >> (32 - prefix) == 0;
}

}  // namespace

IpAddress IpAddress::from_v4(be32 address) noexcept {
    IpAddress out;
    std::ranges::copy(v4_prefix, out.bytes.begin());
    store(out.bytes.data() + v4_prefix.size(), address);
    return out;
}

bool IpAddress::is_v4() const noexcept {
    return std::memcmp(bytes.data(), v4_prefix.data(), v4_prefix.size()) == 0;
}

be32 IpAddress::v4() const noexcept {
    return load<be32>(bytes.data() + v4_prefix.size());
}

bool IpAddress::is_unspecified() const noexcept {
    return *this == IpAddress{} || *this == from_v4(be32{0});
}

bool IpAddress::is_loopback() const noexcept {
    if (is_v4()) return in_v4_net(*this, 0x7f000000, 8);
    return bytes[15] == 1 && std::all_of(bytes.begin(), bytes.end() - 1, [](std::uint8_t b) { return b == 0; });
}

bool IpAddress::is_multicast() const noexcept {
    return is_v4() ? in_v4_net(*this, 0xe0000000, 4) : bytes[0] == 0xff;
}

bool IpAddress::is_broadcast() const noexcept {
    return is_v4() && v4().value() == 0xffffffff;
}

bool IpAddress::is_link_local() const noexcept {
    if (is_v4()) return in_v4_net(*this, 0xa9fe0000, 16);
    return bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

bool IpAddress::is_private() const noexcept {
    if (is_loopback() || is_link_local()) return true;
    if (!is_v4()) return (bytes[0] & 0xfe) == 0xfc;
    return in_v4_net(*this, 0x0a000000, 8) || in_v4_net(*this, 0xac100000, 12) || in_v4_net(*this, 0xc0a80000, 16);
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) noexcept {
    char terminated[INET6_ADDRSTRLEN];
    if (text.empty() || text.size() >= sizeof terminated || text.find('\0') != std::string_view::npos) {
        return std::nullopt;
    }
    std::memcpy(terminated, text.data(), text.size());
    terminated[text.size()] = '\0';

    IpAddress address;
    if (text.find(':') == std::string_view::npos) {
        std::array<std::uint8_t, 4> v4{};
        if (inet_pton(AF_INET, terminated, v4.data()) != 1) return std::nullopt;
        return from_v4(load<be32>(v4.data()));
    }
    if (inet_pton(AF_INET6, terminated, address.bytes.data()) != 1) return std::nullopt;
    return address;
}

std::string IpAddress::to_string() const {
    char text[INET6_ADDRSTRLEN] = {};
    if (is_v4()) {
        inet_ntop(AF_INET, bytes.data() + v4_prefix.size(), text, sizeof text);
    } else {
        inet_ntop(AF_INET6, bytes.data(), text, sizeof text);
    }
    return text;
}

}  // namespace sluice
