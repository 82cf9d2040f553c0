#include "config/roff.hpp"

#include <gmock/gmock.h>

#include "config/manual.hpp"
#include "config/schema.hpp"

namespace sluice::config {
namespace {

using ::testing::HasSubstr;

TEST(Roff, TakesNothingOfATextForItsOwn) {
    EXPECT_EQ(Roff::escape(".TH 'x'"), "\\&.TH \\(aqx\\(aq");
    EXPECT_EQ(Roff::escape("a\\fB --json \"q\""), "a\\efB \\-\\-json \\(dqq\\(dq");
    EXPECT_EQ(Roff("x", 1, "v").text("one\ntwo\n\n.three").str(),
              ".TH \"X\" \"1\" \"\" \"v\" \"Sluice\"\n.PP\none\n.br\ntwo\n.PP\n\\&.three\n");
}

TEST(ConfigurationPage, HasEveryKeyWithItsDefault) {
    const std::string page = configuration_page("0");
    for (const Row& row : schema()) {
        EXPECT_THAT(page, HasSubstr("\\fB" + Roff::escape(row.path) + "\\fR")) << row.path;
        EXPECT_THAT(page, HasSubstr(Roff::escape("Default " + spell(row, row.get(Config{}), true)))) << row.path;
    }
}

}  // namespace
}  // namespace sluice::config
