#include "dataplane/wire/fuzz_bodies.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    sluice::wire::fuzz::rtp({data, size});
    return 0;
}
