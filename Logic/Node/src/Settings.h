/**
 * @file Settings.h
 * What a node was told, checked; and what its processes share.
 */
#ifndef FRUGALSEG_NODE_SETTINGS_H
#define FRUGALSEG_NODE_SETTINGS_H

#include "frugalseg/node.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace frugalseg
{
namespace node
{

/** An IP address as 16 bytes; those of version 4 are mapped into version 6. */
using Address = std::array<uint8_t, 16>;

/** "10.1.2.3", "10.1.2.0/24", "fe80::1", "2001:db8::/32". */
class AddressRange
{
  public:
    /** Throws NodeError on anything else. */
    explicit AddressRange(const std::string &text);
    bool holds(const Address &address) const;

  private:
    Address first_;
    int bits_;
};

/** Read an address; false when the text is none. */
bool readAddress(const std::string &text, Address &out);
bool isLoopback(const Address &address);

/** A valid AE title: 1 to 16 printable characters, no backslash, not only blanks. */
bool isAeTitle(const std::string &text);

/** The options, valid, with the lists in our own types. */
struct Settings {
    explicit Settings(const fseg_node_options &options);

    fseg_node_options options;
    Address bind;
    std::vector<std::string> callers;
    std::vector<AddressRange> addresses;

    bool callerAllowed(const std::string &aet) const;
    bool addressAllowed(const Address &address) const;
    /** A line for the log. */
    void log(const std::string &line) const;
};

enum { maxAssociations = 64, maxPending = 64, maxSlots = maxAssociations + maxPending };

/** What the node knows of one connection; the process that serves it writes, the node reads. */
struct Slot {
    std::atomic<int64_t> deadline{0}; /**< milliseconds of the monotonic clock; then it is ended */
    std::atomic<bool> established{false};
    std::atomic<bool> receiving{false}; /**< is in the middle of an instance */
};

/** In memory that all processes of the node share. */
struct Shared {
    std::atomic<bool> stopping{false};
    std::atomic<uint64_t> bytes{0};       /**< in the queue */
    std::atomic<int64_t> workDeadline{0}; /**< of the segmenting process; 0: idle */
    std::atomic<int64_t> sendDeadline{0}; /**< of the sending process; 0: idle */
    std::array<Slot, maxSlots> slots;

    /** Associations at this moment. */
    int established() const;
};

/** Milliseconds of the monotonic clock, plus `seconds`. */
int64_t milliseconds(double seconds = 0.0);

} // namespace node
} // namespace frugalseg
#endif
