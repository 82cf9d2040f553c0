#include "dataplane/media/header_extensions.hpp"

#include <gtest/gtest.h>

#include <array>

namespace sluice::media {
namespace {

TEST(AudioLevel, SplitsVoiceFlagAndLevel) {
    const std::array<std::uint8_t, 1> bytes{0x80 | 30};
    const auto level = parse_audio_level(bytes);
    ASSERT_TRUE(level);
    EXPECT_TRUE(level->voice);
    EXPECT_EQ(level->minus_dbov, 30);
    EXPECT_FALSE(parse_audio_level({}));
}

TEST(DependencyDescriptor, ReadsTheMandatoryBytes) {
    const std::array<std::uint8_t, 3> bytes{0x80 | 0x05, 0x12, 0x34};
    const auto d = parse_dependency_descriptor(bytes);
    ASSERT_TRUE(d);
    EXPECT_TRUE(d->start_of_frame);
    EXPECT_FALSE(d->end_of_frame);
    EXPECT_EQ(d->template_id, 5);
    EXPECT_EQ(d->frame_number, 0x1234);
    EXPECT_FALSE(d->has_structure);
}

TEST(DependencyDescriptor, SeesATemplateStructure) {
    const std::array<std::uint8_t, 5> bytes{0xc0, 0, 1, 0x80, 0};
    const auto d = parse_dependency_descriptor(bytes);
    ASSERT_TRUE(d);
    EXPECT_TRUE(d->has_structure);
    EXPECT_TRUE(d->end_of_frame);
    EXPECT_FALSE(d->has_active_decode_targets);
}

TEST(DependencyDescriptor, RefusesFewerThanThreeBytes) {
    const std::array<std::uint8_t, 2> bytes{0x80, 0};
    EXPECT_FALSE(parse_dependency_descriptor(bytes));
}

}  // namespace
}  // namespace sluice::media
