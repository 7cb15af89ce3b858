# The door's part for windows: closed flows by time, as edges.

cdef dict EDGE_KIND_VALUES = {
    "flow": <int>native.EdgeKind.flow,
    "pair": <int>native.EdgeKind.pair,
    "service": <int>native.EdgeKind.service,
}
cdef dict ASSIGNMENTS = {"closed": False, "start": True}
# What every edge of kind "flow" has, in columns of its own or as a node; and a time in seconds, which first_ns tells.
cdef tuple COLUMNS_OF_ALL_EDGES = (
    "src_ip", "dst_ip", "src_port", "dst_port", "protocol", "timestamp", "first_ns", "last_ns", "end_reason")
cdef enum:
    LEAST_WINDOW_MEMORY = 1 << 20
    MAX_PIECE_EDGES = 1 << 20

EDGE_FEATURES = tuple(
    native.kColumns[index].name.decode()
    for index in range(native.kColumnCount)
    if native.kColumns[index].name.decode() not in COLUMNS_OF_ALL_EDGES
)


@cython.final
cdef class Windows:
    """Closed flows by windows of time, as edges.

    window_ns    length of a window; window k is [k * window_ns, (k + 1) * window_ns)
    assign       "closed": a flow belongs to the window in which it was closed; "start": in which it began
    kind         "flow": an edge a flow; "pair": the sum of those between two nodes; "service": the sum of those of one
                 protocol and server port between two nodes
    columns      features of each flow, for kind "flow"; of EDGE_FEATURES
    v4_prefix, v6_prefix
                 nodes are subnets of this length; 32 and 128: addresses
    piece_edges  most edges of a piece. A pair or service that comes again after its sum was given out in a piece is
                 another edge of the window
    memory       octets held; beyond, the oldest window with flows ends before its time

    A piece is (window, last, nodes, columns, edges): number of the window; whether the piece is its last; a list of
    addresses (4 or 16 octets; of a subnet, its lowest); {name: (type code, octets, offsets)} with little-endian numbers
    of numpy's type code, one an edge or, where offsets are not None, a list of them (offsets are "<u4", one more than
    there are edges); and the number of edges.

    Windows end in order, also those without flows, of which no more than 10,000 on end are told. A flow whose window
    has ended goes into the oldest that has not, and is counted in `late`.
    One thread at a time. Raises ValueError for an option that cannot be met.
    """

    cdef unique_ptr[native.NativeWindows] _windows
    cdef bint _busy

    def __cinit__(self, *, window_ns, assign="closed", kind="flow", columns=(), v4_prefix=32, v6_prefix=128,
                  piece_edges=2048, memory=64 << 20):
        cdef native.WindowOptions options
        options.window_ns = <int64_t>whole_number("window_ns", window_ns, 1, <uint64_t>MAX_SECONDS * 1_000_000_000)
        options.by_start = choice(ASSIGNMENTS, "assign", assign)
        options.kind = <native.EdgeKind><int>choice(EDGE_KIND_VALUES, "kind", kind)
        options.v4_prefix = <uint8_t>whole_number("v4_prefix", v4_prefix, 0, 32)
        options.v6_prefix = <uint8_t>whole_number("v6_prefix", v6_prefix, 0, 128)
        options.piece_edges = <uint32_t>whole_number("piece_edges", piece_edges, 1, MAX_PIECE_EDGES)
        options.memory = <size_t>whole_number("memory", memory, LEAST_WINDOW_MEMORY, MAX_INT)
        for name in columns:
            options.features.push_back(feature_column(name))
        seed = os.urandom(16)
        options.hash_seed[0] = int.from_bytes(seed[:8], "little")
        options.hash_seed[1] = int.from_bytes(seed[8:], "little")
        self._windows = native.make_windows(options)

    @property
    def late(self):
        """Flows that came when their window had ended."""
        return self._windows.get().late()

    def add(self, FlowBatch batch not None):
        """Takes flows. Returns the pieces that are full, of the oldest window that has not ended."""
        self._enter()
        try:
            with nogil:
                self._windows.get().add(batch._records.data(), batch._records.size())
            return self._pieces()
        finally:
            self._busy = False

    def settle(self, int64_t time_ns):
        """Says that no flow will come with this time (`closed_ns`, or `first_ns`) or an earlier one. Returns pieces."""
        self._enter()
        try:
            self._windows.get().settle(time_ns)
            return self._pieces()
        finally:
            self._busy = False

    def finish(self):
        """Ends all windows up to the last that has flows. Returns pieces."""
        self._enter()
        try:
            self._windows.get().finish()
            return self._pieces()
        finally:
            self._busy = False

    cdef int _enter(self) except -1:
        if self._busy:
            raise RuntimeError("these Windows are in use by another thread")
        self._busy = True
        return 0

    cdef list _pieces(self):
        cdef native.EdgePiece piece
        cdef cpp_bool there
        pieces = []
        while True:
            with nogil:
                there = self._windows.get().next(piece)
            if not there:
                return pieces
            pieces.append(piece_values(piece))


cdef const native.Column* feature_column(str name) except NULL:
    cdef size_t index
    for index in range(native.kColumnCount):
        if native.kColumns[index].name.decode() == name and name in EDGE_FEATURES:
            return &native.kColumns[index]
    raise ValueError(f"columns: {name!r} is no feature of an edge")


cdef tuple piece_values(const native.EdgePiece& piece):
    cdef size_t index
    nodes = [PyBytes_FromStringAndSize(<const char*>piece.nodes[index].octets, piece.nodes[index].size)
             for index in range(piece.nodes.size())]
    columns = {piece.columns[index].name.decode(): edge_column_values(piece.columns[index])
               for index in range(piece.columns.size())}
    return piece.window, piece.last, nodes, columns, piece.edges


cdef tuple edge_column_values(const native.EdgeColumn& column):
    offsets = bytes_of(column.offsets) if column.ragged else None
    return column.code.decode(), bytes_of(column.data), offsets


cdef bytes bytes_of(const vector[uint8_t]& octets):
    return PyBytes_FromStringAndSize(<const char*>octets.data(), <Py_ssize_t>octets.size())
