#include "dataplane/wire/stun.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <string>
#include <vector>

#include "dataplane/base/byteorder.hpp"
#include "dataplane/wire/stun_writer.hpp"

namespace sluice::wire {
namespace {

using Bytes = std::vector<std::uint8_t>;

// HMAC-SHA1 with a fixed key, as an oracle.
struct Hmac {
    std::string key;
    void operator()(std::span<const ByteView> parts, std::uint8_t* out) const {
        Bytes all;
        for (const ByteView part : parts) all.insert(all.end(), part.begin(), part.end());
        unsigned length = 0;
        HMAC(EVP_sha1(), key.data(), static_cast<int>(key.size()), all.data(), all.size(), out, &length);
    }
};

Bytes hex(std::string_view text) {
    std::string digits;
    for (const char c : text) {
        if (c != ' ' && c != '\n') digits += c;
    }
    Bytes out;
    for (std::size_t i = 0; i < digits.size(); i += 2) {
        out.push_back(static_cast<std::uint8_t>(std::stoi(digits.substr(i, 2), nullptr, 16)));
    }
    return out;
}

const Hmac short_term{"VOkJxbRl1RmTxUk/WvJxBt"};

const Bytes rfc5769_request = hex(R"(
000100582112a442b7e7a701bc34d686fa87dfae 802200105354554e207465737420636c69656e74
002400046e0001ff 80290008932ff9b151263b36 000600096576746a3a68367659202020
000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2 80280004e57a3bcf)");

const Bytes rfc5769_response4 = hex(R"(
0101003c2112a442b7e7a701bc34d686fa87dfae 8022000b7465737420766563746f7220
002000080001a147e112a643 000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7 80280004c07d4c96)");

const Bytes rfc5769_response6 = hex(R"(
010100482112a442b7e7a701bc34d686fa87dfae 8022000b7465737420766563746f7220
002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9
00080014a382954e4be67bf11784c97c8292c275bfe3ed41 80280004c8fb0b4c)");

const Bytes rfc5769_long_term = hex(R"(
000100602112a44278ad3433c6ad72c029da412e 00060012e3839ee38388e383aae38383e382afe382b90000
0015001c662f2f3439396b39353464364f4c33346f4c39465354767936347341
0014000b6578616d706c652e6f726700 00080014f67024656dd64a3e02b8e0712e85c9a28ca89666)");

TEST(StunView, ReadsTheRequestOfRfc5769) {
    const auto view = StunView::parse(rfc5769_request);
    ASSERT_TRUE(view) << to_string(view.error());
    EXPECT_EQ(view->type(), StunType::binding_request);
    EXPECT_EQ(view->transaction_id()[0], 0xb7);
    EXPECT_EQ(view->transaction_id()[11], 0xae);
    EXPECT_EQ(view->software(), "STUN test client");
    EXPECT_EQ(view->username(), "evtj:h6vY");
    EXPECT_EQ(view->priority(), 0x6e0001ffU);
    EXPECT_EQ(view->ice_controlled(), 0x932ff9b151263b36U);
    EXPECT_FALSE(view->ice_controlling());
    EXPECT_FALSE(view->use_candidate());
    EXPECT_TRUE(view->message_integrity_valid(short_term));
    EXPECT_FALSE(view->message_integrity_valid(Hmac{"another"}));
    EXPECT_TRUE(view->fingerprint_valid());
    EXPECT_TRUE(view->unknown_required().empty());
}

TEST(StunView, ReadsTheResponsesOfRfc5769) {
    const auto v4 = StunView::parse(rfc5769_response4);
    ASSERT_TRUE(v4);
    EXPECT_EQ(v4->type(), StunType::binding_success);
    EXPECT_EQ(v4->software(), "test vector");
    EXPECT_EQ(v4->xor_mapped_address()->to_string(), "192.0.2.1:32853");
    EXPECT_TRUE(v4->message_integrity_valid(short_term));
    EXPECT_TRUE(v4->fingerprint_valid());

    const auto v6 = StunView::parse(rfc5769_response6);
    ASSERT_TRUE(v6);
    EXPECT_EQ(v6->xor_mapped_address()->to_string(), "[2001:db8:1234:5678:11:2233:4455:6677]:32853");
    EXPECT_TRUE(v6->message_integrity_valid(short_term));
    EXPECT_TRUE(v6->fingerprint_valid());
}

TEST(StunView, ReadsTheLongTermRequestOfRfc5769) {
    const auto view = StunView::parse(rfc5769_long_term);
    ASSERT_TRUE(view);
    const std::string user = "\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa\xe3\x83\x83\xe3\x82\xaf\xe3\x82\xb9";
    EXPECT_EQ(view->username(), user);
    const std::string secret = user + ":example.org:TheMatrIX";
    std::string key(16, '\0');
    unsigned length = 0;
    EVP_Digest(secret.data(), secret.size(), reinterpret_cast<unsigned char*>(key.data()), &length, EVP_md5(), nullptr);
    EXPECT_TRUE(view->message_integrity_valid(Hmac{key}));
    EXPECT_FALSE(view->has_fingerprint());
    EXPECT_FALSE(view->fingerprint_valid());
}

TEST(StunView, NoticesEveryFlippedBit) {
    for (std::size_t bit = 0; bit < rfc5769_request.size() * 8; ++bit) {
        Bytes bytes = rfc5769_request;
        bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1U << bit % 8));
        const auto view = StunView::parse(bytes);
        EXPECT_FALSE(view && view->fingerprint_valid() && view->message_integrity_valid(short_term)) << bit;
    }
}

