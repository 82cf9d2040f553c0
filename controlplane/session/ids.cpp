#include "controlplane/session/ids.hpp"

#include <charconv>
#include <cstring>
#include <vector>

namespace sluice::session {
namespace {

template <typename T>
T nonzero(const Random& random) {
    T value{};
    do {
        std::uint8_t bytes[sizeof(T)];
        random(bytes);
        std::memcpy(&value, bytes, sizeof value);
    } while (value == 0);
    return value;
}

}  // namespace

std::uint64_t random_u64(const Random& random) {
    return nonzero<std::uint64_t>(random);
}
std::uint32_t random_u32(const Random& random) {
    return nonzero<std::uint32_t>(random);
}

std::string random_token(const Random& random, std::size_t bytes) {
    static constexpr char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::vector<std::uint8_t> raw(bytes);
    random(raw);
    std::string text;
    std::uint32_t bits = 0;
    int held = 0;
    for (const std::uint8_t byte : raw) {
        bits = bits << 8 | byte;
        held += 8;
        while (held >= 6) {
            held -= 6;
            text.push_back(alphabet[bits >> held & 63]);
        }
    }
    if (held > 0) text.push_back(alphabet[bits << (6 - held) & 63]);
    return text;
}

std::string hex_id(std::uint64_t id) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text(16, '0');
    for (int i = 15; i >= 0; --i, id >>= 4) text[static_cast<std::size_t>(i)] = digits[id & 15];
    return text;
}

std::uint64_t parse_hex_id(std::string_view text) noexcept {
    std::uint64_t id = 0;
    if (text.empty() || text.size() > 16) return 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id, 16);
    return error == std::errc{} && end == text.data() + text.size() ? id : 0;
}

}  // namespace sluice::session
