#include "controlplane/room/room_blob.hpp"

#include <boost/json.hpp>

#include "controlplane/room/event_log.hpp"
#include "controlplane/session/session_state.hpp"

namespace sluice::room {

namespace json = boost::json;

dpclient::Blob encode(const Room& room) {
    // Read by versions before it too: they leave "events" out.
    json::object object{{"name", room.name}, {"created", room.created_unix_ms}};
    if (!room.events.empty()) object["events"] = encode_tail(room.events, max_kept_events);
    const std::string text = json::serialize(object);
    return {.id = room.id,
            .owner = 0,
            .kind = static_cast<std::uint16_t>(session::BlobKind::room),
            .version = room_blob_version,
            .bytes = {text.begin(), text.end()}};
}

std::expected<Room, std::string> decode_room(const dpclient::Blob& blob) {
    if (blob.version != room_blob_version) return std::unexpected("unknown version " + std::to_string(blob.version));
    try {
        const json::value root =
            json::parse(json::string_view{reinterpret_cast<const char*>(blob.bytes.data()), blob.bytes.size()});
        Room room;
        room.id = blob.id;
        room.name = std::string{std::string_view{root.at("name").as_string()}};
        room.created_unix_ms = root.at("created").to_number<std::int64_t>();
        if (const json::value* events = root.as_object().if_contains("events"); events != nullptr && events->is_string())
            room.events = decode_tail(std::string_view{events->as_string()}, room.name);
        return room;
    } catch (const std::exception& e) {
        return std::unexpected(std::string{"malformed: "} + e.what());
    }
}

}  // namespace sluice::room
