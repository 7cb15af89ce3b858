#include "flowedge/live_capture.hpp"

#if FLOWEDGE_HAVE_LIBPCAP
#include <arpa/inet.h>
#include <net/if.h>
#include <pcap/pcap.h>
#endif

namespace flowedge {

#if FLOWEDGE_HAVE_LIBPCAP
namespace {

std::string text_of(const sockaddr* address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address == nullptr) return text;
  if (address->sa_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, text, sizeof text);
  } else if (address->sa_family == AF_INET6) {
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, text, sizeof text);
  }
  return text;
}

InterfaceInfo info_of(const pcap_if_t& device) {
  InterfaceInfo info;
  info.name = device.name;
  if (device.description != nullptr) info.description = device.description;
  for (const pcap_addr_t* address = device.addresses; address != nullptr; address = address->next) {
    std::string text = text_of(address->addr);
    if (!text.empty()) info.addresses.push_back(std::move(text));
  }
  info.up = (device.flags & PCAP_IF_UP) != 0;
  info.running = (device.flags & PCAP_IF_RUNNING) != 0;
  info.loopback = (device.flags & PCAP_IF_LOOPBACK) != 0;
  return info;
}

/// libpcap also names USB, Bluetooth and D-Bus devices.
bool is_network_interface(const pcap_if_t& device) {
  return if_nametoindex(device.name) != 0 || std::string("any") == device.name;
}

}  // namespace

bool list_interfaces(std::vector<InterfaceInfo>& interfaces, std::string& problem) {
  char text[PCAP_ERRBUF_SIZE] = "";
  pcap_if_t* devices = nullptr;
  if (pcap_findalldevs(&devices, text) != 0) {
    problem = text;
    return false;
  }
  interfaces.clear();
  for (const pcap_if_t* device = devices; device != nullptr; device = device->next) {
    if (is_network_interface(*device)) interfaces.push_back(info_of(*device));
  }
  pcap_freealldevs(devices);
  return true;
}

std::string libpcap_version() {
  return pcap_lib_version();
}
#else
bool list_interfaces(std::vector<InterfaceInfo>&, std::string& problem) {
  problem = "this build of flowedge has no libpcap";
  return false;
}

std::string libpcap_version() {
  return {};
}
#endif

}  // namespace flowedge
