#include "packet_socket.hpp"

#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "flowedge/live_capture.hpp"

namespace flowedge {

int PacketSocket::interface() const {
  sockaddr_ll address{};
  socklen_t size = sizeof address;
  if (getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &size) != 0) return kNotASocket;
  return address.sll_family == AF_PACKET ? address.sll_ifindex : kNotASocket;
}

/// As if_nametoindex(), which needs a descriptor of its own: without one to spare it would look as if there were none.
int PacketSocket::index_of(const std::string& name) const {
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  return ioctl(descriptor_, SIOCGIFINDEX, &request) == 0 ? request.ifr_ifindex : 0;
}

bool PacketSocket::attach(const BpfProgram& program) const {
  static_assert(sizeof(BpfInstruction) == sizeof(sock_filter));
  std::vector<sock_filter> instructions;
  for (const BpfInstruction& from : program) {
    instructions.push_back({from.code, from.jump_true, from.jump_false, from.k});
  }
  if (instructions.size() > std::numeric_limits<std::uint16_t>::max()) {
    errno = EINVAL;
    return false;
  }
  const sock_fprog filter{static_cast<std::uint16_t>(instructions.size()), instructions.data()};
  return setsockopt(descriptor_, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == 0;
}

int PacketSocket::join_fanout(int group) const {
  constexpr int kTypeShift = 16;
  constexpr int kGroups = 1 << kTypeShift;
  if (group != kNewGroup && (group < 0 || group >= kGroups)) {
    errno = EINVAL;
    return -1;
  }
  const int type = PACKET_FANOUT_HASH | (group == kNewGroup ? PACKET_FANOUT_FLAG_UNIQUEID : 0);
  int request = type << kTypeShift | (group == kNewGroup ? 0 : group);
  if (setsockopt(descriptor_, SOL_PACKET, PACKET_FANOUT, &request, sizeof request) != 0) return -1;
  socklen_t size = sizeof request;
  if (getsockopt(descriptor_, SOL_PACKET, PACKET_FANOUT, &request, &size) != 0) return -1;
  return request % kGroups;
}

/// An error that waits (the interface is down) ends poll() at once; whoever reads the socket takes it away. Should it
/// stay, this still is a sleep.
void PacketSocket::wait(int milliseconds) const {
  constexpr int kPatience = 50;
  pollfd request{descriptor_, POLLIN, 0};
  const int ready = poll(&request, 1, milliseconds);
  if (ready > 0 && (request.revents & POLLIN) == 0) poll(nullptr, 0, std::min(milliseconds, kPatience));
}

}  // namespace flowedge
