"""Mirror of native/include/flowedge: declarations, no logic."""

from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libcpp cimport bool
from libcpp.memory cimport unique_ptr
from libcpp.string cimport string
from libcpp.vector cimport vector


cdef extern from "flowedge/frame.hpp" namespace "flowedge" nogil:
    cdef struct Frame:
        const uint8_t* data
        int64_t time_ns
        uint32_t captured
        uint32_t on_wire
        uint16_t link_type

    const int64_t kNoTime


cdef extern from "flowedge/mode.hpp" namespace "flowedge" nogil:
    cdef enum class Mode(uint8_t):
        netflower
        cicflowmeter
        engelen
        corrected


cdef extern from "flowedge/skip.hpp" namespace "flowedge" nogil:
    cdef enum class Skip(uint8_t):
        filtered

    const size_t kSkipReasons

    cdef cppclass Counters:
        uint64_t packets
        uint64_t in_flows
        uint64_t flows
        uint64_t evicted
        uint64_t backward_time
        uint64_t* skipped "skipped.data()"


cdef extern from "flowedge/columns.hpp" namespace "flowedge" nogil:
    cdef enum class ColumnType(uint8_t):
        address
        u8
        u16
        u32
        u64
        i32
        i64
        f64

    cdef enum class NameScheme(uint8_t):
        netflower
        cicflowmeter
        cicids2017
        cse_cic_ids2018

    cdef enum class ColumnGroup(uint8_t):
        feature
        engelen
        extra

    cdef struct Column:
        const char* name
        ColumnType type
        ColumnGroup group
        int position
        const char** names
        const char* meaning
        size_t offset

    const Column* kColumns
    const size_t kColumnCount


cdef extern from "flowedge/record.hpp" namespace "flowedge" nogil:
    cdef cppclass FlowRecord:
        int64_t first_ns

    cdef cppclass RecordBatch:
        RecordBatch(size_t wanted) except +
        bool full() const
        size_t size() const
        const FlowRecord* data() const


cdef extern from "flowedge/selection.hpp" namespace "flowedge" nogil:
    cdef cppclass SelectionRequest:
        SelectionRequest() except +
        Mode mode
        NameScheme names
        vector[string] columns
        vector[string] extra
        string label

    cdef cppclass OutputColumn:
        const Column* column
        string header

    cdef cppclass NativeSelection "flowedge::Selection":
        NativeSelection() except +
        const vector[OutputColumn]& columns() const

    bool make_selection "flowedge::Selection::make"(
        const SelectionRequest& request, NativeSelection& selection, string& problem
    ) except +


cdef extern from "flowedge/capture_file.hpp" namespace "flowedge" nogil:
    cdef cppclass ByteSource:
        pass

    unique_ptr[ByteSource] make_descriptor_source(int descriptor) except +

    cdef enum class ReadStatus(uint8_t):
        more
        end
        empty
        not_a_capture
        cut_short
        malformed
        read_failed

    cdef cppclass NativeReader "flowedge::CaptureReader":
        ReadStatus status() const
        string problem() const
        uint64_t octets_read() const

    unique_ptr[NativeReader] make_capture_reader(ByteSource& source) except +


cdef extern from "flowedge/filter.hpp" namespace "flowedge" nogil:
    cdef struct BpfInstruction:
        uint16_t code
        uint8_t jump_true
        uint8_t jump_false
        uint32_t k

    cdef cppclass FilterCompiler:
        pass

    FilterCompiler libpcap_compiler() except +

    cdef cppclass PacketFilter:
        PacketFilter(string expression, FilterCompiler compile) except +
        bool matches(const Frame& frame) except +
        const string& problem() const
        bool prepare(uint16_t link_type) except +


cdef extern from "flowedge/packet_block.hpp" namespace "flowedge" nogil:
    cdef cppclass PacketBlock:
        PacketBlock(size_t room) except +
        void clear()
        size_t size


