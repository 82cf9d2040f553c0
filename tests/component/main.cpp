// EAL without hugepages and without any device, once for all tests of the process.

#include <gtest/gtest.h>
#include <rte_eal.h>

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    const char* arguments[] = {"component",
                               "--no-huge",
                               "--no-pci",
                               "--no-shconf",
                               "-m",
                               "192",
                               "--no-telemetry",
                               "--lcores=0@0",
                               "--log-level=lib.eal:error",
                               "--log-level=user1:warning"};
    if (rte_eal_init(sizeof arguments / sizeof *arguments, const_cast<char**>(arguments)) < 0) return 2;
    const int result = RUN_ALL_TESTS();
    (void)rte_eal_cleanup();
    return result;
}
