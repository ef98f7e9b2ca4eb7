/* The salt of this installation: hashes of identifiers that nobody else can try out. */
#include "frugalseg/files.h"
#include "program.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIGITS = 64 };

/* Folder of the user's own data, made when it is missing. False when there is none. */
static bool data_folder(char *path, size_t size)
{
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    int length = -1;
    if (data && data[0] == '/') {
        length = snprintf(path, size, "%s/frugalseg", data);
    } else if (home && home[0] == '/') {
        length = snprintf(path, size, "%s/.local/share/frugalseg", home);
    }
    if (length < 0 || (size_t)length >= size) {
        return false;
    }
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0777);
        *slash = '/';
    }
    return mkdir(path, 0777) == 0 || errno == EEXIST;
}

static bool read_salt(const char *path, char salt[DIGITS + 1])
{
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    const ssize_t got = file >= 0 ? read(file, salt, DIGITS) : -1;
    if (file >= 0) {
        close(file);
    }
    bool good = got == DIGITS;
    for (int i = 0; good && i < DIGITS; i++) {
        good = isxdigit((unsigned char)salt[i]) != 0;
    }
    salt[DIGITS] = '\0';
    return good;
}

static bool draw_salt(char salt[DIGITS + 1])
{
    unsigned char bytes[DIGITS / 2];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
        return false;
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        snprintf(salt + 2 * i, 3, "%02x", bytes[i]);
    }
    return true;
}

/* Of several programs that start at once the first one's salt stays: link() replaces nothing. */
static void keep_salt(const char *path, const char *salt)
{
    char temporary[4200];
    snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    const int file = mkstemp(temporary); /* for this user's eyes only */
    if (file < 0) {
        return;
    }
    const bool whole = write(file, salt, DIGITS) == DIGITS && fsync(file) == 0;
    close(file);
    if (whole && link(temporary, path) != 0 && errno != EEXIST) {
        (void)rename(temporary, path); /* a file system without hard links */
    }
    (void)unlink(temporary);
}

bool program_salted_sha256(const char *text, char hex[65])
{
    char path[4096], salt[DIGITS + 1];
    const bool folder = data_folder(path, sizeof path - 8);
    bool kept = false;
    if (folder) {
        strcat(path, "/salt");
        kept = read_salt(path, salt);
        if (!kept && draw_salt(salt)) {
            keep_salt(path, salt);
            kept = read_salt(path, salt);
        }
    }
    if (!kept && !draw_salt(salt)) {
        hex[0] = '\0';
        return false;
    }
    (void)fseg_text_sha256(salt, text, hex, NULL);
    return kept;
}
