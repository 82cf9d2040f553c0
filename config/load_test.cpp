#include "config/load.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::config {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// All errors, one a line.
std::string errors(std::string_view text) {
    const auto result = parse(text, "t.conf");
    return result ? "" : to_string(result.error());
}

TEST(Parse, TakesAnEmptyFileForTheDefaults) {
    const auto config = parse("", "t.conf");
    ASSERT_TRUE(config);
    EXPECT_EQ(*config, load_default());
}

TEST(Parse, ReadsEveryTypeOfKey) {
    const auto config = parse(R"(
        mode = "production";
        http = { listen = "0.0.0.0"; port = 443L; tls = { certificate = "/c"; key = "/k"; }; };
        rtc: { udp_port = 0x1F00; addresses = ( "203.0.113.5", "10.0.0.4=203.0.113.6" ); prefer_suite = "AES_CM_128_HMAC_SHA1_80"; };
        keys = { one = "0123456789abcdef0123456789abcdef"; };
        dataplane = { workers = 2; cores = "2-3"; poll = "busy"; port = { type = "pci"; device = "0000:03:00.0"; }; };
    )",
                              "t.conf");
    ASSERT_TRUE(config) << to_string(config.error());
    EXPECT_EQ(config->mode, Mode::production);
    EXPECT_EQ(config->http.port, 443);
    EXPECT_EQ(config->http.tls.key, "/k");
    EXPECT_EQ(config->rtc.udp_port, 0x1f00);
    EXPECT_EQ(config->rtc.addresses.size(), 2u);
    EXPECT_EQ(config->rtc.prefer_suite, Suite::aes_cm_128_hmac_sha1_80);
    EXPECT_EQ(config->keys, (std::vector<ApiKey>{{"one", "0123456789abcdef0123456789abcdef"}}));
    EXPECT_EQ(config->dataplane.port.type, PortType::pci);
    EXPECT_EQ(config->dataplane.poll, Poll::busy);
}

TEST(Parse, StopsAtTheFirstSyntaxErrorAndNamesItsLine) {
    const auto result = parse("http = {\n  port = ;\n};\nrtc = { nonsense = 1; ", "t.conf");
    ASSERT_FALSE(result);
    ASSERT_EQ(result.error().size(), 1u);
    EXPECT_EQ(result.error()[0].line, 2u);
    EXPECT_THAT(errors("http = {\n  port = ;\n};"), HasSubstr("t.conf:2: syntax error"));
}

TEST(Parse, ReportsAllSemanticErrorsAtOnceInTheOrderOfTheirLines) {
    const auto text =
        errors("log = { level = \"dbug\"; };\nhttp = { port = 0; prot = 1; };\nrtc = { tcp_port = \"9\"; };\n");
    EXPECT_EQ(text,
              "t.conf:1: log.level: \"dbug\" is not known; did you mean \"debug\"?\n"
              "t.conf:2: http.port: 0 is out of range; use 1..65535\n"
              "t.conf:2: http.prot: unknown key; did you mean port?\n"
              "t.conf:3: rtc.tcp_port: must be an integer; write tcp_port = 9;\n");
}

TEST(Parse, PointsToTheGroupThatAKeyBelongsTo) {
    EXPECT_THAT(errors("udp_port = 1;"), HasSubstr("did you mean rtc.udp_port?"));
    EXPECT_THAT(errors("dataplan = { };"), HasSubstr("did you mean dataplane?"));
    EXPECT_THAT(errors("zebra = 1;"), HasSubstr("zebra: unknown key\n"));
    EXPECT_THAT(errors("rtc = 5;"), HasSubstr("must be a group; write rtc = { ... };"));
}

TEST(Parse, SuggestsTheRightSpellingOfAWrongType) {
    EXPECT_THAT(errors("node = { id = 7; };"), HasSubstr("write id = \"7\";"));
    EXPECT_THAT(errors("rtc = { addresses = \"10.0.0.1\"; };"), HasSubstr("write addresses = ( \"10.0.0.1\" );"));
    EXPECT_THAT(errors("rtc = { addresses = ( 1 ); };"), HasSubstr("entry 1 must be a string"));
    EXPECT_THAT(errors("http = { port = 1.5; };"), HasSubstr("must be an integer"));
    EXPECT_THAT(errors("dataplane = { hugepages = true; };"), HasSubstr("use one of auto | on | off"));
}

TEST(Parse, DoesNotLetALargeNumberWrapIntoTheRange) {
    EXPECT_THAT(errors("http = { port = 4294975176; };"), HasSubstr("out of range"));
    EXPECT_THAT(errors("http = { port = 4294975176L; };"), HasSubstr("out of range"));
    EXPECT_THAT(errors("\nhttp = { port = 0x100001ec8; };"), HasSubstr("t.conf:2: 0x100001ec8 is out of range"));
    EXPECT_THAT(errors("http = { port = 99999999999999999999L; };"), HasSubstr("out of range"));
    EXPECT_THAT(errors("http = { port = -1; };"), HasSubstr("out of range"));
    EXPECT_EQ(errors("# 99999999999\n/* 99999999999 */ node = { id = \"99999999999\"; }; // 99999999999"), "");
}

