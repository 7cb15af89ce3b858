#include "flowedge/slab.hpp"

#include <sys/mman.h>

#include <new>
#include <utility>

namespace flowedge {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

}  // namespace

Pages::Pages(std::size_t octets, std::size_t keep_small) : mapped_(octets + kHugePage) {
  mapping_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping_ == MAP_FAILED) {
    mapping_ = nullptr;
    throw std::bad_alloc();
  }
  const auto address = reinterpret_cast<std::uintptr_t>(mapping_);
  const std::uintptr_t aligned = (address + kHugePage - 1) & ~std::uintptr_t{kHugePage - 1};
  data_ = reinterpret_cast<void*>(aligned);
#ifdef MADV_HUGEPAGE
  const std::size_t whole = octets & ~(kHugePage - 1);  // the tail is not worth a huge page
  if (whole > keep_small) madvise(static_cast<char*>(data_) + keep_small, whole - keep_small, MADV_HUGEPAGE);
#endif
}

Pages::Pages(Pages&& other) noexcept
    : mapping_(std::exchange(other.mapping_, nullptr)), mapped_(other.mapped_), data_(other.data_) {}

Pages& Pages::operator=(Pages&& other) noexcept {
  std::swap(mapping_, other.mapping_);
  std::swap(mapped_, other.mapped_);
  std::swap(data_, other.data_);
  return *this;
}

Pages::~Pages() {
  if (mapping_ != nullptr) munmap(mapping_, mapped_);
}

}  // namespace flowedge
