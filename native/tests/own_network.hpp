#pragma once
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "check.hpp"
#include "frames.hpp"

/// A network namespace of the test's own, with interfaces of its own making.
namespace network {

/// Runs the body in a child with an empty network; says so and does nothing where that is not allowed.
inline void in_own_network(void (*body)()) {
  const pid_t child = fork();
  if (child == 0) {
    if (unshare(CLONE_NEWNET) != 0) {
      std::printf("    skipped: no network namespace: %s\n", std::strerror(errno));
      std::exit(0);
    }
    body();
    std::exit(0);
  }
  int status = -1;
  CHECK(child > 0 && waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

inline void set_up(const std::string& interface, bool up) {
  const int socket = ::socket(AF_INET, SOCK_DGRAM, 0);
  ifreq request{};
  interface.copy(request.ifr_name, IFNAMSIZ - 1);
  CHECK(ioctl(socket, SIOCGIFFLAGS, &request) == 0);
  request.ifr_flags = static_cast<short>(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
  CHECK(ioctl(socket, SIOCSIFFLAGS, &request) == 0);
  close(socket);
}

/// Gives an interface that is up another name; says so if it cannot have one, as before Linux 6.2.
inline bool rename(const std::string& interface, const std::string& name) {
  const int socket = ::socket(AF_INET, SOCK_DGRAM, 0);
  ifreq request{};
  interface.copy(request.ifr_name, IFNAMSIZ - 1);
  name.copy(request.ifr_newname, IFNAMSIZ - 1);
  const bool renamed = ioctl(socket, SIOCSIFNAME, &request) == 0;
  if (!renamed) std::printf("    skipped: another name for %s: %s\n", interface.c_str(), std::strerror(errno));
  close(socket);
  return renamed;
}

/// Sends datagrams of `size` octets through the loopback interface.
inline void send_datagrams(int count, std::uint16_t port, std::size_t size = 100) {
  const int socket = ::socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const std::string payload(size, 'x');
  for (int i = 0; i < count; ++i) {
    // Nobody listens: the answer to one is an error of the next, which is sent again.
    const auto send = [&] {
      return sendto(socket, payload.data(), size, 0, reinterpret_cast<sockaddr*>(&to), sizeof to);
    };
    CHECK(send() == static_cast<ssize_t>(size) || send() == static_cast<ssize_t>(size));
  }
  close(socket);
}

/// An Ethernet interface whose cable ends in the test. It is gone with the object.
class Tap {
 public:
  explicit Tap(const std::string& name) : descriptor_(open("/dev/net/tun", O_RDWR | O_CLOEXEC)) {
    ifreq request{};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    CHECK(ioctl(descriptor_, TUNSETIFF, &request) == 0);
    set_up(name, true);
    index_ = static_cast<int>(if_nametoindex(name.c_str()));
  }
  ~Tap() { unplug(); }
  Tap(const Tap&) = delete;
  Tap& operator=(const Tap&) = delete;

  static bool available() {
    const int descriptor = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (descriptor < 0) std::printf("    skipped: /dev/net/tun: %s\n", std::strerror(errno));
    close(descriptor);
    return descriptor >= 0;
  }

  /// Brings a frame to the host.
  void receive(const frames::Octets& frame) const {
    CHECK(write(descriptor_, frame.data(), frame.size()) == static_cast<ssize_t>(frame.size()));
  }

  /// Has the host send a frame.
  void send(const frames::Octets& frame) const {
    const int socket = ::socket(AF_PACKET, SOCK_RAW, 0);
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = index_;
    CHECK(sendto(socket, frame.data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof to) ==
          static_cast<ssize_t>(frame.size()));
    close(socket);
  }

  void unplug() {
    if (descriptor_ >= 0) close(descriptor_);
    descriptor_ = -1;
  }

 private:
  int descriptor_;
  int index_ = 0;
};

}  // namespace network
