#include "config/readers.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "config/schema.hpp"

namespace sluice::config {
namespace {

TEST(Readers, AreNamedForEveryKeyAndForNoOther) {
    for (const Row& row : schema()) {
        const auto readers = readers_of(row.path);
        ASSERT_TRUE(readers) << row.path << ": say in config/readers.cpp who applies it, and test it there";
        EXPECT_NE(*readers, 0) << row.path;
    }
    for (const KeyReaders& key : all_readers()) EXPECT_NE(find_row(key.path), nullptr) << key.path;
    EXPECT_EQ(all_readers().size(), schema().size());
}

TEST(Readers, AKeyThatNobodyAppliesSaysSo) {
    for (const KeyReaders& key : all_readers()) {
        if ((key.readers & reader_none) == 0) continue;
        EXPECT_EQ(key.readers, reader_none) << key.path;
        EXPECT_NE(find_row(key.path)->doc.find("not there yet"), std::string_view::npos) << key.path;
    }
}

// What the data plane reads it reads at its start.
TEST(Readers, OnlyTheControlPlaneAppliesChangesWithoutARestart) {
    for (const KeyReaders& key : all_readers()) {
        if (find_row(key.path)->change == Change::cold) continue;
        EXPECT_NE(key.readers & reader_control_plane, 0) << key.path;
        EXPECT_TRUE(!key.path.starts_with("dataplane.")) << key.path;
    }
    EXPECT_EQ(restarts_for("dataplane.control_socket"), (std::vector<std::string_view>{"control plane", "data plane"}));
    EXPECT_EQ(restarts_for("http.port"), std::vector<std::string_view>{"control plane"});
}

// The shell script looks the keys up by their names.
TEST(Readers, QuickstartReadsWhatPreparesTheMachine) {
    std::ifstream in(std::filesystem::path(SLUICE_SOURCE_DIR) / "quickstart");
    const std::string script(std::istreambuf_iterator<char>{in}, {});
    for (const KeyReaders& key : all_readers()) {
        if ((key.readers & reader_host_setup) == 0) continue;
        const std::string use = "$(setting " + std::string(find_row(key.path)->leaf()) + ' ';
        EXPECT_NE(script.find(use), std::string::npos) << key.path;
    }
}

}  // namespace
}  // namespace sluice::config
