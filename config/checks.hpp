// Checks of single strings for the schema: "" if the text is fine, else what is wrong and what it should look like.
#pragma once

#include <string>
#include <string_view>

namespace sluice::config::checks {

std::string name(std::string_view text);  // letters, digits, - _ . ; may be empty
std::string listen_address(std::string_view text);
std::string advertised(std::string_view text);
std::string cidr4(std::string_view text);  // these may be empty
std::string cidr6(std::string_view text);
std::string address4(std::string_view text);
std::string address6(std::string_view text);
std::string mac(std::string_view text);
std::string device(std::string_view text);  // a PCI address or a DPDK virtual device
std::string interface_name(std::string_view text);
std::string cores(std::string_view text);
std::string socket_path(std::string_view text);

}  // namespace sluice::config::checks
