#include "config/text.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "config/load.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace sluice::config {
namespace {

std::string read(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

const std::filesystem::path source_dir = SLUICE_SOURCE_DIR;

TEST(Sample, IsWhatTheSchemaSays) {
    EXPECT_EQ(read(source_dir / "config/sluice.conf.sample"), sample()) << "run config_texts sample";
}

TEST(Sample, ParsesAsItStands) {
    const auto config = load_file(source_dir / "config/sluice.conf.sample");
    ASSERT_TRUE(config) << to_string(config.error());
    EXPECT_EQ(*config, load_default());
}

TEST(Sample, StatesEveryDefaultRightly) {
    const auto config = parse(uncomment_defaults(read(source_dir / "config/sluice.conf.sample")), "sample");
    ASSERT_TRUE(config) << to_string(config.error());
    EXPECT_EQ(*config, load_default());
}

// Each key is looked for in the file itself: a commented value that is changed must change that key and no other.
TEST(Sample, ContainsEveryKeyOfTheSchema) {
    const std::string text = uncomment_defaults(read(source_dir / "config/sluice.conf.sample"));
    for (const Row& row : schema()) {
        const auto line = std::string(row.leaf()) + " = " + spell(row, row.get(Config{}), true) + ';';
        bool found = false;
        for (auto at = text.find(' ' + line); at != std::string::npos && !found; at = text.find(line, at + 1)) {
            auto changed = text;
            changed.replace(changed.find(line, at), line.size(), std::string(row.leaf()) + " = 1.5;");
            const auto result = parse(changed, "sample");
            found = !result && result.error().front().key == row.path;
        }
        EXPECT_TRUE(found) << row.path;
    }
}

// The script sets up the host's side of the TAP from the same defaults.
TEST(Defaults, AreThoseOfQuickstart) {
    const std::string script = read(source_dir / "quickstart");
    const Port port;
    for (const auto& [key, value] : {std::pair{"interface", port.interface},
                                     {"address", port.address},
                                     {"address6", port.address6},
                                     {"host_address", port.host_address},
                                     {"host_address6", port.host_address6},
                                     {"listen", Http{}.listen}}) {
        EXPECT_NE(script.find("$(setting " + std::string(key) + ' ' + value + ')'), std::string::npos) << key;
    }
}

TEST(KeysMarkdown, IsWhatTheSchemaSays) {
    EXPECT_EQ(read(source_dir / "config/KEYS.md"), keys_markdown()) << "run config_texts keys";
}

TEST(Show, ParsesBackToTheSameConfiguration) {
    Config config;
    config.rtc.addresses = {"10.0.0.1=10.0.0.2", "fd00::1"};
    config.node.id = "edge-1";
    config.http.page = "/a \"b\" \\ \x01";
    config.dataplane.poll = Poll::busy;
    const auto again = parse(show(config, true), "shown");
    ASSERT_TRUE(again) << to_string(again.error());
    EXPECT_EQ(*again, config);
}

TEST(Show, MasksSecrets) {
    Config config;
    config.keys = {{"a", "hush-hush"}};
    EXPECT_EQ(show(config).find("hush-hush"), std::string::npos);
    EXPECT_NE(show(config).find("keys = { a = \"***\"; };"), std::string::npos);
}

TEST(Config, ReplaysTheFuzzCorpus) {
    int files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(source_dir / "tests/fuzz/corpus/config")) {
        const auto text = read(entry.path());
        EXPECT_EQ(LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()), 0);
        ++files;
    }
    EXPECT_GT(files, 3);
}

}  // namespace
}  // namespace sluice::config
