#include "config/network.hpp"

#include <algorithm>
#include <charconv>

namespace sluice::config {
namespace {

std::optional<unsigned> parse_number(std::string_view text, unsigned max) noexcept {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value > max) return std::nullopt;
    return value;
}

}  // namespace

std::optional<Cidr> parse_cidr(std::string_view text) noexcept {
    const auto slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const auto address = IpAddress::parse(text.substr(0, slash));
    if (!address) return std::nullopt;
    const auto prefix = parse_number(text.substr(slash + 1), address->is_v4() ? 32 : 128);
    if (!prefix) return std::nullopt;
    return Cidr{*address, static_cast<std::uint8_t>(*prefix)};
}

std::optional<AdvertisedAddress> parse_advertised(std::string_view text) noexcept {
    const auto equals = text.find('=');
    const auto local = IpAddress::parse(text.substr(0, equals));
    if (!local) return std::nullopt;
    if (equals == std::string_view::npos) return AdvertisedAddress{*local, *local};
    const auto advertised = IpAddress::parse(text.substr(equals + 1));
    if (!advertised || advertised->is_v4() != local->is_v4()) return std::nullopt;
    return AdvertisedAddress{*local, *advertised};
}

std::optional<std::vector<unsigned>> parse_cores(std::string_view text) {
    constexpr unsigned max_core = 1023;
    std::vector<unsigned> cores;
    while (true) {
        const auto comma = text.find(',');
        const auto item = text.substr(0, comma);
        const auto dash = item.find('-');
        const auto first = parse_number(item.substr(0, dash), max_core);
        const auto last = dash == std::string_view::npos ? first : parse_number(item.substr(dash + 1), max_core);
        if (!first || !last || *first > *last) return std::nullopt;
        for (unsigned core = *first; core <= *last; ++core) {
            if (std::ranges::find(cores, core) != cores.end()) return std::nullopt;
            cores.push_back(core);
        }
        if (comma == std::string_view::npos) return cores;
        text.remove_prefix(comma + 1);
    }
}

}  // namespace sluice::config
