#include "signaling/http/server.hpp"

#include "signaling/http/loopback.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace sluice::http {
namespace {

using testing::Client;
using testing::LoopbackServer;

template <auto Free>
struct Freed {
    template <class T>
    void operator()(T* object) const {
        Free(object);
    }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;

/// Writes a self-signed certificate for `name` and its key into a directory of its own.
struct CertificateFiles {
    std::filesystem::path directory;
    TlsFiles files;

    CertificateFiles() {
        std::string pattern = (std::filesystem::temp_directory_path() / "http_test_XXXXXX").string();
        directory = ::mkdtemp(pattern.data());
        files = {(directory / "cert.pem").string(), (directory / "key.pem").string()};
    }
    ~CertificateFiles() { std::filesystem::remove_all(directory); }

    void write(const char* name) const {
        const Key key(EVP_EC_gen("P-256"));
        const Certificate certificate(X509_new());
        ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
        X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -60);
        X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
        X509_set_pubkey(certificate.get(), key.get());
        X509_NAME* subject = X509_get_subject_name(certificate.get());
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
        X509_set_issuer_name(certificate.get(), subject);
        X509_sign(certificate.get(), key.get(), EVP_sha256());
        FILE* file = std::fopen(files.certificate_chain_path.c_str(), "w");
        PEM_write_X509(file, certificate.get());
        std::fclose(file);
        file = std::fopen(files.private_key_path.c_str(), "w");
        PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
        std::fclose(file);
    }
};

/// A blocking TLS client over Client's socket.
class TlsClient {
public:
    explicit TlsClient(std::uint16_t port)
        : client_(port), context_(SSL_CTX_new(TLS_client_method())), tls_(SSL_new(context_.get())) {
        SSL_set_fd(tls_.get(), client_.fd());
        connected_ = SSL_connect(tls_.get()) == 1;
    }
    bool connected() const { return connected_; }