cdef extern from "flowedge/engine.hpp" namespace "flowedge" nogil:
    cdef struct DecodeOptions:
        bool all_protocols
        bool decapsulate

    cdef cppclass EngineOptions:
        EngineOptions()
        Mode mode
        int64_t idle_timeout_ns
        int64_t max_duration_ns
        int64_t linger_ns
        uint32_t held_flows
        uint32_t max_flows
        uint64_t* hash_seed
        DecodeOptions decode

    cdef cppclass Engine:
        bool process(PacketBlock& block, RecordBatch& out) except +
        size_t process(const Frame* frames, size_t count, RecordBatch& out) except +
        bool advance(int64_t now_ns, RecordBatch& out) except +
        bool flush(RecordBatch& out) except +
        int64_t settled_ns() const
        int64_t oldest_start_ns()
        const Counters& counters() const
        size_t open_flows() const
        void skip(Skip reason)

    unique_ptr[Engine] make_engine "flowedge::Engine::make"(const EngineOptions& options) except +


cdef extern from "flowedge/pump.hpp" namespace "flowedge" nogil:
    cdef enum class PumpStatus(uint8_t):
        batch_full
        pause
        end

    cdef cppclass Pump:
        Pump(NativeReader& reader, Engine& engine, PacketFilter* filter) except +
        PumpStatus run(RecordBatch& out, size_t frame_budget) except +
        PumpStatus decode(PacketBlock& block) except +


cdef extern from "flowedge/flow_saver.hpp" namespace "flowedge" nogil:
    cdef cppclass SaverOptions:
        SaverOptions() except +
        string folder
        uint32_t snaplen
        size_t memory
        uint64_t flow_octets

    cdef struct SaverCounters:
        uint64_t files
        uint64_t octets
        uint64_t packets
        uint64_t unsaved

    cdef cppclass FlowSaver:
        const SaverCounters& counters() const
        const string& problem() const

    unique_ptr[FlowSaver] make_flow_saver "flowedge::FlowSaver::make"(const SaverOptions& options) except +


cdef extern from "flowedge/live_feed.hpp" namespace "flowedge" nogil:
    const int kGatherMilliseconds

    cdef cppclass LiveFeed:
        void begin() except +
        size_t room() const
        void take(const Frame& frame) except +
        bool process(RecordBatch& out) except +
        bool idle(RecordBatch& out) except +


cdef extern from "flowedge/live_capture.hpp" namespace "flowedge" nogil:
    cdef enum class CaptureDirection(uint8_t):
        both
        out

    const CaptureDirection kDirectionIn "flowedge::CaptureDirection::in"  # a keyword here

    const int kNoFanout
    const int kNewGroup

    cdef cppclass LiveOptions:
        LiveOptions() except +
        string interface
        int snaplen
        int buffer_octets
        bool promiscuous
        CaptureDirection direction
        string timestamp_type
        string filter
        int fanout

    cdef enum class LiveRefusal(uint8_t):
        none
        unsupported
        no_such_interface
        not_up
        permission
        bad_option
        other

    cdef enum class LiveStatus(uint8_t):
        batch_full
        waited
        gone
        failed

    cdef struct LiveCounters:
        uint64_t received
        uint64_t dropped
        uint64_t interface_dropped

    cdef cppclass LiveCapture:
        LiveStatus run(LiveFeed& feed, RecordBatch& out, int milliseconds) except +
        void stop_receiving() except +
        void discard_waiting() except +
        LiveCounters counters() except +
        uint16_t link_type() const
        bool stamped_by_host() const
        int fanout_group() const
        const string& problem() const

    unique_ptr[LiveCapture] open_live_capture "flowedge::LiveCapture::open"(
        const LiveOptions& options, LiveRefusal& refusal, string& problem
    ) except +

    cdef cppclass InterfaceInfo:
        string name
        string description
        vector[string] addresses
        bool up
        bool running
        bool loopback

    bool list_interfaces(vector[InterfaceInfo]& interfaces, string& problem) except +
    string libpcap_version() except +


