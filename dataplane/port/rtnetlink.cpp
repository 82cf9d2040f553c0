#include "dataplane/port/rtnetlink.hpp"

#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

namespace sluice::port {
namespace {

constexpr std::uint16_t usable = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP;

// The fixed part of the message; nullptr when the message is shorter.
template <typename T>
const T* fixed_part(const nlmsghdr& message) {
    return mnl_nlmsg_get_payload_len(&message) < sizeof(T) ? nullptr
                                                           : static_cast<const T*>(mnl_nlmsg_get_payload(&message));
}

template <typename F>
void each_attribute(const nlmsghdr& message, std::size_t fixed, F&& action) {
    const auto* at = static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(&message, fixed));
    const auto* end = static_cast<const char*>(mnl_nlmsg_get_payload_tail(&message));
    const auto left = [&] { return static_cast<int>(end - static_cast<const char*>(static_cast<const void*>(at))); };
    for (; mnl_attr_ok(at, left()); at = mnl_attr_next(at)) action(*at);
}

std::optional<IpAddress> ip_of_bytes(const void* bytes, std::size_t length) {
    if (length == 4) {
        be32 address;
        std::memcpy(&address, bytes, sizeof address);
        return IpAddress::from_v4(address);
    }
    if (length != 16) return std::nullopt;
    IpAddress address;
    std::memcpy(address.bytes.data(), bytes, address.bytes.size());
    return address;
}

std::optional<IpAddress> ip_of(const nlattr& attribute) {
    return ip_of_bytes(mnl_attr_get_payload(&attribute), mnl_attr_get_payload_len(&attribute));
}

std::optional<Mac> mac_of(const nlattr& attribute) {
    Mac mac;
    if (mnl_attr_get_payload_len(&attribute) != mac.bytes.size()) return std::nullopt;
    std::memcpy(mac.bytes.data(), mnl_attr_get_payload(&attribute), mac.bytes.size());
    return mac;
}

class Builder {
public:
    template <typename T>
    Builder(std::uint16_t type, std::uint16_t flags, const T& fixed) {
        message_ = mnl_nlmsg_put_header(buffer_.data());
        message_->nlmsg_type = type;
        message_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
        std::memcpy(mnl_nlmsg_put_extra_header(message_, sizeof fixed), &fixed, sizeof fixed);
    }
    Builder& ip(std::uint16_t type, const IpAddress& address) {
        const std::size_t skipped = address.is_v4() ? 12 : 0;  // IPv4-mapped
        mnl_attr_put(message_, type, address.bytes.size() - skipped, address.bytes.data() + skipped);
        return *this;
    }
    Builder& u32(std::uint16_t type, std::uint32_t value) {
        mnl_attr_put_u32(message_, type, value);
        return *this;
    }
    [[nodiscard]] NetlinkRequest done() const { return {buffer_.begin(), buffer_.begin() + message_->nlmsg_len}; }

private:
    alignas(nlmsghdr) std::array<std::uint8_t, 256> buffer_{};
    nlmsghdr* message_ = nullptr;
};

std::uint8_t family_of(const IpAddress& address) {
    return address.is_v4() ? AF_INET : AF_INET6;
}

}  // namespace

std::optional<LinkMessage> parse_link(const nlmsghdr& message) {
    if (message.nlmsg_type != RTM_NEWLINK && message.nlmsg_type != RTM_DELLINK) return std::nullopt;
    const auto* fixed = fixed_part<ifinfomsg>(message);
    // Bridges send messages of their own family about their ports.
    if (fixed == nullptr || fixed->ifi_family != AF_UNSPEC) return std::nullopt;
    LinkMessage link;
    link.removed = message.nlmsg_type == RTM_DELLINK;
    link.index = static_cast<unsigned>(fixed->ifi_index);
    link.up = (fixed->ifi_flags & IFF_UP) != 0;
    each_attribute(message, sizeof *fixed, [&](const nlattr& a) {
        switch (mnl_attr_get_type(&a)) {
            case IFLA_IFNAME:
                if (mnl_attr_validate(&a, MNL_TYPE_NUL_STRING) == 0) link.name = mnl_attr_get_str(&a);
                break;
            case IFLA_MTU:
                if (mnl_attr_validate(&a, MNL_TYPE_U32) == 0) link.mtu = mnl_attr_get_u32(&a);
                break;
            case IFLA_ADDRESS: link.mac = mac_of(a).value_or(Mac{}); break;
            default: break;
        }
    });
    return link;
}

