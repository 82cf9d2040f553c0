// The PEM files of the HTTPS certificate: loading them, and noticing that somebody wrote others.
#pragma once

#include "signaling/http/server.hpp"

#include <boost/asio/ssl/context.hpp>

#include <cstdint>
#include <memory>

namespace sluice::http {

using TlsContext = std::shared_ptr<boost::asio::ssl::context>;

/// The error names the file.
[[nodiscard]] std::expected<TlsContext, std::string> load_tls(const TlsFiles& files);

/// What changes when a file is written, replaced by a rename, or its symbolic link points elsewhere (certbot does that).
/// All zero for a file that is not there.
struct FileStamp {
    std::uint64_t device = 0, inode = 0, size = 0;
    std::int64_t changed_ns = 0;
    friend bool operator==(const FileStamp&, const FileStamp&) = default;
};
struct TlsStamps {
    FileStamp certificate, key;
    friend bool operator==(const TlsStamps&, const TlsStamps&) = default;
};
[[nodiscard]] TlsStamps stamps_of(const TlsFiles& files);

}  // namespace sluice::http
