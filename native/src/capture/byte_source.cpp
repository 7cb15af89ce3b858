#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "flowedge/capture_file.hpp"

namespace flowedge {
namespace {

constexpr std::ptrdiff_t kFailed = -1;
constexpr std::ptrdiff_t kInterrupted = -2;

class DescriptorSource final : public ByteSource {
 public:
  explicit DescriptorSource(int descriptor) : descriptor_(descriptor) {}

  std::ptrdiff_t read(std::uint8_t* into, std::size_t room) override {
    for (;;) {
      const ssize_t got = ::read(descriptor_, into, room);
      if (got >= 0) return got;
      if (errno == EAGAIN && wait_until_readable()) continue;
      if (errno == EINTR) return kInterrupted;
      error_ = errno;
      return kFailed;
    }
  }

  std::string problem() const override {
    return error_ == 0 ? std::string() : "cannot be read: " + std::generic_category().message(error_);
  }

 private:
  /// Standard input may be a pipe that somebody else made non-blocking.
  bool wait_until_readable() const {
    pollfd waiting{descriptor_, POLLIN, 0};
    return ::poll(&waiting, 1, -1) >= 0;
  }

  int descriptor_;
  int error_ = 0;
};

}  // namespace

std::unique_ptr<ByteSource> make_descriptor_source(int descriptor) {
  return std::make_unique<DescriptorSource>(descriptor);
}

}  // namespace flowedge
