/* The processes of a node. */
#include "Processes.h"

#include "NodeError.h"

#include <cerrno>
#include <csignal>
#include <new>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace frugalseg
{
namespace node
{

pid_t startProcess(const std::function<void()> &body)
{
    const pid_t parent = getpid();
    const pid_t process = fork();
    if (process < 0) {
        throw systemError(errno, "cannot start a process of", "the node");
    }
    if (process > 0) {
        return process;
    }
    int code = 0;
    try {
        std::signal(SIGTERM, SIG_IGN);
        std::signal(SIGINT, SIG_IGN);
        std::signal(SIGPIPE, SIG_IGN);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) { // else it ended before the line above
            body();
        }
    } catch (...) {
        code = 1;
    }
    _exit(code); // nothing of the parent's is to be flushed or destroyed here
}

bool hasEnded(pid_t process, std::string &how, bool &orderly)
{
    int status = 0;
    pid_t got;
    do {
        got = waitpid(process, &status, WNOHANG);
    } while (got < 0 && errno == EINTR);
    if (got == 0) {
        return false;
    }
    orderly = got > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    how = got > 0 && WIFSIGNALED(status) ? "ended with signal " + std::to_string(WTERMSIG(status))
                                         : "ended";
    return true;
}

void killProcess(pid_t process)
{
    kill(process, SIGKILL);
}

SharedMemory::SharedMemory() : shared_(nullptr)
{
    void *memory =
        mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        throw std::bad_alloc();
    }
    shared_ = new (memory) Shared();
}

SharedMemory::~SharedMemory()
{
    munmap(shared_, sizeof(Shared));
}

} // namespace node
} // namespace frugalseg
