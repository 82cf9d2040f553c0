// The fuzz bodies over the committed corpora, and over random mutations of them: 100,000 packets in all.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "dataplane/wire/fuzz_bodies.hpp"

namespace sluice::wire {
namespace {

using Bytes = std::vector<std::uint8_t>;

std::vector<Bytes> corpus(const std::string& name) {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(std::string(SLUICE_FUZZ_CORPUS "/") + name)) {
        paths.push_back(entry.path());
    }
    std::ranges::sort(paths);
    std::vector<Bytes> out;
    for (const auto& path : paths) {
        std::ifstream file(path, std::ios::binary);
        out.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
    return out;
}

void mutate(Bytes& bytes, std::mt19937& random) {
    const std::size_t changes = 1 + random() % 4;
    for (std::size_t i = 0; i < changes && !bytes.empty(); ++i) {
        const std::size_t at = random() % bytes.size();
        switch (random() % 6) {
            case 0: bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ (1U << random() % 8)); break;
            case 1: bytes[at] = static_cast<std::uint8_t>(random()); break;
            case 2: bytes[at] = random() % 2 != 0 ? 0xff : 0; break;
            case 3: bytes.resize(at); break;
            case 4: bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), random() % 9, std::uint8_t{0}); break;
            default: bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(at)); break;
        }
    }
}

void run(const std::string& name, void (*body)(ByteView)) {
    const auto seeds = corpus(name);
    ASSERT_GE(seeds.size(), 3U);
    for (const Bytes& seed : seeds) body(seed);
    std::mt19937 random(17);
    for (int round = 0; round < 25'000; ++round) {
        Bytes bytes = seeds[random() % seeds.size()];
        mutate(bytes, random);
        bytes.shrink_to_fit();  // so that a sanitizer sees the first byte beyond the end
        body(bytes);
    }
}

TEST(Mutation, OfStunDoesNoHarm) {
    run("stun", fuzz::stun);
}
TEST(Mutation, OfRtpDoesNoHarm) {
    run("rtp", fuzz::rtp);
}
TEST(Mutation, OfRtcpDoesNoHarm) {
    run("rtcp", fuzz::rtcp);
}
TEST(Mutation, OfFramesDoesNoHarm) {
    run("frame", fuzz::frame);
}

}  // namespace
}  // namespace sluice::wire
