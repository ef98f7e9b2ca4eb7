/* What a node was told, checked. */
#include "Settings.h"

#include "NodeError.h"
#include "frugalseg/seg.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace frugalseg
{
namespace node
{

namespace
{

/** The first 96 bits of an address of version 4. */
constexpr uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

bool isMapped(const Address &address)
{
    return std::equal(std::begin(mapped), std::end(mapped), address.begin());
}

void require(bool condition, const char *message)
{
    if (!condition) {
        throw NodeError(FSEG_ERROR_INVALID_ARGUMENT, message);
    }
}

} // namespace

bool readAddress(const std::string &text, Address &out)
{
    if (inet_pton(AF_INET6, text.c_str(), out.data()) == 1) {
        return true;
    }
    std::copy(std::begin(mapped), std::end(mapped), out.begin());
    return inet_pton(AF_INET, text.c_str(), out.data() + sizeof mapped) == 1;
}

bool isLoopback(const Address &address)
{
    Address one{};
    one.back() = 1;
    return address == one || (isMapped(address) && address[12] == 127);
}

AddressRange::AddressRange(const std::string &text) : first_(), bits_(128)
{
    const size_t slash = text.find('/');
    const bool good = readAddress(text.substr(0, slash), first_);
    const int width = isMapped(first_) ? 32 : 128;
    long bits = width;
    if (good && slash != std::string::npos) {
        const std::string number = text.substr(slash + 1);
        char *end = nullptr;
        bits = number.empty() || !std::strchr("0123456789", number[0])
                   ? -1
                   : std::strtol(number.c_str(), &end, 10);
        if (end && *end != '\0') {
            bits = -1;
        }
    }
    if (!good || bits < 0 || bits > width) {
        throw NodeError(FSEG_ERROR_INVALID_ARGUMENT,
                        "'" + text.substr(0, 60) +
                            "' is no address; write it as 10.1.2.3 or 10.1.2.0/24.");
    }
    bits_ = static_cast<int>(bits) + 128 - width;
}

bool AddressRange::holds(const Address &address) const
{
    const size_t whole = static_cast<size_t>(bits_ / 8);
    if (!std::equal(first_.begin(), first_.begin() + static_cast<long>(whole), address.begin())) {
        return false;
    }
    const int rest = bits_ % 8;
    return rest == 0 || ((first_[whole] ^ address[whole]) >> (8 - rest)) == 0;
}

bool isAeTitle(const std::string &text)
{
    return !text.empty() && text.size() <= 16 && text.find('\\') == std::string::npos &&
           text.find_first_not_of(' ') != std::string::npos &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

Settings::Settings(const fseg_node_options &given) : options(given), bind()
{
    require(given.aet && isAeTitle(given.aet),
            "The node's own AE title must have 1 to 16 printable characters.");
    require(isAeTitle(given.peer.aet) && given.peer.host[0] && given.peer.port >= 1 &&
                given.peer.port <= 65535,
            "The peer must be given as AET@HOST:PORT.");
    require(given.queue && given.queue[0], "The node needs a folder for its queue.");
    require(given.model && given.model_name && given.model_version && given.structure &&
                given.model_sha256,
            "The node needs a model with name, version, structure and SHA-256.");
    require(
        fseg_structure_find(given.structure) != nullptr,
        "The model's structure has no DICOM code, so its masks cannot be sent; give the model's "
        "card a known structure.");
    require(given.port >= 0 && given.port <= 65535, "A port is a number from 0 to 65535.");
    require(given.associations >= 1 && given.associations <= maxAssociations,
            "A node serves 1 to 64 associations at once.");
    if (!readAddress(given.bind ? given.bind : "", bind)) {
        throw NodeError(FSEG_ERROR_INVALID_ARGUMENT,
                        "The address to listen on must be a number such as 127.0.0.1 or 0.0.0.0.");
    }
    for (size_t i = 0; i < given.caller_count; ++i) {
        require(isAeTitle(given.callers[i]),
                "An AE title that may call must have 1 to 16 printable characters.");
        callers.emplace_back(given.callers[i]);
    }
    for (size_t i = 0; i < given.address_count; ++i) {
        addresses.emplace_back(given.addresses[i]);
    }
    if (!isLoopback(bind) && (callers.empty() || addresses.empty())) {
        throw NodeError(FSEG_ERROR_INVALID_ARGUMENT,
                        "A node that listens beyond this computer must be told which AE titles and "
                        "which addresses may call it.");
    }
}

bool Settings::callerAllowed(const std::string &aet) const
{
    return callers.empty() || std::find(callers.begin(), callers.end(), aet) != callers.end();
}

bool Settings::addressAllowed(const Address &address) const
{
    if (addresses.empty()) {
        return isLoopback(address);
    }
    return std::any_of(addresses.begin(), addresses.end(),
                       [&](const AddressRange &range) { return range.holds(address); });
}

void Settings::log(const std::string &line) const
{
    if (options.log) {
        options.log(options.user, line.c_str());
    }
}

int Shared::established() const
{
    return static_cast<int>(std::count_if(
        slots.begin(), slots.end(), [](const Slot &slot) { return slot.established.load(); }));
}

int64_t milliseconds(double seconds)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000 +
           static_cast<int64_t>(seconds * 1000.0);
}

} // namespace node
} // namespace frugalseg

using frugalseg::node::guard;
using frugalseg::node::NodeError;

extern "C" fseg_status fseg_node_peer_parse(const char *text, fseg_node_peer *out,
                                            fseg_error *error)
{
    return guard(error, [&] {
        if (!text || !out) {
            throw NodeError(FSEG_ERROR_INVALID_ARGUMENT, "text and out must not be null");
        }
        const std::string whole = text;
        const size_t at = whole.find('@');
        const size_t colon = whole.rfind(':');
        const std::string aet = whole.substr(0, at);
        std::string host, port;
        if (at != std::string::npos && colon != std::string::npos && colon > at) {
            host = whole.substr(at + 1, colon - at - 1);
            port = whole.substr(colon + 1);
        }
        if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
            host = host.substr(1, host.size() - 2);
        }
        const bool number = !port.empty() && port.size() <= 5 &&
                            port.find_first_not_of("0123456789") == std::string::npos;
        const int value = number ? std::atoi(port.c_str()) : 0;
        const bool name = !host.empty() && host.size() < sizeof out->host &&
                          std::all_of(host.begin(), host.end(),
                                      [](char c) { return c > ' ' && c <= '~' && c != '@'; });
        if (!frugalseg::node::isAeTitle(aet) || !name || value < 1 || value > 65535) {
            throw NodeError(FSEG_ERROR_INVALID_ARGUMENT,
                            "'" + whole.substr(0, 60) +
                                "' names no DICOM peer; write it as AET@HOST:PORT, for example "
                                "ORTHANC@127.0.0.1:4242.");
        }
        *out = fseg_node_peer();
        std::strcpy(out->aet, aet.c_str());
        std::strcpy(out->host, host.c_str());
        out->port = value;
    });
}
