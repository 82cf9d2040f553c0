// Writes the files that are generated from the schema: `config_texts sample > config/sluice.conf.sample` and
// `config_texts keys > config/KEYS.md`. A test compares them with the schema.
#include <cstdio>
#include <string_view>

#include "config/text.hpp"

int main(int argc, char** argv) {
    const std::string_view which = argc == 2 ? argv[1] : "";
    if (which != "sample" && which != "keys") {
        std::fputs("usage: config_texts sample|keys\n", stderr);
        return 2;
    }
    const auto text = which == "sample" ? sluice::config::sample() : sluice::config::keys_markdown();
    return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() ? 0 : 1;
}
