// RTP: the header and its extensions, frame borders by codec, and a leg's own numbers and header.

#include <array>

#include "dataplane/media/frame_info.hpp"
#include "dataplane/media/leg_rewriter.hpp"
#include "dataplane/wire/rtp.hpp"
#include "dataplane/wire/rtp_writer.hpp"
#include "perf/micro/stage.hpp"

namespace sluice::perf {
namespace {

// What Chromium sends for video: mid, abs-send-time, transport-cc, video orientation.
Bytes video_packet() {
    const std::array<std::uint8_t, 3> value{1, 2, 3};
    const ByteView bytes(value);
    const wire::RtpExtensionElement elements[] = {
        {4, bytes.first(1)}, {2, bytes}, {3, bytes.first(2)}, {13, bytes.first(1)}};
    Bytes packet(128 + payload_size, 0x5a);
    packet.resize(*wire::write_rtp_header(packet, {96, true, 1, 90'000, 0x1111}, elements) + payload_size);
    return packet;
}

struct CodecCase {
    const char* name;
    media::Codec codec;
    Bytes payload;
    Bytes descriptor;
    bool keyframe;
};

// Each begins a keyframe, where the codec has any.
std::vector<CodecCase> codec_cases() {
    using media::Codec;
    return {
        {"opus", Codec::opus, {0x78, 0x01}, {}, false},
        {"red", Codec::red, {0x6f, 0x01}, {}, false},
        {"vp8",
         Codec::vp8,
         {0x90, 0xf0, 0x92, 0x34, 0x77, 0xa5, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01},
         {},
         true},
        {"vp9", Codec::vp9, {0xa8, 0x01, 0x00, 0x00, 0x82}, {}, true},
        {"h264_stap_a", Codec::h264, {0x78, 0, 2, 0x67, 0x42, 0, 2, 0x68, 0xce}, {}, true},
        {"h264_fu_a", Codec::h264, {0x7c, 0x85, 0x88}, {}, true},
        {"av1", Codec::av1, {0x20, 0x02, 0x08, 0x01, 0x30}, {}, true},
        {"av1_dependency_descriptor", Codec::av1, {0x10, 0x30, 0x01}, {0x80, 0, 1, 0x80}, true},
    };
}

}  // namespace

void add_rtp_stages() {
    stage("rtp/parse", {}, [] {
        return [packet = video_packet()] {
            const auto rtp = wire::RtpView::parse(packet, wire::RtpView::Padding::keep);
            return rtp && rtp->ssrc() == 0x1111;
        };
    });
    stage("rtp/parse_and_4_extensions", {}, [] {
        return [packet = video_packet()] {
            const auto rtp = wire::RtpView::parse(packet);
            std::size_t seen = 0;
            if (rtp) rtp->for_each_extension([&](std::uint8_t, ByteView value) { seen += !value.empty(); });
            return seen == 4;
        };
    });
    for (const CodecCase& c : codec_cases()) {
        stage(std::string("media/frame_info/") + c.name, {}, [=] {
            return [=] {
                const auto info = media::frame_info(c.codec, c.payload, c.descriptor);
                return info.valid && info.keyframe_start == c.keyframe;
            };
        });
    }
    stage("leg/rewrite", {}, [] {
        media::LegRewriter rewriter;
        rewriter.start(1000, 90'000);
        rewriter.switch_source(1, 3000, 0, 90'000);
        return [rewriter, n = std::int64_t{1}]() mutable {
            const auto out = rewriter.map(n, static_cast<std::uint32_t>(3000 * n), n);
            ++n;
            return out.has_value();
        };
    });
    stage("leg/write_header_mid", {}, [] {
        return [out = std::array<std::uint8_t, 512>{}, sequence = std::uint16_t{0}]() mutable {
            constexpr std::uint8_t mid = '1';
            const wire::RtpExtensionElement element{4, {&mid, 1}};
            const auto size = wire::write_rtp_header(out, {102, true, sequence++, 90'000, 0x10000}, {&element, 1});
            return size && *size == 20;
        };
    });
    stage("leg/write_header_4_extensions", {}, [] {
        return [out = std::array<std::uint8_t, 512>{}, sequence = std::uint16_t{0}]() mutable {
            const std::array<std::uint8_t, 3> value{1, 2, 3};
            const ByteView bytes(value);
            const wire::RtpExtensionElement elements[] = {
                {4, bytes.first(1)}, {2, bytes}, {3, bytes.first(2)}, {13, bytes.first(1)}};
            const auto size = wire::write_rtp_header(out, {102, true, sequence++, 90'000, 0x10000}, elements);
            return size && *size == 28;
        };
    });
}

}  // namespace sluice::perf
