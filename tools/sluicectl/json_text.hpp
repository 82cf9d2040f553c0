// Reads the control plane's documents without trusting their shape: a field that is missing or of another type is "-".
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::ctl {

[[nodiscard]] std::optional<boost::json::object> parse_object(const std::string& body);
// The control plane's documents have a version of their own; what goes into the envelope has that of the envelope.
void without_version(boost::json::object& object);
// Strings as they are, everything else as JSON.
[[nodiscard]] std::string text_of(const boost::json::object& object, std::string_view field);
[[nodiscard]] bool is_true(const boost::json::object& object, std::string_view field);
[[nodiscard]] std::int64_t integer_of(const boost::json::object& object, std::string_view field);  // 0
// Empty if it is no array; what is no object in it is left out.
[[nodiscard]] std::vector<const boost::json::object*> objects_of(const boost::json::object& object, std::string_view field);
// "name:  value" for each field that is neither object nor array.
[[nodiscard]] std::string facts_of(const boost::json::object& object);

}  // namespace sluice::ctl
