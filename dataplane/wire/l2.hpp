// The Ethernet layer with its optional single VLAN tag: internal to this folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "dataplane/base/bytes.hpp"
#include "dataplane/wire/headers.hpp"

namespace sluice::wire {

struct L2 {
    std::uint16_t type;    // ethertype of the payload; ethertype_vlan if the tag is cut off
    std::uint16_t length;  // 14 or 18
    std::optional<std::uint16_t> vlan;
};

// Nothing for a frame below 14 bytes.
[[nodiscard]] inline std::optional<L2> parse_l2(ByteView frame) noexcept {
    if (frame.size() < sizeof(EthernetHeader)) return std::nullopt;
    L2 l2{load<EthernetHeader>(frame.data()).type.value(), sizeof(EthernetHeader), std::nullopt};
    if (l2.type == ethertype_vlan && frame.size() >= sizeof(EthernetHeader) + sizeof(VlanTag)) {
        const auto tag = load<VlanTag>(frame.data() + sizeof(EthernetHeader));
        l2.vlan = static_cast<std::uint16_t>(tag.control.value() & 0x0fff);
        l2.type = tag.type.value();
        l2.length += sizeof(VlanTag);
    }
    return l2;
}

}  // namespace sluice::wire
