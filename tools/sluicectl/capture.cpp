#include "tools/sluicectl/capture.hpp"

#include <fmt/format.h>

#include <fstream>

#include "controlplane/core/clock.hpp"
#include "tools/sluicectl/format.hpp"
#include "tools/sluicectl/json_text.hpp"
#include "tools/sluicectl/observation.hpp"
#include "tools/sluicectl/observed.hpp"
#include "tools/sluicectl/pcapng.hpp"
#include "tools/sluicectl/table.hpp"

namespace sluice::ctl {
namespace {

constexpr std::chrono::milliseconds turn{10};

// The ids of a room's transports, as the control plane knows them.
std::expected<std::vector<std::string>, Outcome> transports_of(const Settings& settings, const std::string& room) {
    const auto body = admin(settings).get("/v1/rooms/" + escape(room));
    if (!body) return std::unexpected(failed(body.error()));
    std::vector<std::string> ids;
    if (const auto object = parse_object(*body)) {
        for (const auto* t : objects_of(*object, "transports")) ids.push_back(text_of(*t, "id"));
    }
    if (ids.empty()) return std::unexpected(Outcome::failed(Exit::failure, "nobody is in room " + printable(room)));
    return ids;
}

std::expected<abi::ObserveStart, Outcome> message_of(const Settings& settings, const CaptureRequest& request) {
    abi::ObserveStart wanted;
    wanted.kind = request.plaintext ? abi::ObserveKind::plaintext : abi::ObserveKind::capture;
    wanted.worker = request.worker.value_or(abi::every_worker);
    wanted.snaplen = request.snaplen;
    std::vector<std::string> ids = request.transports;
    if (!request.room.empty()) {
        auto found = transports_of(settings, request.room);
        if (!found) return std::unexpected(found.error());
        ids = std::move(*found);
    }
    if (ids.size() > abi::max_observed) {
        return std::unexpected(Outcome::failed(
            Exit::failure, fmt::format("a capture takes up to {} transports, these are {}: name some with --transport, or "
                                       "capture a whole --worker",
                                       abi::max_observed, ids.size())));
    }
    for (const std::string& id : ids) {
        const auto raw = parse_id(id);
        if (!raw) return std::unexpected(Outcome::failed(Exit::usage, bad_id(id)));
        wanted.transports[wanted.count++] = *raw;
    }
    return wanted;
}

std::string scope_text(const abi::ObserveStart& wanted) {
    std::string text = wanted.worker == abi::every_worker ? "every worker" : fmt::format("worker {}", wanted.worker);
    if (wanted.count == 0) return text + ", every transport";
    text += wanted.count == 1 ? ", transport" : ", transports";
    for (std::uint32_t i = 0; i < wanted.count; ++i) text += ' ' + hex_id(wanted.transports[i]);
    return text;
}

// Writes the file and counts.
class Writer {
public:
    Writer(std::ostream& out, std::uint32_t workers, const abi::ObserveStart& wanted, bool control_plane_up)
        : out_(out), counts_(workers), started_ns_(core::unix_ns()) {
        const bool plaintext = wanted.kind == abi::ObserveKind::plaintext;
        out_ << pcapng::block(
            pcapng::Section{"sluicectl " SLUICE_VERSION,
                            fmt::format("Sluice: {}; {}{}", scope_text(wanted),
                                        plaintext ? "media in the clear (RTP and RTCP as opened, and before they are sealed)"
                                                  : "frames as on the wire, media sealed",
                                        control_plane_up ? "" : "; the control plane was down")});
        for (std::uint32_t w = 0; w < workers; ++w) {
            out_ << pcapng::block(pcapng::Interface{
                fmt::format("worker{}", w),
                plaintext ? "media in the clear under headers as on the wire" : "frames as on the wire", wanted.snaplen});
        }
        out_.flush();
    }
    bool write(const abi::CaptureRecord& record, ByteView bytes) {
        if (record.worker >= counts_.size()) return true;
        Count& count = counts_[record.worker];
        out_ << pcapng::block(pcapng::Packet{record.worker, record.direction, record.unix_ns, record.length,
                                             record.lost - std::min(record.lost, count.lost_told), bytes});
        count.lost_told = record.lost;
        ++(record.direction == abi::Direction::rx ? count.rx : count.tx);
        ++frames_;
        return static_cast<bool>(out_);
    }
    void finish(const Observation& observation) {
        const std::int64_t now = core::unix_ns();
        for (std::uint32_t w = 0; w < counts_.size(); ++w) {
            const Count& c = counts_[w];
            const std::uint64_t lost = observation.lost(w);
            out_ << pcapng::block(pcapng::Statistics{w, started_ns_, now, c.rx + c.tx + lost, lost});
        }
        out_.flush();
    }
    [[nodiscard]] std::uint64_t frames() const noexcept { return frames_; }
    [[nodiscard]] bool failed() const { return !out_; }
    [[nodiscard]] boost::json::object data(const Observation& observation) const {
        boost::json::array workers;
        std::uint64_t rx = 0, tx = 0;
        for (std::uint32_t w = 0; w < counts_.size(); ++w) {
            const Count& c = counts_[w];
            rx += c.rx;
            tx += c.tx;
            workers.push_back(boost::json::object{{"id", w}, {"rx", c.rx}, {"tx", c.tx}, {"lost", observation.lost(w)}});
        }
        return {{"frames", frames_}, {"rx", rx}, {"tx", tx}, {"lost", observation.lost()}, {"workers", std::move(workers)}};
    }

private:
    struct Count {
        std::uint64_t rx = 0, tx = 0, lost_told = 0;
    };
    std::ostream& out_;
    std::vector<Count> counts_;
    std::uint64_t frames_ = 0;
    std::int64_t started_ns_;
};

}  // namespace

Outcome capture(const Settings& settings, const CaptureRequest& request, std::ostream& out, std::ostream* say) {
    const auto wanted = message_of(settings, request);
    if (!wanted) return wanted.error();
    const PlaneState control = control_plane_state(settings);
    auto plane = open_plane(settings, control);
    if (!plane) return plane.error();
    for (std::uint32_t i = 0; i < wanted->count; ++i) {
        abi::TransportSlot slot;
        if (!plane->segment.read(abi::TransportId{wanted->transports[i]}, slot) && request.room.empty())
            return Outcome::failed(Exit::failure, "the data plane has no transport " + hex_id(wanted->transports[i]));
    }
    std::ofstream file;
    if (request.file != "-") {
        file.open(request.file, std::ios::binary | std::ios::trunc);
        if (!file) return Outcome::failed(Exit::failure, "cannot write " + printable(request.file));
    }
    auto observation = Observation::start(std::move(plane->link), settings, *wanted);
    if (!observation) return observation.error();
    Observation& seen = **observation;

    const StopSignals signals;
    Writer writer(request.file == "-" ? out : file, seen.workers(), *wanted, control.up);
    if (say != nullptr) {
        *say << "capturing: " << scope_text(*wanted) << "; Ctrl-C ends it\n";
        if (request.plaintext)
            *say << "media is written in the clear; the log of the data plane says that you asked for it\n";
        say->flush();
    }
    const std::int64_t deadline =
        request.seconds > 0 ? core::monotonic_ns() + static_cast<std::int64_t>(request.seconds * 1e9) : 0;
    const auto enough = [&] { return request.count != 0 && writer.frames() >= request.count; };
    const auto on_record = [&](const abi::CaptureRecord& record, ByteView bytes) {
        return writer.write(record, bytes) && !enough();
    };
    bool alive = true;
    while (alive && seen.take(on_record) && !signals.stopped() && (deadline == 0 || core::monotonic_ns() < deadline)) {
        alive = seen.wait(turn);
    }
    if (alive) (void)seen.stop();
    if (!enough()) (void)seen.take(on_record);
    writer.finish(seen);

    Outcome outcome;
    outcome.data_plane = PlaneState{alive, alive ? "" : "it ended during the capture"};
    outcome.control_plane = control;
    outcome.data = writer.data(seen);
    outcome.data["file"] = request.file;
    outcome.data["plaintext"] = request.plaintext;
    const auto number = [&](const char* field) { return grouped(outcome.data.at(field).to_number<std::uint64_t>()); };
    std::string sum =
        fmt::format("{} frames ({} received, {} sent){}; {} more were lost because this reader was slow\n", number("frames"),
                    number("rx"), number("tx"), request.file == "-" ? "" : " in " + printable(request.file), number("lost"));
    if (request.file != "-")
        outcome.text = std::move(sum);
    else if (say != nullptr)
        *say << sum;
    if (writer.failed()) {
        outcome.exit = Exit::failure;
        outcome.error = "could not write everything to " + printable(request.file == "-" ? "stdout" : request.file);
    } else if (!alive) {
        outcome.exit = Exit::data_plane_unreachable;
        outcome.error = "the data plane ended during the capture; what it had shown until then is written";
    }
    return outcome;
}

}  // namespace sluice::ctl
