// A connectivity check of a validated transport: parsed, verified and answered, as the worker does it.

#include <array>

#include "dataplane/srtp/hmac.hpp"
#include "dataplane/wire/stun.hpp"
#include "dataplane/wire/stun_writer.hpp"
#include "perf/micro/stage.hpp"

namespace sluice::perf {
namespace {

struct Ice {
    srtp::HmacSha1Key key;
    Bytes request;

    [[nodiscard]] auto hmac() const {
        return [this](std::span<const ByteView> parts, std::uint8_t* out) { srtp::hmac_sha1(key.pads, parts, out); };
    }

    Ice() {
        const std::string password = "passwordpasswordpassword";
        key.init({reinterpret_cast<const std::uint8_t*>(password.data()), password.size()});
        std::array<std::uint8_t, 160> buffer;
        wire::StunWriter writer(buffer, wire::StunType::binding_request, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
        writer.add_username("abcdefgh:ijkl");
        writer.add_priority(1853824767);
        writer.add_ice_controlling(0x0123456789abcdef);
        writer.add_use_candidate();
        writer.add_message_integrity(hmac());
        writer.add_fingerprint();
        const ByteView made = writer.finish();
        request.assign(made.begin(), made.end());
    }
    [[nodiscard]] bool verify(const wire::StunView& check) const {
        return check.message_integrity_valid(hmac()) && check.fingerprint_valid();
    }
    // Whether the answer fits.
    [[nodiscard]] bool answer(const wire::StunView& check, ByteSpan out) const {
        wire::StunWriter writer(out, wire::StunType::binding_success, check.transaction_id());
        writer.add_xor_mapped_address(*Endpoint::parse("198.51.100.7:40000"));
        writer.add_message_integrity(hmac());
        writer.add_fingerprint();
        return !writer.finish().empty();
    }
};

}  // namespace

void add_stun_stages() {
    stage("stun/parse", {}, [] {
        return [ice = Ice()] {
            const auto check = wire::StunView::parse(ice.request);
            return check && check->username() && check->use_candidate();
        };
    });
    stage("stun/verify", {}, [] {
        return [ice = Ice()] {
            const auto check = wire::StunView::parse(ice.request);
            return check && ice.verify(*check);
        };
    });
    stage("stun/parse_verify_answer", {}, [] {
        return [ice = Ice(), out = std::array<std::uint8_t, 128>{}]() mutable {
            const auto check = wire::StunView::parse(ice.request);
            return check && ice.verify(*check) && ice.answer(*check, out);
        };
    });
}

}  // namespace sluice::perf
