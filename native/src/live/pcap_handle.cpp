#if FLOWEDGE_HAVE_LIBPCAP
#include "pcap_handle.hpp"

namespace flowedge {

namespace {

LiveRefusal refusal_of(int status) {
  switch (status) {
    case PCAP_ERROR_NO_SUCH_DEVICE:
      return LiveRefusal::no_such_interface;
    case PCAP_ERROR_IFACE_NOT_UP:
      return LiveRefusal::not_up;
    case PCAP_ERROR_PERM_DENIED:
    case PCAP_ERROR_PROMISC_PERM_DENIED:
      return LiveRefusal::permission;
    case PCAP_WARNING_TSTAMP_TYPE_NOTSUP:
    case PCAP_ERROR_CANTSET_TSTAMP_TYPE:
      return LiveRefusal::bad_option;
    default:
      return LiveRefusal::other;
  }
}

/// libpcap's text, or else its name for the status; the caller names the interface.
std::string text_of(pcap_t* handle, int status, const std::string& interface) {
  std::string text = pcap_geterr(handle);
  if (text.empty()) return pcap_statustostr(status);
  const std::string prefix = interface + ": ";
  return text.compare(0, prefix.size(), prefix) == 0 ? text.substr(prefix.size()) : text;
}

bool set_timestamp_type(pcap_t* handle, const std::string& name, std::string& problem) {
  if (name.empty()) return true;
  const int type = pcap_tstamp_type_name_to_val(name.c_str());
  if (type < 0) {
    problem = "timestamp_type: there is no \"" + name + "\"";
    return false;
  }
  if (pcap_set_tstamp_type(handle, type) == 0) return true;
  problem = "timestamp_type: the interface has no \"" + name + "\"";
  return false;
}

void configure(pcap_t* handle, const LiveOptions& options) {
  pcap_set_snaplen(handle, options.snaplen);
  pcap_set_promisc(handle, options.promiscuous ? 1 : 0);
  pcap_set_timeout(handle, kGatherMilliseconds);
  pcap_set_buffer_size(handle, options.buffer_octets);
  pcap_set_tstamp_precision(handle, PCAP_TSTAMP_PRECISION_NANO);  // refused: microseconds
}

/// A warning that the interface cannot be promiscuous changes nothing; one that it has other timestamps does.
bool is_success(int status) {
  return status >= 0 && status != PCAP_WARNING_TSTAMP_TYPE_NOTSUP;
}

}  // namespace

PcapHandle open_pcap(const LiveOptions& options, LiveRefusal& refusal, std::string& problem) {
  char text[PCAP_ERRBUF_SIZE] = "";
  PcapHandle handle(pcap_create(options.interface.c_str(), text), pcap_close);
  refusal = LiveRefusal::other;
  if (!handle) {
    problem = text;
    return handle;
  }
  configure(handle.get(), options);
  if (!set_timestamp_type(handle.get(), options.timestamp_type, problem)) {
    refusal = LiveRefusal::bad_option;
    return {nullptr, pcap_close};
  }
  const int status = pcap_activate(handle.get());
  if (is_success(status) && pcap_setnonblock(handle.get(), 1, text) == 0) {
    refusal = LiveRefusal::none;
    return handle;
  }
  refusal = refusal_of(status);
  problem = is_success(status) ? text : text_of(handle.get(), status, options.interface);
  return {nullptr, pcap_close};
}

}  // namespace flowedge
#endif
