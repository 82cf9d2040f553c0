#include "tools/sluicectl/event_feed.hpp"

#include <fmt/format.h>

#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "controlplane/core/clock.hpp"
#include "dataplane/base/endpoint.hpp"
#include "tools/sluicectl/control_link.hpp"
#include "tools/sluicectl/format.hpp"
#include "tools/sluicectl/json_text.hpp"
#include "tools/sluicectl/observation.hpp"
#include "tools/sluicectl/table.hpp"

namespace sluice::ctl {
namespace {

namespace json = boost::json;

constexpr std::chrono::milliseconds long_poll{500};
constexpr std::chrono::milliseconds retry{100};

// An event of the data plane in words.
std::string words_of(abi::MessageType type, ByteView record) {
    const auto id = [](auto value) { return hex_id(static_cast<std::uint64_t>(value)); };
    switch (type) {
        case abi::MessageType::event_path: {
            const auto e = abi::read_as<abi::EventPath>(record);
            if (!e) break;
            return "transport " + id(e->transport) + " is at " +
                   Endpoint{IpAddress{e->path.remote_ip}, e->path.remote_port}.to_string() + " now";
        }
        case abi::MessageType::event_source_bound: {
            const auto e = abi::read_as<abi::EventSourceBound>(record);
            if (!e) break;
            return fmt::format("source {} has SSRC 0x{:08x}", id(e->source), e->ssrc);
        }
        case abi::MessageType::event_transport_silent: {
            const auto e = abi::read_as<abi::EventTransportSilent>(record);
            if (!e) break;
            return fmt::format("transport {} is silent for {} s", id(e->transport), e->silent_ms / 1000);
        }
        case abi::MessageType::event_bye: {
            const auto e = abi::read_as<abi::EventBye>(record);
            if (!e) break;
            return "source " + id(e->source) + " said BYE";
        }
        case abi::MessageType::event_observation: {
            const auto e = abi::read_as<abi::EventObservation>(record);
            if (!e) break;
            return fmt::format("{} {} by uid {}, process {}",
                               e->kind == abi::ObserveKind::plaintext ? "a plaintext capture"
                               : e->kind == abi::ObserveKind::trace   ? "a trace"
                                                                      : "a capture",
                               e->started != 0 ? "was started" : "ended, begun", e->uid, e->pid);
        }
        default: return "event " + std::to_string(static_cast<unsigned>(type));
    }
    return "an event that does not parse";
}

class Feed {
public:
    Feed(const Settings& settings, const FollowRequest& request, std::ostream& out, std::ostream* say)
        : settings_(settings), request_(request), out_(out), say_(say) {}

    // One turn of about half a second.
    void turn() {
        const bool answered = ask_control_plane();
        if (!answered && control_plane_up_) remark("the control plane is down: " + why_);
        if (answered && !first_ && !control_plane_up_) remark("the control plane is up again");
        control_plane_up_ = answered;
        listen(answered ? std::chrono::milliseconds(1) : retry);
        // A control plane that is up tells the same with more words, and knows the room.
        for (const auto& [unix_ms, text] : std::exchange(reported_, {})) {
            if (!answered && request_.room.empty()) show(unix_ms, "", text, "data_plane", 0);
        }
        first_ = false;
        out_.flush();
    }
    [[nodiscard]] bool control_plane_up() const noexcept { return control_plane_up_; }
    [[nodiscard]] bool data_plane_up() const noexcept { return link_ != nullptr; }
    [[nodiscard]] const std::string& refusal() const noexcept { return refusal_; }
    [[nodiscard]] const std::string& why() const noexcept { return why_; }
    [[nodiscard]] std::uint64_t shown() const noexcept { return shown_; }

private:
    bool ask_control_plane() {
        const AdminClient client(settings_.admin_socket, settings_.patience + long_poll);
        // The first answer comes at once, with what is remembered.
        std::string target = fmt::format("/v1/events?after={}&wait_ms={}", last_, first_ ? 0 : long_poll.count());
        if (!request_.room.empty()) target += "&room=" + escape(request_.room);
        const auto body = client.get(target);
        const auto object = body ? parse_object(*body) : std::nullopt;
        if (!object) {
            why_ = body ? "its answer is no JSON object" : body.error().message;
            if (!body && !body.error().unreachable && body.error().status != 0) refusal_ = why_;
            return false;
        }
        for (const auto* event : objects_of(*object, "events")) {
            const auto id = static_cast<std::uint64_t>(integer_of(*event, "id"));
            if (id <= last_) continue;
            last_ = id;
            show(integer_of(*event, "unix_ms"), event->contains("room") ? text_of(*event, "room") : "",
                 text_of(*event, "text"), "control_plane", id);
        }
        return true;
    }

