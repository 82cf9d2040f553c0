#include "dataplane/port/host_port.hpp"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "dataplane/base/unique_fd.hpp"

namespace sluice::port {
namespace {

ifreq request_for(const std::string& interface) {
    ifreq request{};
    std::snprintf(request.ifr_name, sizeof request.ifr_name, "%s", interface.c_str());
    return request;
}

std::unexpected<std::string> failed(const std::string& interface, const std::string& what, int code) {
    return std::unexpected("dataplane.port.host_interface = \"" + interface + "\": " + what + ": " + std::strerror(code));
}

}  // namespace

std::expected<std::unique_ptr<HostPort>, std::string> HostPort::attach(const std::string& interface, const Mac& mac) {
    const UniqueFd control(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request = request_for(interface);
    // TUNSETIFF would make a missing one, which would then die with us and take the machine's address along.
    if (ioctl(control.get(), SIOCGIFFLAGS, &request) != 0) {
        return failed(interface, "make it first (ip tuntap add dev " + interface + " mode tap)", errno);
    }
    UniqueFd tap(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (tap.get() < 0) return failed(interface, "/dev/net/tun", errno);
    request = request_for(interface);
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    if (ioctl(tap.get(), TUNSETIFF, &request) != 0) {
        // One that was made with multi_queue wants to be asked so.
        request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE;
        if (ioctl(tap.get(), TUNSETIFF, &request) != 0) {
            return failed(interface, errno == EBUSY ? "another process has it" : "is no TAP that we may attach to", errno);
        }
    }
    // Checksums filled and no segments beyond the MTU: what comes out of the TAP goes to the wire as it is.
    if (ioctl(tap.get(), TUNSETOFFLOAD, 0UL) != 0) return failed(interface, "TUNSETOFFLOAD", errno);
    request = request_for(interface);
    constexpr int l2_length = 14 + 4;
    if (ioctl(control.get(), SIOCGIFMTU, &request) != 0) return failed(interface, "its MTU", errno);
    if (request.ifr_mtu > static_cast<int>(HostFrame::capacity) - l2_length) {
        return failed(interface, "lower its MTU of " + std::to_string(request.ifr_mtu) + " to the NIC's", EMSGSIZE);
    }
    request = request_for(interface);
    if (ioctl(control.get(), SIOCGIFHWADDR, &request) != 0) return failed(interface, "its MAC address", errno);
    if (std::memcmp(request.ifr_hwaddr.sa_data, mac.bytes.data(), mac.bytes.size()) != 0) {
        std::memcpy(request.ifr_hwaddr.sa_data, mac.bytes.data(), mac.bytes.size());
        if (ioctl(control.get(), SIOCSIFHWADDR, &request) != 0) {
            return failed(interface, "cannot give it the MAC address " + mac.to_string(), errno);
        }
    }
    return std::unique_ptr<HostPort>(new HostPort(tap.release()));
}

HostPort::~HostPort() {
    close(fd_);
}

HostPort::Written HostPort::write_frame(const HostFrame& frame) noexcept {
    if (write(fd_, frame.bytes.data(), frame.length) == frame.length) {
        ++counters_.to_host;
        return Written::taken;
    }
    if (errno == EAGAIN || errno == EINTR) return Written::later;
    // EIO: the interface is down. Nobody waits for these frames.
    ++counters_.refused;
    return Written::refused;
}

void HostPort::turn(std::span<const std::unique_ptr<HostRing>> to_host, HostRing& from_host) noexcept {
    if (waiting_.length != 0 && write_frame(waiting_) != Written::later) waiting_.length = 0;
    for (const auto& ring : to_host) {
        for (int i = 0; i < budget && waiting_.length == 0 && ring->pop(scratch_); ++i) {
            if (write_frame(scratch_) == Written::later) waiting_ = scratch_;
        }
    }
    for (int i = 0; i < budget && from_host.size() < from_host.capacity(); ++i) {
        const ssize_t length = read(fd_, scratch_.bytes.data(), scratch_.bytes.size());
        if (length <= 0) break;
        scratch_.length = static_cast<std::uint16_t>(length);
        if (from_host.push(scratch_)) ++counters_.from_host;
    }
}

}  // namespace sluice::port
