// `top`: what flows, again and again.
#pragma once

#include <ostream>

#include "tools/sluicectl/screen.hpp"
#include "tools/sluicectl/settings.hpp"

namespace sluice::ctl {

// One frame.
[[nodiscard]] Outcome top_once(const Settings& settings);
// Until the screen says that it is enough. A data plane that goes away is waited for; one that was never there is a failure.
[[nodiscard]] Outcome top(const Settings& settings, Screen& screen);
// One JSON document an interval, until `out` fails.
[[nodiscard]] Outcome top_stream(const Settings& settings, std::ostream& out);

}  // namespace sluice::ctl