    // Takes what the data plane reports; connects again where it must.
    void listen(std::chrono::milliseconds time) {
        if (link_ != nullptr) {
            if (link_->wait(time)) return;
            link_.reset();
            remark("the data plane is down");
        }
        auto link = ControlLink::open(settings_.control_socket, settings_.patience);
        if (!link) return std::this_thread::sleep_for(time);
        link_ = std::move(*link);
        if (!first_) remark("the data plane is up again");
        link_->on_event = [this](const abi::MessageHeader& header, ByteView record) {
            reported_.emplace_back(core::unix_ns() / 1'000'000, words_of(header.type, record));
        };
        const auto answer = link_->ask(abi::Subscribe{}, settings_.patience);
        const auto ack = answer ? abi::read_as<abi::Ack>(ByteView{answer->record.data(), answer->record.size()})
                                : std::unexpected(abi::AbiError::too_short);
        if (!ack || ack->status != abi::Status::ok) remark("the data plane does not tell its events to this user");
    }

    void show(std::int64_t unix_ms, const std::string& room, const std::string& text, const char* source, std::uint64_t id) {
        ++shown_;
        if (request_.json) {
            json::object line{{"version", json_version}, {"unix_ms", unix_ms}, {"source", source}, {"text", text}};
            if (!room.empty()) line["room"] = room;
            if (id != 0) line["id"] = id;
            out_ << json::serialize(line) << '\n';
            return;
        }
        out_ << fmt::format("{}  {:<12}  {}\n", utc_time(unix_ms), room.empty() ? "-" : printable(room), printable(text));
    }

public:
    // Of the planes themselves, as seen from here.
    void remark(const std::string& text) {
        if (request_.json)
            show(core::unix_ns() / 1'000'000, "", text, "sluicectl", 0);
        else if (say_ != nullptr)
            *say_ << "sluicectl: " << printable(text) << '\n' << std::flush;
    }

private:
    const Settings& settings_;
    const FollowRequest& request_;
    std::ostream& out_;
    std::ostream* say_;
    std::unique_ptr<ControlLink> link_;
    std::vector<std::pair<std::int64_t, std::string>> reported_;  // by the data plane, in this turn
    std::uint64_t last_ = 0;                                      // id of the youngest event that was shown
    std::uint64_t shown_ = 0;
    bool first_ = true;
    bool control_plane_up_ = false;
    std::string why_;      // the control plane did not answer
    std::string refusal_;  // it answered, with a refusal
};

}  // namespace

Outcome follow_events(const Settings& settings, const FollowRequest& request, std::ostream& out, std::ostream* say) {
    const StopSignals signals;
    Feed feed(settings, request, out, say);
    const std::int64_t deadline =
        request.seconds > 0 ? core::monotonic_ns() + static_cast<std::int64_t>(request.seconds * 1e9) : 0;
    feed.turn();
    if (!feed.refusal().empty()) return Outcome::failed(Exit::failure, feed.refusal());
    if (!feed.control_plane_up() && !feed.data_plane_up()) {
        Outcome outcome = Outcome::failed(Exit::control_plane_unreachable, "both planes are down: " + feed.why());
        outcome.control_plane = PlaneState{false, feed.why()};
        return outcome;
    }
    if (!feed.control_plane_up())
        feed.remark("the control plane is down (" + feed.why() + "); what follows comes from the data plane alone");
    while (out && !signals.stopped() && (deadline == 0 || core::monotonic_ns() < deadline)) feed.turn();
    Outcome outcome;
    outcome.data_plane = PlaneState{feed.data_plane_up(), feed.data_plane_up() ? "" : "it is not reachable"};
    if (feed.control_plane_up()) outcome.control_plane = PlaneState{true, {}};
    outcome.data = {{"events", feed.shown()}};
    return outcome;
}

}  // namespace sluice::ctl
