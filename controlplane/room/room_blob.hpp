// A room as it outlives this process: its name, its age and what happened last. Who is in it follows from the sessions.
#pragma once

#include <expected>
#include <string>

#include "controlplane/dpclient/object.hpp"
#include "controlplane/room/room.hpp"

namespace sluice::room {

inline constexpr std::uint16_t room_blob_version = 1;
inline constexpr std::size_t max_kept_events = 2048;  // bytes of the tail that a blob keeps

[[nodiscard]] dpclient::Blob encode(const Room& room);
[[nodiscard]] std::expected<Room, std::string> decode_room(const dpclient::Blob& blob);

}  // namespace sluice::room
