// A fuzz target's seeds and past findings (SLUICE_CORPUS), run through it in every test run: compiled into the unit tests of
// the folders that have one. The target aborts on a broken invariant.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
// Of a target that keeps something from one input to the next.
extern "C" [[gnu::weak]] void end_of_corpus();

namespace {

TEST(Corpus, BreaksNoInvariant) {
    std::size_t inputs = 0;
    for (const auto& entry : std::filesystem::directory_iterator(SLUICE_CORPUS)) {
        std::ifstream in(entry.path(), std::ios::binary);
        std::string const bytes(std::istreambuf_iterator<char>(in), {});
        LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
        ++inputs;
    }
    if (end_of_corpus != nullptr) end_of_corpus();
    EXPECT_GE(inputs, 8u);
}

}  // namespace
