#include <sys/ioctl.h>
#include <unistd.h>

#include <thread>

#include "tools/sluicectl/screen.hpp"

namespace sluice::ctl {
namespace {

class Plain : public Screen {
public:
    Plain(std::ostream& out, bool terminal) : out_(out), terminal_(terminal) {}

    std::size_t width() const override { return terminal_ ? terminal_size().width : 0; }
    std::size_t lines() const override { return terminal_ ? terminal_size().lines : 0; }
    void show(const std::string& text) override {
        if (!terminal_) {
            out_ << text << '\n' << std::flush;
            return;
        }
        // From the top left corner, line by line, so that nothing flickers; then erase what an earlier frame left below.
        std::string frame = first_ ? "\x1b[2J\x1b[H" : "\x1b[H";
        first_ = false;
        std::string_view rest = text;
        if (rest.ends_with('\n')) rest.remove_suffix(1);
        for (const char c : rest) frame += c == '\n' ? std::string("\x1b[K\r\n") : std::string(1, c);
        out_ << frame << "\x1b[K\x1b[J" << std::flush;
    }
    bool wait(std::chrono::milliseconds time) override {
        std::this_thread::sleep_for(time);
        return out_.good();
    }

private:
    std::ostream& out_;
    bool terminal_;
    bool first_ = true;
};

}  // namespace

std::unique_ptr<Screen> plain_screen(std::ostream& out, bool terminal) {
    return std::make_unique<Plain>(out, terminal);
}

TerminalSize terminal_size() noexcept {
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return {};
    return {size.ws_col, size.ws_row};
}

}  // namespace sluice::ctl
