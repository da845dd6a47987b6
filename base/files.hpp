// Files that a crash must not leave half written.
//
// Threads: any; a path belongs to one thread.
// Errors:  in words, "" where it is done.
#pragma once

#include <string>
#include <string_view>

namespace depot {

// What the last failed system call said of `path`: "<path>: No space left on device".
std::string why_not(const std::string& path);

// write(2) until all is written; false with errno.
bool write_all(int fd, std::string_view bytes);

// Puts `bytes` in the place of the file: a new one beside it (<path>.new), on disk, and then
// renamed. Whatever happens meanwhile, the file is the old one or the new one, whole.
std::string replace_file(const std::string& path, std::string_view bytes);

}  // namespace depot
