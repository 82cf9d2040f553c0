#include "signaling/sdp/codec_match.hpp"

#include "signaling/sdp/golden.hpp"

namespace sluice::sdp {
namespace {

Codec video(std::string name, Fmtp fmtp = {}, std::uint8_t pt = 96) {
    Codec c;
    c.pt = pt;
    c.name = std::move(name);
    c.clock_rate = 90000;
    c.fmtp = std::move(fmtp);
    return c;
}
Codec h264(std::string profile, std::string mode, std::uint8_t pt = 96, std::string asymmetry = "1") {
    return video("H264",
                 {{"level-asymmetry-allowed", asymmetry}, {"packetization-mode", mode}, {"profile-level-id", profile}}, pt);
}

TEST(H264ProfileLevel, KnowsTheProfilesOfRfc6184) {
    using enum H264Profile;
    EXPECT_EQ(parse_h264_profile_level("42e01f"), (H264ProfileLevel{constrained_baseline, 31}));
    EXPECT_EQ(parse_h264_profile_level("42C01E"), (H264ProfileLevel{constrained_baseline, 30}));
    EXPECT_EQ(parse_h264_profile_level("42001f"), (H264ProfileLevel{baseline, 31}));
    EXPECT_EQ(parse_h264_profile_level("4d001f"), (H264ProfileLevel{main, 31}));
    EXPECT_EQ(parse_h264_profile_level("4d8020"), (H264ProfileLevel{constrained_baseline, 32}));
    EXPECT_EQ(parse_h264_profile_level("640032"), (H264ProfileLevel{high, 50}));
    EXPECT_EQ(parse_h264_profile_level("640c34"), (H264ProfileLevel{constrained_high, 52}));
    EXPECT_EQ(parse_h264_profile_level("f4001f"), (H264ProfileLevel{predictive_high444, 31}));
    EXPECT_EQ(parse_h264_profile_level("42f00b"), (H264ProfileLevel{constrained_baseline, 9}));
    for (const auto* bad : {"", "42e01", "42e01f0", "42e01g", "ffffff", "+2e01f"})
        EXPECT_FALSE(parse_h264_profile_level(bad)) << bad;
}

TEST(CodecMatch, DividesNamesIntoFormats) {
    EXPECT_TRUE(same_format(video("vp8"), video("VP8")));
    EXPECT_FALSE(same_format(video("VP8"), video("VP9")));
    EXPECT_TRUE(same_format(video("VP9"), video("VP9", {{"profile-id", "0"}})));
    EXPECT_FALSE(same_format(video("VP9", {{"profile-id", "2"}}), video("VP9")));
    EXPECT_TRUE(same_format(video("AV1"), video("AV1", {{"level-idx", "5"}, {"profile", "0"}, {"tier", "0"}})));
    EXPECT_FALSE(same_format(video("AV1", {{"profile", "1"}}), video("AV1")));
    EXPECT_TRUE(same_format(h264("42e01f", "1"), h264("42e034", "1")));
    EXPECT_FALSE(same_format(h264("42e01f", "1"), h264("42e01f", "0")));
    EXPECT_FALSE(same_format(h264("42e01f", "1"), h264("4d001f", "1")));
}

TEST(CodecMatch, FindsTheViewersPayloadTypeAcrossBrowsers) {
    const auto chromium = golden("chromium156-recvonly"), firefox = golden("firefox153-recvonly");
    const auto sender = golden("chromium156-simulcast-vp8-send");
    const auto& sent = *sender.media[1].find_codec(96);
    EXPECT_EQ(find_receiver(chromium.media[1].codecs, sent)->pt, 96);
    EXPECT_EQ(find_receiver(firefox.media[1].codecs, sent)->pt, 120);
    EXPECT_EQ(find_receiver(firefox.media[0].codecs, *sender.media[0].find_codec(111))->pt, 109);
    EXPECT_EQ(find_receiver(firefox.media[1].codecs, *sender.media[1].find_codec(108)), nullptr);
}

TEST(CodecMatch, SendsConstrainedBaselineToAWiderDecoder) {
    const std::vector<Codec> main_only{h264("4d001f", "0", 100), h264("4d001f", "1", 101)};
    EXPECT_EQ(find_receiver(main_only, h264("42e01f", "1"))->pt, 101);
    EXPECT_EQ(find_receiver(main_only, h264("42e01f", "0"))->pt, 100);
    EXPECT_EQ(find_receiver(main_only, h264("640032", "1")), nullptr);
    EXPECT_EQ(find_receiver(std::vector{h264("42e01f", "1", 5)}, h264("42e01f", "0"))->pt, 5);
    EXPECT_EQ(find_receiver(std::vector{h264("42e01f", "0", 5)}, h264("42e01f", "1")), nullptr);
    EXPECT_EQ(find_receiver(std::vector{h264("42e01f", "1", 5)}, h264("4d001f", "1")), nullptr);
}

TEST(CodecMatch, MindsLevelsOnlyWithoutAsymmetry) {
    EXPECT_NE(find_receiver(std::vector{h264("42e01f", "1")}, h264("42e034", "1")), nullptr);
    EXPECT_EQ(find_receiver(std::vector{h264("42e01f", "1", 5, "0")}, h264("42e034", "1")), nullptr);
    EXPECT_NE(find_receiver(std::vector{h264("42e034", "1", 5, "0")}, h264("42e01f", "1")), nullptr);
}

TEST(CodecMatch, KnowsRedOfOpusByItsFmtp) {
    Codec red;
    red.name = "red";
    red.clock_rate = 48000;
    red.channels = 2;
    red.fmtp = {{"111/111", ""}};
    EXPECT_TRUE(is_red_of(red, 111));
    EXPECT_FALSE(is_red_of(red, 109));
    red.fmtp.clear();
    EXPECT_FALSE(is_red_of(red, 111));
}

TEST(CodecMatch, SupportsNoTelephoneEventAndNoMonoOpus) {
    const auto offer = golden("chromium156-single-send");
    int supported = 0;
    for (const auto& c : offer.media[0].codecs) supported += is_supported_media(MediaKind::audio, c);
    EXPECT_EQ(supported, 1);
    EXPECT_FALSE(is_supported_media(MediaKind::video, video("H264", {{"profile-level-id", "zzz"}})));
    EXPECT_FALSE(is_supported_media(MediaKind::video, video("rtx")));
}

}  // namespace
}  // namespace sluice::sdp
