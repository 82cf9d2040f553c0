// What the fuzz targets and the mutation test do with arbitrary bytes: parse them, and touch everything
// that a successful parse promises. A sanitizer, or a failed promise, is the verdict.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "dataplane/base/bytes.hpp"
#include "dataplane/wire/fragment.hpp"
#include "dataplane/wire/responder.hpp"
#include "dataplane/wire/rtcp_feedback.hpp"
#include "dataplane/wire/rtcp_reports.hpp"
#include "dataplane/wire/rtp.hpp"
#include "dataplane/wire/stun.hpp"
#include "dataplane/wire/twcc.hpp"
#include "dataplane/wire/udp_frame.hpp"

namespace sluice::wire::fuzz {

// Holds with NDEBUG too.
inline void require(bool promise) {
    if (!promise) std::abort();
}

// Reads every byte; the sum keeps the reads from being optimised away.
template <typename Range>
void touch(const Range& range) {
    [[maybe_unused]] static volatile unsigned sink = 0;
    unsigned sum = 0;
    for (const auto byte : range) sum += static_cast<unsigned>(byte);
    sink = sum;
}

inline void stun(ByteView bytes) {
    const auto view = StunView::parse(bytes);
    if (!view) return touch(to_string(view.error()));
    touch(view->transaction_id());
    touch(view->username().value_or(""));
    touch(view->software().value_or(""));
    touch(view->unknown_required());
    (void)view->priority();
    (void)view->ice_controlling();
    (void)view->ice_controlled();
    (void)view->xor_mapped_address();
    if (const auto error = view->error_code()) touch(error->reason);
    (void)view->fingerprint_valid();
    (void)view->message_integrity_valid([&](std::span<const ByteView> parts, std::uint8_t* out) {
        std::size_t total = 0;
        for (const ByteView part : parts) {
            touch(part);
            total += part.size();
        }
        require(total <= bytes.size());
        for (int i = 0; i < 20; ++i) out[i] = 0;
    });
}

inline void rtp(ByteView bytes) {
    (void)RtpView::parse(bytes, RtpView::Padding::keep);
    const auto view = RtpView::parse(bytes);
    if (!view) return touch(to_string(view.error()));
    require(view->header_size() + view->payload().size() + view->padding_size() == bytes.size());
    for (std::size_t i = 0; i < view->csrc_count(); ++i) (void)view->csrc(i);
    touch(view->payload());
    touch(view->extension());
    view->for_each_extension([&](std::uint8_t id, ByteView value) {
        require(id != 0);
        touch(value);
    });
    (void)view->find_extension(3);
}

inline void rtcp(ByteView bytes) {
    auto reader = RtcpReader::parse(bytes);
    if (!reader) return touch(to_string(reader.error()));
    while (const auto packet = reader->next()) {
        touch(packet->body);
        (void)read_sender_info(*packet);
        (void)for_each_report_block(*packet, [](const ReportBlock&) {});
        (void)for_each_bye(*packet, [](std::uint32_t) {});
        (void)for_each_cname(*packet, [](std::uint32_t, std::string_view name) { touch(name); });
        (void)for_each_nack(*packet, [](std::uint16_t) {});
        (void)read_pli(*packet);
        (void)for_each_fir(*packet, [](std::uint32_t, std::uint8_t) {});
        if (const auto remb = read_remb(*packet)) touch(remb->sources);
        if (const auto twcc = TwccFeedbackView::parse(*packet)) {
            std::size_t statuses = 0;
            twcc->for_each([&](std::uint16_t, bool, std::int32_t) { ++statuses; });
            require(statuses == twcc->status_count());
        }
    }
}

inline void frame(ByteView bytes) {
    touch(to_string(classify_frame(bytes)));
    const auto fragment = parse_fragment(bytes);
    if (fragment) {
        require(fragment->length > 0 && fragment->payload_offset() + fragment->length <= bytes.size());
        require(fragment->l2_length + std::size_t{fragment->header_length} <= bytes.size());
        touch(bytes.subspan(fragment->payload_offset(), fragment->length));
    }
    if (const auto parsed = parse_udp_frame(bytes)) {
        require(!fragment);
        touch(parsed->payload(bytes));
        (void)ip_checksum_valid(bytes, *parsed);
        (void)udp_checksum_valid(bytes, *parsed);
    } else {
        touch(to_string(parsed.error()));
    }
    const IpAddress ours[] = {IpAddress::parse("192.0.2.1").value(), IpAddress::parse("2001:db8::1").value()};
    // As long as the request may be, or shorter: replies must fit or be refused.
    std::vector<std::uint8_t> out(bytes.size() / 2 + 40);
    const auto reply = write_reply(bytes, {Mac{{2, 0, 0, 0, 0, 1}}, ours}, out);
    if (reply) require(*reply <= out.size());
}

}  // namespace sluice::wire::fuzz
