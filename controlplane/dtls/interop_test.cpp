// Against a client that is not ours: `openssl s_client` over a loopback socket, its exported keys compared.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "controlplane/dtls/test_link.hpp"

extern char** environ;

namespace sluice::dtls {
namespace {

struct Session {
    State state = State::connecting;
    std::string error;
    std::string our_keys;  // in the order of the exporter
    std::string transcript;
    bool closed = false;  // we understood that the client left
};

std::string hex(ByteView bytes) {
    std::string text = hex_colons(bytes);
    std::erase(text, ':');
    return text;
}

class Directory {
public:
    Directory() {
        std::string name = (std::filesystem::temp_directory_path() / "dtls_interop_XXXXXX").string();
        path = mkdtemp(name.data());
    }
    ~Directory() { std::filesystem::remove_all(path); }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
    std::filesystem::path path;
};

void write_pem(const Certificate& certificate, const std::string& file) {
    std::FILE* out = std::fopen(file.c_str(), "w");
    ASSERT_NE(out, nullptr);
    PEM_write_X509(out, certificate.x509());
    PEM_write_PrivateKey(out, certificate.key(), nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(out);
}

// A key and certificate of another kind than ours, in one file; its SHA-256.
std::string make_foreign_pem(const std::string& kind, const std::string& file) {
    const std::string command = "openssl req -x509 -newkey " + kind + " -nodes -keyout " + file + ".key -out " + file +
                                ".crt -subj /CN=x -days 2 2>/dev/null && cat " + file + ".crt " + file + ".key >" + file;
    EXPECT_EQ(std::system(command.c_str()), 0);
    std::FILE* in = std::fopen(file.c_str(), "r");
    X509* x509 = in != nullptr ? PEM_read_X509(in, nullptr, nullptr, nullptr) : nullptr;
    if (in != nullptr) std::fclose(in);
    std::uint8_t digest[32] = {};
    unsigned length = 0;
    EXPECT_NE(x509, nullptr);
    if (x509 != nullptr) X509_digest(x509, EVP_sha256(), digest, &length);
    X509_free(x509);
    return hex_colons(digest);
}

// With a `cipher` the client offers only that one, and our side is released as soon as it is connected.
Session serve_s_client(const std::string& profile, int key_material, const std::string& cipher = {},
                       const std::string& key_kind = {}) {
    Session run;
    Directory const directory;
    std::string const pem = (directory.path / "client.pem").string();
    std::string const transcript = (directory.path / "out").string();
    Certificate const client = test::make_certificate();
    std::string client_print = client.fingerprint_sha256();
    if (key_kind.empty())
        write_pem(client, pem);
    else
        client_print = make_foreign_pem(key_kind, pem);

    int const socket_fd = socket(AF_INET, SOCK_DGRAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    EXPECT_EQ(bind(socket_fd, reinterpret_cast<sockaddr*>(&address), length), 0);
    getsockname(socket_fd, reinterpret_cast<sockaddr*>(&address), &length);

    // Its input stays open until the handshake is done: it ends with the end of input.
    int input[2];
    EXPECT_EQ(pipe(input), 0);
    std::string const command =
        "exec openssl s_client -dtls1_2 -connect 127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + " -use_srtp " +
        profile + (cipher.empty() ? "" : " -cipher " + cipher) + " -cert " + pem + " -key " + pem +
        " -keymatexport EXTRACTOR-dtls_srtp -keymatexportlen " + std::to_string(key_material) + " >" + transcript + " 2>&1";
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input[0], 0);
    posix_spawn_file_actions_addclose(&actions, input[1]);
    std::string shell = "sh";
    std::string flag = "-c";
    std::string text = command;
    char* arguments[] = {shell.data(), flag.data(), text.data(), nullptr};
    pid_t child = 0;
    EXPECT_EQ(posix_spawn(&child, "/bin/sh", &actions, nullptr, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(input[0]);

    Context context = test::make_context();
    Endpoint server(context, Role::server, {parse_fingerprint("sha-256 " + client_print).value()});
    std::optional<Remnant> remnant;
    auto read_once = [&](int wait_ms) {
        pollfd ready{.fd = socket_fd, .events = POLLIN, .revents = 0};
        if (poll(&ready, 1, wait_ms) <= 0) return false;
        test::Datagram datagram(2048);
        sockaddr_in from{};
        socklen_t from_length = sizeof from;
        ssize_t const size =
            recvfrom(socket_fd, datagram.data(), datagram.size(), 0, reinterpret_cast<sockaddr*>(&from), &from_length);
        if (size < 0) return false;
        const ByteView received = ByteView(datagram).first(static_cast<std::size_t>(size));
        if (remnant) {
            run.closed |= remnant->read(received) == Remnant::Says::closed;
            return true;
        }
        server.receive(received);
        for (const test::Datagram& d : test::drain(server))
            sendto(socket_fd, d.data(), d.size(), 0, reinterpret_cast<sockaddr*>(&from), from_length);
        return true;
    };
    while (server.state() == State::connecting && read_once(10'000)) {
    }
    run.state = server.state();
    run.error = server.error();
    if (auto const keys = server.keys()) {
        auto const salt = static_cast<std::size_t>(key_material / 2 - 16);
        run.our_keys = hex(keys->remote_key) + hex(keys->local_key) + hex(ByteView(keys->remote_salt).first(salt)) +
                       hex(ByteView(keys->local_salt).first(salt));
    }
    if (!cipher.empty()) remnant = server.release();
    close(input[1]);
    // Its close_notify, for which it needs our last flight first.
    while ((remnant ? !run.closed : server.state() == State::connected) && read_once(5'000)) {
    }
    EXPECT_EQ(server.state(), State::closed);
    int status = 0;
    waitpid(child, &status, 0);
    close(socket_fd);
    std::ifstream in(transcript);
    run.transcript.assign(std::istreambuf_iterator<char>(in), {});
    return run;
}

TEST(Interop, ExportsTheKeysThatOpensslsClientExports) {
    for (auto [profile, material] : {std::pair{"SRTP_AEAD_AES_128_GCM", 56}, {"SRTP_AES128_CM_SHA1_80", 60}}) {
        Session const run = serve_s_client(profile, material);
        EXPECT_EQ(run.state, State::connected) << run.error << run.transcript;
        EXPECT_FALSE(run.our_keys.empty());
        EXPECT_NE(run.transcript.find("Keying material: " + run.our_keys), std::string::npos) << run.transcript;
        EXPECT_NE(run.transcript.find("SRTP Extension negotiated, profile=" + std::string(profile)), std::string::npos);
        EXPECT_NE(run.transcript.find("X25519"), std::string::npos);
    }
}

TEST(Interop, AClientMayHaveACertificateOfAnotherKind) {
    for (const char* kind : {"rsa:2048", "ed25519"}) {
        Session const run = serve_s_client("SRTP_AEAD_AES_128_GCM", 56, {}, kind);
        EXPECT_EQ(run.state, State::connected) << kind << ": " << run.error << run.transcript;
    }
}

TEST(Interop, AClientsCloseIsReadWithoutTheLibrarysStateUnderEverySuite) {
    for (const char* cipher :
         {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"}) {
        Session const run = serve_s_client("SRTP_AEAD_AES_128_GCM", 56, cipher);
        EXPECT_NE(run.transcript.find(cipher), std::string::npos) << run.transcript;
        EXPECT_TRUE(run.closed) << cipher;
    }
}

}  // namespace
}  // namespace sluice::dtls