TEST(Parse, RefusesPublicAddressesInDevelopment) {
    EXPECT_THAT(errors("http = { listen = \"0.0.0.0\"; };"), HasSubstr("http.listen: development mode refuses"));
    EXPECT_THAT(errors("http = { listen = \"8.8.8.8\"; };"), HasSubstr("mode = \"production\""));
    EXPECT_THAT(errors("rtc = { addresses = ( \"10.0.0.1=203.0.113.1\" ); };"), HasSubstr("rtc.addresses: development"));
    EXPECT_THAT(errors("dataplane = { port = { address6 = \"2001:db8::2/64\"; host_address6 = \"2001:db8::1\"; }; };"),
                HasSubstr("dataplane.port.address6: development"));
    for (const char* fine :
         {"127.0.0.1", "localhost", "::1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "fd00::1", "fe80::1", "169.254.0.1"}) {
        EXPECT_EQ(errors("http = { listen = \"" + std::string(fine) + "\"; };"), "") << fine;
    }
}

TEST(Parse, AsksProductionForKeysOfItsOwn) {
    EXPECT_THAT(errors("mode = \"production\";"), HasSubstr("keys: production mode needs at least one key"));
    const auto weak = errors("mode = \"production\";\nkeys = { me = \"hunter2\"; };");
    EXPECT_THAT(weak, HasSubstr("t.conf:2: keys: the secret of me is shorter than 32 bytes"));
    EXPECT_THAT(weak, Not(HasSubstr("hunter2")));
    EXPECT_THAT(errors("keys = { me = 12345678; };"), Not(HasSubstr("12345678")));
}

TEST(Parse, ChecksKeysAgainstEachOther) {
    EXPECT_THAT(errors("rtc = { tcp_port = 7880; };"), HasSubstr("same TCP port"));
    EXPECT_THAT(errors("rtc = { udp_port = 65535; };\ndataplane = { workers = 2; cores = \"1,2\"; };"),
                HasSubstr("use at most 65534"));
    EXPECT_THAT(errors("http = { tls = { certificate = \"/c\"; }; };"), HasSubstr("http.tls.key: is missing"));
    EXPECT_THAT(errors("dataplane = { workers = 3; };"), HasSubstr("lists 1 cores for 3 workers"));
    EXPECT_THAT(errors("dataplane = { main_core = 1; poll = \"busy\"; };"), HasSubstr("busy polling"));
    EXPECT_THAT(errors("dataplane = { port = { type = \"pci\"; }; };"), HasSubstr("required by port type pci"));
    EXPECT_THAT(errors("dataplane = { port = { type = \"vdev\"; }; };"), HasSubstr("required by port type vdev"));
    EXPECT_THAT(errors("dataplane = { port = { type = \"vdev\"; device = \"0000:03:00.0\"; }; };"),
                HasSubstr("use type = \"pci\""));
    EXPECT_THAT(errors("dataplane = { port = { type = \"pci\"; device = \"net_null0\"; }; };"),
                HasSubstr("use type = \"vdev\""));
    EXPECT_EQ(errors("dataplane = { port = { type = \"vdev\"; device = \"net_null0\"; host_interface = \"host0\"; }; };"),
              "");
    EXPECT_THAT(errors("dataplane = { port = { host_interface = \"host0\"; }; };"),
                HasSubstr("for port types pci and vdev only"));
    EXPECT_THAT(errors("dataplane = { port = { address = \"10.1.0.2/24\"; }; };"), HasSubstr("not in the subnet"));
    EXPECT_THAT(errors("dataplane = { limits = { transports = 10; }; };"), HasSubstr("admission.max_sessions: is more"));
}

TEST(Parse, SaysOneThingOfOneKey) {
    const auto result = parse("dataplane = { cores = \"x\"; workers = 3; };", "t.conf");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().size(), 1u);
}

TEST(Parse, RefusesWhatLibconfigWouldSwallow) {
    EXPECT_THAT(errors("\n@include \"/etc/passwd\"\n"), HasSubstr("t.conf:2: @include is not supported"));
    EXPECT_THAT(errors(std::string_view("a\n\0b", 4)), HasSubstr("t.conf:2: contains a NUL byte"));
    EXPECT_THAT(errors(std::string(2 << 20, ' ')), HasSubstr("larger than 1 MB"));
    EXPECT_THAT(errors("http = { port = 1; port = 2; };"), HasSubstr("t.conf:1"));
    EXPECT_NE(errors(std::string(100'000, '(')), "");
}

TEST(LoadFile, NamesAMissingFile) {
    const auto result = load_file("/nonexistent/sluice.conf");
    ASSERT_FALSE(result);
    EXPECT_THAT(to_string(result.error()), HasSubstr("/nonexistent/sluice.conf: no such file"));
    EXPECT_FALSE(load_file("/"));
}

// A prefix of a good file, or one with a byte changed, is accepted or explained.
TEST(Parse, ExplainsEveryTruncation) {
    const std::string whole = "mode = \"development\"; rtc = { addresses = ( \"10.0.0.1\" ); dtls = { mtu = 1200; }; };";
    for (std::size_t n = 0; n <= whole.size(); ++n) {
        const auto result = parse(whole.substr(0, n), "t.conf");
        EXPECT_TRUE(result || !to_string(result.error()).empty()) << n;
    }
}

}  // namespace
}  // namespace sluice::config
