#include "config/checks.hpp"

#include <algorithm>

#include "config/network.hpp"
#include "dataplane/base/mac.hpp"

namespace sluice::config::checks {
namespace {

bool is_alnum(char c) noexcept {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_hex(char c) noexcept {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

std::string cidr(std::string_view text, bool v4) {
    if (text.empty()) return {};
    const auto value = parse_cidr(text);
    const char* shape = v4 ? "must be an IPv4 address and prefix, as \"10.77.0.1/24\""
                           : "must be an IPv6 address and prefix, as \"fd77:7777::1/64\"";
    if (!value || value->address.is_v4() != v4) return shape;
    if (value->address.is_unspecified() || value->address.is_multicast()) return "must be the address of one host";
    return {};
}

std::string address(std::string_view text, bool v4) {
    if (text.empty()) return {};
    const auto value = IpAddress::parse(text);
    if (!value || value->is_v4() != v4) return v4 ? "must be an IPv4 address" : "must be an IPv6 address";
    if (value->is_unspecified() || value->is_multicast()) return "must be the address of one host";
    return {};
}

}  // namespace

std::string name(std::string_view text) {
    const bool fine = text.size() <= 64 &&
                      std::ranges::all_of(text, [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; });
    return fine ? "" : "must be up to 64 letters, digits, \"-\", \"_\" and \".\"";
}

std::string listen_address(std::string_view text) {
    if (text == "localhost") return {};
    const auto value = IpAddress::parse(text);
    if (!value || value->is_multicast()) return "must be an IP address without port, or \"localhost\"";
    return {};
}

std::string advertised(std::string_view text) {
    const auto value = parse_advertised(text);
    if (!value) return "must be \"public\" or \"local=public\" with two addresses of one family";
    const auto usable = [](const IpAddress& a) { return !a.is_unspecified() && !a.is_multicast() && !a.is_broadcast(); };
    if (!usable(value->local) || !usable(value->advertised)) return "must be the address of one host";
    return {};
}

std::string cidr4(std::string_view text) {
    return cidr(text, true);
}
std::string cidr6(std::string_view text) {
    return cidr(text, false);
}
std::string address4(std::string_view text) {
    return address(text, true);
}
std::string address6(std::string_view text) {
    return address(text, false);
}

std::string mac(std::string_view text) {
    if (text.empty()) return {};
    const auto value = Mac::parse(text);
    if (!value) return "must be a MAC address, as \"02:00:5e:10:00:01\"";
    if (value->is_multicast() || value->is_zero()) return "must be the MAC address of one station";
    return {};
}

std::string device(std::string_view text) {
    if (text.empty()) return {};
    // The EAL splits a device string at commas only; a blank would begin another argument for a reader of the log.
    if (text.starts_with("net_")) return text.find_first_of(" \t\n") == text.npos ? "" : "must not contain blanks";
    constexpr std::string_view shape = "hhhh:hh:hh.o";
    bool fine = text.size() == shape.size();
    for (std::size_t i = 0; fine && i < shape.size(); ++i) {
        if (shape[i] == 'h')
            fine = is_hex(text[i]);
        else if (shape[i] == 'o')
            fine = text[i] >= '0' && text[i] <= '7';
        else
            fine = text[i] == shape[i];
    }
    return fine ? "" : "must be a PCI address, as \"0000:03:00.0\", or a DPDK device, as \"net_af_packet0,iface=veth0\"";
}

std::string interface_name(std::string_view text) {
    // IFNAMSIZ is 16 with its terminator.
    const bool fine = text.size() <= 15 && text != "." && text != ".." &&
                      std::ranges::all_of(text, [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; });
    return fine ? "" : "must be the name of a network interface: up to 15 letters, digits, \"-\", \"_\" and \".\"";
}

std::string cores(std::string_view text) {
    return parse_cores(text) ? "" : "must list cores, each once, as \"1\" or \"2-5,8\"";
}

std::string socket_path(std::string_view text) {
    // sun_path is 108 bytes with its terminator.
    return text.size() < 2 || text.front() != '/' || text.size() > 107 ? "must be an absolute path of at most 107 bytes"
                                                                       : "";
}

}  // namespace sluice::config::checks
