/**
 * @file replacement.h
 * A file takes the place of another: whole or not at all, and the former one is kept until the new
 * one has been read back.
 *
 *     fseg_replacement *file;
 *     fseg_replacement_open("liver.fseg", "", &file, &error);  // .liver.fseg.frugalseg-k3x9aq
 *     ... write to fseg_replacement_descriptor(file), or to fseg_replacement_path(file) by name ...
 *     fseg_replacement_put(file, &error);  // in place; the former one is liver.fseg.frugalseg.bak
 *     ... read it back ...
 *     fseg_replacement_keep(file);         // the backup goes;  _undo(file): the former one returns
 *
 * A process that is killed between these steps leaves the temporary file or the backup. The
 * temporary file is removed at the next fseg_replacement_open in its folder: it has our name, is
 * ours, and nobody holds its lock (flock), so whoever wrote it is gone. The backup is replaced by
 * the next save of the same file, and removed when the file is read back; see
 * fseg_replacement_forget_backup.
 *
 * Calls on different objects are safe from different threads and processes.
 */
#ifndef FRUGALSEG_REPLACEMENT_H
#define FRUGALSEG_REPLACEMENT_H

#include "frugalseg/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What a backup's name adds to that of its file. */
#define FSEG_BACKUP_SUFFIX ".frugalseg.bak"

typedef struct fseg_replacement fseg_replacement;

/**
 * Make an empty temporary file in the folder of `path`, with the rights of a new file; its name
 * ends in `suffix` (may be ""), for writers that choose the format by it. Temporary files that
 * killed processes left in the folder are removed. A folder at `path`: FSEG_ERROR_INVALID_ARGUMENT.
 * `path` and `suffix` are copied. *out is null after a failure; else end it with
 * fseg_replacement_keep or _undo.
 */
fseg_status fseg_replacement_open(const char *path, const char *suffix, fseg_replacement **out,
                                  fseg_error *error);
/** The temporary file's path, until put. Belongs to the object. */
const char *fseg_replacement_path(const fseg_replacement *replacement);
/** The temporary file, open for writing, until put. Belongs to the object. */
int fseg_replacement_descriptor(const fseg_replacement *replacement);
/** Append bytes. A full disk: FSEG_ERROR_NO_SPACE. */
fseg_status fseg_replacement_write(fseg_replacement *replacement, const void *bytes, size_t count,
                                   fseg_error *error);
/**
 * Flush the temporary file to the disk and give it the name `path`. What had that name stays as
 * path + FSEG_BACKUP_SUFFIX (by a hard link; on file systems without them there is no backup).
 * After a failure the former file is unchanged.
 */
fseg_status fseg_replacement_put(fseg_replacement *replacement, fseg_error *error);
/** The new file is good: remove the backup and free the object. Null does nothing. */
void fseg_replacement_keep(fseg_replacement *replacement);
/** Before put: remove the temporary file. After: the former file returns, or none if there was
 * none. Frees the object. Null does nothing. */
void fseg_replacement_undo(fseg_replacement *replacement);

/** The file at `path` has been read and is good: remove the backup that a killed process left
 * beside it, if there is one and it may be removed. */
void fseg_replacement_forget_backup(const char *path);
/** Whether a backup of `path` lies beside it. */
int fseg_replacement_has_backup(const char *path);
/** Remove temporary files that killed processes left in `folder`; returns how many. */
int fseg_replacement_sweep(const char *folder);

#ifdef __cplusplus
}
#endif
#endif
