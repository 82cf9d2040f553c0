// The whole process in one: HTTP in front, a fake data plane behind.
#include "controlplane/app/control_plane.hpp"

#include <gmock/gmock.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "config/load.hpp"
#include "controlplane/core/clock.hpp"
#include "controlplane/dpclient/fake_data_plane.hpp"
#include "controlplane/dtls/certificate.hpp"
#include "controlplane/dtls/fingerprint.hpp"

namespace sluice::app {
namespace {

namespace asio = boost::asio;
using testing::HasSubstr;

class ControlPlaneTest : public ::testing::Test {
protected:
    ControlPlaneTest() {
        char pattern[] = "/tmp/controlplane-test-XXXXXX";
        directory_ = ::mkdtemp(pattern);
        config_ = config::load_default();
        config_.http.port = 0;
        config_.dataplane.control_socket = directory_ + "/dataplane.sock";
        plane_.emplace(io_, dpclient::FakeDataPlaneOptions{
                                .path = config_.dataplane.control_socket,
                                .port = {.ip4 = IpAddress::parse("10.78.82.2")->bytes, .first_udp_port = 7882}});
    }
    ~ControlPlaneTest() override {
        control_plane_.reset();
        plane_.reset();
        std::filesystem::remove_all(directory_);
    }
    void start() {
        control_plane_.emplace(io_, config_, ControlPlaneOptions{});
        const auto started = control_plane_->start();
        ASSERT_TRUE(started) << started.error();
    }
    void ready() {
        plane_->boot();
        for (int i = 0; i < 3000 && !control_plane_->engine().not_ready().empty(); ++i) turn();
        ASSERT_EQ(control_plane_->engine().not_ready(), "");
    }
    void turn() {
        io_.restart();
        io_.run_for(std::chrono::milliseconds(1));
    }
    template <typename Connect>
    std::string exchange(const std::string& request, Connect connect) {
        std::string response;
        std::atomic<bool> done = false;
        std::thread client([&] {
            asio::io_context io;
            auto socket = connect(io);
            boost::system::error_code error;
            asio::write(socket, asio::buffer(request), error);
            asio::read(socket, asio::dynamic_buffer(response), error);
            done = true;
        });
        while (!done) turn();
        client.join();
        return response;
    }
    std::string http(const std::string& method, const std::string& target, const std::string& body = {},
                     const std::string& type = "application/sdp", const std::string& more = {}) {
        const std::uint16_t port = control_plane_->http_port();
        return exchange(method + " " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + more +
                            (body.empty() ? "" : "Content-Type: " + type + "\r\n") +
                            "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body,
                        [port](asio::io_context& io) {
                            asio::ip::tcp::socket socket(io);
                            socket.connect({asio::ip::address_v4::loopback(), port});
                            return socket;
                        });
    }
    std::string admin(const std::string& method, const std::string& target) {
        return exchange(method + " " + target + " HTTP/1.1\r\n\r\n", [this](asio::io_context& io) {
            asio::local::stream_protocol::socket socket(io);
            socket.connect({directory_ + "/controlplane.sock"});
            return socket;
        });
    }
    std::string offer(const std::string& name) {
        std::ifstream in(std::string{SLUICE_SDP_GOLDEN} + "/" + name);
        return {std::istreambuf_iterator<char>{in}, {}};
    }

