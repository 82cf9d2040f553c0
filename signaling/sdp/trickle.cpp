#include "signaling/sdp/trickle.hpp"

#include "signaling/sdp/parse_media.hpp"
#include "signaling/sdp/text.hpp"

namespace sluice::sdp {

namespace {

constexpr std::size_t max_fragment_candidates = 4096;

class FragmentParser {
public:
    std::expected<TrickleFragment, ParseError> run(std::string_view input) {
        if (input.size() > max_description_bytes) return std::unexpected(ParseError{0, "a fragment of over 256 KB"});
        std::size_t number = 0;
        while (!input.empty()) {
            ++number;
            const auto line = text::take_line(input);
            if (line.empty()) continue;
            if (auto ok = parse_line(line); !ok) return std::unexpected(ParseError{number, ok.error()});
        }
        return std::move(fragment_);
    }

private:
    AttributeResult parse_line(std::string_view line) {
        if (text::has_control_characters(line)) return std::unexpected("a control character");
        if (line.size() < 2 || line[1] != '=') return std::unexpected("not of the form x=value: " + text::quoted(line));
        auto rest = line.substr(2);
        if (line[0] == 'm') {
            if (fragment_.sections.size() == max_media_sections) return std::unexpected("more than 256 m-lines");
            MediaSection check;
            if (auto ok = parse_media_line(check, rest); !ok) return ok;
            fragment_.sections.emplace_back().media = rest;
            return {};
        }
        if (line[0] != 'a') return {};
        const auto name = text::take(rest, ':');
        return parse_attribute(name, text::trim(rest));
    }

    AttributeResult parse_attribute(std::string_view name, std::string_view value) {
        if (name == "ice-ufrag") return credential(fragment_.ice_ufrag, value, check_ufrag);
        if (name == "ice-pwd") return credential(fragment_.ice_pwd, value, check_pwd);
        if (name == "ice-options")
            fragment_.ice_options = parse_words(value);
        else if (name == "ice-lite")
            fragment_.ice_lite = true;
        else if (name == "group") {
            auto words = parse_words(value);
            if (words.size() > max_media_sections) return std::unexpected("a group line that is too long");
            if (!words.empty() && words.front() == "BUNDLE") fragment_.bundle.assign(words.begin() + 1, words.end());
        } else if (name == "mid") {
            if (value.empty() || value.size() > 64 || value.find(' ') != std::string_view::npos)
                return std::unexpected("bad mid " + text::quoted(value));
            section().mid = value;
        } else if (name == "end-of-candidates") {
            (fragment_.sections.empty() ? fragment_.end_of_candidates : section().end_of_candidates) = true;
        } else if (name == "candidate") {
            auto candidate = parse_candidate(value);
            if (!candidate) return std::unexpected(candidate.error());
            if (++candidates_ > max_fragment_candidates) return std::unexpected("too many candidates");
            section().candidates.push_back(std::move(*candidate));
        }
        return {};
    }

    static AttributeResult credential(std::string& slot, std::string_view value,
                                      AttributeResult (*check)(std::string_view)) {
        if (auto ok = check(value); !ok) return ok;
        if (!slot.empty() && slot != value) return std::unexpected("two different ICE credentials in one fragment");
        slot = value;
        return {};
    }

    // Some clients leave the pseudo m-line out.
    TrickleSection& section() {
        return fragment_.sections.empty() ? fragment_.sections.emplace_back() : fragment_.sections.back();
    }

    TrickleFragment fragment_;
    std::size_t candidates_ = 0;
};

}  // namespace

std::expected<TrickleFragment, ParseError> parse_trickle(std::string_view text) {
    return FragmentParser{}.run(text);
}

std::string write_trickle(const TrickleFragment& f) {
    std::string out;
    const auto line = [&out](std::string_view a, std::string_view b = {}) { (((out += a) += b) += "\r\n"); };
    const auto words = [](const std::vector<std::string>& list) {
        std::string joined;
        for (const auto& word : list) joined += (joined.empty() ? "" : " ") + word;
        return joined;
    };
    if (f.ice_lite) line("a=ice-lite");
    if (!f.bundle.empty()) line("a=group:BUNDLE ", words(f.bundle));
    if (!f.ice_options.empty()) line("a=ice-options:", words(f.ice_options));
    if (!f.ice_ufrag.empty()) line("a=ice-ufrag:", f.ice_ufrag);
    if (!f.ice_pwd.empty()) line("a=ice-pwd:", f.ice_pwd);
    if (f.end_of_candidates) line("a=end-of-candidates");
    for (const auto& section : f.sections) {
        line("m=", section.media);
        if (!section.mid.empty()) line("a=mid:", section.mid);
        for (const auto& candidate : section.candidates) line("a=", write_candidate(candidate));
        if (section.end_of_candidates) line("a=end-of-candidates");
    }
    return out;
}

}  // namespace sluice::sdp
