#include "config/rules.hpp"

#include <algorithm>

#include "config/network.hpp"

namespace sluice::config {
namespace {

constexpr std::string_view use_production =
    "use loopback, RFC 1918, unique local or link-local addresses, or mode = \"production\"";

void check_private(const Config& c, const Report& report) {
    const auto refuse = [&](std::string_view path, std::string_view text) {
        report(path, "development mode refuses the non-private address " + std::string(text), std::string(use_production));
    };
    const auto check = [&](std::string_view path, const std::string& text, const std::optional<IpAddress>& address) {
        if (address && !address->is_private()) refuse(path, text);
    };
    check("http.listen", c.http.listen, IpAddress::parse(c.http.listen));
    for (const auto& text : c.rtc.addresses) {
        const auto both = parse_advertised(text);
        if (both && (!both->local.is_private() || !both->advertised.is_private())) refuse("rtc.addresses", text);
    }
    const auto cidr = [&](std::string_view path, const std::string& text) {
        if (const auto value = parse_cidr(text)) check(path, text, value->address);
    };
    const Port& port = c.dataplane.port;
    cidr("dataplane.port.address", port.address);
    cidr("dataplane.port.address6", port.address6);
    check("dataplane.port.host_address", port.host_address, IpAddress::parse(port.host_address));
    check("dataplane.port.host_address6", port.host_address6, IpAddress::parse(port.host_address6));
}

void check_production(const Config& c, const Report& report) {
    constexpr std::size_t min_secret = 32;  // bytes; RFC 7518 section 3.2 for HS256
    if (c.keys.empty()) {
        report("keys", "production mode needs at least one key", "write keys = { mykey = \"...\"; }");
    }
    for (const auto& key : c.keys) {
        if (key.secret.size() < min_secret) {
            report("keys", "the secret of " + key.name + " is shorter than 32 bytes",
                   "make one with: openssl rand -base64 32");
        }
    }
}

void check_ports(const Config& c, const Report& report) {
    if (c.http.port == c.rtc.tcp_port) {
        report("rtc.tcp_port", "is the same TCP port as http.port", "give each a port of its own");
    }
    if (c.rtc.udp_port + c.dataplane.workers - 1 > 65535) {
        report("rtc.udp_port", "leaves no port for the last worker",
               "use at most " + std::to_string(65536 - c.dataplane.workers));
    }
    if (c.http.tls.certificate.empty() != c.http.tls.key.empty()) {
        const bool key_missing = c.http.tls.key.empty();
        report(key_missing ? "http.tls.key" : "http.tls.certificate", "is missing",
               "HTTPS needs both http.tls.certificate and http.tls.key");
    }
}

void check_cores(const Dataplane& d, const Report& report) {
    const auto cores = parse_cores(d.cores);
    if (!cores) return;
    if (cores->size() != d.workers) {
        report("dataplane.cores",
               "lists " + std::to_string(cores->size()) + " cores for " + std::to_string(d.workers) + " workers",
               "make them equal");
    }
    const bool shared = std::ranges::find(*cores, d.main_core) != cores->end();
    if (shared && d.poll == Poll::busy) {
        report("dataplane.main_core", "is also a worker's core, which busy polling never gives up",
               "use another core or poll = \"adaptive\"");
    }
}

void check_port_device(const Port& p, const Report& report) {
    const auto required = [&](std::string_view path, const std::string& text, std::string_view type) {
        if (text.empty()) report(path, "is required by port type " + std::string(type), "");
    };
    if (p.type == PortType::pci) required("dataplane.port.device", p.device, "pci");
    if (p.type == PortType::vdev) required("dataplane.port.device", p.device, "vdev");
    const bool virtual_device = p.device.starts_with("net_");
    if (p.type == PortType::pci && virtual_device)
        report("dataplane.port.device", "is no PCI address", "use type = \"vdev\"");
    if (p.type == PortType::vdev && !p.device.empty() && !virtual_device) {
        report("dataplane.port.device", "is no DPDK virtual device", "use type = \"pci\", or a name that begins with net_");
    }
    const bool whole_nic = p.type == PortType::pci || p.type == PortType::vdev;
    if (!p.host_interface.empty() && !whole_nic) {
        report("dataplane.port.host_interface", "is for port types pci and vdev only",
               "the kernel has its own way with the others");
    }
    if (p.type == PortType::af_xdp) required("dataplane.port.interface", p.interface, "af_xdp");
    if (p.type == PortType::tap) required("dataplane.port.interface", p.interface, "tap");
    const bool wired = p.type == PortType::tap || p.type == PortType::af_xdp || whole_nic;
    if (wired && p.address.empty() && p.address6.empty()) {
        report("dataplane.port.address", "no address of either family", "set address, address6 or both");
    }
    if (p.type != PortType::tap) return;
    const auto same_subnet = [&](std::string_view path, const std::string& own, const std::string& host) {
        const auto cidr = parse_cidr(own);
        const auto peer = IpAddress::parse(host);
        if (!cidr || !peer) return;
        const unsigned bits = cidr->prefix + (cidr->address.is_v4() ? 96U : 0U);
        bool equal = true;
        for (unsigned bit = 0; bit < bits; ++bit) {
            const auto mask = static_cast<std::uint8_t>(0x80U >> (bit % 8));
            equal &= (cidr->address.bytes[bit / 8] & mask) == (peer->bytes[bit / 8] & mask);
        }
        if (!equal) report(path, host + " is not in the subnet of " + own, "");
        if (cidr->address == *peer) report(path, "is the data plane's own address", "give the kernel another one");
    };
    same_subnet("dataplane.port.host_address", p.address, p.host_address);
    same_subnet("dataplane.port.host_address6", p.address6, p.host_address6);
}

}  // namespace

void check_rules(const Config& config, const Report& report) {
    if (config.mode == Mode::development)
        check_private(config, report);
    else
        check_production(config, report);
    check_ports(config, report);
    check_cores(config.dataplane, report);
    check_port_device(config.dataplane.port, report);
    if (config.admission.max_sessions > config.dataplane.limits.transports) {
        report("admission.max_sessions", "is more than dataplane.limits.transports", "raise that or lower this");
    }
}

}  // namespace sluice::config
