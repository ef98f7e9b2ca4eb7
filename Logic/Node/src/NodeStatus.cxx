/* What lies in a queue, and what people may do about it. */
#include "NodeError.h"
#include "Queue.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <vector>

struct fseg_node_status_list {
    std::vector<fseg_node_series> series;
    uint64_t bytes = 0;
};

namespace frugalseg
{
namespace node
{

namespace
{

/** A queue that exists: looking must not make one. */
std::unique_ptr<Queue> openQueue(const char *folder)
{
    if (!folder || !folder[0]) {
        throw NodeError(FSEG_ERROR_INVALID_ARGUMENT, "The folder of the queue is missing.");
    }
    if (!exists(std::string(folder) + "/salt")) {
        throw NodeError(FSEG_ERROR_NOT_FOUND, "'" + std::string(folder) +
                                                  "' is not the queue of a node; give the folder "
                                                  "that the node was started with.");
    }
    return std::make_unique<Queue>(folder);
}

template <size_t Size> void copyText(const std::string &from, char (&to)[Size])
{
    std::snprintf(to, Size, "%s", from.c_str());
}

fseg_node_series describe(const Queue &queue, fseg_node_state state, const std::string &key)
{
    fseg_node_series series{};
    copyText(key, series.key);
    series.state = state;
    series.instances = queue.instances(state, key);
    series.age_s = ageOf(queue.pathOf(state, key));
    const Reason reason = queue.reasonOf(state, key);
    copyText(reason.id, series.reason_id);
    copyText(reason.text, series.reason);
    series.attempts = reason.attempts;
    return series;
}

} // namespace

} // namespace node
} // namespace frugalseg

extern "C" {

using namespace frugalseg::node;

const char *fseg_node_state_name(fseg_node_state state)
{
    static const char *const names[FSEG_NODE_STATE_COUNT] = {"received",  "ready", "working",
                                                             "segmented", "sent",  "failed"};
    return state >= 0 && state < FSEG_NODE_STATE_COUNT ? names[state] : "unknown";
}

fseg_status fseg_node_status_read(const char *folder, fseg_node_status_list **out,
                                  fseg_error *error)
{
    return guard(error, [&] {
        if (!out) {
            throw NodeError(FSEG_ERROR_INVALID_ARGUMENT, "out must not be null");
        }
        *out = nullptr;
        const std::unique_ptr<Queue> queue = openQueue(folder);
        auto list = std::make_unique<fseg_node_status_list>();
        for (int i = 0; i < FSEG_NODE_STATE_COUNT; ++i) {
            const auto state = static_cast<fseg_node_state>(i);
            const auto first = static_cast<long>(list->series.size());
            for (const std::string &key : queue->keys(state)) {
                list->series.push_back(describe(*queue, state, key));
            }
            std::stable_sort(list->series.begin() + first, list->series.end(),
                             [](const fseg_node_series &a, const fseg_node_series &b) {
                                 return a.age_s > b.age_s;
                             });
        }
        list->bytes = queue->bytes();
        *out = list.release();
    });
}

void fseg_node_status_free(fseg_node_status_list *list)
{
    delete list;
}

size_t fseg_node_status_count(const fseg_node_status_list *list)
{
    return list ? list->series.size() : 0;
}

const fseg_node_series *fseg_node_status_series(const fseg_node_status_list *list, size_t index)
{
    return list && index < list->series.size() ? &list->series[index] : nullptr;
}

uint64_t fseg_node_status_bytes(const fseg_node_status_list *list)
{
    return list ? list->bytes : 0;
}

fseg_status fseg_node_retry(const char *folder, const char *key, size_t *count, fseg_error *error)
{
    return guard(error, [&] {
        const std::unique_ptr<Queue> queue = openQueue(folder);
        size_t done = 0;
        for (const std::string &failed : queue->keys(FSEG_NODE_FAILED)) {
            if ((!key || failed == key) && queue->retry(failed)) {
                ++done;
            }
        }
        if (key && done == 0) {
            throw NodeError(FSEG_ERROR_NOT_FOUND,
                            "There is no failed series of this name in the queue.");
        }
        if (count) {
            *count = done;
        }
    });
}

fseg_status fseg_node_forget(const char *folder, const char *key, fseg_error *error)
{
    return guard(error, [&] {
        const std::unique_ptr<Queue> queue = openQueue(folder);
        if (!key || !queue->forget(key)) {
            throw NodeError(FSEG_ERROR_NOT_FOUND,
                            "There is no sent or failed series of this name in the queue.");
        }
    });
}

} // extern "C"
