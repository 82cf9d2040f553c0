// Connects to the data plane as an observer, which gives its state segment read-only; and to nothing else: no key passes
// here.
#pragma once

#include <chrono>
#include <expected>
#include <string>

#include "controlplane/dpclient/segment_view.hpp"
#include "dataplane/abi/messages.hpp"

namespace sluice::ctl {

struct DataPlane {
    abi::HelloReply hello;
    dpclient::SegmentView segment;
};

// Blocks for at most `patience`. The error says what a person can do.
[[nodiscard]] std::expected<DataPlane, std::string> observe(const std::string& control_socket,
                                                            std::chrono::milliseconds patience = std::chrono::seconds(2));

}  // namespace sluice::ctl
