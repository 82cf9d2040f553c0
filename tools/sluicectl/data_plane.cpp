#include "tools/sluicectl/data_plane.hpp"

#include "tools/sluicectl/control_link.hpp"

namespace sluice::ctl {

std::expected<DataPlane, std::string> observe(const std::string& control_socket, std::chrono::milliseconds patience) {
    const auto link = ControlLink::open(control_socket, patience);
    if (!link) return std::unexpected(link.error());
    auto segment = (*link)->take_segment();
    if (!segment) return std::unexpected(segment.error());
    return DataPlane{(*link)->hello(), std::move(*segment)};
}

}  // namespace sluice::ctl
