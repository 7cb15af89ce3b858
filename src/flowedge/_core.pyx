"""The one door between Python and the flow engine.

Contract: below this module is C++ that knows nothing of Python; above it no memory is managed. The door checks
arguments, releases the GIL, owns memory and raises. It takes no decision about flows. What it raises are builtins:
ValueError and TypeError for arguments, MemoryError, RuntimeError for misuse; the classes of `flowedge.errors` belong to
the layers above.

Times are integer nanoseconds since 1970, time-outs are seconds (int, float, Decimal, Fraction or str, taken exactly to
the nanosecond).
"""

import os

cimport cython
from cpython.buffer cimport PyBUF_WRITE, PyBuffer_FillInfo
from cpython.bytes cimport PyBytes_AsString, PyBytes_FromStringAndSize
from cpython.memoryview cimport PyMemoryView_FromMemory
from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_New
from cython.operator cimport dereference as deref
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy
from libcpp cimport bool as cpp_bool
from libcpp.memory cimport unique_ptr
from libcpp.string cimport string
from libcpp.utility cimport move
from libcpp.vector cimport vector

from flowedge cimport _native as native

cdef dict MODE_VALUES = {
    "netflower": <int>native.Mode.netflower,
    "cicflowmeter": <int>native.Mode.cicflowmeter,
    "engelen": <int>native.Mode.engelen,
    "corrected": <int>native.Mode.corrected,
}
cdef dict SCHEME_VALUES = {
    "netflower": <int>native.NameScheme.netflower,
    "cicflowmeter": <int>native.NameScheme.cicflowmeter,
    "cicids2017": <int>native.NameScheme.cicids2017,
    "cse-cic-ids2018": <int>native.NameScheme.cse_cic_ids2018,
}
cdef dict DEFAULT_SCHEMES = {
    "netflower": "netflower",
    "cicflowmeter": "cicflowmeter",
    "engelen": "cicflowmeter",
    "corrected": "netflower",
}
cdef dict NUMPY_FORMATS = {
    <int>native.ColumnType.address: ("u1", (16,)),
    <int>native.ColumnType.u8: "u1",
    <int>native.ColumnType.u16: "=u2",
    <int>native.ColumnType.u32: "=u4",
    <int>native.ColumnType.u64: "=u8",
    <int>native.ColumnType.i32: "=i4",
    <int>native.ColumnType.i64: "=i8",
    <int>native.ColumnType.f64: "=f8",
}
cdef dict GROUP_NAMES = {
    <int>native.ColumnGroup.feature: "feature",
    <int>native.ColumnGroup.engelen: "engelen",
    <int>native.ColumnGroup.extra: "extra",
}
cdef dict READ_STATUS_NAMES = {
    <int>native.ReadStatus.more: "more",
    <int>native.ReadStatus.end: "end",
    <int>native.ReadStatus.empty: "empty",
    <int>native.ReadStatus.not_a_capture: "not_a_capture",
    <int>native.ReadStatus.cut_short: "cut_short",
    <int>native.ReadStatus.malformed: "malformed",
    <int>native.ReadStatus.read_failed: "read_failed",
}

MODES = tuple(MODE_VALUES)
NAME_SCHEMES = tuple(SCHEME_VALUES)
SKIP_REASONS = {
    native.kSkipReasonList[reason].name.decode(): native.kSkipReasonList[reason].meaning.decode()
    for reason in range(1, native.kSkipReasons)
}
HAVE_LIBPCAP = bool(native.have_libpcap_compiler())

# Ethernet, radiotap, raw IP, Linux cooked: an expression that is wrong for all of them is wrong.
cdef tuple FILTER_TRIALS = (1, 127, 101, 113)
cdef enum:
    FEED_BLOCK = 256
    FRAME_BUDGET = 131072  # packets between two looks at signals and progress: some 20 ms
    MAX_BATCH = 1 << 20
MAX_SECONDS = 1 << 30  # 34 years: the engine takes no longer time-outs
MAX_FLOWS = 1 << 30  # the table numbers flows with 31 bits


def column_list():
    """The native list of columns, in its order.

    Returns a list of (name, numpy format, unit, group, position in CICFlowMeter's order or -1, {scheme: name or None},
    meaning, offset in the record in bytes).
    """
    return [column_info(index) for index in range(native.kColumnCount)]


