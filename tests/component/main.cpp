#include <gtest/gtest.h>

#include "tests/component/eal.hpp"

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    if (!sluice::test::start_eal()) return 2;
    const int result = RUN_ALL_TESTS();
    (void)rte_eal_cleanup();
    return result;
}
