#include "controlplane/core/random.hpp"

#include <openssl/rand.h>

#include <cstdlib>

namespace sluice::core {

void random_bytes(ByteSpan out) {
    if (!out.empty() && RAND_bytes(out.data(), static_cast<int>(out.size())) != 1) std::abort();
}

std::uint32_t random_u32() {
    return load<std::uint32_t>(random_array<4>().data());
}

std::uint64_t random_id() {
    for (;;) {
        if (const auto id = load<std::uint64_t>(random_array<8>().data()); id != 0) return id;
    }
}

std::string random_string(std::size_t length, std::string_view alphabet) {
    if (alphabet.size() < 2 || alphabet.size() > 256) std::abort();
    // Bytes from the incomplete last round of the alphabet would favour its first characters.
    const std::size_t fair = 256 - 256 % alphabet.size();
    std::string out;
    out.reserve(length);
    while (out.size() < length) {
        for (const std::uint8_t byte : random_array<64>()) {
            if (byte < fair && out.size() < length) out.push_back(alphabet[byte % alphabet.size()]);
        }
    }
    return out;
}

}  // namespace sluice::core
