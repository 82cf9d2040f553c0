#include "signaling/sdp/parse.hpp"

#include <algorithm>

#include "signaling/sdp/parse_media.hpp"
#include "signaling/sdp/text.hpp"

namespace sluice::sdp {

namespace {

using text::number;
using text::take;
using text::take_word;

class Parser {
public:
    std::expected<SessionDescription, ParseError> run(std::string_view input) {
        if (input.size() > max_description_bytes)
            return std::unexpected(ParseError{0, "a session description of over 256 KB"});
        while (!input.empty()) {
            ++line_number_;
            const auto line = text::take_line(input);
            if (line.empty()) continue;
            if (auto ok = parse_line(line); !ok) return std::unexpected(ParseError{line_number_, ok.error()});
        }
        if (!seen_version_) return std::unexpected(ParseError{0, "an empty session description"});
        if (!seen_origin_) return std::unexpected(ParseError{0, "the o= line is missing"});
        finish_section();
        return std::move(description_);
    }

private:
    AttributeResult parse_line(std::string_view line) {
        if (text::has_control_characters(line)) return std::unexpected("a control character");
        if (line.size() < 2 || line[1] != '=' || line[0] < 'a' || line[0] > 'z')
            return std::unexpected("not of the form x=value: " + text::quoted(line));
        const auto value = line.substr(2);
        if (!seen_version_) {
            if (line != "v=0") return std::unexpected("a session description begins with v=0");
            seen_version_ = true;
            return {};
        }
        switch (line[0]) {
            case 'o': return parse_origin(value);
            case 's': description_.name = value; return {};
            case 'c': return parse_connection(value);
            case 'm': return start_section(value);
            case 'a': return parse_attribute(value);
            default: return {};
        }
    }

    AttributeResult parse_origin(std::string_view value) {
        auto rest = value;
        const auto username = take_word(rest);
        const auto id = number<std::uint64_t>(take_word(rest));
        const auto version = number<std::uint64_t>(take_word(rest));
        const auto net = take_word(rest), family = take_word(rest), address = take_word(rest);
        if (!id || !version || net.empty() || family.empty() || address.empty() || seen_origin_)
            return std::unexpected("bad o= line " + text::quoted(value));
        description_.origin = {std::string(username), *id, *version, std::string(address)};
        seen_origin_ = true;
        return {};
    }

    AttributeResult parse_connection(std::string_view value) {
        auto rest = value;
        const auto net = take_word(rest), family = take_word(rest);
        auto address_field = take_word(rest);
        const auto address = take(address_field, '/');  // without a multicast TTL
        if (net != "IN" || (family != "IP4" && family != "IP6") || address.empty())
            return std::unexpected("bad c= line " + text::quoted(value));
        current().connection = address;
        return {};
    }

    AttributeResult start_section(std::string_view value) {
        finish_section();
        if (description_.media.size() == max_media_sections) return std::unexpected("more than 256 m-lines");
        auto& section = description_.media.emplace_back();
        section.connection = session_.connection;
        section.direction = session_.direction;
        section.ice_ufrag = session_.ice_ufrag;
        section.ice_pwd = session_.ice_pwd;
        section.ice_options = session_.ice_options;
        section.setup = session_.setup;
        return parse_media_line(section, value);
    }

    // What inheritance cannot do at the start: lists that a section replaces rather than extends.
    void finish_section() {
        if (description_.media.empty()) return;
        auto& section = description_.media.back();
        if (section.fingerprints.empty()) section.fingerprints = session_.fingerprints;
        finish_codecs(section.codecs);
    }

    AttributeResult parse_attribute(std::string_view attribute) {
        auto rest = attribute;
        const auto name = take(rest, ':');
        const auto value = text::trim(rest);
        if (!description_.media.empty()) return parse_media_attribute(current(), name, value);
        if (name == "group") return parse_group(value);
        if (name == "ice-lite")
            description_.ice_lite = true;
        else if (name == "extmap-allow-mixed")
            description_.extmap_allow_mixed = true;
        else if (name == "ice-ufrag" || name == "ice-pwd" || name == "ice-options" || name == "fingerprint" ||
                 name == "setup" || parse_direction(name))
            return parse_media_attribute(session_, name, value);
        return {};
    }

    AttributeResult parse_group(std::string_view value) {
        auto words = parse_words(value);
        if (words.empty()) return std::unexpected("a group line without semantics");
        if (words.front() != "BUNDLE") return {};
        words.erase(words.begin());
        if (words.size() > max_media_sections || description_.bundle_groups.size() == max_media_sections)
            return std::unexpected("a group line that is too long");
        description_.bundle_groups.push_back(std::move(words));
        return {};
    }

    MediaSection& current() { return description_.media.empty() ? session_ : description_.media.back(); }

    SessionDescription description_;
    MediaSection session_;  // what sections inherit
    std::size_t line_number_ = 0;
    bool seen_version_ = false;
    bool seen_origin_ = false;
};

}  // namespace

std::expected<SessionDescription, ParseError> parse(std::string_view text) {
    return Parser{}.run(text);
}

}  // namespace sluice::sdp
