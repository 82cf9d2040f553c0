#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/load.hpp"
#include "config/text.hpp"

// libconfig 1.5 leaks the buffer of a string that is never closed: 64 bytes per refused file.
extern "C" const char* __lsan_default_suppressions() {
    return "leak:libconfig";
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto config = sluice::config::parse(text, "fuzz.conf");
    if (!config) {
        if (config.error().empty() || sluice::config::to_string(config.error()).empty()) std::abort();
        return 0;
    }
    // What was accepted can be shown, and what is shown means the same.
    const auto again = sluice::config::parse(sluice::config::show(*config, true), "again.conf");
    if (!again || *again != *config) std::abort();
    return 0;
}
