#include "config/roff.hpp"

#include <cctype>

namespace sluice::config {

std::string Roff::escape(std::string_view text) {
    std::string out;
    // A line that begins with these is a request.
    if (text.starts_with('.') || text.starts_with('\'')) out += "\\&";
    for (const char c : text) {
        switch (c) {
            case '\\': out += "\\e"; break;
            case '-': out += "\\-"; break;  // a minus that can be copied, no hyphen
            case '"': out += "\\(dq"; break;
            case '\'': out += "\\(aq"; break;
            case '^': out += "\\(ha"; break;
            case '~': out += "\\(ti"; break;
            case '`': out += "\\(ga"; break;
            case '\n': out += ' '; break;
            default: out += c;
        }
    }
    return out;
}

Roff::Roff(std::string_view name, int section, std::string_view version) {
    std::string upper;
    for (const char c : name) upper += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    out_ = ".TH \"" + escape(upper) + "\" \"" + std::to_string(section) + "\" \"\" \"" + escape(version) + "\" \"Sluice\"\n";
}

Roff& Roff::section(std::string_view title) {
    out_ += ".SH \"" + escape(title) + "\"\n";
    return *this;
}

Roff& Roff::subsection(std::string_view title) {
    out_ += ".SS \"" + escape(title) + "\"\n";
    return *this;
}

Roff& Roff::text(std::string_view paragraph) {
    bool first = true;
    out_ += ".PP\n";
    while (!paragraph.empty()) {
        const auto end = paragraph.find('\n');
        const auto line = paragraph.substr(0, end);
        paragraph.remove_prefix(end == std::string_view::npos ? paragraph.size() : end + 1);
        if (line.empty())
            out_ += first ? "" : ".PP\n";
        else
            out_ += (first ? "" : ".br\n") + escape(line) + '\n';
        first = line.empty();
    }
    return *this;
}

Roff& Roff::verbatim(std::string_view lines) {
    out_ += ".PP\n.nf\n";
    while (!lines.empty()) {
        const auto end = lines.find('\n');
        out_ += escape(lines.substr(0, end)) + '\n';
        lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
    }
    out_ += ".fi\n";
    return *this;
}

Roff& Roff::item(std::string_view term, std::string_view value, std::string_view description) {
    out_ += ".TP\n\\fB" + escape(term) + "\\fR";
    if (!value.empty()) out_ += (term.empty() ? "\\fI" : " \\fI") + escape(value) + "\\fR";
    out_ += '\n' + (description.empty() ? std::string("\\&") : escape(description)) + '\n';
    return *this;
}

}  // namespace sluice::config
