#include "signaling/http/tls_files.hpp"

#include <openssl/err.h>
#include <sys/stat.h>

namespace sluice::http {

namespace asio = boost::asio;

namespace {

FileStamp stamp_of(const std::string& path) {
    struct ::stat info{};
    if (::stat(path.c_str(), &info) != 0) return {};
    // The change time moves with everything that the modification time moves with, and `touch` cannot set it back.
    return {info.st_dev, info.st_ino, static_cast<std::uint64_t>(info.st_size),
            std::int64_t{info.st_ctim.tv_sec} * 1'000'000'000 + info.st_ctim.tv_nsec};
}

}  // namespace

std::expected<TlsContext, std::string> load_tls(const TlsFiles& files) {
    boost::system::error_code error;
    auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
    SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
    SSL_CTX_set_options(context->native_handle(), SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    context->use_certificate_chain_file(files.certificate_chain_path, error);
    if (error) return std::unexpected("TLS certificate " + files.certificate_chain_path + ": " + error.message());
    context->use_private_key_file(files.private_key_path, asio::ssl::context::pem, error);
    // OpenSSL compares the two as it reads the key.
    const bool mismatch = error.category() == asio::error::get_ssl_category() &&
                          ERR_GET_REASON(static_cast<unsigned long>(error.value())) == X509_R_KEY_VALUES_MISMATCH;
    if (error && !mismatch) return std::unexpected("TLS private key " + files.private_key_path + ": " + error.message());
    if (mismatch || SSL_CTX_check_private_key(context->native_handle()) != 1) {
        ERR_clear_error();
        return std::unexpected("TLS private key " + files.private_key_path + " does not belong to " +
                               files.certificate_chain_path);
    }
    return context;
}

TlsStamps stamps_of(const TlsFiles& files) {
    return {stamp_of(files.certificate_chain_path), stamp_of(files.private_key_path)};
}

}  // namespace sluice::http
