// The observer's side of a capture or a trace: starts it at the data plane, takes what the workers show out of their rings,
// ends it. Where the data plane goes away, what its rings hold stays readable. One thread.
#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <vector>

#include "controlplane/dpclient/mapping.hpp"
#include "dataplane/abi/capture_ring.hpp"
#include "tools/sluicectl/control_link.hpp"
#include "tools/sluicectl/settings.hpp"

namespace sluice::ctl {

// A connection for a capture or a trace, and the state segment to look things up in.
struct ObservedPlane {
    std::unique_ptr<ControlLink> link;
    dpclient::SegmentView segment;
};
// The Outcome says that the data plane is down; `control` is what is known of the other one.
[[nodiscard]] std::expected<ObservedPlane, Outcome> open_plane(const Settings& settings, const PlaneState& control);

class Observation {
public:
    // The Outcome says why not, in words that a person can act on.
    [[nodiscard]] static std::expected<std::unique_ptr<Observation>, Outcome> start(std::unique_ptr<ControlLink> link,
                                                                                    const Settings& settings,
                                                                                    const abi::ObserveStart& wanted);

    using OnRecord = std::function<bool(const abi::CaptureRecord& record, ByteView bytes)>;
    // Hands over what has come in, of all workers in the order of time. False: on_record wants no more.
    bool take(const OnRecord& on_record);
    // False once the data plane has gone.
    bool wait(std::chrono::milliseconds time) { return link_->wait(time); }
    // Ends it; a last take() then gives the rest. False where the data plane did not confirm it.
    bool stop();

    [[nodiscard]] std::uint32_t workers() const noexcept { return static_cast<std::uint32_t>(rings_.size()); }
    [[nodiscard]] std::uint64_t lost(std::uint32_t worker) const noexcept { return rings_[worker].lost(); }
    [[nodiscard]] std::uint64_t lost() const noexcept;
    [[nodiscard]] std::uint64_t invalid() const noexcept { return invalid_; }

private:
    Observation(std::unique_ptr<ControlLink> link, dpclient::Mapping mapping, abi::ObserveKind kind,
                const abi::ObserveStarted& started, std::chrono::milliseconds patience);

    std::unique_ptr<ControlLink> link_;
    dpclient::Mapping mapping_;
    std::vector<abi::CaptureRingConsumer> rings_;
    abi::ObserveKind kind_;
    std::chrono::milliseconds patience_;
    std::uint64_t invalid_ = 0;
};

// Set by SIGINT and SIGTERM while one of these lives: whoever stops a capture still gets a whole file.
class StopSignals {
public:
    StopSignals();
    ~StopSignals();
    StopSignals(const StopSignals&) = delete;
    StopSignals& operator=(const StopSignals&) = delete;
    [[nodiscard]] bool stopped() const noexcept;

private:
    void (*before_[2])(int);
};

}  // namespace sluice::ctl
