// The inside of Client, shared by its translation units: client.cpp (connection and public face), client_resync.cpp (DUMP,
// the resync, transactions and their ACKs) and client_events.cpp (events and punted datagrams).
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "controlplane/dpclient/channel.hpp"
#include "controlplane/dpclient/client.hpp"
#include "controlplane/dpclient/punt_rings.hpp"
#include "dataplane/abi/message_reader.hpp"

namespace sluice::dpclient {

class Client::Impl : public std::enable_shared_from_this<Client::Impl> {
public:
    Impl(boost::asio::io_context& io, Program& program, ClientOptions options, ClientHandlers handlers)
        : io_(io), program_(program), options_(std::move(options)), handlers_(std::move(handlers)), timer_(io) {}

    void start();
    void stop();
    void apply(ApplyCallback done);
    void request_keyframe(abi::SourceId source);
    bool inject(std::uint16_t worker, abi::PacketRecord record, ByteView datagram);
    bool inject_answer(std::uint16_t worker, abi::PacketRecord record, ByteView answer);

    enum class State : std::uint8_t { offline, greeting, dumping, feeding, syncing, ready };
    [[nodiscard]] State state() const noexcept { return state_; }
    [[nodiscard]] bool congested() const noexcept {
        return channel_ && channel_->backlog() + unsent_bytes_ > options_.max_backlog / 4;
    }
    [[nodiscard]] const abi::HelloReply& hello() const noexcept { return hello_; }
    [[nodiscard]] const SegmentView* segment() const noexcept { return segment_ ? &*segment_ : nullptr; }
    [[nodiscard]] const ClientCounters& counters() const noexcept { return counters_; }

private:
    struct Caller {
        Changes changes;
        ApplyCallback done;
    };
    struct Pending {
        enum class What : std::uint8_t { replay, apply, sync_end } what = What::replay;
        std::vector<Caller> callers;  // of a replay: the one object, without a callback
    };

    // client.cpp
    void connect();
    void retry_later();
    void drop(const std::string& why);
    void on_lost(const std::string& why);
    void complain(const std::string& why, bool harmless = false);
    void on_record(ByteView record, std::vector<UniqueFd> fds);
    void on_hello_reply(ByteView record, std::vector<UniqueFd> fds);
    [[nodiscard]] std::expected<void, std::string> take_hello(const abi::HelloReply& reply, std::vector<UniqueFd> fds);
    std::uint64_t send(Record record);
    template <abi::Message T>
    std::uint64_t send_message(T message) {
        abi::finish(message, 0, 0);
        const auto bytes = bytes_of(message);
        return send(Record(bytes.begin(), bytes.end()));
    }

    // client_resync.cpp
    void on_dumped(const abi::MessageHeader& header, ByteView record);
    void on_dump_end(ByteView record);
    void begin_resync();
    void feed();
    void flush();
    void send_changes(std::vector<Caller> callers);
    void send_transaction(std::vector<Caller> callers);
    void send_sync_end(bool force);
    void on_ack(ByteView record);
    void on_sync_ack(const abi::Ack& ack);
    void finish_resync_if_done();
    void keep_for_later();
    void fenced(const std::string& why);

    // client_events.cpp
    void on_event(abi::MessageType type, ByteView record);
    void drain_later();
    void drain();

    // Handlers may stop the client, or lose its connection: what calls one goes on only while this stays true.
    [[nodiscard]] bool still(const std::shared_ptr<Channel>& channel) const noexcept {
        return !stopped_ && channel_ == channel && channel->is_open();
    }

    boost::asio::io_context& io_;
    Program& program_;
    ClientOptions options_;
    ClientHandlers handlers_;
    ClientCounters counters_;
    boost::asio::steady_timer timer_;

    State state_ = State::offline;
    bool stopped_ = false;
    std::string complaint_;  // the last one of this outage
    std::shared_ptr<Channel> channel_;
    std::uint64_t seq_ = 0;
    std::uint64_t epoch_ = 0;
    abi::HelloReply hello_{};
    std::optional<SegmentView> segment_;
    Reservations earlier_;  // of a data plane that only the supervisor remembers
    std::array<std::uint8_t, 16> earlier_boot_id_{};
    bool adopted_ = false;  // this process holds the desired state
    std::array<std::uint8_t, 16> boot_id_{};

    std::shared_ptr<PuntRings> rings_;
    std::shared_ptr<boost::asio::posix::stream_descriptor> wake_;

    ResyncReport report_;
    Dump dump_;
    std::uint64_t dumped_ = 0;
    std::vector<Record> early_events_;  // arrived during the dump
    Changes keys_;
    std::size_t cursor_ = 0;
    std::size_t replays_ = 0;  // unacknowledged
    bool swept_ = false;
    bool forced_ = false;

    std::map<std::uint64_t, Pending> pending_;  // by seq
    std::vector<Caller> callers_;               // of this turn of the loop
    std::size_t unsent_bytes_ = 0;              // about what they will take
    bool flush_posted_ = false;
    std::vector<Caller> waiting_;  // of an outage
};

}  // namespace sluice::dpclient