TEST(StunView, RefusesEachDefectByName) {
    const auto error_of = [](auto change) {
        Bytes bytes = rfc5769_request;
        change(bytes);
        const auto view = StunView::parse(bytes);
        EXPECT_FALSE(view);
        return view ? StunError{} : view.error();
    };
    const auto set16 = [](Bytes& b, std::size_t at, std::uint16_t v) { store(b.data() + at, be16{v}); };
    EXPECT_EQ(error_of([](Bytes& b) { b.resize(19); }), StunError::truncated_header);
    EXPECT_EQ(error_of([](Bytes& b) { b[0] |= 0x80; }), StunError::bad_leading_bits);
    EXPECT_EQ(error_of([](Bytes& b) { b[4] ^= 1; }), StunError::bad_cookie);
    EXPECT_EQ(error_of([](Bytes& b) { b.pop_back(); }), StunError::bad_length);
    EXPECT_EQ(error_of([](Bytes& b) { b.push_back(0); }), StunError::bad_length);
    EXPECT_EQ(error_of([&](Bytes& b) {
                  set16(b, 2, 0x57);
                  b.pop_back();
              }),
              StunError::bad_length);
    EXPECT_EQ(error_of([&](Bytes& b) { set16(b, 22, 0x100); }), StunError::attribute_overruns);
    EXPECT_EQ(error_of([&](Bytes& b) { set16(b, 42, 3); }), StunError::bad_attribute_length);
    EXPECT_EQ(error_of([&](Bytes& b) {
                  b.insert(b.end(), {0x80, 0x22, 0, 0});
                  set16(b, 2, static_cast<std::uint16_t>(b.size() - 20));
              }),
              StunError::fingerprint_not_last);
}

TEST(StunView, IgnoresWhatFollowsMessageIntegrity) {
    Bytes buffer(200);
    StunWriter writer(buffer, StunType::binding_request, {});
    writer.add_username("a:b");
    writer.add_message_integrity(short_term);
    writer.add_use_candidate();
    writer.add_username("c:d");
    const auto view = StunView::parse(writer.finish());
    ASSERT_TRUE(view);
    EXPECT_TRUE(view->message_integrity_valid(short_term));
    EXPECT_FALSE(view->use_candidate());
    EXPECT_EQ(view->username(), "a:b");
}

TEST(StunView, ListsUnknownRequiredAttributesAndNoOthers) {
    Bytes buffer(300);
    StunWriter writer(buffer, StunType::binding_request, {});
    writer.add_attribute(static_cast<StunAttribute>(0x7001), Bytes{1, 2, 3});
    writer.add_attribute(static_cast<StunAttribute>(0xc057), Bytes{0, 1, 0, 50});  // optional
    writer.add_priority(5);
    for (int i = 0; i < 20; ++i) writer.add_attribute(static_cast<StunAttribute>(0x7002), {});
    const auto view = StunView::parse(writer.finish());
    ASSERT_TRUE(view);
    ASSERT_EQ(view->unknown_required().size(), 8U);
    EXPECT_EQ(view->unknown_required()[0], 0x7001);
    EXPECT_EQ(view->unknown_required()[1], 0x7002);
}