cdef tuple column_info(size_t index):
    cdef const native.Column* column = &native.kColumns[index]
    names = {scheme: text_or_none(column.names[<int>SCHEME_VALUES[scheme]]) for scheme in NAME_SCHEMES}
    return (
        column.name.decode(),
        NUMPY_FORMATS[<int>column.type],
        native.kColumnUnitNames[index].decode(),
        GROUP_NAMES[<int>column.group],
        column.position,
        names,
        column.meaning.decode(),
        column.offset,
    )


cdef object text_or_none(const char* text):
    return None if text == NULL else text.decode()


cdef object choice(dict choices, str option, object name):
    if name not in choices:
        raise ValueError(f"{option}: {name!r} is not known; give one of {', '.join(choices)}")
    return choices[name]


cdef int64_t nanoseconds(str option, object seconds) except -1:
    """A time-out in integer nanoseconds, rounded to the nearest."""
    problem = f"{option}: {seconds!r} is not a time between 1 nanosecond and {MAX_SECONDS} seconds"
    try:
        if isinstance(seconds, str):
            seconds = number_in(seconds)
        if not (seconds == 0 or (seconds <= MAX_SECONDS and seconds * 1_000_000_000 >= 1)):
            raise ValueError(problem)
        numerator, denominator = seconds.as_integer_ratio()
    except (ArithmeticError, AttributeError, TypeError):
        raise ValueError(problem) from None
    return (2 * numerator * 1_000_000_000 + denominator) // (2 * denominator)


cdef object number_in(str text):
    if text.isdecimal() and len(text) < 20:
        return int(text)
    import decimal
    return decimal.Decimal(text)


cdef int64_t positive_nanoseconds(str option, object seconds) except -1:
    cdef int64_t result = nanoseconds(option, seconds)
    if result == 0:
        raise ValueError(f"{option}: must be more than 0")
    return result


cdef uint64_t whole_number(str option, object value, uint64_t lowest, uint64_t highest) except? 0:
    if not isinstance(value, int) or not lowest <= value <= highest:
        raise ValueError(f"{option}: {value!r} is not a whole number from {lowest} to {highest}")
    return value


cdef vector[string] native_strings(str option, object names) except *:
    cdef vector[string] result
    if isinstance(names, str):
        raise TypeError(f"{option}: give a sequence of names, not one string")
    for name in names:
        result.push_back(<string>(<str?>name).encode())
    return result


@cython.final
cdef class Selection:
    """The columns of an output: which, under which names, in which unit.

    mode     whose definitions the values follow (one of MODES)
    names    name scheme (one of NAME_SCHEMES); None: the mode's own
    columns  names to give, in this order, of the scheme or flowedge's own; None: all that mode and scheme have
    extra    names of extra columns to add ("first_ns", "last_ns", "end_reason", "closed_ns", "vlan", "ip_version", "label")
    label    text of the label column; None: "NeedManualLabel", as CICFlowMeter writes

    Raises ValueError for a name that is not known, naming the nearest.
    """

    cdef native.NativeSelection _native
    cdef readonly str mode
    cdef readonly str names

    def __cinit__(self, mode="netflower", names=None, columns=None, extra=(), label=None):
        cdef native.SelectionRequest request
        cdef string problem
        cdef int mode_value = choice(MODE_VALUES, "mode", mode)
        self.mode = mode
        self.names = DEFAULT_SCHEMES[mode] if names is None else names
        cdef int scheme_value = choice(SCHEME_VALUES, "names", self.names)
        request.mode = <native.Mode>mode_value
        request.names = <native.NameScheme>scheme_value
        request.columns = native_strings("columns", () if columns is None else columns)
        request.extra = native_strings("extra", extra)
        if label is not None:
            request.label = <string>(<str?>label).encode()
        if not native.make_selection(request, self._native, problem):
            raise ValueError(problem.decode(errors="replace"))

    @property
    def headers(self):
        """The names of the output's columns, in order (CICIDS2017 has one of them twice)."""
        cdef size_t index
        return [self._native.columns()[index].header.decode() for index in range(self._native.columns().size())]

    def csv_header(self):
        """The CSV head as bytes, with its line end."""
        cdef string text
        native.append_csv_header(self._native, text)
        return python_bytes(text)

    def record_dtype(self):
        """The layout of the selected columns in a FlowBatch's buffer: a dict that numpy.dtype() takes.

        Fields have flowedge's own names and each mode's own units; Flow ID and label are texts made on output and
        are not in the buffer. An address is 16 octets, IPv4 v4-mapped.
        """
        cdef const native.Column* column
        cdef size_t index
        fields = {}
        for index in range(self._native.columns().size()):
            column = self._native.columns()[index].column
            if column != NULL:
                fields[column.name.decode()] = (NUMPY_FORMATS[<int>column.type], column.offset)
        return {
            "names": list(fields),
            "formats": [form for form, _ in fields.values()],
            "offsets": [offset for _, offset in fields.values()],
            "itemsize": sizeof(native.FlowRecord),
        }

    def __arrow_c_schema__(self):
        """The Arrow schema of the output as a PyCapsule."""
        return schema_capsule(self._native)


