#include "flowedge/capture_file.hpp"

#include <cstdio>
#include <cstring>
#include <utility>

#include "capture_format.hpp"

namespace flowedge {
namespace {

/// What a file that is no capture often is instead.
const char* known_as(const std::uint8_t* magic) {
  struct Kind {
    std::size_t size;
    std::uint8_t magic[CaptureFormat::kMagicSize];
    const char* name;
  };
  static constexpr Kind kKinds[] = {
      {2, {0x1f, 0x8b}, "gzip"},
      {4, {0xfd, '7', 'z', 'X'}, "xz"},
      {4, {0x28, 0xb5, 0x2f, 0xfd}, "zstd"},
  };
  for (const Kind& kind : kKinds) {
    if (std::memcmp(magic, kind.magic, kind.size) == 0) return kind.name;
  }
  return nullptr;
}

Verdict not_a_capture(const std::uint8_t* magic) {
  if (const char* name = known_as(magic)) {
    return {ReadStatus::not_a_capture, std::string("neither pcap nor pcapng, but ") + name + " data"};
  }
  char text[64];
  std::snprintf(text, sizeof text, "neither pcap nor pcapng (it begins with %02x %02x %02x %02x)", magic[0], magic[1],
                magic[2], magic[3]);
  return {ReadStatus::not_a_capture, text};
}

class FormatReader final : public CaptureReader {
 public:
  explicit FormatReader(ByteSource& source) : source_(source), input_(source) {}

  std::size_t next(Frame* frames, std::size_t room) override;
  ReadStatus status() const override { return verdict_.status; }
  std::string problem() const override { return verdict_.problem; }
  std::uint64_t octets_read() const override { return input_.octets_read(); }

 private:
  void recognise();
  std::size_t take_last(Frame& frame);
  std::size_t fail(Frame& frame);

  ByteSource& source_;
  InputBuffer input_;
  std::unique_ptr<CaptureFormat> format_;
  Verdict verdict_;
};

std::size_t FormatReader::next(Frame* frames, std::size_t room) {
  while (verdict_.status == ReadStatus::more && room > 0) {
    if (!format_) recognise();
    const std::size_t count = format_ ? format_->take(input_, frames, room, verdict_) : 0;
    if (count > 0 || verdict_.status != ReadStatus::more) return count;
    switch (input_.refill()) {
      case InputBuffer::Refill::grown:
        break;
      case InputBuffer::Refill::interrupted:
        return 0;
      case InputBuffer::Refill::ended:
        return take_last(frames[0]);
      case InputBuffer::Refill::failed:
        return fail(frames[0]);
    }
  }
  return 0;
}

/// Sets format_ once the head of the file is there, or the verdict if it is nothing we know.
void FormatReader::recognise() {
  if (input_.size() < CaptureFormat::kMagicSize) return;
  if (is_pcapng(input_.data())) {
    format_ = make_pcapng_format();
  } else if (!is_pcap(input_.data())) {
    verdict_ = not_a_capture(input_.data());
  } else if (input_.size() >= kPcapHeaderSize) {
    format_ = make_pcap_format(input_.data());
    input_.consume(kPcapHeaderSize);
  }
}

std::size_t FormatReader::take_last(Frame& frame) {
  if (format_) return format_->take_last(input_, frame, verdict_);
  if (input_.size() == 0) {
    verdict_ = {ReadStatus::empty, "empty"};
  } else if (input_.size() < CaptureFormat::kMagicSize) {
    verdict_ = {ReadStatus::not_a_capture, "too short for a pcap or pcapng file"};
  } else {
    verdict_ = cut_short("file header", 0);
  }
  return 0;
}

/// As at the end of the input, a last packet that is there in part is not lost.
std::size_t FormatReader::fail(Frame& frame) {
  const std::size_t count = take_last(frame);
  std::string problem = source_.problem();
  verdict_ = {ReadStatus::read_failed, problem.empty() ? "not enough memory to read on" : std::move(problem)};
  return count;
}

}  // namespace

Verdict cut_short(const char* within, std::uint64_t offset) {
  return {ReadStatus::cut_short,
          std::string("cut short: it ends within the ") + within + " at octet " + std::to_string(offset)};
}

std::unique_ptr<CaptureReader> make_capture_reader(ByteSource& source) {
  return std::make_unique<FormatReader>(source);
}

}  // namespace flowedge
