#include "tools/sluicectl/json_text.hpp"

#include <algorithm>

#include "tools/sluicectl/table.hpp"

namespace sluice::ctl {

namespace json = boost::json;

std::optional<json::object> parse_object(const std::string& body) {
    boost::system::error_code error;
    json::value value = json::parse(body, error);
    if (error || !value.is_object()) return std::nullopt;
    return std::move(value.as_object());
}

void without_version(json::object& object) {
    if (const auto at = object.find("version"); at != object.end()) object.stable_erase(at);
}

std::string text_of(const json::object& object, std::string_view field) {
    const json::value* value = object.if_contains(field);
    if (value == nullptr || value->is_null()) return "-";
    if (value->is_string()) return std::string(value->as_string());
    return json::serialize(*value);
}

bool is_true(const json::object& object, std::string_view field) {
    const json::value* value = object.if_contains(field);
    return value != nullptr && value->is_bool() && value->as_bool();
}

std::int64_t integer_of(const json::object& object, std::string_view field) {
    const json::value* value = object.if_contains(field);
    if (value == nullptr || !value->is_number()) return 0;
    boost::system::error_code error;
    const auto number = value->to_number<std::int64_t>(error);
    return error ? 0 : number;
}

std::vector<const json::object*> objects_of(const json::object& object, std::string_view field) {
    std::vector<const json::object*> out;
    const json::value* value = object.if_contains(field);
    if (value == nullptr || !value->is_array()) return out;
    for (const json::value& item : value->as_array()) {
        if (item.is_object()) out.push_back(&item.as_object());
    }
    return out;
}

std::string facts_of(const json::object& object) {
    Facts facts;
    for (const auto& [name, value] : object) {
        if (value.is_object() || value.is_array() || name == "version") continue;
        std::string spaced(name);
        std::ranges::replace(spaced, '_', ' ');
        facts.add(printable(spaced), text_of(object, name));
    }
    return facts.to_string();
}

}  // namespace sluice::ctl
