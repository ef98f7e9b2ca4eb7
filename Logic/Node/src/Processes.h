/**
 * @file Processes.h
 * The processes of a node: how they are started, and how one learns that they have ended.
 */
#ifndef FRUGALSEG_NODE_PROCESSES_H
#define FRUGALSEG_NODE_PROCESSES_H

#include "Settings.h"

#include <functional>
#include <string>
#include <sys/types.h>

namespace frugalseg
{
namespace node
{

/**
 * Run `body` in a process of its own and end it. It dies with this one, however that ends; signals
 * that ask for an end are for the node, which tells its processes through Shared::stopping. Throws
 * when no process can be had.
 */
pid_t startProcess(const std::function<void()> &body);

/** Whether the process has ended, and how: "ended", "ended with signal 11". */
bool hasEnded(pid_t process, std::string &how, bool &orderly);
void killProcess(pid_t process);

/** Memory that is shared with the processes started later; unmapped at the end. */
class SharedMemory
{
  public:
    SharedMemory();
    ~SharedMemory();
    SharedMemory(const SharedMemory &) = delete;
    SharedMemory &operator=(const SharedMemory &) = delete;
    Shared &get()
    {
        return *shared_;
    }

  private:
    Shared *shared_;
};

} // namespace node
} // namespace frugalseg
#endif
