#include "dataplane/media/frame_info.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace sluice::media {
namespace {

using Bytes = std::vector<std::uint8_t>;

// 640x360: 0x0280 x 0x0168, little endian.
const Bytes vp8_key_frame{0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01, 0xaa};

Bytes vp8(Bytes descriptor, bool key) {
    Bytes p = std::move(descriptor);
    Bytes frame = vp8_key_frame;
    if (!key) frame[0] |= 1;
    p.insert(p.end(), frame.begin(), frame.end());
    return p;
}

TEST(Vp8, SeesAKeyframeAndItsSize) {
    const auto info = frame_info(Codec::vp8, vp8({0x10}, true));
    EXPECT_TRUE(info.valid && info.frame_start && info.keyframe_start);
    EXPECT_EQ(info.width, 640);
    EXPECT_EQ(info.height, 360);
}

TEST(Vp8, TellsAnInterFrameAndALaterPartitionFromAKeyframe) {
    EXPECT_FALSE(frame_info(Codec::vp8, vp8({0x10}, false)).keyframe_start);
    EXPECT_TRUE(frame_info(Codec::vp8, vp8({0x10}, false)).frame_start);
    EXPECT_FALSE(frame_info(Codec::vp8, vp8({0x11}, true)).frame_start);
    EXPECT_FALSE(frame_info(Codec::vp8, vp8({0x00}, true)).keyframe_start);
}

TEST(Vp8, LocatesEveryFieldOfTheDescriptor) {
    const Bytes p = vp8({0x90, 0xf0, 0x92, 0x34, 0x77, 0xa5}, true);
    const auto d = parse_vp8_descriptor(p);
    ASSERT_TRUE(d);
    EXPECT_EQ(d->size, 6);
    EXPECT_EQ(d->picture_id_offset, 2);
    EXPECT_TRUE(d->picture_id_is_15_bit);
    EXPECT_EQ(d->picture_id, 0x1234);
    EXPECT_EQ(d->tl0picidx_offset, 4);
    EXPECT_EQ(d->tl0picidx, 0x77);
    EXPECT_EQ(d->tid_keyidx_offset, 5);
    EXPECT_EQ(d->temporal_id, 2);
    EXPECT_TRUE(d->layer_sync);
    EXPECT_EQ(d->key_index, 5);
    EXPECT_TRUE(is_keyframe_start(Codec::vp8, p));
}

TEST(Vp8, ReadsAShortPictureId) {
    const auto d = parse_vp8_descriptor(Bytes{0x90, 0x80, 0x55});
    ASSERT_TRUE(d);
    EXPECT_EQ(d->size, 3);
    EXPECT_FALSE(d->picture_id_is_15_bit);
    EXPECT_EQ(d->picture_id, 0x55);
}

TEST(Vp8, RefusesEveryTruncationOfTheDescriptor) {
    const Bytes whole{0x90, 0xf0, 0x92, 0x34, 0x77, 0xa5};
    for (std::size_t n = 0; n < whole.size(); ++n) EXPECT_FALSE(parse_vp8_descriptor(ByteView(whole).first(n))) << n;
}

TEST(Vp8, RefusesAKeyframeWithoutItsStartCode) {
    Bytes p = vp8({0x10}, true);
    p[4] = 0;
    EXPECT_FALSE(is_keyframe_start(Codec::vp8, p));
}

TEST(Vp9, SeesAKeyframeOnlyAtTheStartOfTheBaseLayer) {
    // I, L, B; picture id 1; TID 0 SID 0; TL0PICIDX.
    EXPECT_TRUE(is_keyframe_start(Codec::vp9, Bytes{0xa8, 0x01, 0x00, 0x00, 0x82}));
    EXPECT_FALSE(is_keyframe_start(Codec::vp9, Bytes{0xa0, 0x01, 0x00, 0x00, 0x82}));  // not B
    EXPECT_FALSE(is_keyframe_start(Codec::vp9, Bytes{0xe8, 0x01, 0x00, 0x00, 0x82}));  // P
    EXPECT_FALSE(is_keyframe_start(Codec::vp9, Bytes{0xa8, 0x01, 0x02, 0x00, 0x82}));  // SID 1
    EXPECT_TRUE(is_keyframe_start(Codec::vp9, Bytes{0x08, 0x82}));
}

TEST(Vp9, ReadsTheScalabilityStructure) {
    // I B V, 15-bit id; two layers with sizes and a group of two pictures, the second with one reference.
    const Bytes p{0x8a, 0x81, 0x23, 0x38, 0x01, 0x40, 0x00, 0xb4, 0x02, 0x80, 0x01, 0x68, 2, 0x00, 0x04, 0x01, 0x82};
    const auto d = parse_vp9_descriptor(p);
    ASSERT_TRUE(d);
    EXPECT_EQ(d->picture_id, 0x123);
    EXPECT_EQ(d->width, 640);
    EXPECT_EQ(d->height, 360);
    EXPECT_EQ(d->size, p.size() - 1);
    for (std::size_t n = 0; n + 1 < p.size(); ++n) EXPECT_FALSE(parse_vp9_descriptor(ByteView(p).first(n))) << n;
}

TEST(Vp9, ReadsFlexibleModeWithReferences) {
    // I P L F B; 7-bit id; TID 1, U, SID 0; two P_DIFF.
    const auto d = parse_vp9_descriptor(Bytes{0xf8, 0x05, 0x30, 0x03, 0x04, 0xff});
    ASSERT_TRUE(d);
    EXPECT_EQ(d->size, 5);
    EXPECT_EQ(d->temporal_id, 1);
    EXPECT_TRUE(d->switching_point);
    EXPECT_FALSE(parse_vp9_descriptor(Bytes{0xf8, 0x05, 0x30, 0x03, 0x05, 0x07, 0x09}));  // a fourth reference
}

TEST(H264, SeesSingleNalUnits) {
    EXPECT_TRUE(is_keyframe_start(Codec::h264, Bytes{0x67, 0x42}));
    EXPECT_TRUE(is_keyframe_start(Codec::h264, Bytes{0x65, 0x88}));
    EXPECT_FALSE(is_keyframe_start(Codec::h264, Bytes{0x65, 0x10}));  // a later slice of the IDR
    EXPECT_FALSE(is_keyframe_start(Codec::h264, Bytes{0x61, 0x88}));
    EXPECT_TRUE(frame_info(Codec::h264, Bytes{0x61, 0x88}).frame_start);
    EXPECT_FALSE(is_keyframe_start(Codec::h264, Bytes{0x68, 0xce}));
}

TEST(H264, LooksIntoAStapA) {
    EXPECT_TRUE(is_keyframe_start(Codec::h264, Bytes{0x78, 0, 2, 0x67, 0x42, 0, 2, 0x68, 0xce}));
    EXPECT_FALSE(is_keyframe_start(Codec::h264, Bytes{0x78, 0, 2, 0x68, 0xce, 0, 2, 0x61, 0x88}));
    EXPECT_FALSE(frame_info(Codec::h264, Bytes{0x78, 0, 2, 0x67, 0x42, 0, 3, 0x68, 0xce}).valid);
    EXPECT_FALSE(frame_info(Codec::h264, Bytes{0x78, 0, 0}).valid);
    EXPECT_FALSE(frame_info(Codec::h264, Bytes{0x78}).valid);
}

TEST(H264, TakesOnlyTheFirstFragment) {
    EXPECT_TRUE(is_keyframe_start(Codec::h264, Bytes{0x7c, 0x85, 0x88}));
    EXPECT_TRUE(is_keyframe_start(Codec::h264, Bytes{0x7c, 0x87, 0x42}));
    EXPECT_FALSE(is_keyframe_start(Codec::h264, Bytes{0x7c, 0x05, 0x88}));
    EXPECT_FALSE(is_keyframe_start(Codec::h264, Bytes{0x7c, 0x45, 0x88}));
    EXPECT_FALSE(is_keyframe_start(Codec::h264, Bytes{0x7c, 0x81, 0x88}));
    EXPECT_FALSE(frame_info(Codec::h264, Bytes{0x7c}).valid);
}

TEST(Av1, TakesTheNBitOrASequenceHeader) {
    EXPECT_TRUE(is_keyframe_start(Codec::av1, Bytes{0x18, 0x0a, 0x01}));              // W=1 N
    EXPECT_TRUE(is_keyframe_start(Codec::av1, Bytes{0x20, 0x02, 0x08, 0x01, 0x30}));  // W=2, sequence header first
    EXPECT_FALSE(is_keyframe_start(Codec::av1, Bytes{0x10, 0x30, 0x01}));
    EXPECT_FALSE(is_keyframe_start(Codec::av1, Bytes{0x90, 0x08, 0x01}));  // continuation
}

TEST(Av1, RefusesAnElementBeyondThePacket) {
    EXPECT_FALSE(frame_info(Codec::av1, Bytes{0x20, 0x05, 0x08}).valid);
    EXPECT_FALSE(frame_info(Codec::av1, Bytes{0x00, 0x80, 0x80, 0x80, 0x80, 0x80}).valid);
    EXPECT_FALSE(frame_info(Codec::av1, Bytes{0x98, 0x08}).valid);  // Z and N exclude each other
}

TEST(Av1, BelievesTheDependencyDescriptor) {
    const Bytes inter{0x10, 0x30, 0x01};
    EXPECT_TRUE(is_keyframe_start(Codec::av1, inter, Bytes{0x80, 0, 1, 0x80}));
    EXPECT_FALSE(is_keyframe_start(Codec::av1, Bytes{0x18, 0x0a, 0x01}, Bytes{0x80, 0, 1}));
    EXPECT_TRUE(is_keyframe_start(Codec::other, inter, Bytes{0x80, 0, 1, 0x80}));
}

TEST(FrameInfo, LetsAViewerBeginAnywhereInAudioButNotInUnknownVideo) {
    EXPECT_TRUE(is_keyframe_start(Codec::opus, {}));
    EXPECT_TRUE(is_keyframe_start(Codec::red, Bytes{1}));
    EXPECT_FALSE(frame_info(Codec::opus, Bytes{1}).keyframe_start);
    EXPECT_FALSE(is_keyframe_start(Codec::other, Bytes{1}));
    EXPECT_FALSE(is_keyframe_start(Codec::none, Bytes{1}));
}

TEST(FrameInfo, SurvivesAMillionRandomPayloads) {
    std::mt19937_64 rng(7);
    Bytes input;
    for (int i = 0; i < 1'000'000; ++i) {
        input.resize(rng() % 24);
        for (auto& b : input) b = static_cast<std::uint8_t>(rng());
        ASSERT_EQ(LLVMFuzzerTestOneInput(input.data(), input.size()), 0);
    }
}

TEST(FrameInfo, ReplaysTheFuzzCorpus) {
    int files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(SLUICE_CORPUS_DIR "/media_keyframe")) {
        std::ifstream in(entry.path(), std::ios::binary);
        const Bytes bytes{std::istreambuf_iterator<char>(in), {}};
        EXPECT_EQ(LLVMFuzzerTestOneInput(bytes.data(), bytes.size()), 0);
        ++files;
    }
    EXPECT_GT(files, 3);
}

}  // namespace
}  // namespace sluice::media
