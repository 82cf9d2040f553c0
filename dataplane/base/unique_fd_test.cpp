#include "dataplane/base/unique_fd.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(UniqueFd, ClosesOnceAndMoves) {
    int raw = -1;
    {
        UniqueFd a(::open("/dev/null", O_RDONLY));
        raw = a.get();
        UniqueFd b(std::move(a));
        EXPECT_FALSE(a);
        EXPECT_EQ(b.get(), raw);
        EXPECT_EQ(::fcntl(raw, F_GETFD), 0);
    }
    EXPECT_EQ(::fcntl(raw, F_GETFD), -1);
}

}  // namespace
}  // namespace sluice