TEST(StunWriter, RoundTripsARequest) {
    Bytes buffer(200);
    const StunTransactionId id{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    StunWriter writer(buffer, StunType::binding_request, id);
    writer.add_username("remote:local");
    writer.add_priority(0x12345678);
    writer.add_ice_controlling(0x0102030405060708);
    writer.add_use_candidate();
    writer.add_message_integrity(short_term);
    writer.add_fingerprint();
    const auto view = StunView::parse(writer.finish());
    ASSERT_TRUE(view);
    EXPECT_EQ(view->transaction_id(), id);
    EXPECT_EQ(view->username(), "remote:local");
    EXPECT_EQ(view->priority(), 0x12345678U);
    EXPECT_EQ(view->ice_controlling(), 0x0102030405060708U);
    EXPECT_TRUE(view->use_candidate());
    EXPECT_TRUE(view->message_integrity_valid(short_term));
    EXPECT_TRUE(view->fingerprint_valid());
}

TEST(StunWriter, ReproducesTheResponseOfRfc5769ButForItsPadding) {
    for (const auto* golden : {&rfc5769_response4, &rfc5769_response6}) {
        const auto expected = StunView::parse(*golden).value();
        Bytes buffer(200);
        StunWriter writer(buffer, StunType::binding_success, expected.transaction_id());
        writer.add_software("test vector");
        writer.add_xor_mapped_address(*expected.xor_mapped_address());
        writer.add_message_integrity(short_term);
        writer.add_fingerprint();
        const ByteView made = writer.finish();
        ASSERT_EQ(made.size(), golden->size());
        // RFC 5769 pads with a space, RFC 8489 with zero; the hashes, at the end, differ therefore.
        for (std::size_t i = 0; i + 32 < made.size(); ++i) {
            if (i != 35) {
                EXPECT_EQ(made[i], (*golden)[i]) << i;
            }
        }
        const auto view = StunView::parse(made);
        ASSERT_TRUE(view);
        EXPECT_TRUE(view->message_integrity_valid(short_term));
        EXPECT_TRUE(view->fingerprint_valid());
    }
}

TEST(StunWriter, RoundTripsAnError) {
    Bytes buffer(100);
    StunWriter writer(buffer, StunType::binding_error, {});
    writer.add_error_code(487, "Role Conflict");
    const std::uint16_t unknown[] = {0x7001, 0x7002, 0x7003};
    writer.add_unknown_attributes(unknown);
    const auto view = StunView::parse(writer.finish());
    ASSERT_TRUE(view);
    ASSERT_TRUE(view->error_code());
    EXPECT_EQ(view->error_code()->code, 487);
    EXPECT_EQ(view->error_code()->reason, "Role Conflict");
}

TEST(StunWriter, NeverWritesBeyondTheBuffer) {
    const auto build = [](ByteSpan out) {
        StunWriter writer(out, StunType::binding_success, {});
        writer.add_software("abc");
        writer.add_xor_mapped_address(Endpoint::parse("[2001:db8::1]:5").value());
        writer.add_error_code(400, "x");
        writer.add_message_integrity(short_term);
        writer.add_fingerprint();
        return writer.finish().size();
    };
    Bytes large(300);
    const std::size_t full = build(large);
    ASSERT_GT(full, 0U);
    for (std::size_t size = 0; size < full; ++size) {
        Bytes small(size);  // exact, so that a sanitizer sees an overflow
        ASSERT_EQ(build(small), 0U);
    }
    Bytes exact(full);
    EXPECT_EQ(build(exact), full);
}

TEST(StunWriter, FailsOnAnAttributeThatIsTooLong) {
    Bytes buffer(200'000);
    StunWriter writer(buffer, StunType::binding_request, {});
    writer.add_software(std::string(70'000, 'x'));
    EXPECT_TRUE(writer.failed());
    EXPECT_TRUE(writer.finish().empty());
}

}  // namespace
}  // namespace sluice::wire
