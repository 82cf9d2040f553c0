#include "controlplane/dtls/record.hpp"

#include "dataplane/base/byteorder.hpp"

namespace sluice::dtls {
namespace {

constexpr std::size_t handshake_header = 12;

std::size_t load24(const std::uint8_t* p) noexcept {
    return static_cast<std::size_t>(p[0]) << 16 | static_cast<std::size_t>(p[1]) << 8 | p[2];
}

// A plaintext record of type handshake holds whole fragments, each inside its message.
bool fragments_are_sound(ByteView body) noexcept {
    if (body.empty()) return false;
    while (!body.empty()) {
        if (body.size() < handshake_header) return false;
        std::size_t const message_length = load24(body.data() + 1);
        std::size_t const offset = load24(body.data() + 6);
        std::size_t const length = load24(body.data() + 9);
        if (message_length > max_handshake_message || offset + length > message_length) return false;
        // An empty fragment of a message that is not empty carries nothing.
        if (length == 0 && message_length != 0) return false;
        if (body.size() - handshake_header < length) return false;
        body = body.subspan(handshake_header + length);
    }
    return true;
}

bool is_sound(std::uint8_t type, bool plaintext, ByteView body) noexcept {
    switch (type) {
        case content_change_cipher_spec: return !plaintext || (body.size() == 1 && body[0] == 1);
        case content_alert: return !plaintext || (body.size() == 2 && (body[0] == 1 || body[0] == 2));
        case content_handshake: return !plaintext || fragments_are_sound(body);
        case content_application_data: return !plaintext;
        default: return false;
    }
}

}  // namespace

std::size_t well_formed_prefix(ByteView datagram) noexcept {
    std::size_t good = 0;
    while (datagram.size() - good >= record_header) {
        const std::uint8_t* at = datagram.data() + good;
        // 0xfeff in a first ClientHello, 0xfefd after; the versions within hellos are the library's affair.
        if (at[1] != 0xfe || (at[2] != 0xff && at[2] != 0xfd)) break;
        bool const plaintext = load<be16>(at + 3).value() == 0;
        std::size_t const length = load<be16>(at + 11).value();
        if (datagram.size() - good - record_header < length) break;
        if (!is_sound(at[0], plaintext, datagram.subspan(good + record_header, length))) break;
        good += record_header + length;
    }
    return good;
}

}  // namespace sluice::dtls