    asio::io_context io_;
    std::string directory_;
    config::Config config_;
    std::optional<dpclient::FakeDataPlane> plane_;
    std::optional<ControlPlane> control_plane_;
};

TEST_F(ControlPlaneTest, IsHealthyWithoutADataPlaneButNotReady) {
    start();
    EXPECT_THAT(http("GET", "/healthz"), HasSubstr("200 OK"));
    const std::string readyz = http("GET", "/readyz");
    EXPECT_THAT(readyz, HasSubstr("503"));
    EXPECT_THAT(readyz, HasSubstr("not connected to the data plane"));
    const std::string refused = http("POST", "/whip/r", offer("chromium156-single-send.sdp"));
    EXPECT_THAT(refused, HasSubstr("503"));
    EXPECT_THAT(refused, HasSubstr("Retry-After"));
    ready();
    EXPECT_THAT(http("GET", "/readyz"), HasSubstr("200 OK"));
}

TEST_F(ControlPlaneTest, ServesThePageThatIsCompiledIn) {
    start();
    const std::string page = http("GET", "/");
    EXPECT_THAT(page, HasSubstr("200 OK"));
    EXPECT_THAT(page, HasSubstr("text/html"));
    EXPECT_THAT(page, HasSubstr("Content-Security-Policy: default-src 'none'; script-src 'self'"));
    EXPECT_THAT(page, HasSubstr("nosniff"));
    for (const char* module : {"main", "session", "publish", "watch", "figures", "room", "drawing"})
        EXPECT_THAT(http("GET", std::string("/") + module + ".js"), HasSubstr("text/javascript")) << module;
    EXPECT_THAT(http("GET", "/sluice.css"), HasSubstr("text/css"));
    EXPECT_THAT(http("GET", "/icon.svg"), HasSubstr("image/svg+xml"));
    EXPECT_THAT(http("GET", "/../etc/passwd"), HasSubstr("404"));
}

TEST_F(ControlPlaneTest, ASessionIsSeenByThePageTheOperatorAndTheMetricsUntilItIsDeleted) {
    start();
    ready();
    const std::string created = http("POST", "/whip/caf%C3%A9", offer("chromium156-single-send.sdp"));
    ASSERT_THAT(created, HasSubstr("201 Created"));
    EXPECT_THAT(created, HasSubstr("a=ice-lite"));
    EXPECT_EQ(plane_->transports().size(), 1u);
    EXPECT_THAT(http("GET", "/api/rooms/caf%C3%A9"), HasSubstr("\"viewers\":0"));
    EXPECT_THAT(http("GET", "/api/rooms"), HasSubstr("café"));
    EXPECT_THAT(admin("GET", "/v1/status"), HasSubstr("\"sessions\":1"));
    EXPECT_THAT(admin("GET", "/v1/rooms/caf%C3%A9"), HasSubstr("\"phase\":\"checking\""));
    const std::string metrics = http("GET", "/metrics");
    EXPECT_THAT(metrics, HasSubstr("sluice_room_publishers{room=\"café\"} 1\n"));
    EXPECT_THAT(metrics, HasSubstr("sluice_sessions_created_total 1\n"));
    EXPECT_THAT(metrics, HasSubstr("sluice_dropped_packets_total{worker=\"0\",reason=\"srtp_replay\"} 0\n"));
    EXPECT_TRUE(metrics.ends_with("# EOF\n"));

    const std::size_t at = created.find("ocation: ") + 9;
    std::string location = created.substr(at, created.find("\r\n", at) - at);
    if (const std::size_t path = location.find("/whip/"); path != std::string::npos) location = location.substr(path);
    EXPECT_THAT(http("DELETE", location), HasSubstr("200 OK"));
    EXPECT_THAT(http("DELETE", location), HasSubstr("404"));
    for (int i = 0; i < 50 && !plane_->transports().empty(); ++i) turn();
    EXPECT_TRUE(plane_->transports().empty());
}

TEST_F(ControlPlaneTest, OperatorsKickAndDrain) {
    start();
    ready();
    ASSERT_THAT(http("POST", "/whep/r", offer("chromium156-recvonly.sdp")), HasSubstr("201"));
    EXPECT_THAT(admin("POST", "/v1/kick?room=r"), HasSubstr("\"kicked\":1"));
    EXPECT_THAT(admin("POST", "/v1/kick"), HasSubstr("400"));
    EXPECT_THAT(admin("POST", "/v1/drain"), HasSubstr("\"draining\":true"));
    EXPECT_THAT(http("POST", "/whep/r", offer("chromium156-recvonly.sdp")), HasSubstr("being drained"));
    EXPECT_THAT(admin("POST", "/v1/drain?off"), HasSubstr("\"draining\":false"));
    EXPECT_THAT(admin("GET", "/v1/nonsense"), HasSubstr("404"));
    struct ::stat info{};
    ASSERT_EQ(::stat((directory_ + "/controlplane.sock").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(ControlPlaneTest, OperatorsHearOfEventsAtOnceOrWhenTheyHappen) {
    start();
    ready();
    ASSERT_THAT(http("POST", "/whep/r", offer("chromium156-recvonly.sdp")), HasSubstr("201"));
    EXPECT_THAT(admin("GET", "/v1/events"), HasSubstr("\"room\":\"r\""));
    EXPECT_THAT(admin("GET", "/v1/events?room=other"), HasSubstr("\"events\":[]"));
    const std::string last = std::to_string(control_plane_->engine().events().last());
    EXPECT_THAT(admin("GET", "/v1/events?wait_ms=30&after=" + last), HasSubstr("\"events\":[]"));
    boost::asio::steady_timer later(io_, std::chrono::milliseconds(50));
    later.async_wait([this](auto) { control_plane_->engine().drain(true); });
    EXPECT_THAT(admin("GET", "/v1/events?wait_ms=5000&after=" + last), HasSubstr("draining: new sessions are refused"));
}

TEST_F(ControlPlaneTest, ProductionModeAsksForATokenEverywhereThatMatters) {
    config_.mode = config::Mode::production;
    start();
    ready();
    EXPECT_THAT(http("POST", "/whip/r", offer("chromium156-single-send.sdp")), HasSubstr("401"));
    EXPECT_THAT(http("GET", "/api/rooms"), HasSubstr("401"));
    jwt::Claims claims;
    claims.identity = "ann";
    claims.video.room_join = true;
    claims.video.room = "r";
    const std::string token = jwt::create("devkey", "secret", claims, std::chrono::hours(1),
                                          std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
    const std::string bearer = "Authorization: Bearer " + token + "\r\n";
    EXPECT_THAT(http("POST", "/whip/r", offer("chromium156-single-send.sdp"), "application/sdp", bearer), HasSubstr("201"));
    EXPECT_THAT(http("GET", "/api/rooms/r", {}, {}, bearer), HasSubstr("200 OK"));
    EXPECT_THAT(http("GET", "/api/rooms", {}, {}, bearer), HasSubstr("403"));
}

// With a file, as main() runs it.
class ReloadTest : public ControlPlaneTest {
protected:
    std::string file() const { return directory_ + "/sluice.conf"; }
    void write(const std::string& text) const { std::ofstream(file()) << text; }
    void start_with_file(const std::string& text) {
        write(text);
        ControlPlaneOptions options;
        options.config_file = file();
        options.read_config = [this]() -> std::expected<config::Config, config::Diagnostics> {
            auto loaded = config::load_file(file());
            if (!loaded) return loaded;
            // As a command line would: a socket of this test, and any free port.
            loaded->dataplane.control_socket = config_.dataplane.control_socket;
            if (loaded->http.port == config::Http{}.port) loaded->http.port = 0;
            return loaded;
        };
        options.certificate_check = std::chrono::milliseconds(10);
        auto config = options.read_config();
        ASSERT_TRUE(config) << config::to_string(config.error());
        control_plane_.emplace(io_, *config, options);
        const auto started = control_plane_->start();
        ASSERT_TRUE(started) << started.error();
    }
    std::string reload() { return admin("POST", "/v1/config/reload"); }

    // A pair of PEM files; returns the certificate's fingerprint.
    std::string write_certificate() const {
        const auto certificate = dtls::Certificate::generate(core::unix_ns() / 1'000'000'000);
        EXPECT_TRUE(certificate);
        // The key first: the pair is only looked at as a pair.
        for (const bool key : {true, false}) {
            const std::string path = directory_ + (key ? "/key.pem" : "/cert.pem");
            FILE* out = std::fopen((path + ".new").c_str(), "w");
            key ? PEM_write_PrivateKey(out, certificate->key(), nullptr, nullptr, 0, nullptr, nullptr)
                : PEM_write_X509(out, certificate->x509());
            std::fclose(out);
            std::filesystem::rename(path + ".new", path);
        }
        return certificate->fingerprint_sha256();
    }
    std::string tls() const {
        return "http = { tls = { certificate = \"" + directory_ + "/cert.pem\"; key = \"" + directory_ +
               "/key.pem\"; }; };\n";
    }
    // The fingerprint that a new HTTPS connection is shown; empty if there is no HTTPS.
    std::string shown() {
        std::string fingerprint;
        const std::uint16_t port = control_plane_->http_port();
        std::atomic<bool> done = false;
        std::thread client([&] {
            asio::io_context io;
            asio::ssl::context context(asio::ssl::context::tls_client);
            asio::ssl::stream<asio::ip::tcp::socket> stream(io, context);
            stream.next_layer().connect({asio::ip::address_v4::loopback(), port});
            boost::system::error_code error;
            stream.handshake(asio::ssl::stream_base::client, error);
            if (!error) {
                X509* peer = SSL_get1_peer_certificate(stream.native_handle());
                unsigned char digest[EVP_MAX_MD_SIZE];
                unsigned length = 0;
                X509_digest(peer, EVP_sha256(), digest, &length);
                X509_free(peer);
                fingerprint = dtls::hex_colons({digest, length});
            }
            done = true;
        });
        while (!done) turn();
        client.join();
        return fingerprint;
    }
    bool shows(const std::string& fingerprint) {
        for (int i = 0; i < 300; ++i) {
            if (shown() == fingerprint) return true;
            turn();
        }
        return false;
    }
};

TEST_F(ReloadTest, AnswersWithWhatChangedAndWhatWaits) {
    start_with_file("log = { level = \"info\"; };\n");
    ready();
    write(
        "admission = { max_sessions = 7; };\nhttp = { port = 7999; page = \"off\"; };\ndataplane = { poll = \"busy\"; };\n"
        "limits = { room_name_bytes = 3; sdp_kb = 4; };\nnode = { id = \"n1\"; region = \"here\"; };\n"
        "keys = { devkey = \"another\"; };\n");
    const std::string answer = reload();
    EXPECT_THAT(answer, HasSubstr("200 OK"));
    EXPECT_THAT(
        answer,
        HasSubstr(
            R"({"key":"admission.max_sessions","change":"warm","before":"4000","after":"7","applied":true,"restart":[]})"));
    EXPECT_THAT(
        answer,
        HasSubstr(
            R"("key":"http.port","change":"cold","before":"0","after":"7999","applied":false,"restart":["control plane"])"));
    EXPECT_THAT(answer, HasSubstr(R"("after":"\"busy\"","applied":false,"restart":["data plane"])"));
    EXPECT_THAT(answer, testing::Not(HasSubstr("another"))) << "secrets are masked";
    EXPECT_EQ(control_plane_->engine().options().budget.sessions, 7u);
    EXPECT_THAT(http("GET", "/"), HasSubstr("404"));
    EXPECT_THAT(http("POST", "/whip/abc", offer("chromium156-single-send.sdp")), HasSubstr("413"));
    EXPECT_THAT(http("POST", "/whip/abcd", "v=0"), HasSubstr("1 to 3 bytes"));
    EXPECT_THAT(http("GET", "/metrics"), HasSubstr("region=\"here\"} 1\n"));
    EXPECT_THAT(admin("GET", "/v1/status"), HasSubstr("\"region\":\"here\""));
}

TEST_F(ReloadTest, ABadFileKeepsWhatRunsAndAllThatIsWrongIsSaid) {
    start_with_file("admission = { max_sessions = 7; };\n");
    write("admission = { max_sessions = 9; };\nlog = { level = \"loud\"; };\nhttp = { prot = 1; };\n");
    const std::string answer = reload();
    EXPECT_THAT(answer, HasSubstr("422"));
    EXPECT_THAT(answer, HasSubstr(file() + ":2: log.level"));
    EXPECT_THAT(answer, HasSubstr("\"line\":3,\"key\":\"http.prot\""));
    EXPECT_EQ(control_plane_->engine().options().budget.sessions, 7u);
    std::filesystem::remove(file());
    EXPECT_THAT(reload(), HasSubstr("no such file"));
    write("admission = { max_sessions = 9; };\n");
    EXPECT_THAT(reload(), HasSubstr("200 OK"));
    EXPECT_EQ(control_plane_->engine().options().budget.sessions, 9u);
    EXPECT_THAT(reload(), HasSubstr("\"changes\":[]"));
}

TEST_F(ReloadTest, ACertificateThatCannotBeReadKeepsEverythingAsItWas) {
    const std::string first = write_certificate();
    start_with_file(tls() + "admission = { max_sessions = 7; };\n");
    EXPECT_EQ(shown(), first);
    write(
        "http = { tls = { certificate = \"/nonexistent.pem\"; key = \"/nonexistent.pem\"; }; };\n"
        "admission = { max_sessions = 9; };\n");
    const std::string answer = reload();
    EXPECT_THAT(answer, HasSubstr("422"));
    EXPECT_THAT(answer, HasSubstr("http.tls.certificate: TLS certificate /nonexistent.pem"));
    EXPECT_EQ(control_plane_->engine().options().budget.sessions, 7u);
    EXPECT_EQ(shown(), first);
    write("");
    EXPECT_THAT(reload(), HasSubstr("200 OK"));
    EXPECT_EQ(shown(), "") << "HTTPS was taken away";
    write(tls());
    EXPECT_THAT(reload(), HasSubstr("200 OK"));
    EXPECT_EQ(shown(), first);
}

TEST_F(ReloadTest, ARotatedCertificateIsNoticedWithoutARequest) {
    const std::string first = write_certificate();
    start_with_file(tls());
    EXPECT_EQ(shown(), first);
    const std::string second = write_certificate();
    ASSERT_NE(second, first);
    EXPECT_TRUE(shows(second));
    std::ofstream(directory_ + "/cert.pem") << "garbage";
    for (int i = 0; i < 30; ++i) turn();
    EXPECT_EQ(shown(), second);
}

TEST_F(ControlPlaneTest, WithoutAFileThereIsNothingToReload) {
    start();
    EXPECT_THAT(admin("POST", "/v1/config/reload"), HasSubstr("409"));
    EXPECT_THAT(admin("POST", "/v1/config/reload"), HasSubstr("without --config"));
}

TEST_F(ControlPlaneTest, AReloadPutsWarmKeysInForce) {
    start();
    ready();
    config::Config wanted = config_;
    wanted.admission.max_sessions = 1;
    ASSERT_TRUE(control_plane_->reload(wanted));
    EXPECT_EQ(control_plane_->engine().options().budget.sessions, 1u);
}

}  // namespace
}  // namespace sluice::app
