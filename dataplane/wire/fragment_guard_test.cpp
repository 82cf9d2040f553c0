#include "dataplane/wire/fragment_guard.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "dataplane/wire/test_frames.hpp"

namespace sluice::wire {
namespace {

constexpr std::int64_t timeout = 250;

Fragment piece(std::uint16_t offset, std::uint16_t length, bool more, std::uint32_t id = 1) {
    Fragment f;
    f.source = test::address("192.0.2.1");
    f.destination = test::address("198.51.100.7");
    f.id = id;
    f.offset = offset;
    f.length = length;
    f.more = more;
    return f;
}

struct Guard : testing::Test {
    FragmentGuard guard{100, timeout, 99};
    std::int64_t now = 1000;
    std::uint32_t timed_out = 0;

    FragmentVerdict decide(const Fragment& f) { return last = guard.decide(f, 3, now), last.verdict; }
    void pass(std::int64_t time) {
        now += time;
        guard.expire(now, [&](std::uint16_t owner, std::uint32_t pieces) {
            EXPECT_EQ(owner, 3);
            timed_out += pieces;
        });
    }
    FragmentGuard::Decision last{};
};

using enum FragmentVerdict;

TEST_F(Guard, AdmitsPiecesInAnyOrderAndSaysWhenTheyAreAll) {
    std::vector<Fragment> pieces{piece(0, 400, true), piece(400, 400, true), piece(800, 400, true), piece(1200, 33, false)};
    std::sort(pieces.begin(), pieces.end(), [](const auto& a, const auto& b) { return a.offset < b.offset; });
    do {
        for (std::size_t i = 0; i < pieces.size(); ++i) {
            ASSERT_EQ(decide(pieces[i]), i + 1 == pieces.size() ? completes : keep);
        }
        EXPECT_EQ(last.pieces, 4u);
        EXPECT_EQ(guard.size(), 0u);
    } while (std::next_permutation(pieces.begin(), pieces.end(),
                                   [](const auto& a, const auto& b) { return a.offset < b.offset; }));
    EXPECT_EQ(decide(piece(0, 1000, false)), completes) << "an atomic fragment";
}

TEST_F(Guard, KeepsDatagramsApart) {
    EXPECT_EQ(decide(piece(0, 400, true, 1)), keep);
    EXPECT_EQ(decide(piece(400, 4, false, 2)), keep);
    Fragment other = piece(400, 4, false, 1);
    other.source = test::address("192.0.2.2");
    EXPECT_EQ(decide(other), keep);
    EXPECT_EQ(guard.size(), 3u);
    EXPECT_EQ(decide(piece(400, 4, false, 1)), completes);
}

TEST_F(Guard, RefusesARepetitionAlone) {
    EXPECT_EQ(decide(piece(400, 4, false)), keep);
    EXPECT_EQ(decide(piece(400, 4, false)), duplicate);
    EXPECT_EQ(last.lost, 1u);
    EXPECT_EQ(decide(piece(0, 400, true)), completes);
}

TEST_F(Guard, CondemnsADatagramWhosePiecesOverlapOrContradict) {
    const std::vector<std::vector<Fragment>> attacks{
        {piece(0, 400, true), piece(392, 400, true)},  {piece(400, 400, true), piece(0, 408, true)},
        {piece(0, 800, true), piece(8, 400, true)},    // inside
        {piece(8, 400, true), piece(0, 800, true)},    // around
        {piece(0, 400, true), piece(0, 392, true)},    // another first one
        {piece(400, 8, false), piece(400, 8, true)},   // last and not last
        {piece(400, 8, false), piece(800, 8, false)},  // two ends
        {piece(400, 8, false), piece(800, 8, true)},   // beyond the end
        {piece(800, 8, true), piece(400, 8, false)},   // an end before what is there
        {piece(800, 80, true), piece(800, 40, false)},
    };
    std::uint32_t id = 100;
    for (auto attack : attacks) {
        ++id;
        for (auto& f : attack) f.id = id;
        EXPECT_EQ(decide(attack[0]), keep);
        EXPECT_EQ(decide(attack[1]), overlap) << "attack " << id;
        EXPECT_EQ(last.lost, 2u) << "the piece before is lost with it";
        EXPECT_EQ(decide(piece(1600, 8, true, id)), overlap) << "nothing of it is taken any more";
        EXPECT_EQ(last.lost, 1u);
    }
    pass(timeout + 1);
    EXPECT_EQ(timed_out, 0u) << "what was condemned was counted then";
    EXPECT_EQ(guard.size(), 0u);
}

TEST_F(Guard, RefusesADatagramInMorePiecesThanTheReassemblerTakes) {
    for (std::uint16_t i = 0; i < 8; ++i) EXPECT_EQ(decide(piece(static_cast<std::uint16_t>(i * 8), 8, true)), keep);
    EXPECT_EQ(decide(piece(64, 8, false)), too_many);
    EXPECT_EQ(last.lost, 9u);
}

TEST_F(Guard, ForgetsAfterTheTimeoutAndIsBounded) {
    for (std::uint32_t id = 0; id < 100; ++id) EXPECT_EQ(decide(piece(0, 400, true, id)), keep);
    EXPECT_EQ(decide(piece(0, 400, true, 100)), full);
    pass(timeout);
    EXPECT_EQ(guard.size(), 100u);
    pass(1);
    EXPECT_EQ(guard.size(), 0u);
    EXPECT_EQ(timed_out, 100u);
    EXPECT_EQ(decide(piece(400, 4, false, 5)), keep) << "what came too late does not fit what came before";
}

// Against an oracle that knows every byte.
TEST_F(Guard, AgreesWithAByteMapOnRandomPieces) {
    std::mt19937 random(5);
    for (std::uint32_t id = 0; id < 20'000; ++id) {
        std::vector<bool> covered(80);
        std::vector<std::pair<Fragment, bool>> kept;
        std::optional<std::size_t> total;
        bool condemned = false;
        for (std::size_t n = 0; n < 9; ++n) {
            const auto begin = static_cast<std::uint16_t>(random() % 8 * 8);
            const auto length = static_cast<std::uint16_t>((1 + random() % 2) * 8);
            const Fragment f = piece(begin, length, random() % 3 != 0, id);
            const bool same = std::ranges::any_of(kept, [&](const auto& k) {
                return k.first.offset == f.offset && k.first.length == f.length && k.first.more == f.more;
            });
            bool bad = false;
            std::size_t highest = 0;
            for (const auto& k : kept) highest = std::max(highest, k.first.end());
            for (std::size_t i = f.offset; i < f.end(); ++i) bad |= covered[i];
            if (total) bad |= !f.more || f.end() > *total;
            if (!f.more) bad |= highest > f.end();
            const auto verdict = decide(f);
            if (condemned) {
                ASSERT_EQ(verdict, overlap);
            } else if (same) {
                ASSERT_EQ(verdict, duplicate);
            } else if (bad) {
                ASSERT_EQ(verdict, overlap);
                ASSERT_EQ(last.lost, kept.size() + 1);
                condemned = true;
            } else {
                for (std::size_t i = f.offset; i < f.end(); ++i) covered[i] = true;
                kept.emplace_back(f, true);
                if (!f.more) total = f.end();
                const bool whole =
                    total && std::all_of(covered.begin(), covered.begin() + static_cast<std::ptrdiff_t>(*total),
                                         [](bool c) { return c; });
                ASSERT_EQ(verdict, whole ? completes : keep);
                if (whole) break;
            }
        }
        if (id % 50 == 49) pass(timeout + 1);
    }
}

}  // namespace
}  // namespace sluice::wire
