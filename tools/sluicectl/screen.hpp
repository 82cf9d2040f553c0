// Where `top` draws: ncurses on a terminal that it knows, escape sequences on one that it does not, plain frames elsewhere.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <ostream>
#include <string>

namespace sluice::ctl {

// One thread.
class Screen {
public:
    virtual ~Screen() = default;
    [[nodiscard]] virtual std::size_t width() const = 0;  // 0: no limit
    [[nodiscard]] virtual std::size_t lines() const = 0;
    virtual void show(const std::string& text) = 0;
    // False: the user wants to leave, or nobody reads any more.
    [[nodiscard]] virtual bool wait(std::chrono::milliseconds time) = 0;
};

// nullptr where ncurses was not built in, or does not know the terminal.
[[nodiscard]] std::unique_ptr<Screen> curses_screen();
// `terminal`: whether escape sequences mean something to whoever reads `out`.
[[nodiscard]] std::unique_ptr<Screen> plain_screen(std::ostream& out, bool terminal);

// Columns and lines of the terminal on stdout; 0 where there is none.
struct TerminalSize {
    std::size_t width = 0, lines = 0;
};
[[nodiscard]] TerminalSize terminal_size() noexcept;

}  // namespace sluice::ctl
