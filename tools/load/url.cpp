#include "tools/load/url.hpp"

#include <cctype>
#include <charconv>

namespace sluice::loadgen {

std::expected<Url, std::string> parse_url(std::string_view text, std::uint16_t default_port) {
    constexpr std::string_view scheme = "http://";
    if (!text.starts_with(scheme)) return std::unexpected("the URL must begin with http://");
    text.remove_prefix(scheme.size());
    Url url;
    if (const auto slash = text.find('/'); slash != std::string_view::npos) {
        url.path = text.substr(slash);
        text = text.substr(0, slash);
    }
    std::string_view host = text, port;
    if (text.starts_with('[')) {
        const auto end = text.find(']');
        if (end == std::string_view::npos) return std::unexpected("no ] after the IPv6 address");
        host = text.substr(1, end - 1);
        port = text.substr(end + 1);
    } else if (const auto colon = text.find(':'); colon != std::string_view::npos) {
        host = text.substr(0, colon);
        port = text.substr(colon);
    }
    if (host == "localhost") host = "127.0.0.1";
    const auto address = IpAddress::parse(host);
    if (!address) return std::unexpected("\"" + std::string{host} + "\" is neither an IP address nor localhost");
    if (!address->is_private())
        return std::unexpected(std::string{host} + " is a public address; sluice-load only talks to private ones");
    url.server = {*address, default_port};
    if (port.empty()) return url;
    std::uint16_t number = 0;
    const char* const end = port.data() + port.size();
    const auto [stopped, error] = std::from_chars(port.data() + 1, end, number);
    if (port[0] != ':' || error != std::errc{} || stopped != end || number == 0)
        return std::unexpected("bad port \"" + std::string{port} + "\"");
    url.server.port = number;
    return url;
}

std::string resolve_location(std::string_view location, std::string_view asked) {
    if (const auto scheme = location.find("://"); scheme != std::string_view::npos) {
        const auto path = location.find('/', scheme + 3);
        return path == std::string_view::npos ? "/" : std::string{location.substr(path)};
    }
    if (location.empty() || location.starts_with('/')) return std::string{location};
    asked = asked.substr(0, asked.find('?'));
    return std::string{asked.substr(0, asked.rfind('/') + 1)} + std::string{location};
}

std::string percent_encode(std::string_view text) {
    constexpr std::string_view hex = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) || c == '-' || c == '_' || c == '.' || c == '~')
            out += c;
        else
            out += {'%', hex[byte >> 4], hex[byte & 15]};
    }
    return out;
}

}  // namespace sluice::loadgen
