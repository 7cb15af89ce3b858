#pragma once
#include <sys/uio.h>

#include <cstdint>
#include <string>
#include <vector>

#include "flow_file_name.hpp"

namespace flowedge {

/// A folder of files that appear complete or not at all: each grows as a hidden part, and gets its name at the end.
/// No descriptor stays open. Errors are values of errno; 0: none.
class PartFolder {
 public:
  using Part = std::uint64_t;  ///< 0: none

  explicit PartFolder(std::string folder);

  /// Removes the parts of processes that run no more.
  int remove_stale() const;

  /// Appends to a part of `length` octets, or to a new one if there is none. The pieces are used up. After an error
  /// nothing is known of the part but that it is to be removed.
  int append(Part& part, std::uint64_t length, std::vector<iovec>& pieces);

  /// Gives a part its name: `stem` and ".pcap", with "-2" and so on between them if there is such a file already.
  int complete(Part part, const std::string& stem) const;

  void remove(Part part) const;

 private:
  bool is_stale(const char* name) const;
  int create(Part& part);
  int open(Part part, std::uint64_t length) const;
  std::string path(const std::string& name) const { return folder_ + '/' + name; }
  std::string part_path(Part part) const { return path(part_name(self_, part)); }

  std::string folder_;
  PartOwner self_;
  Part last_ = 0;
};

}  // namespace flowedge