cdef bytes python_bytes(const string& text):
    return PyBytes_FromStringAndSize(text.data(), <Py_ssize_t>text.size())


@cython.final
cdef class FlowBatch:
    """Closed flows, in the order in which they were closed; read-only, and independent of the engine that made it.

    It has a length, the buffer protocol (records of `record_dtype()["itemsize"]` octets), numpy's structured arrays
    without a copy, the Arrow PyCapsule interface (polars, DuckDB, pyarrow and pandas read it without glue), dicts,
    and CSV and JSON lines as bytes. Called with a Selection it makes an empty batch.
    """

    cdef native.RecordBatch* _records
    cdef readonly Selection selection

    def __cinit__(self, Selection selection not None, size_t room=0):
        self.selection = selection
        self._records = new native.RecordBatch(room)

    def __dealloc__(self):
        del self._records

    def __len__(self):
        return <Py_ssize_t>self._records.size()

    def __repr__(self):
        return f"<FlowBatch of {len(self)} flows>"

    def __getbuffer__(self, Py_buffer* buffer, int flags):
        cdef Py_ssize_t octets = <Py_ssize_t>(self._records.size() * sizeof(native.FlowRecord))
        PyBuffer_FillInfo(buffer, self, <void*>self._records.data(), octets, 1, flags)

    def record_dtype(self):
        """The layout of a record: see Selection.record_dtype()."""
        return self.selection.record_dtype()

    def to_numpy(self):
        """The flows as a read-only structured array over this batch's memory: see Selection.record_dtype().

        Raises ImportError if numpy is not installed.
        """
        numpy = required("numpy", "to_numpy()")
        return numpy.ndarray((len(self),), dtype=numpy.dtype(self.record_dtype()), buffer=self)

    def to_pandas(self):
        """The flows as a pandas DataFrame, under the selection's names and in its units.

        Raises ImportError if pandas or pyarrow is not installed.
        """
        required("pandas", "to_pandas()")
        return required("pyarrow", "to_pandas()").record_batch(self).to_pandas()

    def to_dicts(self):
        """The flows as one dict each, by the selection's names and in its units; times of day in seconds since 1970."""
        columns = self._columns()
        return [dict(zip(columns, row)) for row in zip(*columns.values())]

    cdef dict _columns(self):
        """Lists of Python values by column name, by way of Arrow: one conversion for all who want values."""
        cdef native.ArrowSchema schema
        cdef native.ArrowArray array
        cdef int64_t index
        export_schema(self.selection._native, &schema)
        try:
            self._export_array(&array)
            try:
                return {schema.children[index].name.decode():
                        column_values(schema.children[index], array.children[index])
                        for index in range(schema.n_children)}
            finally:
                array.release(&array)
        finally:
            schema.release(&schema)

    cdef int _export_array(self, native.ArrowArray* array) except -1:
        cdef cpp_bool done
        with nogil:
            done = native.export_arrow_array(
                self.selection._native, self._records.data(), self._records.size(), array)
        if not done:
            raise MemoryError
        return 0

    def csv(self):
        """The flows as CSV lines (bytes), without the head."""
        cdef string text
        with nogil:
            native.append_csv(self.selection._native, self._records.data(), self._records.size(), text)
        return python_bytes(text)

    def jsonl(self):
        """The flows as JSON lines (bytes); NaN and infinity are null."""
        cdef string text
        with nogil:
            native.append_jsonl(self.selection._native, self._records.data(), self._records.size(), text)
        return python_bytes(text)

    def __arrow_c_schema__(self):
        """The Arrow schema as a PyCapsule."""
        return schema_capsule(self.selection._native)

    def __arrow_c_array__(self, requested_schema=None):
        """The flows as (schema, struct array) PyCapsules. A requested schema is not followed, as is allowed."""
        cdef native.ArrowArray* array = <native.ArrowArray*>allocate(sizeof(native.ArrowArray))
        capsule = PyCapsule_New(array, "arrow_array", release_array_capsule)
        self._export_array(array)
        return self.__arrow_c_schema__(), capsule

    def __arrow_c_stream__(self, requested_schema=None):
        """The flows as a PyCapsule of an Arrow stream of one batch. A requested schema is not followed."""
        cdef native.ArrowArrayStream* stream = <native.ArrowArrayStream*>allocate(sizeof(native.ArrowArrayStream))
        cdef cpp_bool done
        capsule = PyCapsule_New(stream, "arrow_array_stream", release_stream_capsule)
        with nogil:
            done = native.export_arrow_stream(
                self.selection._native, self._records.data(), self._records.size(), stream)
        if not done:
            raise MemoryError
        return capsule


