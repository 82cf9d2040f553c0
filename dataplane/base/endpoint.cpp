#include "dataplane/base/endpoint.hpp"

#include <charconv>

namespace sluice {

std::optional<Endpoint> Endpoint::parse(std::string_view text) noexcept {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    std::string_view host = text.substr(0, colon);
    const std::string_view port = text.substr(colon + 1);

    const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    // Without brackets an IPv6 address could not be told from its port.
    if (bracketed != (host.find(':') != std::string_view::npos)) return std::nullopt;

    const auto address = IpAddress::parse(host);
    Endpoint endpoint;
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
    if (!address || error != std::errc{} || end != port.data() + port.size()) return std::nullopt;
    endpoint.address = *address;
    return endpoint;
}

std::string Endpoint::to_string() const {
    const std::string host = address.to_string();
    return (address.is_v4() ? host : '[' + host + ']') + ':' + std::to_string(port);
}

}  // namespace sluice
