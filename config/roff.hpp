// Text of a manual page in man(7)'s macros, with everything escaped that roff would take for its own.
// Example: Roff page("sluicectl", 1, "Sluice 0.1.0"); page.section("NAME").text("sluicectl \\- ...");
#pragma once

#include <string>
#include <string_view>

namespace sluice::config {

class Roff {
public:
    Roff(std::string_view name, int section, std::string_view version);

    Roff& section(std::string_view title);
    Roff& subsection(std::string_view title);
    // A paragraph; a line feed in it breaks the line, an empty line begins another paragraph.
    Roff& text(std::string_view paragraph);
    Roff& verbatim(std::string_view lines);
    // An entry of a list: its term in bold, what stands for a value in italics.
    Roff& item(std::string_view term, std::string_view value, std::string_view description);
    [[nodiscard]] const std::string& str() const noexcept { return out_; }

    // In one line of roff.
    [[nodiscard]] static std::string escape(std::string_view text);

private:
    std::string out_;
};

}  // namespace sluice::config
