#include "tools/sluicectl/screen.hpp"

namespace sluice::ctl {

std::unique_ptr<Screen> curses_screen() {
    return nullptr;
}

}  // namespace sluice::ctl