cdef object required(str package, str who):
    import importlib
    try:
        return importlib.import_module(package)
    except ImportError:
        raise ImportError(f"{who} needs {package}: pip install {package}") from None


cdef void* allocate(size_t octets) except NULL:
    cdef void* memory = calloc(1, octets)
    if memory == NULL:
        raise MemoryError
    return memory


cdef int export_schema(const native.NativeSelection& selection, native.ArrowSchema* schema) except -1:
    if not native.export_arrow_schema(selection, schema):
        raise MemoryError
    return 0


cdef object schema_capsule(const native.NativeSelection& selection):
    cdef native.ArrowSchema* schema = <native.ArrowSchema*>allocate(sizeof(native.ArrowSchema))
    capsule = PyCapsule_New(schema, "arrow_schema", release_schema_capsule)
    export_schema(selection, schema)
    return capsule


# A consumer that took the contents has set `release` to NULL; the struct itself stays ours.
cdef void release_schema_capsule(object capsule) noexcept:
    cdef native.ArrowSchema* schema = <native.ArrowSchema*>PyCapsule_GetPointer(capsule, "arrow_schema")
    if schema.release != NULL:
        schema.release(schema)
    free(schema)


cdef void release_array_capsule(object capsule) noexcept:
    cdef native.ArrowArray* array = <native.ArrowArray*>PyCapsule_GetPointer(capsule, "arrow_array")
    if array.release != NULL:
        array.release(array)
    free(array)


cdef void release_stream_capsule(object capsule) noexcept:
    cdef native.ArrowArrayStream* stream = (
        <native.ArrowArrayStream*>PyCapsule_GetPointer(capsule, "arrow_array_stream"))
    if stream.release != NULL:
        stream.release(stream)
    free(stream)


cdef list column_values(native.ArrowSchema* schema, native.ArrowArray* array):
    """The values of one exported column; the formats are those of the Arrow C data interface."""
    cdef const void* values = array.buffers[1]
    cdef int64_t index
    cdef str form = schema.format.decode()
    if form == "u":
        return utf8_values(<const int32_t*>values, <const char*>array.buffers[2], array.length)
    if form == "g":
        return [(<const double*>values)[index] for index in range(array.length)]
    if form == "C":
        return [(<const uint8_t*>values)[index] for index in range(array.length)]
    if form == "S":
        return [(<const uint16_t*>values)[index] for index in range(array.length)]
    if form == "I":
        return [(<const uint32_t*>values)[index] for index in range(array.length)]
    if form == "L":
        return [(<const uint64_t*>values)[index] for index in range(array.length)]
    if form == "i":
        return [(<const int32_t*>values)[index] for index in range(array.length)]
    if form == "l":
        return [(<const int64_t*>values)[index] for index in range(array.length)]
    raise NotImplementedError(f"Arrow format {form!r}")


cdef list utf8_values(const int32_t* offsets, const char* text, int64_t count):
    cdef int64_t index
    return [text[offsets[index]:offsets[index + 1]].decode() for index in range(count)]


