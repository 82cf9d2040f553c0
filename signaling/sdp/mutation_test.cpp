// Damaged offers: none may crash, and what is accepted must survive our own writer.
#include <random>

#include "signaling/sdp/golden.hpp"
#include "signaling/sdp/replay.hpp"

namespace sluice::sdp {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::size_t at = 0;
    while (at < text.size()) {
        const auto end = std::min(text.find('\n', at), text.size() - 1);
        lines.push_back(text.substr(at, end - at + 1));
        at = end + 1;
    }
    return lines;
}

std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const auto& line : lines) text += line;
    return text;
}

class Mutation : public testing::TestWithParam<std::string> {};

TEST_P(Mutation, SurvivesTheLossOfAnyLine) {
    const auto lines = lines_of(golden_text(GetParam()));
    EXPECT_TRUE(replay(joined(lines)));
    for (std::size_t i = 0; i < lines.size(); ++i) {
        auto fewer = lines;
        fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
        replay(joined(fewer));
    }
}

TEST_P(Mutation, SurvivesShuffledDoubledAndTruncatedLines) {
    std::mt19937 random(4711);
    const auto lines = lines_of(golden_text(GetParam()));
    const auto pick = [&random](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
    for (int round = 0; round < 100; ++round) {
        auto mutated = lines;
        for (int n = 0; n < 4; ++n) {
            auto& line = mutated[pick(mutated.size())];
            switch (pick(4)) {
                case 0: line = mutated[pick(mutated.size())]; break;
                case 1: line.erase(pick(line.size() + 1)); break;
                case 2: std::swap(line, mutated[pick(mutated.size())]); break;
                default: line += line; break;
            }
            if (line.empty()) line = "\n";
        }
        replay(joined(mutated));
    }
}

TEST_P(Mutation, SurvivesFlippedBytes) {
    std::mt19937 random(42);
    const auto text = golden_text(GetParam());
    for (int round = 0; round < 150; ++round) {
        auto mutated = text;
        for (int n = 0; n < 3; ++n) mutated[random() % mutated.size()] = static_cast<char>(random());
        replay(mutated);
    }
}

INSTANTIATE_TEST_SUITE_P(Sdp, Mutation, testing::ValuesIn(golden_names()), [](const auto& info) {
    auto name = info.param;
    std::replace_if(name.begin(), name.end(), [](unsigned char c) { return !std::isalnum(c); }, '_');
    return name;
});

TEST(FuzzCorpus, IsReplayed) {
    std::size_t seeds = 0;
    for (const auto& entry : std::filesystem::directory_iterator(SLUICE_SDP_CORPUS)) {
        replay(read_file(entry.path()));
        ++seeds;
    }
    EXPECT_GT(seeds, 0u);
}

}  // namespace
}  // namespace sluice::sdp
