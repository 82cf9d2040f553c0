/* What the XDP filter is told at each start. Shared by the BPF program, which is C, and by its loader: xdp_filter.hpp. */
#pragma once

#include <linux/types.h>

struct sluice_xdp_config {
    __be32 ip4;       /* our address; 0: none */
    __be32 ip6[4];    /* all zero: none */
    __u16 first_port; /* host order; worker 0's UDP port */
    __u16 ports;      /* one per worker */
};
