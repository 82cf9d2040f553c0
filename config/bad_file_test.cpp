// What people really do to configuration files: typing mistakes, files cut short, files that are no text.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "config/load.hpp"

namespace sluice::config {
namespace {

using ::testing::HasSubstr;

std::string sample_file() {
    std::ifstream in(std::filesystem::path(SLUICE_SOURCE_DIR) / "config/sluice.conf.sample");
    return {std::istreambuf_iterator<char>(in), {}};
}

class BadFile : public ::testing::Test {
protected:
    BadFile() {
        char pattern[] = "/tmp/config-test-XXXXXX";
        directory_ = ::mkdtemp(pattern);
    }
    ~BadFile() override { std::filesystem::remove_all(directory_); }
    std::string path() const { return directory_ / "t.conf"; }
    std::string errors(std::string_view text) const {
        std::ofstream(path(), std::ios::binary) << text;
        return errors_of(path());
    }
    static std::string errors_of(const std::filesystem::path& file) {
        const auto result = load_file(file);
        return result ? "" : to_string(result.error());
    }
    std::filesystem::path directory_;
};

// The group of a key around one assignment of it.
std::string file_with(const Row& row, std::string_view leaf) {
    std::string text(leaf);
    text += " = 0.5;";
    for (std::string group(row.group()); !group.empty();) {
        const auto dot = group.rfind('.');
        const std::string name = dot == std::string::npos ? group : group.substr(dot + 1);
        text = name + " = { " + text + " };";
        group = dot == std::string::npos ? "" : group.substr(0, dot);
    }
    return text;
}

TEST_F(BadFile, ASlipOfTheFingerInAnyKeyIsAnsweredWithTheKeyThatWasMeant) {
    for (const Row& row : schema()) {
        const std::string leaf(row.leaf());
        if (leaf.size() < 4) continue;  // half of another word
        std::string swapped = leaf, doubled = leaf, missing = leaf, wrong = leaf;
        std::swap(swapped[1], swapped[2]);
        doubled.insert(1, 1, doubled[1]);
        missing.erase(2, 1);
        wrong[1] = 'q';
        for (const std::string& slip : {swapped, doubled, missing, wrong}) {
            if (find_row(std::string(row.group()) + '.' + slip) != nullptr || slip == leaf) continue;
            const auto result = parse(file_with(row, slip), "t.conf");
            ASSERT_FALSE(result) << row.path << " as " << slip;
            EXPECT_THAT(to_string(result.error()), HasSubstr("did you mean " + leaf + "?")) << row.path << " as " << slip;
        }
    }
}

TEST_F(BadFile, EveryMistakeOfAFileIsSaidWithItsLine) {
    EXPECT_EQ(errors("mode = \"prod\";\n"
                     "http = {\n"
                     "  listen = \"everywhere\";\n"
                     "  port = 70000;\n"
                     "};\n"
                     "rtc = { adresses = ( \"10.0.0.1\" ); };\n"
                     "keys = { me = 7; };\n"
                     "dataplane = { workers = \"2\"; port = { mtu = 100; }; };\n"),
              path() + ":1: mode: \"prod\" is not known; use one of development | production\n" +  //
                  path() +
                  ":3: http.listen: \"everywhere\" must be an IP address without port, or \"localhost\"; for example "
                  "listen = \"0.0.0.0\";\n" +
                  path() + ":4: http.port: 70000 is out of range; use 1..65535\n" +             //
                  path() + ":6: rtc.adresses: unknown key; did you mean addresses?\n" +         //
                  path() + ":7: keys.me: the secret must be a string; put it in quotes\n" +     //
                  path() + ":8: dataplane.workers: must be an integer; write workers = 2;\n" +  //
                  path() + ":8: dataplane.port.mtu: 100 is out of range; use 1280..9216\n");
}

TEST_F(BadFile, TheSampleCutAnywhereIsTakenOrExplained) {
    const std::string whole = sample_file();
    ASSERT_GT(whole.size(), 1000u);
    for (std::size_t n = 0; n < whole.size(); n += 13) {
        const auto result = parse(std::string_view(whole).substr(0, n), "t.conf");
        EXPECT_TRUE(result || to_string(result.error()).starts_with("t.conf:")) << n;
    }
}

TEST_F(BadFile, WhatIsNoTextIsRefused) {
    std::string noise(4096, '\0');
    std::minstd_rand random(7);
    for (char& c : noise) c = static_cast<char>(random());
    EXPECT_NE(errors(noise), "");
    EXPECT_THAT(errors_of("/proc/self/exe"), HasSubstr(": "));
    EXPECT_NE(errors("\x89PNG\r\n\x1a\n"), "");
    EXPECT_THAT(errors(std::string("mode = \"development\";\n\0", 23)), HasSubstr(":2: contains a NUL byte"));
}

TEST_F(BadFile, TooLargeOrTooDeepAFileIsRefusedQuickly) {
    EXPECT_THAT(errors(std::string(2 << 20, '#')), HasSubstr("is larger than 1 MB"));
    std::string deep;
    for (int i = 0; i < 20'000; ++i) deep += "a={";
    EXPECT_NE(errors(deep), "");
    std::string many;
    for (int i = 0; i < 5'000; ++i) many += "k" + std::to_string(i) + "=1;\n";
    EXPECT_THAT(errors(many), HasSubstr(":5000: k4999: unknown key"));
}

TEST_F(BadFile, WhatIsNoFileIsRefusedWithoutReadingIt) {
    EXPECT_THAT(errors_of(directory_), HasSubstr("is not a file"));
    EXPECT_THAT(errors_of("/dev/zero"), HasSubstr("is not a file"));
    const auto fifo = directory_ / "fifo";
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    EXPECT_THAT(errors_of(fifo), HasSubstr("is not a file"));
    EXPECT_THAT(errors_of(directory_ / "none"), HasSubstr("no such file"));
}

TEST_F(BadFile, LinesEndAsTheyDoOnOtherSystems) {
    EXPECT_EQ(errors("mode = \"development\";\r\nhttp = { port = 7999; };\r\n"), "");
    EXPECT_THAT(errors("mode = \"development\";\r\nhttp = { prot = 7999; };\r\n"), HasSubstr(":2: http.prot"));
}

TEST_F(BadFile, ModesKeepTheirPromises) {
    const auto development = [](const std::string& text) {
        const auto result = parse(text, "t.conf");
        return result ? "" : to_string(result.error());
    };
    EXPECT_THAT(development("http = { listen = \"0.0.0.0\"; };"),
                HasSubstr("development mode refuses the non-private address"));
    EXPECT_THAT(development("http = { listen = \"::\"; };"), HasSubstr("development mode refuses"));
    EXPECT_THAT(development("dataplane = { port = { address = \"203.0.113.9/24\"; host_address = \"203.0.113.1\"; }; };"),
                HasSubstr("dataplane.port.address: development mode refuses"));
    EXPECT_THAT(development("mode = \"production\"; keys = { devkey = \"secret\"; };"),
                HasSubstr("the secret of devkey is shorter than 32 bytes"));
    EXPECT_THAT(development("mode = \"production\";"), HasSubstr("production mode needs at least one key"));
    EXPECT_EQ(development("mode = \"production\"; http = { listen = \"0.0.0.0\"; };"
                          "keys = { k = \"0123456789abcdef0123456789abcdef\"; };"),
              "");
}

}  // namespace
}  // namespace sluice::config
