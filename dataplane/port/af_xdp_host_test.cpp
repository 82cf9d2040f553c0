#include "dataplane/port/af_xdp_host.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::port {
namespace {

using testing::HasSubstr;

KernelInterface eth0() {
    KernelInterface i;
    i.name = "eth0";
    i.index = 3;
    i.mac = *Mac::parse("02:00:00:00:00:0a");
    i.mtu = 1500;
    i.up = true;
    i.addresses = {*config::parse_cidr("10.0.0.5/24"), *config::parse_cidr("fd00::5/64"), *config::parse_cidr("fe80::1/64")};
    i.receive_queues = 1;
    i.combined_queues = 1;
    return i;
}

config::Dataplane plane() {
    config::Dataplane d;
    d.port.type = config::PortType::af_xdp;
    d.port.interface = "eth0";
    d.port.address = "10.0.0.5/24";
    d.port.address6 = "fd00::5/64";
    return d;
}

std::string refusal(const config::Dataplane& d, const KernelInterface& i) {
    return af_xdp_contradiction(d, i).value_or("");
}

TEST(AfXdpHost, TakesAnInterfaceThatIsAsTheConfigurationSays) {
    EXPECT_EQ(refusal(plane(), eth0()), "");
    auto d = plane();
    d.port.address6.clear();
    d.port.mac = "02:00:00:00:00:0a";
    d.port.mtu = 1280;
    d.port.queues = 1;
    EXPECT_EQ(refusal(d, eth0()), "");
    d.workers = 4;
    d.port.queues = 0;
    auto i = eth0();
    i.receive_queues = i.combined_queues = 4;
    EXPECT_EQ(refusal(d, i), "");
}

TEST(AfXdpHost, AnAddressThatTheKernelDoesNotHaveIsRefusedWithThoseThatItHas) {
    auto d = plane();
    d.port.address = "10.0.0.6/24";
    EXPECT_THAT(refusal(d, eth0()), HasSubstr("which has 10.0.0.5/24"));
    d = plane();
    d.port.address = "10.0.0.5/16";
    EXPECT_THAT(refusal(d, eth0()), HasSubstr("which has 10.0.0.5/24"));
    d = plane();
    d.port.address6 = "fd00::6/64";
    EXPECT_THAT(refusal(d, eth0()), HasSubstr("which has fd00::5/64, fe80::1/64"));
    auto i = eth0();
    i.addresses.clear();
    EXPECT_THAT(refusal(plane(), i), HasSubstr("none of that family"));
}

TEST(AfXdpHost, WhatTheInterfaceCannotDoIsRefused) {
    auto i = eth0();
    i.up = false;
    EXPECT_THAT(refusal(plane(), i), HasSubstr("ip link set dev eth0 up"));
    auto d = plane();
    d.port.mtu = 1501;
    EXPECT_THAT(refusal(d, eth0()), HasSubstr("takes 1500 bytes"));
    d = plane();
    d.port.mac = "02:00:00:00:00:0b";
    EXPECT_THAT(refusal(d, eth0()), HasSubstr("leave the key empty"));
}

TEST(AfXdpHost, EveryWorkerNeedsAQueueAndEveryQueueAWorker) {
    auto d = plane();
    d.workers = 2;
    EXPECT_THAT(refusal(d, eth0()), HasSubstr("ethtool -L eth0 combined 2"));
    d.port.queues = 1;
    EXPECT_THAT(refusal(d, eth0()), HasSubstr("leave the key at 0"));
    auto i = eth0();
    i.receive_queues = i.combined_queues = 8;
    EXPECT_THAT(refusal(plane(), i), HasSubstr("ethtool -L eth0 combined 1"));
    // As veth: queues that are not combined, of which only the first can be bound.
    i.combined_queues = 1;
    EXPECT_THAT(refusal(plane(), i), HasSubstr("ethtool -L eth0 rx 1"));
}

}  // namespace
}  // namespace sluice::port
