#include "dataplane/srtp/hmac.hpp"

#include <openssl/hmac.h>

#include "dataplane/srtp/test_support.hpp"

namespace sluice::srtp {
namespace {

using test::Bytes;

Bytes mac(const Bytes& key_bytes, std::initializer_list<ByteView> parts) {
    HmacSha1Key key;
    key.init(key_bytes);
    Bytes out(20);
    hmac_sha1(key.pads, std::vector<ByteView>(parts), out.data());
    return out;
}

ByteView text(std::string_view text) {
    return {static_cast<const std::uint8_t*>(static_cast<const void*>(text.data())), text.size()};
}

TEST(HmacSha1, AgreesWithRfc2202) {
    EXPECT_EQ(mac(Bytes(20, 0x0b), {text("Hi There")}), test::from_hex("b617318655057264e28bc0b6fb378c8ef146be00"));
    EXPECT_EQ(mac(Bytes{'J', 'e', 'f', 'e'}, {text("what do ya want "), text("for nothing?")}),
              test::from_hex("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"));
    EXPECT_EQ(mac(Bytes(80, 0xaa), {text("Test Using Larger Than Block-Size Key - Hash Key First")}),
              test::from_hex("aa4ae5e15272d00e95705637ce8a3b55ed402112"));
}

TEST(HmacSha1, AgreesWithOpenSslForAnyLengthsAndParts) {
    test::Random random(4);
    for (int round = 0; round < 3000; ++round) {
        const Bytes key = random.bytes(random.below(100));
        const Bytes message = random.bytes(random.below(300));
        const std::size_t cut = random.below(message.size() + 1);
        Bytes expected(20);
        HMAC(EVP_sha1(), key.data(), static_cast<int>(key.size()), message.data(), message.size(), expected.data(), nullptr);
        const ByteView view(message);
        ASSERT_EQ(mac(key, {view.first(cut), view.subspan(cut)}), expected);
    }
}

}  // namespace
}  // namespace sluice::srtp
