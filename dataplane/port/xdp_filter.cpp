#include "dataplane/port/xdp_filter.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <elf.h>
#include <linux/if_link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>

#include "dataplane/port/xdp_filter_config.h"

namespace sluice::port {

extern const unsigned char xdp_filter_bytes[];
extern const std::size_t xdp_filter_bytes_size;

namespace {

template <typename T>
std::optional<T> read_at(ByteView file, std::size_t offset) {
    T value;
    if (offset > file.size() || file.size() - offset < sizeof value) return std::nullopt;
    std::memcpy(&value, file.data() + offset, sizeof value);
    return value;
}

// Where the object keeps its configuration: the one constant in .rodata.
std::optional<std::size_t> config_offset(ByteView file) {
    const auto header = read_at<Elf64_Ehdr>(file, 0);
    if (!header) return std::nullopt;
    const auto section = [&](std::size_t i) { return read_at<Elf64_Shdr>(file, header->e_shoff + i * sizeof(Elf64_Shdr)); };
    const auto names = section(header->e_shstrndx);
    for (std::size_t i = 0; names && i < header->e_shnum; ++i) {
        const auto s = section(i);
        constexpr std::string_view wanted = ".rodata";
        if (!s || names->sh_offset + s->sh_name + wanted.size() >= file.size()) return std::nullopt;
        const auto* name = file.data() + names->sh_offset + s->sh_name;
        if (std::memcmp(name, wanted.data(), wanted.size() + 1) != 0) continue;
        if (s->sh_size != sizeof(sluice_xdp_config) || s->sh_offset > file.size() - sizeof(sluice_xdp_config))
            return std::nullopt;
        return s->sh_offset;
    }
    return std::nullopt;
}

std::unexpected<std::string> failed(const std::string& interface, const std::string& what, int error) {
    return std::unexpected("interface " + interface + ": " + what + ": " + std::strerror(error));
}

}  // namespace

std::expected<std::vector<std::uint8_t>, std::string> xdp_filter_object(const XdpFilterConfig& c) {
    std::vector<std::uint8_t> object(xdp_filter_bytes, xdp_filter_bytes + xdp_filter_bytes_size);
    const auto at = config_offset(object);
    if (!at) return std::unexpected("the built-in XDP filter has no configuration: the build is broken");
    sluice_xdp_config raw{};
    if (!c.ip4.is_unspecified()) raw.ip4 = c.ip4.v4().raw();
    std::memcpy(raw.ip6, c.ip6.bytes.data(), sizeof raw.ip6);
    raw.first_port = c.first_port;
    raw.ports = c.ports;
    std::memcpy(object.data() + *at, &raw, sizeof raw);
    return object;
}

std::expected<XdpFilterFile, std::string> XdpFilterFile::create(const XdpFilterConfig& config) {
    const auto object = xdp_filter_object(config);
    if (!object) return std::unexpected(object.error());
    XdpFilterFile file(memfd_create("sluice-xdp-filter", MFD_CLOEXEC));
    if (file.fd_ < 0 || write(file.fd_, object->data(), object->size()) != static_cast<ssize_t>(object->size())) {
        return std::unexpected(std::string("the XDP filter's file: ") + std::strerror(errno));
    }
    return file;
}

XdpFilterFile::~XdpFilterFile() {
    if (fd_ >= 0) close(fd_);
}

XdpFilterFile::XdpFilterFile(XdpFilterFile&& other) noexcept : fd_(other.fd_) {
    other.fd_ = -1;
}

std::expected<std::string, std::string> xdp_program_in(const std::string& path) {
    bpf_object* object = bpf_object__open_file(path.c_str(), nullptr);
    if (object == nullptr) return std::unexpected("dataplane.port.xdp_program " + path + ": " + std::strerror(errno));
    const bpf_program* program = bpf_object__next_program(object, nullptr);
    std::string name = program == nullptr ? "" : std::string(bpf_program__name(program)).substr(0, BPF_OBJ_NAME_LEN - 1);
    bpf_object__close(object);
    if (name.empty()) return std::unexpected("dataplane.port.xdp_program " + path + " has no program in it");
    return name;
}

std::expected<XdpCleanup, std::string> remove_xdp_program(unsigned index, const std::string& interface,
                                                          const std::string& name) {
    bpf_xdp_query_opts query{};
    query.sz = sizeof query;
    if (const int rc = bpf_xdp_query(static_cast<int>(index), 0, &query); rc != 0)
        return failed(interface, "asking for its XDP programs", -rc);
    XdpCleanup result = XdpCleanup::nothing_there;
    const struct {
        std::uint32_t id;
        std::uint32_t mode;
    } attached[] = {{query.drv_prog_id, XDP_FLAGS_DRV_MODE},
                    {query.skb_prog_id, XDP_FLAGS_SKB_MODE},
                    {query.hw_prog_id, XDP_FLAGS_HW_MODE}};
    for (const auto& [id, mode] : attached) {
        if (id == 0) continue;
        const int fd = bpf_prog_get_fd_by_id(id);
        if (fd < 0) {
            if (errno == ENOENT) continue;  // gone meanwhile
            return failed(interface,
                          "XDP program " + std::to_string(id) +
                              " is attached, and whose it is cannot be told (that needs root, or CAP_SYS_ADMIN)",
                          errno);
        }
        bpf_prog_info info{};
        std::uint32_t length = sizeof info;
        const int told = bpf_obj_get_info_by_fd(fd, &info, &length);
        if (told != 0 || name != info.name) {
            close(fd);
            return std::unexpected("interface " + interface + " already has the XDP program \"" +
                                   (told == 0 ? std::string(info.name) : "?") + "\" (id " + std::to_string(id) +
                                   "), which is not ours: remove it (ip link set dev " + interface +
                                   " xdp off), or give Sluice another interface");
        }
        // Only if it is still that one.
        bpf_xdp_attach_opts detach{};
        detach.sz = sizeof detach;
        detach.old_prog_fd = fd;
        const int rc = bpf_xdp_detach(static_cast<int>(index), mode, &detach);
        close(fd);
        if (rc != 0) return failed(interface, "removing the filter that an earlier data plane left", -rc);
        result = XdpCleanup::removed;
    }
    return result;
}

}  // namespace sluice::port
