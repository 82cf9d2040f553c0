#include "tests/fault/fake_next/prologue.hpp"

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string_view>

#include "controlplane/dpclient/client.hpp"
#include "controlplane/session/session_state.hpp"

namespace sluice::fake_next {
namespace {

static_assert(abi::abi_current == abi::abi_oldest + 1);

constexpr std::uint16_t unheard_of = 0x7e57;
constexpr std::uint16_t session_kind = static_cast<std::uint16_t>(session::BlobKind::session);
constexpr std::uint16_t next_version = session::session_blob_version + 1;
constexpr std::uint64_t first_id = 0xfa4e'0000'0000'0001;
constexpr std::size_t sizes[] = {0, 1, 1000, abi::max_blob};
constexpr std::string_view addition = R"(,"fake_next":{"cap":720,"list":[1,2,3]}})";

// Any byte value, different for each blob.
std::vector<std::uint8_t> content(std::uint64_t id, std::size_t size) {
    std::vector<std::uint8_t> bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 167 + id * 31 + i / 251);
    return bytes;
}

dpclient::Blob foreign(std::size_t i) {
    const std::uint64_t id = first_id + i;
    return {.id = id, .owner = id ^ 7, .kind = unheard_of, .version = 3, .bytes = content(id, sizes[i])};
}
dpclient::Blob unreadable() {
    const std::uint64_t id = first_id + 100;
    return {.id = id, .owner = 0, .kind = session_kind, .version = next_version, .bytes = content(id, 333)};
}

bool same(const dpclient::Blob* a, const dpclient::Blob& b) {
    return a != nullptr && a->owner == b.owner && a->kind == b.kind && a->version == b.version && a->bytes == b.bytes;
}

void inspect(const dpclient::Program& program, const abi::HelloReply& hello) {
    std::size_t sessions = 0, marked = 0, left = 0, intact = 0;
    for (const auto& [id, blob] : program.blobs()) {
        const std::string_view text{reinterpret_cast<const char*>(blob.bytes.data()), blob.bytes.size()};
        if (blob.kind == session_kind && blob.version == session::session_blob_version) {
            ++sessions;
            marked += text.contains(R"("fake_next":{"cap":720,"list":[1,2,3]})");
        } else if (id >= first_id) {
            ++left;
        }
    }
    for (std::size_t i = 0; i < std::size(sizes); ++i) intact += same(program.find_blob(foreign(i).id), foreign(i));
    intact += same(program.find_blob(unreadable().id), unreadable());
    std::printf(
        "fake-next: {\"offered\": [%u, %u], \"spoken\": %u, \"sessions\": %zu, \"marked\": %zu, \"left\": %zu, \"intact\": "
        "%zu}\n",
        abi::abi_oldest, abi::abi_current, hello.abi, sessions, marked, left, intact);
}

void leave(dpclient::Program& program) {
    for (std::size_t i = 0; i < std::size(sizes); ++i) program.upsert(foreign(i));
    program.upsert(unreadable());
    std::vector<dpclient::Blob> longer;
    for (const auto& [id, blob] : program.blobs()) {
        if (blob.kind != session_kind || blob.version != session::session_blob_version || blob.bytes.empty()) continue;
        auto next = blob;
        if (std::string_view{reinterpret_cast<const char*>(next.bytes.data()), next.bytes.size()}.contains("fake_next"))
            continue;
        next.bytes.pop_back();
        next.bytes.insert(next.bytes.end(), addition.begin(), addition.end());
        longer.push_back(std::move(next));
    }
    for (auto& blob : longer) program.upsert(std::move(blob));
    const auto set = [&](const auto& objects) {
        for (const auto& [id, spec] : std::vector(objects.begin(), objects.end())) {
            auto next = spec;
            next.fake_next = 0x5a5a'5a5a'5a5a'5a5a;
            program.upsert(next);
        }
    };
    set(program.transports());
    set(program.sources());
    set(program.legs());
}

}  // namespace

bool prologue(const std::string& control_socket) {
    boost::asio::io_context io;
    dpclient::Program program;
    std::optional<bool> result;
    dpclient::Client* programmer = nullptr;
    dpclient::ClientOptions options;
    options.path = control_socket;
    dpclient::ClientHandlers handlers;
    handlers.on_synced = [&](const dpclient::ResyncReport&) {
        inspect(program, programmer->hello());
        leave(program);
        programmer->apply([&](dpclient::ApplyResult applied) { result = applied.ok(); });
    };
    handlers.on_fenced = [&] { result = false; };
    dpclient::Client client(io, program, std::move(options), handlers);
    programmer = &client;
    client.start();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (!result && std::chrono::steady_clock::now() < deadline) io.run_one_for(std::chrono::milliseconds(50));
    std::fflush(stdout);
    return result.value_or(false);
}

}  // namespace sluice::fake_next
