#include <cerrno>
#include <memory>
#include <new>
#include <utility>

#include "arrow_ownership.hpp"

namespace flowedge {
namespace {

struct StreamData {
  Selection selection;
  ArrowArray batch{};  ///< without `release` once it has been given away

  explicit StreamData(const Selection& chosen) : selection(chosen) {}
  StreamData(const StreamData&) = delete;
  StreamData& operator=(const StreamData&) = delete;
  ~StreamData() { release_if_there(batch); }
};

int stream_schema(ArrowArrayStream* stream, ArrowSchema* out) {
  return export_arrow_schema(static_cast<StreamData*>(stream->private_data)->selection, out) ? 0 : ENOMEM;
}

/// The batch, and then the released array that means the end.
int stream_next(ArrowArrayStream* stream, ArrowArray* out) {
  *out = std::exchange(static_cast<StreamData*>(stream->private_data)->batch, ArrowArray{});
  return 0;
}

const char* stream_error(ArrowArrayStream*) {
  return "out of memory";
}

void make_stream(const Selection& selection, const FlowRecord* records, std::size_t count, ArrowArrayStream* out) {
  auto data = std::make_unique<StreamData>(selection);
  if (!export_arrow_array(selection, records, count, &data->batch)) throw std::bad_alloc();
  *out = {stream_schema, stream_next, stream_error, release<ArrowArrayStream, StreamData>, data.release()};
}

}  // namespace

bool export_arrow_stream(const Selection& selection, const FlowRecord* records, std::size_t count,
                         ArrowArrayStream* out) {
  return made([&] { make_stream(selection, records, count, out); });
}

}  // namespace flowedge
