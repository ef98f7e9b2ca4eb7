/**
 * @file Listener.h
 * The socket that a node listens on.
 */
#ifndef FRUGALSEG_NODE_LISTENER_H
#define FRUGALSEG_NODE_LISTENER_H

#include "QueueFiles.h"
#include "Settings.h"

namespace frugalseg
{
namespace node
{

class Listener
{
  public:
    /** Throws when the address or port cannot be had. */
    Listener(const Settings &settings);

    int port() const
    {
        return port_;
    }
    int socket() const
    {
        return socket_.get();
    }
    /** Wait up to `seconds` for a connection. */
    bool wait(double seconds) const;
    /** A waiting connection and where it comes from; none: a descriptor below 0. */
    Descriptor accept(Address &from) const;
    void close();

  private:
    Descriptor socket_;
    int port_;
};

} // namespace node
} // namespace frugalseg
#endif
