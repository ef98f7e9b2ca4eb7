/* The series that a node has in hand, as folders on the disk. */
#include "Queue.h"

#include "NodeError.h"
#include "frugalseg/files.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <iterator>
#include <jansson.h>
#include <memory>
#include <unistd.h>

namespace frugalseg
{
namespace node
{

namespace
{

constexpr const char *openMark = "open-";
constexpr const char *instanceFolder = "/instances";
constexpr const char *knownFile = "/known";
constexpr const char *reasonFile = "/reason.json";
constexpr const char *segFile = "/seg.dcm";
constexpr size_t nameLength = 32;

std::string hashed(const std::string &salt, const std::string &text)
{
    char hex[65];
    fseg_error error;
    check(fseg_text_sha256(salt.c_str(), text.c_str(), hex, &error), error);
    return std::string(hex, nameLength);
}

/** Text for a JSON file and a terminal, whatever it came from. */
std::string plain(std::string text)
{
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return text.substr(0, 256);
}

bool contains(const std::set<std::string> &whole, const std::set<std::string> &part)
{
    return std::includes(whole.begin(), whole.end(), part.begin(), part.end());
}

} // namespace

bool isKey(const std::string &text)
{
    return text.size() == nameLength &&
           text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

Queue::Queue(const std::string &folder, std::function<void(const char *)> step)
    : folder_(folder), step_(std::move(step))
{
    makeFolders(folder_);
    const FileLock held = lock();
    for (int state = 0; state < FSEG_NODE_STATE_COUNT; ++state) {
        makeFolder(folderOf(static_cast<fseg_node_state>(state)));
    }
    makeFolder(folder_ + "/incoming");
    makeFolder(folder_ + "/trash");
    const std::string salt = folder_ + "/salt";
    if (!exists(salt)) {
        writeText(salt, randomName());
    }
    salt_ = readText(salt, 64);
    if (!isKey(salt_)) {
        throw NodeError(FSEG_ERROR_BAD_INPUT,
                        "The file 'salt' of the queue is damaged: names of the series cannot be "
                        "told any more; put it back from a backup or begin a new queue.");
    }
}

FileLock Queue::lock() const
{
    return FileLock(folder_ + "/lock");
}

void Queue::step(const char *name) const
{
    if (step_) {
        step_(name);
    }
}

std::string Queue::keyOf(const std::string &studyUid, const std::string &seriesUid) const
{
    return hashed(salt_, studyUid + "\n" + seriesUid);
}

std::string Queue::nameOf(const std::string &instanceUid) const
{
    return hashed(salt_, instanceUid) + ".dcm";
}

std::string Queue::folderOf(fseg_node_state state) const
{
    return folder_ + "/" + fseg_node_state_name(state);
}

std::string Queue::pathOf(fseg_node_state state, const std::string &key) const
{
    return folderOf(state) + "/" + key;
}

std::string Queue::temporary() const
{
    return folder_ + "/incoming/" + randomName();
}

std::vector<std::string> Queue::keys(fseg_node_state state) const
{
    std::vector<std::string> names = namesIn(folderOf(state));
    names.erase(std::remove_if(names.begin(), names.end(),
                               [](const std::string &name) { return !isKey(name); }),
                names.end());
    return names;
}

/* Not flushed: a change of state that a power failure undoes is made again, with the same files.
 * What must be on the disk at once is what a sender was told (place) and the SEG. */
void Queue::move(fseg_node_state from, const std::string &key, fseg_node_state to)
{
    step("before a move");
    moveFile(pathOf(from, key), pathOf(to, key));
    step("after a move");
}

/* Out of the way in one step; removing file by file may be interrupted. */
void Queue::discard(const std::string &path)
{
    if (!exists(path)) {
        return;
    }
    const std::string trash = folder_ + "/trash/" + randomName();
    moveFile(path, trash);
    step("in the trash");
    removeTree(trash);
}

void Queue::recover()
{
    const FileLock held = lock();
    for (const char *scratch : {"/incoming", "/trash"}) {
        for (const std::string &name : namesIn(folder_ + scratch)) {
            removeTree(folder_ + scratch + "/" + name);
        }
    }
    for (const std::string &key : keys(FSEG_NODE_WORKING)) {
        // A SEG that is there is complete, and has never left: it is the one to be sent.
        const bool done = exists(pathOf(FSEG_NODE_WORKING, key) + segFile);
        move(FSEG_NODE_WORKING, key, done ? FSEG_NODE_SEGMENTED : FSEG_NODE_READY);
    }
    for (const std::string &key : keys(FSEG_NODE_SENT)) {
        discard(pathOf(FSEG_NODE_SENT, key) + instanceFolder);
    }
}

void Queue::place(const std::string &temporary, const std::string &key, const std::string &name,
                  const std::string &association)
{
    flushToDisk(temporary);
    step("instance on the disk");
    const std::string series = pathOf(FSEG_NODE_RECEIVED, key);
    Descriptor instances, whole;
    bool isNew = false; // the series, or this association in it
    {
        const FileLock held = lock();
        if (!exists(series) && exists(pathOf(FSEG_NODE_READY, key))) {
            move(FSEG_NODE_READY, key, FSEG_NODE_RECEIVED); // not complete after all
        }
        isNew = makeFolder(series);
        step("folder of the series");
        makeFolder(series + instanceFolder);
        const std::string mark = series + "/" + openMark + association;
        isNew = isNew || !exists(mark);
        const Descriptor file(open(mark.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        if (file.get() < 0) {
            throw systemError(errno, "cannot write", mark);
        }
        step("mark of the association");
        const std::string target = series + instanceFolder + "/" + name;
        if (rename(temporary.c_str(), target.c_str()) != 0) {
            throw systemError(errno, "cannot write", target);
        }
        step("instance in its place");
        instances = openFolder(series + instanceFolder);
        whole = openFolder(series);
    }
    // Outside the lock: the disk takes its time, and the series may move on meanwhile.
    flushToDisk(instances, series);
    if (isNew) {
        flushToDisk(whole, series);
        flushToDisk(folderOf(FSEG_NODE_RECEIVED));
    }
    step("placed");
}

void Queue::release(const std::set<std::string> &keys, const std::string &association)
{
    const FileLock held = lock();
    // Marks of this run (same first part) belong to associations that may still be open.
    const std::string run = association.substr(0, association.find('-'));
    for (const std::string &key : keys) {
        const std::string series = pathOf(FSEG_NODE_RECEIVED, key);
        for (const std::string &open : openAssociations(key)) {
            if (open == association || open.substr(0, open.find('-')) != run) {
                removeFile(series + "/" + openMark + open);
            }
        }
        step("mark removed");
    }
}

std::vector<std::string> Queue::openAssociations(const std::string &key) const
{
    std::vector<std::string> found;
    const std::string prefix = openMark;
    for (const std::string &name : namesIn(pathOf(FSEG_NODE_RECEIVED, key))) {
        if (name.compare(0, prefix.size(), prefix) == 0) {
            found.push_back(name.substr(prefix.size()));
        }
    }
    return found;
}

size_t Queue::instances(fseg_node_state state, const std::string &key) const
{
    return known(state, key).size();
}

double Queue::quietFor(const std::string &key) const
{
    return ageOf(pathOf(FSEG_NODE_RECEIVED, key) + instanceFolder);
}

std::set<std::string> Queue::known(fseg_node_state state, const std::string &key) const
{
    std::set<std::string> names;
    const std::string series = pathOf(state, key);
    if (exists(series + knownFile)) {
        const std::string text = readText(series + knownFile, 64 << 20);
        for (size_t start = 0, end; (end = text.find('\n', start)) != std::string::npos;
             start = end + 1) {
            names.insert(text.substr(start, end - start));
        }
        return names;
    }
    for (const std::string &name : namesIn(series + instanceFolder)) {
        names.insert(name);
    }
    return names;
}

Promotion Queue::promote(const std::string &key)
{
    const FileLock held = lock();
    const std::string series = pathOf(FSEG_NODE_RECEIVED, key);
    if (!exists(series) || exists(pathOf(FSEG_NODE_WORKING, key)) ||
        exists(pathOf(FSEG_NODE_READY, key))) {
        return Promotion::Later;
    }
    // What failed before is part of it.
    const std::string failed = pathOf(FSEG_NODE_FAILED, key);
    if (exists(failed)) {
        for (const std::string &name : namesIn(failed + instanceFolder)) {
            const std::string target = series + instanceFolder + "/" + name;
            if (!exists(target)) {
                moveFile(failed + instanceFolder + "/" + name, target);
                step("instance of the failed series");
            }
        }
        discard(failed);
    }
    const std::set<std::string> names = known(FSEG_NODE_RECEIVED, key);
    if (exists(pathOf(FSEG_NODE_SEGMENTED, key))) {
        if (contains(known(FSEG_NODE_SEGMENTED, key), names)) {
            discard(series);
            return Promotion::Known;
        }
        return Promotion::Later;
    }
    if (exists(pathOf(FSEG_NODE_SENT, key))) {
        const std::set<std::string> before = known(FSEG_NODE_SENT, key);
        if (contains(before, names)) {
            // Sent again on purpose, or for want of an answer: so is the SEG, the same one.
            discard(series);
            removeFile(pathOf(FSEG_NODE_SENT, key) + reasonFile);
            touch(pathOf(FSEG_NODE_SENT, key) + segFile);
            move(FSEG_NODE_SENT, key, FSEG_NODE_SEGMENTED);
            return Promotion::Known;
        }
        if (!contains(names, before)) {
            Reason reason;
            reason.id = "late";
            reason.text = "These images came after their series was segmented; send the whole "
                          "series again.";
            note(FSEG_NODE_RECEIVED, key, reason);
            move(FSEG_NODE_RECEIVED, key, FSEG_NODE_FAILED);
            return Promotion::Refused;
        }
        discard(pathOf(FSEG_NODE_SENT, key));
    }
    move(FSEG_NODE_RECEIVED, key, FSEG_NODE_READY);
    return Promotion::Ready;
}

std::string Queue::claim()
{
    const FileLock held = lock();
    std::string oldest;
    double age = -1.0;
    for (const std::string &key : keys(FSEG_NODE_READY)) {
        const double here = ageOf(pathOf(FSEG_NODE_READY, key) + instanceFolder);
        if (here > age) {
            age = here;
            oldest = key;
        }
    }
    if (!oldest.empty()) {
        move(FSEG_NODE_READY, oldest, FSEG_NODE_WORKING);
    }
    return oldest;
}

void Queue::unclaim(const std::string &key)
{
    const FileLock held = lock();
    move(FSEG_NODE_WORKING, key, FSEG_NODE_READY);
}

void Queue::finish(const std::string &key)
{
    std::string text;
    for (const std::string &name : known(FSEG_NODE_WORKING, key)) {
        text += name + "\n";
    }
    const std::string series = pathOf(FSEG_NODE_WORKING, key);
    writeText(series + knownFile, text);
    step("names written");
    const FileLock held = lock();
    removeFile(series + reasonFile);
    move(FSEG_NODE_WORKING, key, FSEG_NODE_SEGMENTED);
}

void Queue::fail(fseg_node_state from, const std::string &key, const Reason &reason)
{
    const FileLock held = lock();
    note(from, key, reason);
    step("reason written");
    discard(pathOf(FSEG_NODE_FAILED, key));
    move(from, key, FSEG_NODE_FAILED);
}

void Queue::sent(const std::string &key)
{
    const FileLock held = lock();
    removeFile(pathOf(FSEG_NODE_SEGMENTED, key) + reasonFile);
    discard(pathOf(FSEG_NODE_SENT, key));
    move(FSEG_NODE_SEGMENTED, key, FSEG_NODE_SENT);
    discard(pathOf(FSEG_NODE_SENT, key) + instanceFolder);
}

void Queue::note(fseg_node_state state, const std::string &key, const Reason &reason)
{
    const std::unique_ptr<json_t, void (*)(json_t *)> object(
        json_pack("{s:s, s:s, s:i, s:f}", "id", plain(reason.id).c_str(), "reason",
                  plain(reason.text).c_str(), "attempts", reason.attempts, "not_before",
                  reason.notBefore),
        json_decref);
    const std::unique_ptr<char, void (*)(void *)> text(
        object ? json_dumps(object.get(), JSON_INDENT(2)) : nullptr, free);
    if (!text) {
        throw std::bad_alloc();
    }
    writeText(pathOf(state, key) + reasonFile, std::string(text.get()) + "\n");
}

Reason Queue::reasonOf(fseg_node_state state, const std::string &key) const
{
    Reason reason;
    const std::string path = pathOf(state, key) + reasonFile;
    if (!exists(path)) {
        return reason;
    }
    std::string text;
    try {
        text = readText(path, 4096);
    } catch (const NodeError &) {
        return reason; // has moved on meanwhile
    }
    const std::unique_ptr<json_t, void (*)(json_t *)> object(
        json_loadb(text.data(), text.size(), JSON_REJECT_DUPLICATES, nullptr), json_decref);
    const char *id = json_string_value(json_object_get(object.get(), "id"));
    const char *sentence = json_string_value(json_object_get(object.get(), "reason"));
    if (id && sentence) {
        reason.id = id;
        reason.text = sentence;
        reason.attempts =
            static_cast<int>(json_integer_value(json_object_get(object.get(), "attempts")));
        reason.notBefore = json_number_value(json_object_get(object.get(), "not_before"));
    }
    return reason;
}

bool Queue::retry(const std::string &key)
{
    const FileLock held = lock();
    const std::string series = pathOf(FSEG_NODE_FAILED, key);
    if (!isKey(key) || !exists(series)) {
        return false;
    }
    const fseg_node_state to = exists(series + segFile) ? FSEG_NODE_SEGMENTED : FSEG_NODE_RECEIVED;
    if (exists(pathOf(to, key))) {
        return false; // a newer round is on its way
    }
    removeFile(series + reasonFile);
    if (to == FSEG_NODE_SEGMENTED) {
        touch(series + segFile);
    }
    move(FSEG_NODE_FAILED, key, to);
    return true;
}

bool Queue::forget(const std::string &key)
{
    const FileLock held = lock();
    bool found = false;
    for (const fseg_node_state state : {FSEG_NODE_SENT, FSEG_NODE_FAILED}) {
        if (isKey(key) && exists(pathOf(state, key))) {
            discard(pathOf(state, key));
            found = true;
        }
    }
    return found;
}

size_t Queue::purge(double seconds)
{
    size_t count = 0;
    for (const fseg_node_state state : {FSEG_NODE_SENT, FSEG_NODE_FAILED}) {
        for (const std::string &key : keys(state)) {
            if (ageOf(pathOf(state, key)) > seconds) {
                const FileLock held = lock();
                discard(pathOf(state, key));
                ++count;
            }
        }
    }
    return count;
}

uint64_t Queue::bytes() const
{
    uint64_t bytes = 0;
    for (int state = 0; state < FSEG_NODE_STATE_COUNT; ++state) {
        bytes += bytesBelow(folderOf(static_cast<fseg_node_state>(state)));
    }
    return bytes + bytesBelow(folder_ + "/incoming");
}

} // namespace node
} // namespace frugalseg
