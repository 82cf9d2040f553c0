#define NCURSES_NOMACROS
#include <curses.h>

#include <algorithm>

#include "tools/sluicectl/screen.hpp"

namespace sluice::ctl {
namespace {

class Curses : public Screen {
public:
    explicit Curses(SCREEN* screen) : screen_(screen) {
        ::raw();  // Ctrl-C comes as a key: the terminal is always given back
        ::noecho();
        ::curs_set(0);
        ::keypad(stdscr, TRUE);
    }
    ~Curses() override {
        ::endwin();
        ::delscreen(screen_);
    }
    Curses(const Curses&) = delete;
    Curses& operator=(const Curses&) = delete;

    std::size_t width() const override { return static_cast<std::size_t>(std::max(COLS, 0)); }
    std::size_t lines() const override { return static_cast<std::size_t>(std::max(LINES, 0)); }
    void show(const std::string& text) override {
        ::erase();
        int line = 0;
        for (std::size_t at = 0; at < text.size() && line < LINES; ++line) {
            const auto end = std::min(text.find('\n', at), text.size());
            if (line == 0) ::attron(A_BOLD);
            ::mvaddnstr(line, 0, text.data() + at, static_cast<int>(end - at));
            if (line == 0) ::attroff(A_BOLD);
            at = end + 1;
        }
        ::refresh();
    }
    bool wait(std::chrono::milliseconds time) override {
        const auto deadline = std::chrono::steady_clock::now() + time;
        for (;;) {
            const auto left =
                std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
            if (left <= 0) return true;
            ::timeout(static_cast<int>(left));
            const int key = ::getch();
            if (key == 'q' || key == 'Q' || key == 3) return false;
            if (key == KEY_RESIZE) return true;
        }
    }

private:
    SCREEN* screen_;
};

}  // namespace

std::unique_ptr<Screen> curses_screen() {
    SCREEN* screen = ::newterm(nullptr, stdout, stdin);
    if (screen == nullptr) return nullptr;
    // A terminal whose cursor cannot be moved (TERM=dumb) is none for ncurses, although newterm() takes it.
    if (::tigetstr("cup") == nullptr) {
        ::endwin();
        ::delscreen(screen);
        return nullptr;
    }
    return std::make_unique<Curses>(screen);
}

}  // namespace sluice::ctl
