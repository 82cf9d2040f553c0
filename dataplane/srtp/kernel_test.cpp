// Our kernels against OpenSSL's EVP, at their own door: every payload and header length, buffers whose ends
// are the ends of their memory, batches of every size, lanes of every mix.
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "dataplane/srtp/aes128.hpp"
#include "dataplane/srtp/avx512/cm_sha1.hpp"
#include "dataplane/srtp/avx512_packet.hpp"
#include "dataplane/srtp/test_support.hpp"

namespace sluice::srtp {
namespace {

using test::Bytes;
using test::Random;
using test::operator+;

using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

// Ciphertext and tag.
Bytes evp_gcm(const EVP_CIPHER* cipher, const Bytes& key, const Iv& iv, const Bytes& aad, const Bytes& text) {
    const Context ctx(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
    Bytes out(text.size() + gcm_tag_bytes);
    int len = 0;
    EVP_EncryptInit_ex(ctx.get(), cipher, nullptr, key.data(), iv.bytes.data());
    EVP_EncryptUpdate(ctx.get(), nullptr, &len, aad.data(), static_cast<int>(aad.size()));
    EVP_EncryptUpdate(ctx.get(), out.data(), &len, text.data(), static_cast<int>(text.size()));
    EVP_EncryptFinal_ex(ctx.get(), out.data() + text.size(), &len);
    EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_GCM_GET_TAG, gcm_tag_bytes, out.data() + text.size());
    return out;
}

struct Aes128Gcm {
    using Key = avx512::Gcm128Key;
    static constexpr std::size_t key_bytes = 16;
    static constexpr auto expand = avx512::expand_gcm128;
    static constexpr auto seal = avx512::seal_gcm128;
    static constexpr auto open = avx512::open_gcm128;
    static const EVP_CIPHER* evp() { return EVP_aes_128_gcm(); }
};
struct Aes256Gcm {
    using Key = avx512::Gcm256Key;
    static constexpr std::size_t key_bytes = 32;
    static constexpr auto expand = avx512::expand_gcm256;
    static constexpr auto seal = avx512::seal_gcm256;
    static constexpr auto open = avx512::open_gcm256;
    static const EVP_CIPHER* evp() { return EVP_aes_256_gcm(); }
};

template <typename Cipher>
class GcmKernel : public testing::Test {
protected:
    void SetUp() override {
        SLUICE_SKIP_UNLESS_IT_RUNS(Backend::avx512);
        random_.fill(key_bytes_);
        Cipher::expand(&key_, key_bytes_.data());
    }

    // Exact allocations: the address sanitizer sees a byte read or written too far.
    void check(std::size_t aad_len, std::size_t text_len) {
        const Bytes aad = random_.bytes(aad_len);
        const Bytes text = random_.bytes(text_len);
        Iv iv{};
        random_.fill(ByteSpan(iv.bytes).first(12));
        const Bytes expected = evp_gcm(Cipher::evp(), key_bytes_, iv, aad, text);
        test::Guarded sealed(text_len + gcm_tag_bytes);
        avx512::GcmPacket packet;
        avx512::describe(packet, &key_, iv, aad.data(), aad_len, text.data(), sealed.data(), text_len,
                         sealed.data() + text_len);
        Cipher::seal(&packet, 1);
        ASSERT_TRUE(std::ranges::equal(sealed.view(sealed.size()), expected))
            << "header " << aad_len << " payload " << text_len;
        ASSERT_TRUE(sealed.intact());

        const Bytes ciphertext(expected.begin(), expected.end() - gcm_tag_bytes);
        test::Guarded opened(text_len);
        std::array<std::uint8_t, gcm_tag_bytes> tag{};
        avx512::describe(packet, &key_, iv, aad.data(), aad_len, ciphertext.data(), opened.data(), text_len, tag.data());
        Cipher::open(&packet, 1);
        ASSERT_TRUE(std::ranges::equal(opened.view(text_len), text)) << "header " << aad_len << " payload " << text_len;
        ASSERT_TRUE(std::ranges::equal(tag, ByteView(expected).last(gcm_tag_bytes)));
        ASSERT_TRUE(opened.intact());
    }

