// The self-test that a backend has to pass before it may seal for anybody.
#pragma once

#include "dataplane/srtp/engine.hpp"

namespace sluice::srtp {

// Seals a batch of each suite, with lengths that take every path of the kernels, and compares a digest
// with the one on which libsrtp and ipsec-mb agree; opens what it sealed, and refuses it when it is damaged.
[[nodiscard]] bool known_answers(Engine& engine);

}  // namespace sluice::srtp
