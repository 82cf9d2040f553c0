// A clock for tests. OpenSSL 3.0 takes the time of its DTLS timer from gettimeofday(), so this executable
// defines that function itself; the dynamic linker gives it to libssl too. It stands until advanced.
#pragma once

#include <cstdint>

namespace sluice::dtls::test {

void advance_clock(std::int64_t ns);
// How often anybody asked: proves that the library took ours.
[[nodiscard]] int clock_reads();

}  // namespace sluice::dtls::test
