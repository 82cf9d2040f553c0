#include <cstdlib>

#include "tests/component/eal.hpp"

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    if (!sluice::test::start_eal()) std::abort();
    return 0;
}
