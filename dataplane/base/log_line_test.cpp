#include "dataplane/base/log_line.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(LogLine, IsOneJsonObject) {
    EXPECT_EQ(json_line({1'700'000'000'123'456'789, "info", "n1", "dataplane", "app", "it \"runs\"\n\\ \x01"}),
              "{\"time\":\"2023-11-14T22:13:20.123456Z\",\"level\":\"info\",\"node\":\"n1\",\"process\":\"dataplane\","
              "\"component\":\"app\",\"message\":\"it \\\"runs\\\"\\n\\\\ \\u0001\"}\n");
    EXPECT_EQ(json_line({0, "warn", "", "p", "c", ""}).find("node"), std::string::npos);
}

TEST(LogLine, ReplacesWhatIsNoUtf8) {
    const auto message = [](std::string_view text) {
        const std::string line = json_line({0, "l", "", "p", "c", text});
        const std::size_t at = line.find("\"message\":\"") + 11;
        return line.substr(at, line.size() - at - 3);
    };
    EXPECT_EQ(message("caf\xc3\xa9 \xf0\x9f\x98\x80 \xe2\x82\xac"), "caf\xc3\xa9 \xf0\x9f\x98\x80 \xe2\x82\xac");
    EXPECT_EQ(message("a\xff"
                      "b"),
              "a\xef\xbf\xbd"
              "b");
    EXPECT_EQ(message("\xc3"), "\xef\xbf\xbd");
    EXPECT_EQ(message("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd") << "a surrogate";
    EXPECT_EQ(message("\xe0\x80\xaf"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd") << "overlong";
    EXPECT_EQ(message(std::string_view("\0", 1)), "\\u0000");
}

}  // namespace
}  // namespace sluice
