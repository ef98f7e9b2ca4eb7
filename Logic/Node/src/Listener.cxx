/* The socket that a node listens on. */
#include "Listener.h"

#include "NodeError.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

namespace frugalseg
{
namespace node
{

namespace
{

constexpr int waiting = 128;

/** A socket address of the family that `address` has. */
socklen_t socketAddress(const Address &address, int port, struct sockaddr_storage &out)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    out = sockaddr_storage();
    if (std::equal(std::begin(mapped), std::end(mapped), address.begin())) {
        struct sockaddr_in four {
        };
        four.sin_family = AF_INET;
        four.sin_port = htons(static_cast<uint16_t>(port));
        std::memcpy(&four.sin_addr, address.data() + sizeof mapped, 4);
        std::memcpy(&out, &four, sizeof four);
        return sizeof four;
    }
    struct sockaddr_in6 six {
    };
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(static_cast<uint16_t>(port));
    std::memcpy(&six.sin6_addr, address.data(), 16);
    std::memcpy(&out, &six, sizeof six);
    return sizeof six;
}

/** Address and port of a socket address. */
int portOf(const struct sockaddr_storage &from, Address &address)
{
    address = Address();
    if (from.ss_family == AF_INET) {
        struct sockaddr_in four;
        std::memcpy(&four, &from, sizeof four);
        address[10] = address[11] = 0xFF;
        std::memcpy(address.data() + 12, &four.sin_addr, 4);
        return ntohs(four.sin_port);
    }
    struct sockaddr_in6 six;
    std::memcpy(&six, &from, sizeof six);
    std::memcpy(address.data(), &six.sin6_addr, 16);
    return ntohs(six.sin6_port);
}

} // namespace

Listener::Listener(const Settings &settings) : port_(0)
{
    struct sockaddr_storage address;
    const socklen_t length = socketAddress(settings.bind, settings.options.port, address);
    socket_ =
        Descriptor(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int yes = 1;
    if (socket_.get() < 0 ||
        setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(socket_.get(), reinterpret_cast<struct sockaddr *>(&address), length) != 0 ||
        listen(socket_.get(), waiting) != 0) {
        const int code = errno;
        const std::string where =
            std::string(settings.options.bind) + ":" + std::to_string(settings.options.port);
        throw NodeError(FSEG_ERROR_IO, code == EADDRINUSE ? "Another program listens on " + where +
                                                                "; choose another port."
                                                          : "The node cannot listen on " + where +
                                                                ": " + std::strerror(code) + ".");
    }
    struct sockaddr_storage own;
    socklen_t size = sizeof own;
    Address ignored;
    if (getsockname(socket_.get(), reinterpret_cast<struct sockaddr *>(&own), &size) == 0) {
        port_ = portOf(own, ignored);
    }
}

bool Listener::wait(double seconds) const
{
    struct pollfd waitFor = {socket_.get(), POLLIN, 0};
    return poll(&waitFor, socket_.get() >= 0 ? 1 : 0, static_cast<int>(seconds * 1000.0)) > 0;
}

Descriptor Listener::accept(Address &from) const
{
    struct sockaddr_storage address {
    };
    socklen_t size = sizeof address;
    Descriptor connection(::accept4(socket_.get(), reinterpret_cast<struct sockaddr *>(&address),
                                    &size, SOCK_CLOEXEC));
    if (connection.get() >= 0) {
        portOf(address, from);
    }
    return connection;
}

void Listener::close()
{
    socket_ = Descriptor();
}

} // namespace node
} // namespace frugalseg
