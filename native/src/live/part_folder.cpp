#include "part_folder.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>
#include <utility>

namespace flowedge {
namespace {

constexpr int kMostNamesakes = 1000;                   // flows of one name; each costs a look at all before it
constexpr std::size_t kMostPieces = 1024;              // IOV_MAX
constexpr mode_t kMode = S_IRUSR | S_IWUSR | S_IRGRP;  // packets are not everybody's business

std::uint32_t next_saver_number() {
  static std::atomic<std::uint32_t> last{0};
  return ++last;
}

/// 0, or the error of the system call that returned `result`.
int error_of(long result) {
  return result == 0 ? 0 : errno;
}

/// Moves on by `written` octets.
iovec* skip(iovec* piece, std::size_t written) {
  while (written > 0 && written >= piece->iov_len) written -= (piece++)->iov_len;
  if (written > 0) {
    piece->iov_base = static_cast<char*>(piece->iov_base) + written;
    piece->iov_len -= written;
  }
  return piece;
}

int write_all(int descriptor, std::vector<iovec>& pieces) {
  iovec* piece = pieces.data();
  iovec* const end = piece + pieces.size();
  while (piece != end) {
    const std::size_t count = std::min(static_cast<std::size_t>(end - piece), kMostPieces);
    const ssize_t written = ::writev(descriptor, piece, static_cast<int>(count));
    if (written > 0) {
      piece = skip(piece, static_cast<std::size_t>(written));
    } else if (written == 0 || errno != EINTR) {
      return written == 0 ? ENOSPC : errno;
    }
  }
  return 0;
}

/// rename() replaces what is there. Not every file system can be told not to (NFS), nor has each links (FAT).
int rename_without_replacing(const std::string& from, const std::string& to) {
#ifdef SYS_renameat2
  constexpr unsigned kNoReplace = 1;  // RENAME_NOREPLACE, which musl's headers do not have
  const int error = error_of(::syscall(SYS_renameat2, AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), kNoReplace));
  if (error != EINVAL && error != ENOSYS) return error;
#endif
  if (::link(from.c_str(), to.c_str()) != 0) return errno;
  return error_of(::unlink(from.c_str()));
}

}  // namespace

PartFolder::PartFolder(std::string folder) : folder_(std::move(folder)), self_{::getpid(), next_saver_number()} {}

int PartFolder::remove_stale() const {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(folder_.c_str()), ::closedir);
  if (!folder) return errno;
  while (const dirent* entry = ::readdir(folder.get())) {
    if (is_stale(entry->d_name)) ::unlink(path(entry->d_name).c_str());
  }
  return 0;
}

/// A part with our own numbers is of a process that had them before: in a container each start may have the same.
bool PartFolder::is_stale(const char* name) const {
  const std::optional<PartOwner> owner = owner_of_part(name);
  if (!owner) return false;
  if (owner->process == self_.process) return owner->saver == self_.saver;
  return ::kill(owner->process, 0) != 0 && errno == ESRCH;
}

int PartFolder::append(Part& part, std::uint64_t length, std::vector<iovec>& pieces) {
  const int descriptor = part == 0 ? create(part) : open(part, length);
  if (descriptor < 0) return errno;
  const int error = write_all(descriptor, pieces);
  const int late_error = error_of(::close(descriptor));  // where the disk is a server's
  return error != 0 ? error : late_error;
}

int PartFolder::create(Part& part) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  for (;;) {
    part = ++last_;
    const int descriptor = ::open(part_path(part).c_str(), kFlags, kMode);
    if (descriptor >= 0 || errno != EEXIST) return descriptor;
  }
}

/// A part that is not as it was left is not ours any more: nothing may be added to it.
int PartFolder::open(Part part, std::uint64_t length) const {
  const int descriptor = ::open(part_path(part).c_str(), O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
  if (descriptor < 0) return descriptor;
  struct stat status {};
  if (::fstat(descriptor, &status) == 0 && static_cast<std::uint64_t>(status.st_size) == length) return descriptor;
  ::close(descriptor);
  errno = ESTALE;
  return -1;
}

int PartFolder::complete(Part part, const std::string& stem) const {
  const std::string from = part_path(part);
  int error = rename_without_replacing(from, path(stem + ".pcap"));
  for (int n = 2; error == EEXIST && n <= kMostNamesakes; ++n) {
    error = rename_without_replacing(from, path(stem + '-' + std::to_string(n) + ".pcap"));
  }
  return error;
}

void PartFolder::remove(Part part) const {
  if (part != 0) ::unlink(part_path(part).c_str());
}

}  // namespace flowedge
