#include "tools/sluicectl/table.hpp"

#include <gtest/gtest.h>

#include <clocale>

namespace sluice::ctl {
namespace {

class TableTest : public ::testing::Test {
protected:
    TableTest() { std::setlocale(LC_CTYPE, "C.UTF-8"); }
    ~TableTest() override { std::setlocale(LC_CTYPE, "C"); }
};

TEST_F(TableTest, AlignsColumnsAndLeavesNoTrailingBlanks) {
    Table table({{"NAME"}, {"COUNT", Align::right}, {"HELP"}});
    table.add({"a", "1,000", "short"});
    table.add({"longer", "7", ""});
    EXPECT_EQ(table.to_string(),
              "NAME    COUNT  HELP\n"
              "a       1,000  short\n"
              "longer      7\n");
}

TEST_F(TableTest, CountsCellsNotBytes) {
    Table table({{"ROOM"}, {"N"}});
    table.add({"日本", "1"});       // two characters, four cells, six bytes
    table.add({"e\u0301te", "2"});  // a combining accent takes no cell
    table.add({"über", "3"});
    EXPECT_EQ(table.to_string(), "ROOM  N\n日本  1\ne\u0301te   2\nüber  3\n");
    EXPECT_EQ(width_of("日本"), 4U);
}

TEST_F(TableTest, ShowsNothingThatATerminalObeys) {
    EXPECT_EQ(printable("a\x1b[2Jb\r\n\x07"), "a?[2Jb???");
    EXPECT_EQ(printable(std::string_view("x\0y", 3)), "x?y");
    EXPECT_EQ(printable("\xc2\x9b"
                        "31m"),
              "?31m");  // the one-character CSI
    EXPECT_EQ(printable("bad \xff\xc3"), "bad ??");
    Table table({{"ROOM"}});
    table.add({"\x1b]0;owned\x07"});
    EXPECT_EQ(table.to_string(), "ROOM\n?]0;owned?\n");
}

TEST_F(TableTest, CutsTheLastColumnToTheTerminal) {
    Table table({{"NAME"}, {"MEANING"}});
    table.add({"abc", "a very long explanation"});
    EXPECT_EQ(table.to_string(20), "NAME  MEANING\nabc   a very long e…\n");
    EXPECT_EQ(table.to_string(5), "NAME  MEANING\nabc   a very lo…\n") << "never below ten cells";
    EXPECT_EQ(table.to_string(), "NAME  MEANING\nabc   a very long explanation\n");
}

TEST_F(TableTest, CutsBetweenWideCharacters) {
    EXPECT_EQ(fitted("日本語", 6), "日本語");
    EXPECT_EQ(fitted("日本語", 5), "日本…");
    EXPECT_EQ(fitted("日本語", 4), "日…");
    EXPECT_EQ(fitted("abc", 0), "");
}

TEST(PlainLocaleTable, ReplacesWhatTheLocaleCannotShow) {
    std::setlocale(LC_CTYPE, "C");
    EXPECT_EQ(printable("ü"), "??");
    EXPECT_EQ(fitted("abcdef", 3), "ab~");
}

TEST_F(TableTest, FactsAlignTheirValues) {
    Facts facts;
    facts.add("a", "1");
    facts.add("longer", "2\x1b");
    EXPECT_EQ(facts.to_string(), "a:       1\nlonger:  2?\n");
}

}  // namespace
}  // namespace sluice::ctl
