// The files of page/, compiled in.
#pragma once

#include <span>

#include "controlplane/admin/web.hpp"

namespace sluice::app {

[[nodiscard]] std::span<const admin::PageFile> page() noexcept;

}  // namespace sluice::app