std::optional<AddressMessage> parse_address(const nlmsghdr& message) {
    const auto* fixed = message.nlmsg_type == RTM_NEWADDR ? fixed_part<ifaddrmsg>(message) : nullptr;
    if (fixed == nullptr) return std::nullopt;
    // With a peer (point to point) IFA_ADDRESS is the peer's; IFA_LOCAL, where there is one, is ours.
    std::optional<IpAddress> address, local;
    each_attribute(message, sizeof *fixed, [&](const nlattr& a) {
        if (mnl_attr_get_type(&a) == IFA_ADDRESS) address = ip_of(a);
        if (mnl_attr_get_type(&a) == IFA_LOCAL) local = ip_of(a);
    });
    if (local) address = local;
    if (!address) return std::nullopt;
    return AddressMessage{fixed->ifa_index, *address, fixed->ifa_prefixlen};
}

std::optional<NeighbourMessage> parse_neighbour(const nlmsghdr& message) {
    if (message.nlmsg_type != RTM_NEWNEIGH && message.nlmsg_type != RTM_DELNEIGH) return std::nullopt;
    const auto* fixed = fixed_part<ndmsg>(message);
    if (fixed == nullptr || (fixed->ndm_family != AF_INET && fixed->ndm_family != AF_INET6)) return std::nullopt;
    std::optional<IpAddress> address;
    std::optional<Mac> mac;
    each_attribute(message, sizeof *fixed, [&](const nlattr& a) {
        if (mnl_attr_get_type(&a) == NDA_DST) address = ip_of(a);
        if (mnl_attr_get_type(&a) == NDA_LLADDR) mac = mac_of(a);
    });
    if (!address) return std::nullopt;
    if (message.nlmsg_type == RTM_DELNEIGH || (fixed->ndm_state & usable) == 0) mac.reset();
    return NeighbourMessage{static_cast<unsigned>(fixed->ndm_ifindex), *address, mac};
}

std::optional<RouteMessage> parse_route(const nlmsghdr& message) {
    const auto* fixed = message.nlmsg_type == RTM_NEWROUTE ? fixed_part<rtmsg>(message) : nullptr;
    if (fixed == nullptr || fixed->rtm_type != RTN_UNICAST) return std::nullopt;
    RouteMessage route;
    each_attribute(message, sizeof *fixed, [&](const nlattr& a) {
        switch (mnl_attr_get_type(&a)) {
            case RTA_OIF:
                if (mnl_attr_validate(&a, MNL_TYPE_U32) == 0) route.interface_index = mnl_attr_get_u32(&a);
                break;
            case RTA_GATEWAY: route.gateway = ip_of(a); break;
            case RTA_VIA: {
                // A gateway of the other family: the family, then the address.
                const std::size_t length = mnl_attr_get_payload_len(&a);
                const auto* bytes = static_cast<const std::uint8_t*>(mnl_attr_get_payload(&a));
                if (length > sizeof(rtvia)) route.gateway = ip_of_bytes(bytes + sizeof(rtvia), length - sizeof(rtvia));
                break;
            }
            default: break;
        }
    });
    if (route.interface_index == 0) return std::nullopt;
    return route;
}

NetlinkRequest dump_links() {
    return Builder(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{}).done();
}

NetlinkRequest dump_addresses() {
    return Builder(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{}).done();
}

NetlinkRequest ask_neighbour(unsigned interface_index, const IpAddress& address) {
    ndmsg fixed{};
    fixed.ndm_family = family_of(address);
    fixed.ndm_ifindex = static_cast<int>(interface_index);
    return Builder(RTM_GETNEIGH, 0, fixed).ip(NDA_DST, address).done();
}

NetlinkRequest ask_route(unsigned interface_index, const IpAddress& source, const IpAddress& destination) {
    rtmsg fixed{};
    fixed.rtm_family = family_of(destination);
    const std::uint8_t bits = destination.is_v4() ? 32 : 128;
    fixed.rtm_dst_len = bits;
    fixed.rtm_src_len = bits;
    return Builder(RTM_GETROUTE, 0, fixed).ip(RTA_DST, destination).ip(RTA_SRC, source).u32(RTA_OIF, interface_index).done();
}

NetlinkRequest use_neighbour(unsigned interface_index, const IpAddress& address) {
    ndmsg fixed{};
    fixed.ndm_family = family_of(address);
    fixed.ndm_ifindex = static_cast<int>(interface_index);
    fixed.ndm_flags = NTF_USE;
    return Builder(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_ACK, fixed).ip(NDA_DST, address).done();
}

}  // namespace sluice::port
