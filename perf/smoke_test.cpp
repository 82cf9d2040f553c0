// The benchmarks by themselves: that a short run says what it measured in the form that is promised, that the output was
// opened with libsrtp and compared, and that a run which measured garbage fails. Never a time.

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <boost/json.hpp>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace json = boost::json;

struct Ended {
    int code = -1;
    std::string out;

    // A JSON object per line.
    [[nodiscard]] std::vector<json::object> rows() const {
        std::vector<json::object> rows;
        std::istringstream lines(out);
        for (std::string line; std::getline(lines, line);) rows.push_back(json::parse(line).as_object());
        return rows;
    }
};

// The program whose path is in the environment variable `program`; meson sets it.
Ended run(const char* program, const std::string& arguments) {
    Ended result;
    const char* path = std::getenv(program);
    if (path == nullptr) return result;
    FILE* pipe = popen((std::string(path) + " " + arguments).c_str(), "r");
    if (pipe == nullptr) return result;
    char buffer[4096];
    while (const std::size_t n = fread(buffer, 1, sizeof buffer, pipe)) result.out.append(buffer, n);
    const int status = pclose(pipe);
    result.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return result;
}

constexpr const char* pipeline = "SLUICE_PIPELINE_BENCH";
constexpr const char* micro = "SLUICE_MICRO_BENCH";
constexpr const char* wire = "SLUICE_WIRE_BENCH";

TEST(PerfPipeline, ARowSaysWhatWasMeasuredAndThatTheOutputWasOpened) {
    const Ended r = run(pipeline, "--json --quick --viewers 3 --rounds 2");
    ASSERT_EQ(r.code, 0) << r.out;
    const auto rows = r.rows();
    ASSERT_FALSE(rows.empty());
    std::set<std::string> seen;
    for (const auto& row : rows) {
        EXPECT_EQ(row.at("viewers").as_int64(), 3);
        EXPECT_EQ(row.at("bytes").as_int64(), 1200);
        EXPECT_EQ(row.at("lost").as_int64(), 0);
        // Every viewer's packet at the beginning, in the middle and at the end of the row.
        EXPECT_EQ(row.at("samples_opened").as_int64(), 3 * 3);
        EXPECT_TRUE(row.at("tainted").is_bool());
        for (const char* field : {"ns_per_packet", "cycles_per_packet", "mpps", "gbps", "cipher_ns", "kernel_baseline_ns",
                                  "kernel_gso_ns", "kernel_ratio", "kernel_gso_ratio"}) {
            // A busy machine may leave no clean slice; a figure is then missing, never zero.
            const auto& value = row.at(field);
            EXPECT_TRUE(value.is_null() || value.to_number<double>() > 0) << field;
        }
        for (const char* dimension : {"suite", "port", "family", "checksum"}) seen.emplace(row.at(dimension).as_string());
    }
    EXPECT_EQ(seen, (std::set<std::string>{"AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_80", "null", "ring", "IPv4", "IPv6",
                                           "offload", "software"}));
}

TEST(PerfPipeline, FailsWhenTheOutputIsNotWhatWasPublished) {
    const Ended r = run(pipeline, "--json --quick --viewers 3 --rounds 1 --break-sample 2>&1");
    EXPECT_EQ(r.code, 1);
    EXPECT_NE(r.out.find("viewer 0"), std::string::npos) << r.out;
    EXPECT_EQ(r.out.find("ns_per_packet"), std::string::npos) << "a row of garbage was printed";
}

TEST(PerfWire, EveryPacketIsAccountedFor) {
    const Ended r = run(wire, "--json --quick --only accounting --seconds 0.3");
    ASSERT_EQ(r.code, 0) << r.out;
    const auto rows = r.rows();
    ASSERT_EQ(rows.size(), 2u);
    for (const auto& row : rows) {
        EXPECT_GT(row.at("due").as_int64(), 0);
        EXPECT_EQ(row.at("left").as_int64(), row.at("due").as_int64());
        EXPECT_TRUE(row.at("sound").as_bool());
    }
}

TEST(PerfWire, ALatencyIsNamedBesideWhatAnIdealServerWouldHave) {
    const Ended r = run(wire, "--json --quick --only latency,last_viewer");
    ASSERT_EQ(r.code, 0) << r.out;
    const auto rows = r.rows();
    ASSERT_EQ(rows.size(), 3u);
    for (const char* field : {"raw_p50_us", "raw_p99_us", "ideal_waited_p99_us", "capacity_mpps"})
        EXPECT_GT(rows[0].at(field).to_number<double>(), 0) << field;
    EXPECT_GT(rows[2].at("wire_model_us").to_number<double>(), 1000);
}

TEST(PerfMicro, EveryStageDoesItsWork) {
    const Ended r = run(micro,
                        "--json --quick --filter '(/IPv4|demux|1_transports|stun|rtp/open|/120/|rtp/parse|media|leg|rtcp|"
                        "ingest|nack|ring)'");
    ASSERT_EQ(r.code, 0) << r.out;
    std::set<std::string> groups;
    for (const auto& row : r.rows()) {
        const std::string name(row.at("stage").as_string());
        groups.insert(name.substr(0, name.find('/')));
        EXPECT_GT(row.at("ns").to_number<double>(), 0) << name;
        EXPECT_GT(row.at("cycles").to_number<double>(), 0) << name;
    }
    EXPECT_EQ(groups, (std::set<std::string>{"frame", "egress", "table", "stun", "srtp", "srtcp", "rtp", "media", "leg",
                                             "rtcp", "ingest", "nack", "ring"}));
}

TEST(PerfMicro, FailsWhenNothingWasMeasured) {
    EXPECT_EQ(run(micro, "--quick --filter nothing_of_this_name 2>/dev/null").code, 1);
}

}  // namespace