    Random random_{60};
    Bytes key_bytes_ = Bytes(Cipher::key_bytes);
    typename Cipher::Key key_;
};

using Ciphers = testing::Types<Aes128Gcm, Aes256Gcm>;
TYPED_TEST_SUITE(GcmKernel, Ciphers);

TYPED_TEST(GcmKernel, AgreesWithOpensslForEveryPayloadLengthAndEveryHeaderLength) {
    for (std::size_t text = 0; text <= avx512::gcm_max_payload; ++text) {
        this->check(12 + 4 * (text % 13), text);
        if (this->HasFatalFailure()) return;
    }
    for (std::size_t aad = 1; aad <= avx512::gcm_max_aad; ++aad) {
        for (std::size_t text = aad % 3; text <= 1500; text += 29) {
            this->check(aad, text);
            if (this->HasFatalFailure()) return;
        }
    }
}

TYPED_TEST(GcmKernel, SealsABatchLikeSinglePackets) {
    for (std::size_t count = 1; count <= 64; ++count) {
        std::vector<avx512::GcmPacket> packets(count);
        std::vector<Bytes> headers, texts, sealed, expected;
        for (std::size_t i = 0; i < count; ++i) {
            headers.push_back(this->random_.bytes(12 + 4 * this->random_.below(13)));
            texts.push_back(this->random_.bytes(this->random_.below(1500)));
            sealed.emplace_back(texts[i].size() + gcm_tag_bytes);
            Iv iv{};
            iv.bytes[0] = static_cast<std::uint8_t>(i);
            expected.push_back(evp_gcm(TypeParam::evp(), this->key_bytes_, iv, headers[i], texts[i]));
            avx512::describe(packets[i], &this->key_, iv, headers[i].data(), headers[i].size(), texts[i].data(),
                             sealed[i].data(), texts[i].size(), sealed[i].data() + texts[i].size());
        }
        TypeParam::seal(packets.data(), count);
        ASSERT_EQ(sealed, expected) << count;
    }
}

// One lane's packet, and the same by OpenSSL.
struct Lane {
    Bytes header, text, message;
    KeyState::HmacPads pads;
    std::array<std::uint8_t, 16> key{};
    Bytes auth;
    std::unique_ptr<Aes128> cipher;
    Iv iv{};
    static constexpr std::array<std::uint8_t, 4> roc{1, 2, 3, 4};

    Lane(Random& random, std::size_t header_len, std::size_t text_len)
        : header(random.bytes(header_len)), text(random.bytes(text_len)), auth(random.bytes(20)) {
        random.fill(key);
        random.fill(ByteSpan(iv.bytes).first(14));
        HmacSha1Key hmac;
        hmac.init(auth);
        pads = hmac.pads;
        cipher = std::make_unique<Aes128>(key);
        message = header + Bytes(text_len) + Bytes(roc.begin(), roc.end()) + Bytes(6, 0xa5);
    }
    avx512::CmPacket packet() {
        avx512::CmPacket made{};
        avx512::store_vector(made.iv, iv);
        made.round_keys = static_cast<const std::uint8_t*>(cipher->schedule());
        made.pads = pads.inner.data();
        made.src = text.data();
        made.message = message.data();
        made.tag = message.data() + header.size() + text.size();
        made.text_len = static_cast<std::uint32_t>(text.size());
        made.header_len = static_cast<std::uint32_t>(header.size());
        return made;
    }
    [[nodiscard]] Bytes expected() const {
        const Context ctx(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
        Bytes ciphertext(text.size());
        int len = 0;
        EVP_EncryptInit_ex(ctx.get(), EVP_aes_128_ctr(), nullptr, key.data(), iv.bytes.data());
        EVP_EncryptUpdate(ctx.get(), ciphertext.data(), &len, text.data(), static_cast<int>(text.size()));
        const Bytes sent = header + ciphertext;
        const Bytes hashed = sent + Bytes(roc.begin(), roc.end());
        Bytes tag(20);
        HMAC(EVP_sha1(), auth.data(), static_cast<int>(auth.size()), hashed.data(), hashed.size(), tag.data(), nullptr);
        tag.resize(sha1_80_tag_bytes);
        return sent + tag;
    }
};

class CmKernel : public testing::Test {
protected:
    void SetUp() override { SLUICE_SKIP_UNLESS_IT_RUNS(Backend::avx512); }

    static void check(std::vector<Lane> lanes) {
        std::vector<avx512::CmPacket> packets;
        std::vector<const avx512::CmPacket*> pointers;
        for (Lane& lane : lanes) packets.push_back(lane.packet());
        for (const avx512::CmPacket& packet : packets) pointers.push_back(&packet);
        avx512::seal_cm_sha1(pointers.data(), static_cast<unsigned>(pointers.size()));
        for (const Lane& lane : lanes) {
            ASSERT_EQ(lane.message, lane.expected())
                << "lanes " << lanes.size() << " header " << lane.header.size() << " payload " << lane.text.size();
        }
    }
    Random random_{61};
};

TEST_F(CmKernel, AgreesWithOpensslForEveryPayloadLengthAndEveryHeaderLength) {
    for (std::size_t text = 0; text <= avx512::cm_max_payload; text += 16) {
        std::vector<Lane> lanes;
        for (std::size_t i = 0; i < 16; ++i) {
            lanes.emplace_back(random_, 12 + 4 * ((text + i) % 13), std::min<std::size_t>(text + i, avx512::cm_max_payload));
        }
        check(std::move(lanes));
        if (HasFatalFailure()) return;
    }
    for (std::size_t header = 12; header <= 76; header += 4) {
        for (std::size_t text = header % 5; text <= 1500; text += 211) {
            std::vector<Lane> lanes;
            for (std::size_t i = 0; i < 16; ++i) lanes.emplace_back(random_, header, text + i);
            check(std::move(lanes));
            if (HasFatalFailure()) return;
        }
    }
}

TEST_F(CmKernel, AgreesForAnyMixOfLengthsInAnyNumberOfLanes) {
    for (std::size_t round = 0; round < 160; ++round) {
        std::vector<Lane> lanes;
        for (std::size_t i = 0; i <= round % 16; ++i) {
            lanes.emplace_back(random_, 12 + 4 * random_.below(13), random_.below(8) == 0 ? 0 : random_.below(1500));
        }
        check(std::move(lanes));
        if (HasFatalFailure()) return;
    }
}

}  // namespace
}  // namespace sluice::srtp
