/**
 * @file FileDescriptor.h
 * An open file descriptor that is closed at the end of its scope.
 */
#ifndef FRUGALSEG_IMAGING_FILE_DESCRIPTOR_H
#define FRUGALSEG_IMAGING_FILE_DESCRIPTOR_H

#include <unistd.h>

namespace frugalseg
{

class FileDescriptor
{
  public:
    explicit FileDescriptor(int number) : number_(number) {}
    ~FileDescriptor()
    {
        if (number_ >= 0) {
            close(number_);
        }
    }
    FileDescriptor(const FileDescriptor &) = delete;
    FileDescriptor &operator=(const FileDescriptor &) = delete;
    int get() const
    {
        return number_;
    }
    /** Hand it over: the caller closes it. */
    int release()
    {
        const int number = number_;
        number_ = -1;
        return number;
    }

  private:
    int number_;
};

} // namespace frugalseg

#endif
