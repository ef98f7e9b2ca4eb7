/* The process that segments, one series after the other. */
#include "Segmenter.h"

#include "NodeError.h"
#include "frugalseg/imaging.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <sys/resource.h>
#include <unistd.h>

namespace frugalseg
{
namespace node
{

namespace
{

constexpr int crashesBeforeFailure = 2;
constexpr useconds_t pause = 50000;

/** A series that no attempt can segment. */
class Unusable : public std::exception
{
  public:
    Unusable(std::string id, std::string text)
    {
        reason.id = std::move(id);
        reason.text = std::move(text);
    }
    Reason reason;
};

template <typename Object> using Owned = std::unique_ptr<Object, void (*)(Object *)>;

int interrupted(void *user, double, const char *)
{
    return static_cast<Shared *>(user)->stopping ? 1 : 0;
}

/** Out of memory and cancelling are no property of the series, everything else is. */
void judge(fseg_status status, const fseg_error &error, const char *id)
{
    if (status == FSEG_ERROR_CANCELLED || status == FSEG_ERROR_OUT_OF_MEMORY ||
        status == FSEG_ERROR_NO_SPACE) {
        throw NodeError(status, error.message);
    }
    if (status != FSEG_OK) {
        throw Unusable(id, error.message);
    }
}

/** Why the model's card does not describe this image; empty when it does. */
std::string outsideCard(const Settings &settings, const fseg_volume &volume,
                        const fseg_series_info &info)
{
    fseg_segment_report report{};
    fseg_error error;
    judge(fseg_imaging_check_input(settings.options.model, &volume, &info, &report, &error), error,
          "check");
    for (int i = 0; i < report.warning_count; ++i) {
        switch (report.checks[i]) {
        case FSEG_CHECK_MODALITY:
        case FSEG_CHECK_BODY_PART:
        case FSEG_CHECK_CONTRAST:
        case FSEG_CHECK_ORIENTATION:
            return report.warnings[i];
        default: // says less about what the image shows
            break;
        }
    }
    return std::string();
}

/** Segment the series in `folder` into the file `path`; returns a line for the log. */
std::string segment(const Settings &settings, Shared &shared, fseg_context *context,
                    const std::string &folder, const std::string &path)
{
    const fseg_progress progress = {interrupted, &shared};
    fseg_error error;
    fseg_series_list *scanned = nullptr;
    judge(fseg_series_list_scan(folder.c_str(), &progress, &scanned, &error), error, "unreadable");
    const Owned<fseg_series_list> list(scanned, fseg_series_list_free);
    // Only one series was put there; what names another one is its fault.
    const fseg_series_info *info = fseg_series_list_info(list.get(), 0);
    if (fseg_series_list_count(list.get()) != 1) {
        throw info->volumes > 1
            ? Unusable("several-volumes", "The series holds several volumes, such as echoes or "
                                          "time points; send the one to segment as its own series.")
            : Unusable("several-series", "The instances name different series.");
    }
    if (info->verdict != FSEG_VERDICT_OK) {
        throw Unusable(info->reason_id[0] ? info->reason_id : "refused", info->reason);
    }
    fseg_volume *read = nullptr;
    judge(fseg_series_read(list.get(), 0, &progress, &read, &error), error, "unreadable");
    const Owned<fseg_volume> volume(read, fseg_volume_free);
    if (!settings.options.outside_card) {
        const std::string why = outsideCard(settings, *volume, *info);
        if (!why.empty()) {
            throw Unusable("outside-card", why);
        }
    }
    fseg_segment_options how{};
    how.series = info;
    fseg_segment_report report{};
    fseg_mask *made = nullptr;
    judge(fseg_segment_volume_with(context, settings.options.model, volume.get(), &how, &progress,
                                   &made, nullptr, &report, &error),
          error, "segmentation");
    const Owned<fseg_mask> mask(made, fseg_mask_free);
    if (!(report.volume_ml > 0)) {
        throw Unusable("empty", "Nothing was found in the images, so there is no SEG to send.");
    }
    fseg_seg_options options{};
    options.structure = settings.options.structure;
    options.model_name = settings.options.model_name;
    options.model_version = settings.options.model_version;
    options.model_sha256 = settings.options.model_sha256;
    judge(fseg_seg_write(list.get(), 0, mask.get(), &options, path.c_str(), &error), error, "seg");
    char line[96];
    std::snprintf(line, sizeof line, "segmented, %zu slices, %.2f s, %d warnings", info->slices,
                  report.prepare_s + report.network_s + report.restore_s, report.warning_count);
    return line;
}

void work(const Settings &settings, Shared &shared, Queue &queue, fseg_context *context,
          const std::string &key)
{
    const std::string folder = queue.pathOf(FSEG_NODE_WORKING, key);
    try {
        if (!exists(folder + "/seg.dcm")) { // one that exists was made before an interruption
            settings.log(
                "series " + key + ": " +
                segment(settings, shared, context, folder + "/instances", folder + "/seg.dcm"));
        }
        queue.finish(key);
    } catch (const Unusable &unusable) {
        queue.fail(FSEG_NODE_WORKING, key, unusable.reason);
        settings.log("series " + key + ": failed, " + unusable.reason.id);
    }
}

void limitMemory(uint64_t bytes)
{
    struct rlimit limit;
    if (bytes > 0 && getrlimit(RLIMIT_DATA, &limit) == 0) {
        limit.rlim_cur = std::min(limit.rlim_max, rlim_t{bytes});
        setrlimit(RLIMIT_DATA, &limit);
    }
}

} // namespace

void runSegmenter(const Settings &settings, Shared &shared, Queue &queue) noexcept
{
    try {
        limitMemory(settings.options.memory_bytes);
        fseg_context_options threads = fseg_context_default_options();
        threads.threads = settings.options.threads;
        fseg_context *created = nullptr;
        fseg_error error;
        check(fseg_context_create(&threads, &created, &error), error);
        const Owned<fseg_context> context(created, fseg_context_free);
        while (!shared.stopping) {
            const std::string key = queue.claim();
            if (key.empty()) {
                usleep(pause);
                continue;
            }
            shared.workDeadline = milliseconds(settings.options.segment_limit_s);
            try {
                work(settings, shared, queue, context.get(), key);
            } catch (const NodeError &failure) {
                if (failure.status() == FSEG_ERROR_CANCELLED) {
                    queue.unclaim(key);
                    break;
                }
                throw;
            }
            shared.workDeadline = 0;
        }
    } catch (const std::exception &exception) {
        // The node finds the series that was in hand, and starts another process.
        settings.log(std::string("segmentation: stopped by a failure: ") + exception.what());
        _exit(1);
    }
}

void afterCrash(const Settings &settings, Queue &queue, const char *how)
{
    for (const std::string &key : queue.keys(FSEG_NODE_WORKING)) {
        Reason reason = queue.reasonOf(FSEG_NODE_WORKING, key);
        reason.id = "crash";
        reason.text = std::string("Segmenting this series ") + how + " twice.";
        if (++reason.attempts >= crashesBeforeFailure) {
            queue.fail(FSEG_NODE_WORKING, key, reason);
            settings.log("series " + key + ": failed, crash");
        } else {
            queue.note(FSEG_NODE_WORKING, key, reason);
            queue.unclaim(key);
            settings.log("series " + key + ": segmenting it " + how + "; once more");
        }
    }
}

} // namespace node
} // namespace frugalseg