@cython.final
cdef class CaptureReader:
    """Reads a capture (pcap or pcapng) from a descriptor, or from an object with readinto1() or readinto().

    It neither owns nor closes its source. FlowEngine.run() takes the packets from it.
    """

    cdef unique_ptr[native.ByteSource] _source
    cdef unique_ptr[native.NativeReader] _reader
    cdef object _readinto
    cdef bint _taken
    cdef readonly object exception  # what the source object raised, if status is "read_failed"; else None

    def __cinit__(self, source):
        if isinstance(source, int):
            self._source = native.make_descriptor_source(source)
        else:
            self._readinto = getattr(source, "readinto1", None) or source.readinto
            self._source.reset(new native.CallbackSource(read_stream, <void*>self))
        self._reader = native.make_capture_reader(deref(self._source))

    def __dealloc__(self):
        self._reader.reset()

    @property
    def octets_read(self):
        """Octets of the capture read so far (after decompression)."""
        return self._reader.get().octets_read()

    @property
    def status(self):
        """How far the capture was read: "more", or how it ended: "end" is the only good end.

        The others: "empty", "not_a_capture", "cut_short", "malformed", "read_failed".
        """
        return READ_STATUS_NAMES[<int>self._reader.get().status()]

    @property
    def problem(self):
        """What is wrong with the capture in one sentence without its name; empty after a good end."""
        return self._reader.get().problem().decode(errors="replace")

    cdef int _raise_interrupt(self) except -1:
        """An interrupt (Ctrl-C) must not wait for the capture's end; other exceptions stay for the caller to judge."""
        if self.exception is not None and not isinstance(self.exception, Exception):
            raise self.exception
        return 0


cdef ptrdiff_t read_stream(void* context, uint8_t* into, size_t room) noexcept with gil:
    cdef CaptureReader reader = <CaptureReader>context
    try:
        with PyMemoryView_FromMemory(<char*>into, <Py_ssize_t>room, PyBUF_WRITE) as view:
            count = reader._readinto(view)
        if not 0 <= count <= room:
            raise ValueError(f"readinto() returned {count} for {room} octets")
        return count
    except BaseException as error:
        reader.exception = error
        return -1


cdef cpp_bool compile_by_callback(void* context, const string& expression, uint16_t link_type,
                                  vector[native.BpfInstruction]& program, string& problem) noexcept with gil:
    cdef native.BpfInstruction instruction
    try:
        for code, jump_true, jump_false, k in (<object>context)(expression.decode(), link_type):
            instruction.code = code
            instruction.jump_true = jump_true
            instruction.jump_false = jump_false
            instruction.k = k
            program.push_back(instruction)
        return True
    except BaseException as error:
        problem.assign(<string>str(error).encode())
        return False


@cython.final
cdef class PacketBlock:
    """Decoded packets on their way from FlowEngine.decode() to FlowEngine.process(). Can be used again and again."""

    cdef native.PacketBlock* _block
    cdef object _engine  # whose packets they are
    cdef bint _busy

    def __cinit__(self, size_t room=8192):
        self._block = new native.PacketBlock(whole_number("room", room, 1, MAX_BATCH))

    def __dealloc__(self):
        del self._block

    def __len__(self):
        return <Py_ssize_t>self._block.size

    cdef int _enter(self) except -1:
        if self._busy:
            raise RuntimeError("this PacketBlock is in use by another thread")
        self._busy = True
        return 0