    std::string common_name() const {
        const Certificate certificate(SSL_get1_peer_certificate(tls_.get()));
        char text[64] = {};
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, text, sizeof text);
        return text;
    }
    void send(std::string_view bytes) { SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size())); }
    std::optional<testing::Answer> read_answer() {
        for (;;) {
            if (auto answer = testing::parse_answer(input_, false)) return answer;
            if (!fill()) return std::nullopt;
        }
    }
    std::string read_bytes(std::size_t count) {
        while (input_.size() < count && fill()) {
        }
        return std::exchange(input_, {});
    }
    /// True when the server ended the stream with a close_notify, not just a FIN.
    bool closed_cleanly() {
        while (fill()) {
        }
        return (SSL_get_shutdown(tls_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
    }

private:
    bool fill() {
        char buffer[8192];
        const int got = SSL_read(tls_.get(), buffer, sizeof buffer);
        if (got <= 0) return false;
        input_.append(buffer, static_cast<std::size_t>(got));
        return true;
    }

    Client client_;
    std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>> context_;
    std::unique_ptr<SSL, Freed<SSL_free>> tls_;
    bool connected_ = false;
    std::string input_;
};

void routes(Router& router) {
    router.handle("GET", "/tls",
                  [](Request request, const Reply& reply) { reply(Response::text(request.tls ? "tls" : "plain")); });
    router.handle("POST", "/size",
                  [](Request request, const Reply& reply) { reply(Response::text(std::to_string(request.body.size()))); });
    router.websocket("/ws", [](Request, std::shared_ptr<WebSocket> socket) {
        socket->on_message = [socket](const std::string& message, bool) { socket->send_text(message); };
    });
}

constexpr std::string_view get = "GET /tls HTTP/1.1\r\nHost: h\r\n\r\n";

class ServerTls : public ::testing::Test {
protected:
    ServerTls() {
        certificate_.write("one.test");
        Options options;
        options.tls = certificate_.files;
        server_ = std::make_unique<LoopbackServer>(routes, options);
    }
    CertificateFiles certificate_;
    std::unique_ptr<LoopbackServer> server_;
};

TEST_F(ServerTls, SpeaksTlsAndPlainOnOnePort) {
    TlsClient encrypted(server_->port());
    ASSERT_TRUE(encrypted.connected());
    encrypted.send(std::string(get) + std::string(get));
    EXPECT_EQ(encrypted.read_answer()->body, "tls");
    EXPECT_EQ(encrypted.read_answer()->body, "tls");
    Client plain(server_->port());
    plain.send(get);
    EXPECT_EQ(plain.read_answer()->body, "plain");
    EXPECT_EQ(server_->stats().tls_handshakes, 1u);
}

TEST_F(ServerTls, ReadsABodyOfManyRecords) {
    TlsClient client(server_->port());
    client.send("POST /size HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\n");
    client.send(std::string(200'000, 'x'));
    EXPECT_EQ(client.read_answer()->body, "200000");
}

TEST_F(ServerTls, EndsWithACloseNotify) {
    TlsClient client(server_->port());
    client.send("GET /tls HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(client.read_answer()->status, 200);
    EXPECT_TRUE(client.closed_cleanly());
}

TEST_F(ServerTls, CarriesWebSocket) {
    TlsClient client(server_->port());
    client.send(
        "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    EXPECT_EQ(client.read_answer()->status, 101);
    client.send(std::string("\x81\x82\0\0\0\0hi", 8));
    EXPECT_EQ(client.read_bytes(4), "\x81\x02hi");
}

TEST_F(ServerTls, ReloadsTheCertificate) {
    certificate_.write("two.test");
    server_->on_io([](Server& server) { EXPECT_TRUE(server.reload_certificates()); });
    EXPECT_EQ(TlsClient(server_->port()).common_name(), "two.test");
}

TEST_F(ServerTls, RotatesTheCertificateUnderConnectionsThatGoOn) {
    TlsClient old(server_->port());
    ASSERT_TRUE(old.connected());
    const auto refresh = [&] {
        std::expected<bool, std::string> result = false;
        server_->on_io([&](Server& server) { result = server.refresh_certificates(); });
        return result;
    };
    EXPECT_EQ(refresh(), false) << "nothing was written";
    // A rename over the old files, as certificate tools do.
    CertificateFiles fresh;
    fresh.write("two.test");
    std::filesystem::rename(fresh.files.certificate_chain_path, certificate_.files.certificate_chain_path);
    const auto half = refresh();
    ASSERT_FALSE(half) << "the key is still the old one";
    EXPECT_NE(half.error().find("does not belong to"), std::string::npos) << half.error();
    EXPECT_EQ(TlsClient(server_->port()).common_name(), "one.test");
    EXPECT_EQ(refresh(), false) << "one complaint is enough";
    std::filesystem::rename(fresh.files.private_key_path, certificate_.files.private_key_path);
    EXPECT_EQ(refresh(), true);
    EXPECT_EQ(TlsClient(server_->port()).common_name(), "two.test");
    old.send(get);
    EXPECT_EQ(old.read_answer()->body, "tls");
    EXPECT_EQ(old.common_name(), "one.test");
}

TEST_F(ServerTls, TakesOtherFilesOrNone) {
    CertificateFiles other;
    other.write("other.test");
    server_->on_io([&](Server& server) {
        EXPECT_FALSE(server.set_tls(TlsFiles{"/nonexistent", "/nonexistent"}));
        EXPECT_FALSE(Server::check({"/nonexistent", "/nonexistent"}));
        EXPECT_TRUE(Server::check(other.files));
    });
    EXPECT_EQ(TlsClient(server_->port()).common_name(), "one.test");
    server_->on_io([&](Server& server) { EXPECT_TRUE(server.set_tls(other.files)); });
    EXPECT_EQ(TlsClient(server_->port()).common_name(), "other.test");
    server_->on_io([](Server& server) { EXPECT_TRUE(server.set_tls(std::nullopt)); });
    EXPECT_FALSE(TlsClient(server_->port()).connected());
}

TEST_F(ServerTls, KeepsTheOldCertificateWhenTheNewOneIsBad) {
    std::ofstream(certificate_.files.certificate_chain_path) << "garbage";
    server_->on_io([&](Server& server) {
        const auto reloaded = server.reload_certificates();
        ASSERT_FALSE(reloaded);
        EXPECT_NE(reloaded.error().find(certificate_.files.certificate_chain_path), std::string::npos) << reloaded.error();
    });
    EXPECT_EQ(TlsClient(server_->port()).common_name(), "one.test");
}

TEST_F(ServerTls, RefusesAKeyOfAnotherCertificate) {
    CertificateFiles other;
    other.write("other.test");
    std::filesystem::copy_file(other.files.private_key_path, certificate_.files.private_key_path,
                               std::filesystem::copy_options::overwrite_existing);
    server_->on_io([](Server& server) { EXPECT_FALSE(server.reload_certificates()); });
}

TEST_F(ServerTls, SurvivesAGarbledHandshake) {
    Client client(server_->port());
    client.send("\x16garbage that is no ClientHello at all");
    EXPECT_TRUE(client.closed_by_server());
    EXPECT_EQ(server_->stats().tls_failures, 1u);
}

TEST(ServerWithoutTls, ClosesOnAClientHello) {
    LoopbackServer server(routes);
    EXPECT_FALSE(TlsClient(server.port()).connected());
}

}  // namespace
}  // namespace sluice::http
