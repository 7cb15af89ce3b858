#include "flowedge/slab.hpp"

#include <sys/mman.h>

#include <new>
#include <utility>

namespace flowedge {

Pages::Pages(std::size_t octets) : octets_(octets) {
  data_ = mmap(nullptr, octets, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data_ == MAP_FAILED) throw std::bad_alloc();
}

Pages::Pages(Pages&& other) noexcept : data_(std::exchange(other.data_, nullptr)), octets_(other.octets_) {}

Pages& Pages::operator=(Pages&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(octets_, other.octets_);
  return *this;
}

Pages::~Pages() {
  if (data_ != nullptr) munmap(data_, octets_);
}

}  // namespace flowedge