cdef extern from "flowedge/replay.hpp" namespace "flowedge" nogil:
    cdef enum class ReplayStatus(uint8_t):
        batch_full
        pause
        due
        end

    cdef cppclass Replay:
        Replay(NativeReader& reader, PacketFilter* filter) except +
        ReplayStatus run(LiveFeed& feed, RecordBatch& out, int64_t until_ns, size_t frame_budget) except +
        int64_t next_time() const


cdef extern from "flowedge/windows.hpp" namespace "flowedge" nogil:
    cdef enum class EdgeKind(uint8_t):
        flow
        pair
        service

    cdef cppclass WindowOptions:
        WindowOptions() except +
        int64_t window_ns
        bool by_start
        EdgeKind kind
        uint8_t v4_prefix
        uint8_t v6_prefix
        vector[const Column*] features
        uint32_t piece_edges
        size_t memory
        uint64_t* hash_seed

    cdef cppclass EdgeColumn:
        const char* name
        const char* code
        vector[uint8_t] data
        bool ragged
        vector[uint8_t] offsets

    cdef struct EdgeNode:
        const uint8_t* octets
        uint8_t size

    cdef cppclass EdgePiece:
        EdgePiece() except +
        int64_t window
        bool last
        uint32_t edges
        vector[EdgeNode] nodes
        vector[EdgeColumn] columns

    cdef cppclass NativeWindows "flowedge::Windows":
        void add(const FlowRecord* records, size_t count) except +
        void settle(int64_t time_ns)
        void finish()
        bool next(EdgePiece& piece) except +
        uint64_t late() const

    unique_ptr[NativeWindows] make_windows "flowedge::Windows::make"(const WindowOptions& options) except +


cdef extern from "flowedge/text.hpp" namespace "flowedge" nogil:
    void append_csv_header(const NativeSelection& selection, string& out) except +
    void append_csv(const NativeSelection& selection, const FlowRecord* records, size_t count, string& out) except +
    void append_jsonl(const NativeSelection& selection, const FlowRecord* records, size_t count, string& out) except +


cdef extern from "flowedge/arrow.hpp" nogil:
    cdef struct ArrowSchema:
        const char* format
        const char* name
        ArrowSchema** children
        int64_t n_children
        void (*release)(ArrowSchema*) noexcept nogil

    cdef struct ArrowArray:
        int64_t length
        const void** buffers
        ArrowArray** children
        void (*release)(ArrowArray*) noexcept nogil

    cdef struct ArrowArrayStream:
        void (*release)(ArrowArrayStream*) noexcept nogil


cdef extern from "flowedge/arrow.hpp" namespace "flowedge" nogil:
    bool export_arrow_schema(const NativeSelection& selection, ArrowSchema* out) except +
    bool export_arrow_array(
        const NativeSelection& selection, const FlowRecord* records, size_t count, ArrowArray* out
    ) except +
    bool export_arrow_stream(
        const NativeSelection& selection, const FlowRecord* records, size_t count, ArrowArrayStream* out
    ) except +


cdef extern from "_callbacks.hpp" namespace "flowedge" nogil:
    cdef cppclass CallbackSource(ByteSource):
        CallbackSource(ptrdiff_t (*read)(void*, uint8_t*, size_t) noexcept nogil, void* context) except +

    FilterCompiler callback_compiler(
        bool (*compile)(void*, const string&, uint16_t, vector[BpfInstruction]&, string&) noexcept nogil, void* context
    ) except +
    bool have_libpcap_compiler() except +
    LiveFeed* make_live_feed(Engine& engine, bool stamped_by_host, FlowSaver* saver) except +

    cdef struct SkipReason:
        const char* name
        const char* meaning

    const SkipReason* kSkipReasonList
    const char** kColumnUnitNames
