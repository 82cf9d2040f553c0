// perf/run scaling: one room over one worker and over two, beside the bare cipher on one core and on two, and what a model
// of the measured costs says of more.

#include <fmt/format.h>
#include <pthread.h>
#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#include <CLI/CLI.hpp>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/base/spsc_ring.hpp"
#include "dataplane/worker/cross_message.hpp"
#include "perf/lib/machine.hpp"
#include "perf/lib/statistics.hpp"
#include "perf/pipeline/bare_cipher.hpp"
#include "perf/pipeline/scene.hpp"

namespace {

using namespace sluice;
using namespace sluice::perf;

constexpr unsigned room = 1000;  // viewers
constexpr unsigned small_room = 20;
constexpr std::size_t buffers = 96;
constexpr double target = 0.95;
constexpr auto settle = std::chrono::milliseconds(10);

// Swallows what is sent. The first worker's hands out a publisher's next packet when nearly all before has left.
class RoomPort final : public port::PortIo {
public:
    std::uint16_t receive(rte_mbuf** frames, std::uint16_t) noexcept override {
        if (scene == nullptr) return 0;
        std::uint64_t left = 0;
        for (unsigned w = 0; w < scene->spec().workers; ++w) left += scene->counters(static_cast<std::uint16_t>(w)).rtp_out;
        const std::uint64_t due = total() * scene->spec().viewers;
        // Two under way, so that no worker waits for the other.
        if (due > left + scene->spec().viewers) return 0;
        frames[0] = scene->publish(publisher);
        return 1;
    }
    std::uint16_t transmit(rte_mbuf** frames, std::uint16_t count) noexcept override {
        rte_pktmbuf_free_bulk(frames, count);
        return count;
    }
    [[nodiscard]] bool offloads_udp_checksum() const noexcept override { return true; }
    [[nodiscard]] std::uint64_t total() const noexcept {
        std::uint64_t packets = 0;
        for (unsigned p = 0; p < scene->spec().publishers; ++p) packets += scene->published_packets(p);
        return packets;
    }

    Scene* scene = nullptr;  // null: no packets come in
    std::atomic<unsigned> publisher = 0;
};

enum class Work : std::uint8_t { none, pipeline, cipher, half_cipher, cross, stop };

// A core's thread, which does what it is told.
class Core {
public:
    Core(unsigned core, std::uint16_t worker, Scene& scene, BareCipher& whole, BareCipher& half,
         SpscRing<worker::CrossMessage>& ring)
        : thread_([this, core, worker, &scene, &whole, &half, &ring] {
              cpu_set_t set;
              CPU_ZERO(&set);
              CPU_SET(core, &set);
              (void)pthread_setaffinity_np(pthread_self(), sizeof set, &set);
              (void)rte_thread_register();  // for the pools' caches
              const worker::CrossMessage message{};
              std::array<worker::CrossMessage, 32> messages;
              for (Work work; (work = work_.load(std::memory_order_acquire)) != Work::stop;) {
                  switch (work) {
                      case Work::pipeline: (void)scene.worker(worker).iterate(); break;
                      case Work::cipher: add(whole.step()); break;
                      case Work::half_cipher: add(half.step()); break;
                      case Work::cross: worker == 0 ? add(ring.push(message) ? 1 : 0) : add(ring.pop_burst(messages)); break;
                      default: std::this_thread::sleep_for(std::chrono::microseconds(100));
                  }
                  busy_.store(work, std::memory_order_release);
              }
              rte_thread_unregister();
          }) {}
    ~Core() {
        tell(Work::stop);
        thread_.join();
    }
    Core(const Core&) = delete;
    Core& operator=(const Core&) = delete;

