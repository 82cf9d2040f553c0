// From a session's state to the objects that the data plane runs: its transport, a publisher's sources, a viewer's legs.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "controlplane/session/session_state.hpp"
#include "dataplane/abi/messages.hpp"

namespace sluice::session {

// False when a value does not fit the fixed fields.
bool set_credentials(abi::IceCredentials& out, const ice::Credentials& credentials) noexcept;

// Without path and keys: those come with the checks and the handshake.
[[nodiscard]] abi::TransportSpec transport_spec(const SessionState& state);

// One per layer of each active line.
[[nodiscard]] std::vector<abi::SourceSpec> source_specs(const SessionState& state);

// Everything but the source that it follows: see follow().
[[nodiscard]] abi::LegSpec leg_spec(const SessionState& state, const MediaLine& line);

// Points the leg at `source`, a layer of `published`, with the viewer's payload types for the publisher's. False (and
// the leg is unchanged) when the viewer can take none of them.
bool follow(abi::LegSpec& leg, const MediaLine& viewer, const MediaLine& published, abi::SourceId source);

}  // namespace sluice::session
