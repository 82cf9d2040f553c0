// Next hops: where frames for a destination go on the link. Main keeps the table (port/next_hops.hpp) and every worker has a
// copy; a transport has an index into it.
//
// The packet path never reads the table: a transport's headers are written anew when its entry changes.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/base/mac.hpp"

namespace sluice::table {

// 0: none. The transport's frames go back the way on which its last authenticated packet came.
using NextHopIndex = std::uint8_t;
inline constexpr NextHopIndex no_next_hop = 0;

struct NextHop {
    Mac mac;
    bool resolved = false;  // false: as with no_next_hop, until the kernel knows the MAC
    friend bool operator==(const NextHop&, const NextHop&) = default;
};

using NextHopTable = std::array<NextHop, 256>;  // entry 0 stays unresolved

}  // namespace sluice::table
