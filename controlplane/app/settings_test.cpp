// No key of the configuration is read in vain: each that the control plane is said to apply changes what one of its parts is
// told.
#include "controlplane/app/settings.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "config/load.hpp"
#include "config/readers.hpp"

namespace sluice::app {
namespace {

using config::Config;

struct Applied {
    std::function<std::string(const Config&)> told;
    std::function<void(Config&)> change;
};

std::string text(auto number) {
    return std::to_string(number);
}

std::string addresses(const Config& c) {
    std::string out;
    for (const IpAddress& a : engine_options(c).public_addresses) out += a.to_string() + ' ';
    return out;
}

const std::map<std::string, Applied, std::less<>> applied{
    {"mode",
     {[](const Config& c) { return text(authorize_options(c).allow_anonymous); },
      [](Config& c) { c.mode = config::Mode::production; }}},
    {"node.id",
     {[](const Config& c) { return engine_options(c).node_id + log_settings(c).node; }, [](Config& c) { c.node.id = "n"; }}},
    {"node.region", {[](const Config& c) { return engine_options(c).node_region; }, [](Config& c) { c.node.region = "r"; }}},
    {"http.listen",
     {[](const Config& c) { return server_options(c, -1).listen_address; }, [](Config& c) { c.http.listen = "::1"; }}},
    {"http.port", {[](const Config& c) { return text(server_options(c, -1).port); }, [](Config& c) { c.http.port = 1; }}},
    // The page is asked for at each request: controlplane/app/control_plane_test.cpp turns it off.
    {"http.page", {[](const Config& c) { return c.http.page; }, [](Config& c) { c.http.page = "off"; }}},
    {"http.tls.certificate",
     {[](const Config& c) {
          const auto tls = server_options(c, -1).tls;
          return tls ? tls->certificate_chain_path : "none";
      },
      [](Config& c) { c.http.tls = {"/c", "/k"}; }}},
    {"http.tls.key",
     {[](const Config& c) {
          const auto tls = server_options(c, -1).tls;
          return tls ? tls->private_key_path : "none";
      },
      [](Config& c) { c.http.tls = {"/c", "/k"}; }}},
    {"rtc.addresses", {addresses, [](Config& c) { c.rtc.addresses = {"10.0.0.1=10.0.0.2"}; }}},
    {"rtc.prefer_suite",
     {[](const Config& c) { return text(static_cast<int>(engine_options(c).dtls.profiles.front())); },
      [](Config& c) { c.rtc.prefer_suite = config::Suite::aes_cm_128_hmac_sha1_80; }}},
    {"rtc.moves_per_s",
     {[](const Config& c) { return text(engine_options(c).moves_per_s); }, [](Config& c) { c.rtc.moves_per_s = 9; }}},
    {"rtc.dtls.mtu",
     {[](const Config& c) { return text(engine_options(c).dtls_mtu); }, [](Config& c) { c.rtc.dtls.mtu = 999; }}},
    {"rtc.dtls.certificate_days",
     {[](const Config& c) { return text(engine_options(c).certificate_days); },
      [](Config& c) { c.rtc.dtls.certificate_days = 9; }}},
    {"rtc.dtls.threads",
     {[](const Config& c) { return text(handshake_threads(c)); }, [](Config& c) { c.rtc.dtls.threads = 3; }}},
    {"keys",
     {[](const Config& c) { return authorize_options(c).keys.begin()->second; }, [](Config& c) { c.keys = {{"a", "b"}}; }}},
    {"dataplane.control_socket",
     {[](const Config& c) { return client_options(c).path + admin_socket(c); },
      [](Config& c) { c.dataplane.control_socket = "/x/y"; }}},
    {"admission.max_egress_mbps",
     {[](const Config& c) { return text(engine_options(c).budget.egress_bps); },
      [](Config& c) { c.admission.max_egress_mbps = 5; }}},
    {"dataplane.port.egress_mbps",
     {[](const Config& c) { return text(engine_options(c).budget.egress_bps); },
      [](Config& c) { c.dataplane.port.egress_mbps = 1000; }}},
    {"admission.max_packets_per_s",
     {[](const Config& c) { return text(engine_options(c).budget.packets_per_s); },
      [](Config& c) { c.admission.max_packets_per_s = 5; }}},
    {"admission.max_sessions",
     {[](const Config& c) { return text(engine_options(c).budget.sessions); },
      [](Config& c) { c.admission.max_sessions = 5; }}},
    {"admission.max_rooms",
     {[](const Config& c) { return text(engine_options(c).budget.rooms); }, [](Config& c) { c.admission.max_rooms = 5; }}},
    {"admission.max_viewers_per_room",
     {[](const Config& c) { return text(engine_options(c).budget.viewers_per_room); },
      [](Config& c) { c.admission.max_viewers_per_room = 5; }}},
    {"admission.max_joins",
     {[](const Config& c) { return text(engine_options(c).budget.joins); }, [](Config& c) { c.admission.max_joins = 5; }}},
    {"log.level",
     {[](const Config& c) { return log_settings(c).level; }, [](Config& c) { c.log.level = config::LogLevel::error; }}},
    {"log.format",
     {[](const Config& c) { return text(log_settings(c).json); },
      [](Config& c) { c.log.format = config::LogFormat::json; }}},
    {"limits.sdp_kb",
     {[](const Config& c) { return text(whip_limits(c).sdp_bytes) + ' ' + text(server_options(c, -1).limits.body_bytes); },
      [](Config& c) { c.limits.sdp_kb = 99; }}},
    {"limits.message_kb",
     {[](const Config& c) {
          return text(server_options(c, -1).limits.websocket_message_bytes) + ' ' +
                 text(server_options(c, -1).limits.body_bytes);
      },
      [](Config& c) { c.limits.message_kb = 99; }}},
    {"limits.http_connections",
     {[](const Config& c) { return text(server_options(c, -1).max_connections); },
      [](Config& c) { c.limits.http_connections = 17; }}},
    {"limits.request_timeout_s",
     {[](const Config& c) {
          return text(server_options(c, -1).timeouts.header.count()) + ' ' +
                 text(server_options(c, -1).timeouts.body.count());
      },
      [](Config& c) { c.limits.request_timeout_s = 3; }}},
    {"limits.room_name_bytes",
     {[](const Config& c) { return text(whip_limits(c).room_name_bytes); },
      [](Config& c) { c.limits.room_name_bytes = 5; }}},
};

TEST(Settings, ApplyEveryKeyOfTheControlPlane) {
    for (const config::KeyReaders& key : config::all_readers()) {
        const bool ours = (key.readers & config::reader_control_plane) != 0;
        ASSERT_EQ(applied.contains(key.path), ours) << key.path;
        if (!ours) continue;
        const Applied& entry = applied.find(key.path)->second;
        const Config before = config::load_default();
        Config after = before;
        entry.change(after);
        bool changed = false;
        for (const config::Difference& d : config::diff(before, after)) changed |= d.path == key.path;
        EXPECT_TRUE(changed) << key.path << ": the test changes another key";
        EXPECT_NE(entry.told(before), entry.told(after)) << key.path;
    }
}

// Each half of a limit that has two.
TEST(Settings, RaiseTheBodyLimitWithEitherKindOfBody) {
    Config c = config::load_default();
    const auto body = [&] { return server_options(c, -1).limits.body_bytes; };
    c.limits = {.sdp_kb = 100, .message_kb = 50};
    EXPECT_EQ(body(), 100u * 1024);
    c.limits = {.sdp_kb = 50, .message_kb = 100};
    EXPECT_EQ(body(), 100u * 1024);
}

TEST(Settings, ListenOnLoopbackForLocalhost) {
    Config c = config::load_default();
    c.http.listen = "localhost";
    EXPECT_EQ(server_options(c, -1).listen_address, "127.0.0.1");
}

}  // namespace
}  // namespace sluice::app
