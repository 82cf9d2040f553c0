#include "controlplane/dtls/test_clock.hpp"

#include <sys/time.h>

namespace {
std::int64_t now_ns = 1'700'000'000'000'000'000;
int reads = 0;
}  // namespace

extern "C" [[gnu::visibility("default")]] int gettimeofday(timeval* out, void*) noexcept {
    ++reads;
    out->tv_sec = now_ns / 1'000'000'000;
    out->tv_usec = now_ns % 1'000'000'000 / 1'000;
    return 0;
}

namespace sluice::dtls::test {

void advance_clock(std::int64_t ns) {
    now_ns += ns;
}
int clock_reads() {
    return reads;
}

}  // namespace sluice::dtls::test
