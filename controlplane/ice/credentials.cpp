#include "controlplane/ice/credentials.hpp"

#include <array>
#include <string_view>

namespace sluice::ice {
namespace {

constexpr std::string_view ice_chars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static_assert(ice_chars.size() == 64);

bool is_text(std::string_view text, std::size_t shortest) noexcept {
    return text.size() >= shortest && text.size() <= 256 && text.find_first_not_of(ice_chars) == std::string_view::npos;
}

}  // namespace

Credentials generate(const Random& random) {
    std::array<std::uint8_t, 8 + 24> bytes{};
    random(bytes);
    Credentials out;
    for (std::size_t n = 0; n < bytes.size(); ++n) (n < 8 ? out.ufrag : out.pwd) += ice_chars[bytes[n] % 64];
    return out;
}

bool is_valid(const Credentials& credentials) noexcept {
    return is_text(credentials.ufrag, 4) && is_text(credentials.pwd, 22);
}

}  // namespace sluice::ice
