// sluice-load: see options.cpp for the usage and swarm.hpp for how it works.
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>

#include "tools/load/swarm.hpp"

// NOLINTNEXTLINE(bugprone-exception-escape): what nobody caught ends in a core dump, not in an exit code
int main(int argc, char** argv) {
    using namespace sluice;
    loadgen::Options options;
    if (const auto usage = loadgen::parse_options({argv + 1, argv + argc}, options)) {
        std::fputs(usage->text.c_str(), usage->exit_code == 0 ? stdout : stderr);
        return usage->exit_code;
    }
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    const UniqueFd stop(::signalfd(-1, &signals, SFD_CLOEXEC));

    auto world = loadgen::make_world(options);
    if (!world) {
        std::fprintf(stderr, "sluice-load: %s\n", world.error().c_str());
        return 2;
    }
    loadgen::Swarm swarm(**world);
    return swarm.run(STDIN_FILENO, stop.get());
}
