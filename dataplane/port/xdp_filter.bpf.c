/*
 * The XDP filter of af_xdp ports: UDP to our addresses and media ports goes to the data plane's sockets, everything else to
 * the kernel, which so keeps the address, ARP, ND, ICMP and TCP.
 *
 * Theory of operation. The loader writes `config` into the object's .rodata before libbpf sees it, so a filter never runs
 * with half a configuration. The map's name is what DPDK's af_xdp driver looks for; it puts the socket of each queue there.
 * A queue without a socket, which is every queue once the data plane was killed, falls back to XDP_PASS: then the host's
 * firewall drops the media ports (tools/host/media-ports), so that the kernel does not answer with ICMP.
 *
 * Fragments go to the kernel: only the first one carries ports, and the rest must go where that goes. So there is no
 * reassembly in af_xdp mode: a DTLS flight that arrives in fragments is lost, and its sender's retransmission in smaller
 * datagrams is what helps.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "dataplane/port/xdp_filter_config.h"

#define MAX_QUEUES 64
#define IPV4_MF_OR_OFFSET 0x3fff

struct vlan_tag {
    __be16 tci;
    __be16 type;
};

const volatile struct sluice_xdp_config config = {};

struct {
    __uint(type, BPF_MAP_TYPE_XSKMAP);
    __type(key, __u32);
    __type(value, __u32);
    __uint(max_entries, MAX_QUEUES);
} xsks_map SEC(".maps");

static __always_inline int ours4(const struct iphdr* ip) {
    return config.ip4 != 0 && ip->daddr == config.ip4;
}

static __always_inline int ours6(const struct ipv6hdr* ip) {
    const __be32* to = ip->daddr.in6_u.u6_addr32;
    return (config.ip6[0] | config.ip6[1] | config.ip6[2] | config.ip6[3]) != 0 && to[0] == config.ip6[0] &&
           to[1] == config.ip6[1] && to[2] == config.ip6[2] && to[3] == config.ip6[3];
}

/* The name by which the next start recognises what a killed data plane left: xdp_filter.hpp. */
SEC("xdp")
int sluice_media(struct xdp_md* context) {
    void* at = (void*)(long)context->data;
    void* end = (void*)(long)context->data_end;
    const struct ethhdr* ethernet = at;
    if ((void*)(ethernet + 1) > end) return XDP_PASS;
    at = (void*)(ethernet + 1);
    __be16 type = ethernet->h_proto;
    if (type == bpf_htons(ETH_P_8021Q)) {
        const struct vlan_tag* tag = at;
        if ((void*)(tag + 1) > end) return XDP_PASS;
        type = tag->type;
        at = (void*)(tag + 1);
    }
    if (type == bpf_htons(ETH_P_IP)) {
        const struct iphdr* ip = at;
        if ((void*)(ip + 1) > end) return XDP_PASS;
        if (ip->protocol != IPPROTO_UDP || ip->ihl < 5 || !ours4(ip)) return XDP_PASS;
        if (ip->frag_off & bpf_htons(IPV4_MF_OR_OFFSET)) return XDP_PASS;
        at += ip->ihl * 4;
    } else if (type == bpf_htons(ETH_P_IPV6)) {
        const struct ipv6hdr* ip = at;
        if ((void*)(ip + 1) > end) return XDP_PASS;
        /* UDP behind extension headers, the fragment header among them, is the kernel's. */
        if (ip->nexthdr != IPPROTO_UDP || !ours6(ip)) return XDP_PASS;
        at = (void*)(ip + 1);
    } else {
        return XDP_PASS;
    }
    const struct udphdr* udp = at;
    if ((void*)(udp + 1) > end) return XDP_PASS;
    const __u16 port = bpf_ntohs(udp->dest);
    if (port < config.first_port || port - config.first_port >= config.ports) return XDP_PASS;
    return bpf_redirect_map(&xsks_map, context->rx_queue_index, XDP_PASS);
}

char _license[] SEC("license") = "Apache-2.0";