    void tell(Work work) noexcept { work_.store(work, std::memory_order_release); }
    void await(Work work) const noexcept {
        while (busy_.load(std::memory_order_acquire) != work) std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    [[nodiscard]] std::uint64_t done() const noexcept { return done_.load(std::memory_order_relaxed); }

private:
    void add(std::size_t n) noexcept { done_.store(done_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }

    std::atomic<Work> work_{Work::none};
    std::atomic<Work> busy_{Work::none};
    std::atomic<std::uint64_t> done_ = 0;
    std::thread thread_;
};

// Packets a second while these threads do that.
template <typename Count>
double rate(std::array<Core*, 2> cores, std::array<Work, 2> work, int ms, Count&& count) {
    for (int i = 0; i < 2; ++i) cores[i]->tell(work[i]);
    for (int i = 0; i < 2; ++i) cores[i]->await(work[i]);
    std::this_thread::sleep_for(settle);
    const auto from = std::chrono::steady_clock::now();
    const std::uint64_t before = count();
    std::this_thread::sleep_for(std::chrono::milliseconds(ms));
    const std::uint64_t done = count() - before;
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - from;
    for (Core* core : cores) core->tell(Work::none);
    for (Core* core : cores) core->await(Work::none);
    return static_cast<double>(done) / took.count();
}

struct Rates {
    std::vector<double> pipeline1, pipeline2, cipher1, cipher2, scaling, cipher_scaling, ratio, cross;
};

// What a packet costs a worker besides its viewers: from the time that a packet to few of them takes.
double ns_per_packet(unsigned viewers, unsigned core, int ms, int rounds) {
    const SceneSpec spec{.viewers = viewers};
    RoomPort port;
    Scene scene(spec, port);
    BareCipher cipher(spec, buffers);
    SpscRing<worker::CrossMessage> ring(32);
    port.scene = &scene;
    Core one(core, 0, scene, cipher, cipher, ring), other(core, 1, scene, cipher, cipher, ring);
    std::vector<double> ns;
    for (int i = 0; i < rounds; ++i) {
        ns.push_back(1e9 / rate({&one, &other}, {Work::pipeline, Work::none}, ms, [&] { return scene.counters().rtp_in; }));
        scene.turn();
    }
    return median(ns);
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App cli(
        "A room of 1,000 over one worker and over two, beside the bare cipher on one core and on two in the same run, and a "
        "model of 8 and 16 workers. Exit: 0, or 1 when a packet is missing, or the machine has one core.",
        "perf/run scaling");
    bool json = false, quick = false;
    cli.add_flag("--json", json, "one JSON object");
    cli.add_flag("--quick", quick, "seconds instead of half a minute");
    CLI11_PARSE(cli, argc, argv);
    const int ms = quick ? 20 : 100;
    const int rounds = quick ? 10 : 60;
    const std::string cpu = cpu_model();
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    (void)pthread_getaffinity_np(pthread_self(), sizeof allowed, &allowed);
    if (CPU_COUNT(&allowed) < 2) {
        fmt::print(stderr, "scaling: needs two cores\n");
        return 1;
    }
    const Eal eal = start_eal("scaling", 128);
    unsigned first = 0;
    while (!CPU_ISSET(first, &allowed)) ++first;
    (void)pthread_setaffinity_np(pthread_self(), sizeof allowed, &allowed);

    const double small_ns = ns_per_packet(small_room, eal.core, ms, rounds / 5);
    Rates r;
    bool sound = true;
    {
        const SceneSpec spec{.viewers = room, .publishers = 2, .workers = 2};
        RoomPort ports[2];
        Scene scene(spec, {&ports[0], &ports[1]});
        SceneSpec half = spec;
        half.viewers = room / 2;
        BareCipher whole(spec, buffers), left(half, buffers), right(half, buffers);
        SpscRing<worker::CrossMessage> ring(4096);
        ports[0].scene = &scene;
        Core one(eal.core, 0, scene, whole, left, ring), two(first, 1, scene, whole, right, ring);
        const std::array<Core*, 2> cores{&one, &two};
        const auto sent = [&] { return scene.counters(0).rtp_out + scene.counters(1).rtp_out; };
        const auto sealed = [&] { return one.done() + two.done(); };
        // Whatever is under way leaves before the room changes.
        const auto finish = [&] {
            ports[0].scene = nullptr;
            (void)rate(cores, {Work::pipeline, Work::pipeline}, 1, sent);
            ports[0].scene = &scene;
            scene.turn();
        };
        for (int i = 0; i < rounds; ++i) {
            ports[0].publisher = 0;
            r.pipeline1.push_back(rate(cores, {Work::pipeline, Work::none}, ms, sent));
            finish();
            ports[0].publisher = 1;
            r.pipeline2.push_back(rate(cores, {Work::pipeline, Work::pipeline}, ms, sent));
            finish();
            r.cipher1.push_back(rate(cores, {Work::cipher, Work::none}, ms, sealed));
            r.cipher2.push_back(rate(cores, {Work::half_cipher, Work::half_cipher}, ms, sealed));
            r.cross.push_back(rate(cores, {Work::cross, Work::cross}, ms / 4, [&] { return two.done(); }));
            r.scaling.push_back(r.pipeline2.back() / r.pipeline1.back());
            r.cipher_scaling.push_back(r.cipher2.back() / r.cipher1.back());
            r.ratio.push_back(r.scaling.back() / r.cipher_scaling.back());
        }
        ports[0].scene = nullptr;
        (void)rate(cores, {Work::pipeline, Work::pipeline}, 50, sent);
        ports[0].scene = &scene;
        const std::uint64_t due = ports[0].total() * room;
        sound = sent() == due;
        if (!sound) fmt::print(stderr, "scaling: {} packets were due, {} left\n", due, sent());
    }
    const double one_mpps = median(r.pipeline1) / 1e6, two_mpps = median(r.pipeline2) / 1e6;
    // A packet costs its owner a fixed share, a message to each other worker, and its viewers.
    const double leg_ns = (1e3 / one_mpps - small_ns / room) / (1 - static_cast<double>(small_room) / room);
    const double fixed_ns = std::max(0.0, small_ns - small_room * leg_ns);
    const double cross_ns = 1e9 / median(r.cross);
    const auto model_mpps = [&](unsigned workers) {
        return 1e3 * room / (fixed_ns + (workers - 1) * cross_ns + leg_ns * room / workers);
    };
    if (json) {
        fmt::print(
            R"({{"version":1,"benchmark":"scaling","viewers":{},"mpps_1":{:.3f},"mpps_2":{:.3f},"scaling":{:.3f},"cipher_mpps_1":{:.3f},)"
            R"("cipher_mpps_2":{:.3f},"cipher_scaling":{:.3f},"ratio":{:.3f},"target":{},"leg_ns":{:.1f},"packet_ns":{:.0f},"cross_ns":{:.1f},)"
            R"("model_mpps":{{"8":{:.1f},"16":{:.1f}}},"sound":{},"cpu":"{}"}})"
            "\n",
            room, one_mpps, two_mpps, median(r.scaling), median(r.cipher1) / 1e6, median(r.cipher2) / 1e6,
            median(r.cipher_scaling), median(r.ratio), target, leg_ns, fixed_ns, cross_ns, model_mpps(8), model_mpps(16),
            sound, json_escaped(cpu));
    } else {
        fmt::print(
            "{}, cores {} and {}, a room of {}\none worker {:.2f} Mpps, two {:.2f}: x {:.3f}; the bare cipher {:.2f} and "
            "{:.2f}: x {:.3f}; "
            "ratio {:.3f} (target {})\nmeasured: {:.1f} ns a viewer, {:.0f} ns a packet, {:.1f} ns to tell another worker "
            "of it\n"
            "model, not measured: 8 workers {:.1f} Mpps, 16 workers {:.1f} Mpps for one such room, on cores that share "
            "nothing\n",
            cpu, eal.core, first, room, one_mpps, two_mpps, median(r.scaling), median(r.cipher1) / 1e6,
            median(r.cipher2) / 1e6, median(r.cipher_scaling), median(r.ratio), target, leg_ns, fixed_ns, cross_ns,
            model_mpps(8), model_mpps(16));
    }
    (void)rte_eal_cleanup();
    return sound ? 0 : 1;
}
