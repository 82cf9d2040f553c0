// Everything about a session that must survive a kill of this process and that the data plane's own objects do not
// say: kept there as an opaque blob. Never SDP text; keys and the 5-tuple come back with the transport itself.
//
// The bytes are JSON: small sessions take 2 KB, and a person who debugs can read them. Codec lists that are alike on
// several lines are written once, since a browser that receives lists twenty codecs per m-line.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/dtls/fingerprint.hpp"
#include "controlplane/ice/credentials.hpp"
#include "controlplane/session/media_line.hpp"
#include "dataplane/base/bytes.hpp"

namespace sluice::session {

enum class Role : std::uint8_t { publisher, viewer };

struct SessionState {
    abi::TransportId id = abi::TransportId::none;
    std::string resource;  // the last segment of its URL
    Role role = Role::publisher;
    std::string room;
    std::string identity;  // of the token; may be empty
    std::uint16_t worker = 0;
    std::string etag;
    std::int64_t created_unix_ms = 0;
    std::int64_t connected_unix_ms = 0;  // 0 until the DTLS handshake is done
    ice::Credentials local;
    ice::Credentials remote;
    bool dtls_client = false;  // we send the ClientHello
    dtls::Fingerprints fingerprints;
    std::string cname;
    std::vector<MediaLine> lines;
    std::string newer;  // what a newer control plane added to the blob, a JSON object or empty; written back as it was

    [[nodiscard]] bool connected() const noexcept { return connected_unix_ms != 0; }
};

// Kinds of blobs that this control plane keeps in the data plane. The id of a session's blob is that of its transport.
enum class BlobKind : std::uint16_t { certificate = 1, session = 2, room = 3, node_events = 4 };

// Raised only when readers of the version before could no longer use the blob: a new key is no new version, since a reader
// keeps the keys that it does not know. So this and the next control plane adopt each other's sessions.
inline constexpr std::uint16_t session_blob_version = 1;

// Fails when the text would be longer than abi::max_blob.
[[nodiscard]] std::expected<std::vector<std::uint8_t>, std::string> encode(const SessionState& state);
[[nodiscard]] std::expected<SessionState, std::string> decode_session(std::uint16_t version, ByteView blob);

}  // namespace sluice::session
