// The Link field that tells a client of an ICE server (RFC 9725 §4.6).
#pragma once

#include "signaling/whip/whip.hpp"

#include <string>

namespace sluice::whip {

/// <turn:host>; rel="ice-server"; username="u"; credential="c"; credential-type="password"
std::string link_value(const IceServer& server);

}  // namespace sluice::whip