@cython.final
cdef class FlowEngine:
    """Packets in, closed flows out. It has no clock but the packets' own, and may be used by one thread at a time; decode()
    alone may run in another thread beside the rest.

    mode            whose definitions the values follow (one of MODES)
    idle_timeout    a flow is closed after this many seconds without a packet
    max_duration    a flow is closed after this many seconds (IPFIX active time-out); None: never
    linger          seconds for which packets of a closed TCP connection count as its leftovers
    protocols       "tcp,udp", or "all" for every IP protocol
    decapsulate     follow tunnels inwards (GRE, VXLAN, GTP-U, ...)
    max_flows       bound on open flows: beyond it the least recently used one is closed; None: no bound
    held_flows      as long as there are no more flows than this, the clock closes none: in captures in which time runs
                    back flows then end by their own packets' times alone; 0 when live
    filter          capture filter (pcap-filter(7)); None: every packet
    names, columns, extra, label: see Selection
    compile_filter  (expression, link type) -> iterable of (code, jump_true, jump_false, k), where the build had no
                    libpcap (HAVE_LIBPCAP)
    batch_size      flows in a full FlowBatch

    Raises ValueError for an option that cannot be met.
    """

    cdef unique_ptr[native.Engine] _engine
    cdef unique_ptr[native.PacketFilter] _filter
    cdef unique_ptr[native.Pump] _pump
    cdef CaptureReader _reader
    cdef FlowBatch _filling
    cdef list _closed
    cdef object _compile_filter
    cdef size_t _batch_size
    cdef bint _reader_ended
    cdef bint _busy
    cdef bint _decoding
    cdef bint _fed  # by a LiveFeed
    cdef native.Counters _counters
    cdef size_t _open_flows
    cdef int64_t _settled_ns
    cdef readonly Selection selection

    def __cinit__(self, *, mode="netflower", idle_timeout=120, max_duration=None, linger=1, protocols="tcp,udp",
                  decapsulate=False, max_flows=None, held_flows=0, filter=None, names=None, columns=None, extra=(), label=None,
                  compile_filter=None, batch_size=1024):
        cdef native.EngineOptions options
        self.selection = Selection(mode, names, columns, extra, label)
        self._batch_size = whole_number("batch_size", batch_size, 1, MAX_BATCH)
        self._filling = FlowBatch(self.selection, self._batch_size)
        self._closed = []
        options.mode = <native.Mode><int>MODE_VALUES[mode]
        options.idle_timeout_ns = positive_nanoseconds("idle_timeout", idle_timeout)
        options.max_duration_ns = 0 if max_duration is None else positive_nanoseconds("max_duration", max_duration)
        options.linger_ns = nanoseconds("linger", linger)
        options.max_flows = 0 if max_flows is None else whole_number("max_flows", max_flows, 1, MAX_FLOWS)
        options.held_flows = whole_number("held_flows", held_flows, 0, 0xFFFFFFFF)
        options.decode.all_protocols = choice({"tcp,udp": False, "all": True}, "protocols", protocols)
        options.decode.decapsulate = decapsulate
        seed = os.urandom(16)
        options.hash_seed[0] = int.from_bytes(seed[:8], "little")
        options.hash_seed[1] = int.from_bytes(seed[8:], "little")
        self._engine = native.make_engine(options)
        self._settled_ns = self._engine.get().settled_ns()
        if filter is not None:
            self._set_filter(filter, compile_filter)

    def __dealloc__(self):
        self._pump.reset()

    cdef int _set_filter(self, str expression, object compile_filter) except -1:
        cdef native.FilterCompiler compiler
        cdef string text = expression.encode()
        if compile_filter is not None:
            self._compile_filter = compile_filter
            compiler = native.callback_compiler(compile_by_callback, <void*>compile_filter)
        elif HAVE_LIBPCAP:
            compiler = native.libpcap_compiler()
        else:
            raise ValueError("filter: this build has no libpcap to compile it with; give compile_filter")
        self._filter.reset(new native.PacketFilter(text, compiler))
        if not self._filter_fits_something():
            raise ValueError(self.filter_problem)
        self._filter.reset(new native.PacketFilter(text, compiler))  # forgets the link types tried in vain
        return 0

    cdef bint _filter_fits_something(self) except -1:
        cdef uint16_t link_type
        for link_type in FILTER_TRIALS:
            if self._filter.get().prepare(link_type):
                return True
        return False

    @property
    def filter_problem(self):
        """Why the filter refused every packet of some link type; empty if it fits all that came."""
        return "" if self._filter.get() == NULL else self._filter.get().problem().decode(errors="replace")

    @property
    def open_flows(self):
        """Number of flows that are not closed yet, at the end of the last call; may be asked for by any thread."""
        return self._open_flows

    @property
    def settled_ns(self):
        """Every flow with this `closed_ns` or an earlier one has been handed over (ns since 1970), unless time ran back.

        -2**63 before the first packet and with held_flows. As of the end of the last call that left no closed flow
        behind; may be asked for by any thread.
        """
        return self._settled_ns

    def oldest_start_ns(self):
        """The least `first_ns` of the flows that have not been handed over; 2**63 - 1 if there are none.

        Looks at every flow. Raises RuntimeError while another thread uses the engine.
        """
        cdef int64_t oldest
        cdef size_t index
        self._enter()
        try:
            with nogil:
                oldest = self._engine.get().oldest_start_ns()
                for index in range(self._filling._records.size()):
                    oldest = min(oldest, self._filling._records.data()[index].first_ns)
            return oldest
        finally:
            self._leave()

    @property
    def counters(self):
        """What became of every packet: packets == in_flows + the sum of skipped.

        A dict: packets, in_flows, skipped (by reason, see SKIP_REASONS), flows (closed so far), evicted (of these,
        closed for lack of room) and backward_time (packets older than the one before in their flow). They are those at
        the end of the last call, and may be asked for by any thread.
        """
        cdef size_t reason
        return {
            "packets": self._counters.packets,
            "in_flows": self._counters.in_flows,
            "skipped": {name: self._counters.skipped[reason] for reason, name in enumerate(SKIP_REASONS, 1)},
            "flows": self._counters.flows,
            "evicted": self._counters.evicted,
            "backward_time": self._counters.backward_time,
        }

    def run(self, CaptureReader reader not None):
        """Reads a capture on, and at its end closes all flows. Call until the status is "end".

        Returns (FlowBatch or None, status): "batch" with a full batch; "pause" without one, to look at signals and
        progress; "end" with what was left, if anything. Then reader.status tells how the capture ended.
        Raises ValueError if another capture is being read, or this one was already.
        """
        self._enter()
        try:
            if self._decoding:
                raise RuntimeError("this FlowEngine is decoding in another thread")
            self._attach(reader)
            return self._run()
        finally:
            self._leave()

    cdef int _attach(self, CaptureReader reader) except -1:
        if reader is self._reader:
            return 0
        if self._reader is not None:
            raise ValueError("another capture is still being read")
        if reader._taken:
            raise ValueError("this capture was read before")
        self._pump.reset(new native.Pump(deref(reader._reader), deref(self._engine), self._filter.get()))
        self._reader = reader
        self._reader_ended = False
        reader._taken = True
        return 0

    cdef tuple _run(self):
        cdef native.PumpStatus status
        if not self._reader_ended:
            with nogil:
                status = self._pump.get().run(deref(self._filling._records), FRAME_BUDGET)
            self._reader._raise_interrupt()
            if status == native.PumpStatus.batch_full:
                return self._next_batch(), "batch"
            if status == native.PumpStatus.pause:
                return None, "pause"
            self._reader_ended = True
        return self._finish()

    cdef tuple _finish(self):
        if not self._flush():
            return self._next_batch(), "batch"
        self._reader = None
        self._pump.reset()
        return (self._next_batch() if len(self._filling) else None), "end"

    def decode(self, CaptureReader reader not None, PacketBlock block not None):
        """The first half of run(), for a thread of its own: reads a capture on and decodes it into a block.

        The block must have been processed, or be new. Returns "full", or "pause" after a signal: process the block and
        go on; or "end" with the capture's last packets: process the block, then call finish().
        Raises as run() does.
        """
        cdef native.PumpStatus status
        if self._decoding:
            raise RuntimeError("this FlowEngine is decoding in another thread")
        block._enter()
        self._decoding = True
        try:
            self._attach(reader)
            block._engine = self
            block._block.clear()
            with nogil:
                status = self._pump.get().decode(deref(block._block))
            reader._raise_interrupt()
        finally:
            self._decoding = block._busy = False
        if status == native.PumpStatus.end:
            return "end"
        return "pause" if status == native.PumpStatus.pause else "full"

    def process(self, PacketBlock block not None):
        """The second half of run(): brings a block's packets to their flows.

        Returns a full FlowBatch, and is to be called again, or None when the whole block has been processed.
        """
        cdef cpp_bool done
        if block._engine is not self:
            raise ValueError("another engine decoded this PacketBlock")
        block._enter()
        try:
            self._enter()
            try:
                with nogil:
                    done = self._engine.get().process(deref(block._block), deref(self._filling._records))
                return None if done else self._next_full_batch()
            finally:
                self._leave()
        finally:
            block._busy = False

    def finish(self):
        """Closes the flows that are open at the end of a capture. Call until the status is "end".

        Returns (FlowBatch or None, "batch" or "end") as run() does.
        """
        self._enter()
        try:
            if self._decoding:
                raise RuntimeError("this FlowEngine is decoding in another thread")
            return self._finish()
        finally:
            self._leave()

    def feed(self, frames, link_type=1):
        """Takes packets: an iterable of (time_ns, octets) or (time_ns, octets, length on the wire).

        time_ns is since 1970, octets are bytes from the link layer on, link_type is a LINKTYPE_ number (1: Ethernet).
        Returns the flows closed by them, a list of FlowBatch.
        """
        cdef uint16_t link = whole_number("link_type", link_type, 0, 0xFFFF)
        self._enter()
        try:
            block = []
            for frame in frames:
                block.append(frame)
                if len(block) == FEED_BLOCK:
                    self._feed_block(block, link)
                    block = []
            self._feed_block(block, link)
            return self._take_closed()
        finally:
            self._leave()

    def advance(self, now_ns):
        """Moves the clock without a packet (ns since 1970). Returns the flows that are idle by then, as feed() does."""
        cdef int64_t now = now_ns
        cdef cpp_bool done = False
        self._enter()
        try:
            while not done:
                with nogil:
                    done = self._engine.get().advance(now, deref(self._filling._records))
                if not done:
                    self._closed.append(self._next_full_batch())
            return self._take_closed()
        finally:
            self._leave()

    def flush(self):
        """Closes every open flow. Returns them as feed() does."""
        self._enter()
        try:
            while not self._flush():
                self._closed.append(self._next_full_batch())
            return self._take_closed()
        finally:
            self._leave()

    cdef cpp_bool _flush(self) except *:
        cdef cpp_bool done
        with nogil:
            done = self._engine.get().flush(deref(self._filling._records))
        return done

    cdef int _enter(self) except -1:
        if self._busy:
            raise RuntimeError("this FlowEngine is in use by another thread")
        self._busy = True
        return 0

    cdef void _leave(self) noexcept:
        """Ends what _enter() began; what other threads may ask for meanwhile is copied, under the GIL."""
        self._counters = self._engine.get().counters()
        self._open_flows = self._engine.get().open_flows()
        if self._filling._records.size() == 0 and not self._closed:
            self._settled_ns = self._engine.get().settled_ns()
        self._busy = False

    cdef FlowBatch _next_batch(self):
        """The batch that was being filled; another takes its place."""
        batch, self._filling = self._filling, FlowBatch(self.selection, self._batch_size)
        return batch

    cdef FlowBatch _next_full_batch(self):
        """As _next_batch(), where the engine stopped early: it does so only for a full batch, or without memory."""
        if not self._filling._records.full():
            raise MemoryError
        return self._next_batch()

    cdef list _take_closed(self):
        if len(self._filling):
            self._closed.append(self._next_batch())
        closed, self._closed = self._closed, []
        return closed

    cdef int _feed_block(self, list block, uint16_t link_type) except -1:
        cdef vector[native.Frame] frames
        octets = []  # keeps alive what the frames point to
        for item in block:
            octets.append(item[1])  # asked for once: an item may make its octets anew each time
            frames.push_back(frame_view(item, octets[-1], link_type))
        if self._filter.get() != NULL:
            self._keep_matching(frames)
        self._process(frames)
        return 0

    cdef int _keep_matching(self, vector[native.Frame]& frames) except -1:
        cdef size_t index, kept = 0
        with nogil:
            for index in range(frames.size()):
                if self._filter.get().matches(frames[index]):
                    frames[kept] = frames[index]
                    kept += 1
                else:
                    self._engine.get().skip(native.Skip.filtered)
            frames.resize(kept)
        return 0

    cdef int _process(self, const vector[native.Frame]& frames) except -1:
        cdef size_t taken = 0
        while taken < frames.size():
            with nogil:
                taken += self._engine.get().process(
                    frames.data() + taken, frames.size() - taken, deref(self._filling._records))
            if taken < frames.size():
                self._closed.append(self._next_full_batch())
        return 0


cdef native.Frame frame_view(object item, object data, uint16_t link_type) except *:
    cdef native.Frame frame
    cdef bytes octets = <bytes?>data
    frame.time_ns = item[0]
    frame.data = <const uint8_t*>PyBytes_AsString(octets)
    frame.captured = len(octets)
    frame.on_wire = item[2] if len(item) > 2 else frame.captured
    frame.link_type = link_type
    return frame


include "_live.pxi"
include "_windows.pxi"
