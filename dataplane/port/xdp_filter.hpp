// The XDP filter that comes with Sluice (xdp_filter.bpf.c): configured for one start and handed to DPDK's af_xdp driver as a
// file, and, on the interface, recognised and removed.
//
// Theory of operation. The compiled object is part of this program, so the two cannot be of different versions and no path
// has to be right. Its configuration is a constant of the object: it is written into a copy in memory (a memfd), whose name
// in /proc is the driver's xdp_prog. A data plane that is killed leaves its filter on the interface; the kernel keeps the
// program's name with it, which tells ours from everybody else's.
//
// Thread: main only.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

#include "dataplane/base/bytes.hpp"
#include "dataplane/base/ip_address.hpp"

namespace sluice::port {

// As the kernel shows it, at most 15 characters.
inline constexpr char xdp_program_name[] = "sluice_media";

struct XdpFilterConfig {
    IpAddress ip4;  // unspecified: none
    IpAddress ip6;
    std::uint16_t first_port = 0;
    std::uint16_t ports = 0;  // one per worker
};

// The object file with this configuration in it.
[[nodiscard]] std::expected<std::vector<std::uint8_t>, std::string> xdp_filter_object(const XdpFilterConfig& config);

// A file in memory; closed with its owner.
class XdpFilterFile {
public:
    [[nodiscard]] static std::expected<XdpFilterFile, std::string> create(const XdpFilterConfig& config);
    ~XdpFilterFile();
    XdpFilterFile(XdpFilterFile&& other) noexcept;
    XdpFilterFile& operator=(XdpFilterFile&&) = delete;
    // For open() by this process.
    [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

private:
    explicit XdpFilterFile(int fd) noexcept : fd_(fd) {}
    int fd_;
};

// The name under which the kernel will know the program of that object file: the operator's own filter (xdp_program).
[[nodiscard]] std::expected<std::string, std::string> xdp_program_in(const std::string& path);

enum class XdpCleanup : std::uint8_t { nothing_there, removed };
// Takes the program of that name off the interface; never somebody else's, which is an error that names it. Nobody may be
// using the filter: the caller holds the interface's lock (af_xdp_host.hpp).
[[nodiscard]] std::expected<XdpCleanup, std::string> remove_xdp_program(unsigned interface_index,
                                                                        const std::string& interface,
                                                                        const std::string& name);

}  // namespace sluice::port
