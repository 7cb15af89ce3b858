#pragma once
#include <cstddef>
#include <cstdint>

#include "flowedge/record.hpp"
#include "flowedge/selection.hpp"

// The Arrow C data interface, as its specification gives it for copying
// (arrow.apache.org/docs/format/CDataInterface.html).
extern "C" {
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE
struct ArrowSchema {
  const char* format;
  const char* name;
  const char* metadata;
  int64_t flags;
  int64_t n_children;
  struct ArrowSchema** children;
  struct ArrowSchema* dictionary;
  void (*release)(struct ArrowSchema*);
  void* private_data;
};
struct ArrowArray {
  int64_t length;
  int64_t null_count;
  int64_t offset;
  int64_t n_buffers;
  int64_t n_children;
  const void** buffers;
  struct ArrowArray** children;
  struct ArrowArray* dictionary;
  void (*release)(struct ArrowArray*);
  void* private_data;
};
#endif
#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE
struct ArrowArrayStream {
  int (*get_schema)(struct ArrowArrayStream*, struct ArrowSchema* out);
  int (*get_next)(struct ArrowArrayStream*, struct ArrowArray* out);
  const char* (*get_last_error)(struct ArrowArrayStream*);
  void (*release)(struct ArrowArrayStream*);
  void* private_data;
};
#endif
}

namespace flowedge {

/// A struct schema with one child a column, none with nulls: addresses, Flow ID and label as utf8, the rest as
/// numbers of the record's own type (durations in the selection's unit, the timestamp in seconds since 1970).
/// A field's metadata holds its "unit" and "meaning". Repeated columns are left out.
/// False if memory ran out; nothing then needs releasing. So it is with the other two.
bool export_arrow_schema(const Selection& selection, ArrowSchema* out);

/// The records, turned into columns that own their memory (they outlive the batch). False also if the text of
/// one column would pass 2 GiB, the most that utf8 can address.
bool export_arrow_array(const Selection& selection, const FlowRecord* records, std::size_t count, ArrowArray* out);

/// A stream of the one batch, as pandas, polars, DuckDB and pyarrow ask for it. It owns what it needs.
bool export_arrow_stream(const Selection& selection, const FlowRecord* records, std::size_t count,
                         ArrowArrayStream* out);

}  // namespace flowedge
