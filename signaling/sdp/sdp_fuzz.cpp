#include <cstddef>
#include <cstdint>

#include "signaling/sdp/replay.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    (void)sluice::sdp::replay({reinterpret_cast<const char*>(data), size});
    return 0;
}
