#include "dataplane/srtp/avx512/cpu.hpp"

#include <cpuid.h>

#include <cstdint>

namespace sluice::srtp::avx512 {
namespace {

// A CPU with AVX-512 is of no use where the kernel does not save its registers: XCR0 tells which it does.
std::uint64_t saved_state() noexcept {
    std::uint32_t low = 0, high = 0;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return std::uint64_t{high} << 32 | low;
}

// SSE, AVX, the mask registers, and both halves of what AVX-512 adds.
constexpr std::uint64_t needed_state = 0b1110'0110;

struct Feature {
    const char* name;
    std::uint32_t bit;
};
constexpr Feature in_ebx[] = {{"BMI2", bit_BMI2},
                              {"AVX512F", bit_AVX512F},
                              {"AVX512DQ", bit_AVX512DQ},
                              {"AVX512BW", bit_AVX512BW},
                              {"AVX512VL", bit_AVX512VL}};
constexpr Feature in_ecx[] = {{"VAES", bit_VAES}, {"VPCLMULQDQ", bit_VPCLMULQDQ}};

}  // namespace

std::string missing_features() {
    std::uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
    if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0 || (ecx & bit_OSXSAVE) == 0) return "OSXSAVE";
    if ((saved_state() & needed_state) != needed_state) return "AVX-512 state (the operating system does not save it)";
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return "AVX512F";
    std::string missing;
    const auto look = [&missing](const Feature& feature, std::uint32_t word) {
        if ((word & feature.bit) == 0) missing += (missing.empty() ? "" : ", ") + std::string(feature.name);
    };
    for (const Feature& feature : in_ebx) look(feature, ebx);
    for (const Feature& feature : in_ecx) look(feature, ecx);
    return missing;
}

}  // namespace sluice::srtp::avx512
