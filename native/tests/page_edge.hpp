#pragma once
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

/// A copy of some octets that ends where a page without access begins: reading one octet too many faults.
class PageEdge {
 public:
  explicit PageEdge(const std::vector<std::uint8_t>& octets) {
    const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t pages = octets.size() / page + 1;
    size_ = (pages + 1) * page;
    void* memory = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) std::abort();
    base_ = static_cast<std::uint8_t*>(memory);
    if (mprotect(base_ + pages * page, page, PROT_NONE) != 0) std::abort();
    data_ = base_ + pages * page - octets.size();
    if (!octets.empty()) std::memcpy(data_, octets.data(), octets.size());
  }
  ~PageEdge() { munmap(base_, size_); }
  PageEdge(const PageEdge&) = delete;
  PageEdge& operator=(const PageEdge&) = delete;

  const std::uint8_t* data() const { return data_; }

 private:
  std::uint8_t* base_;
  std::uint8_t* data_;
  std::size_t size_;
};
