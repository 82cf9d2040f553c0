// The libsrtp2 engine: the oracle of the tests, and `sealer = libsrtp`. See engine.hpp for what it
// cannot do.
#pragma once

#include <memory>

#include "dataplane/srtp/engine.hpp"

namespace sluice::srtp {

// Null if the library's self-test fails.
[[nodiscard]] std::unique_ptr<Engine> make_libsrtp_engine();

}  // namespace sluice::srtp
