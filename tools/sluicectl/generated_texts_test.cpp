// The manual page and the completion know every verb and option that --help knows: the help texts are CLI11's own, not made
// by the code that is tested.
#include <gmock/gmock.h>

#include <cstdio>
#include <regex>
#include <set>

#include "tools/sluicectl/test_support.hpp"

namespace sluice::ctl {
namespace {

using testing::Contains;
using testing::HasSubstr;

struct Help {
    std::vector<std::string> verbs;                        // "config check"
    std::map<std::string, std::set<std::string>> options;  // by verb; "" the common ones
};

class GeneratedTexts : public CtlTest {
protected:
    std::string text(const std::string& verb, const std::string& what) const {
        const Ran ran = ctl({verb, what});
        EXPECT_EQ(ran.exit, 0) << ran.err;
        return ran.out;
    }
    Help all_help() const {
        Help help;
        read_help({}, help);
        return help;
    }
    // Runs a command of a shell with `input`; its output, with what it complains of.
    std::string shell(const std::string& command, const std::string& input) const {
        const std::string path = file("input", input);
        FILE* pipe = ::popen(("LC_ALL=C.UTF-8; export LC_ALL; { " + command + "; } <" + path + " 2>&1").c_str(), "r");
        std::string out;
        for (int c; (c = std::fgetc(pipe)) != EOF;) out += static_cast<char>(c);
        EXPECT_EQ(::pclose(pipe), 0) << command << ": " << out;
        return out;
    }
    std::vector<std::string> completed(const std::vector<std::string>& line) const {
        std::string script = text("completion", "bash") + "COMP_WORDS=(sluicectl";
        for (const std::string& word : line) script += " '" + word + "'";
        script += "); COMP_CWORD=" + std::to_string(line.size()) + "; _sluicectl; printf '%s\\n' \"${COMPREPLY[@]}\"\n";
        std::istringstream out(shell("bash", script));
        std::vector<std::string> words;
        for (std::string word; std::getline(out, word);)
            if (!word.empty()) words.push_back(word);
        return words;
    }

private:
    void read_help(const std::vector<std::string>& verb, Help& help) const {
        std::vector<std::string> arguments = verb;
        arguments.emplace_back("--help");
        std::istringstream lines(ctl(arguments).out);
        std::string path;
        for (const std::string& word : verb) path += (path.empty() ? "" : " ") + word;
        std::string part;
        for (std::string line; std::getline(lines, line);) {
            std::smatch found;
            if (!line.starts_with(' ')) part = line;
            // Those of a group stand two cells further in.
            const bool options = part.starts_with("Options") || part.starts_with("[Option");
            if (options && std::regex_search(line, found, std::regex("^ {2,4}(?:-\\w,)?(--[a-z-]+)")))
                help.options[path].insert(found[1]);
            if (part.starts_with("Subcommands") && std::regex_search(line, found, std::regex("^  ([a-z]+)"))) {
                std::vector<std::string> inner = verb;
                inner.push_back(found[1]);
                help.verbs.push_back(path.empty() ? inner.back() : path + ' ' + inner.back());
                read_help(inner, help);
            }
        }
    }
};

TEST_F(GeneratedTexts, TheHelpThatTheyAreComparedWithIsRead) {
    const Help help = all_help();
    EXPECT_THAT(help.verbs, Contains("config check"));
    EXPECT_THAT(help.verbs, Contains("kick"));
    EXPECT_THAT(help.options.at(""), Contains("--control-socket"));
    EXPECT_THAT(help.options.at("token create"), Contains("--ttl"));
    EXPECT_THAT(help.options.at("kick"), Contains("--room"));
}

TEST_F(GeneratedTexts, TheManualHasEveryVerbAndEveryOption) {
    // Bold and italics are printed over themselves, or as colours.
    const std::string page = shell(R"(groff -man -Tutf8 | sed 's/.\x08//g; s/\x1b\[[0-9;]*m//g')", text("man", "sluicectl"));
    const Help help = all_help();
    for (const std::string& verb : help.verbs) {
        const bool group = verb == "config" || verb == "show" || verb == "token";
        if (!group) EXPECT_THAT(page, HasSubstr("\n   " + verb)) << verb;
    }
    for (const auto& [verb, options] : help.options) {
        // In the part of that verb, not elsewhere.
        const std::size_t at = verb.empty() ? page.find("\nOPTIONS") : page.find("\n   " + verb);
        ASSERT_NE(at, std::string::npos) << verb;
        const std::string rest = page.substr(at + 1);
        std::smatch next;  // a title: of a section at the edge, of a verb three cells in
        const bool more = std::regex_search(rest, next, std::regex("\n( {3})?[^ \n]"));
        const std::string part = more ? rest.substr(0, static_cast<std::size_t>(next.position(0))) : rest;
        for (const std::string& option : options) {
            if (option == "--help" && !verb.empty()) continue;
            EXPECT_THAT(part, HasSubstr(option)) << verb;
        }
    }
}

TEST_F(GeneratedTexts, RoffHasNothingToSayOfThePages) {
    for (const char* page : {"sluicectl", "sluice.conf"})
        EXPECT_EQ(shell("groff -man -Tutf8 -ww -z", text("man", page)), "") << page;
}

TEST_F(GeneratedTexts, CompletionKnowsEveryVerbAndEveryOption) {
    const Help help = all_help();
    for (const std::string& verb : help.verbs) {
        std::vector<std::string> line;
        std::istringstream words(verb);
        for (std::string word; words >> word;) line.push_back(word);
        EXPECT_THAT(completed(line), Contains(line.back())) << verb;
    }
    for (const auto& [verb, options] : help.options) {
        std::vector<std::string> line;
        std::istringstream words(verb);
        for (std::string word; words >> word;) line.push_back(word);
        line.emplace_back("--");
        const auto words_there = completed(line);
        for (const std::string& option : options) EXPECT_THAT(words_there, Contains(option)) << verb;
        EXPECT_THAT(words_there, Contains("--json")) << "a common option may stand behind " << verb;
    }
}

TEST_F(GeneratedTexts, CompletionSkipsOptionsAndTheirValues) {
    EXPECT_EQ(completed({"conf"}), std::vector<std::string>{"config"});
    EXPECT_EQ(completed({"--config", "status", "--json", "config", "re"}), std::vector<std::string>{"reload"});
    EXPECT_TRUE(completed({"--config", "sta"}).empty()) << "a file name stands there";
    EXPECT_TRUE(completed({"rooms", "sta"}).empty());
    EXPECT_TRUE(completed({"completi"}).empty()) << "hidden";
}

}  // namespace
}  // namespace sluice::ctl
