# The live part of the door: interfaces, what they are captured with, and the feed that carries frames to an engine.

import errno

cdef dict DIRECTION_VALUES = {
    "both": <int>native.CaptureDirection.both,
    "in": <int>native.kDirectionIn,
    "out": <int>native.CaptureDirection.out,
}
cdef dict LIVE_STATUS_NAMES = {
    <int>native.LiveStatus.batch_full: "batch",
    <int>native.LiveStatus.waited: "waited",
    <int>native.LiveStatus.gone: "gone",
    <int>native.LiveStatus.failed: "failed",
}
# OSError makes of the number the class that it stands for.
cdef dict REFUSAL_NUMBERS = {
    <int>native.LiveRefusal.unsupported: errno.ENOTSUP,
    <int>native.LiveRefusal.no_such_interface: errno.ENOENT,
    <int>native.LiveRefusal.not_up: errno.ENETDOWN,
    <int>native.LiveRefusal.permission: errno.EPERM,
    <int>native.LiveRefusal.other: errno.EIO,
}
cdef enum:
    MAX_SNAPLEN = 262144  # libpcap's own
    MAX_FANOUT_GROUP = 0x10000  # one more than the kernel's number, which may be 0
    MAX_INT = 0x7FFFFFFF
    MICROSECONDS = 1000000  # in a second
cdef int64_t END_OF_TIME = 0x7FFFFFFFFFFFFFFF

GATHER_MILLISECONDS = native.kGatherMilliseconds  # for which the kernel is to collect packets before it hands them over


def interfaces():
    """What libpcap can capture: a list of (name, description, [addresses], up, running, loopback).

    Raises OSError if it cannot tell.
    """
    cdef vector[native.InterfaceInfo] found
    cdef string problem
    cdef cpp_bool listed
    cdef size_t index
    with nogil:
        listed = native.list_interfaces(found, problem)
    if not listed:
        raise OSError(errno.EIO, text_of(problem))
    return [interface_info(found[index]) for index in range(found.size())]


cdef tuple interface_info(const native.InterfaceInfo& info):
    cdef size_t index
    addresses = [text_of(info.addresses[index]) for index in range(info.addresses.size())]
    return text_of(info.name), text_of(info.description), addresses, info.up, info.running, info.loopback


cdef str text_of(const string& text):
    return text.decode(errors="replace")


def libpcap_version():
    """What libpcap says of itself; empty where the build had none."""
    return text_of(native.libpcap_version())


@cython.final
cdef class LiveCapture:
    """An interface that is captured, by libpcap. LiveFeed.run() takes the packets from it.

    snaplen         octets kept of a frame
    buffer_size     octets of the kernel's buffer
    promiscuous     frames for other stations too
    direction       "both", "in" or "out", as the host sees it
    timestamp_type  libpcap's name of who stamps frames ("host", "adapter", ...); None: the interface's default
    filter          capture filter (pcap-filter(7)), which the kernel applies; None: every frame
    fanout          None: alone; 0: makes a group of captures that share the interface's frames by flow; else joins the
                    capture's that has this fanout_group

    It may be used by one thread at a time, but its attributes and counters() by any.
    Raises FileNotFoundError (no such interface), PermissionError, ValueError (an option), and OSError for the rest:
    ENETDOWN if the interface is not up, ENOTSUP if the build has no libpcap.
    """

    cdef unique_ptr[native.LiveCapture] _capture
    cdef native.LiveCounters _counters
    cdef bint _busy
    cdef readonly int link_type  # LINKTYPE_ number
    cdef readonly bint stamped_by_host  # not by the adapter's own clock
    cdef readonly int fanout_group  # 0: none
    cdef readonly str problem  # what went wrong last, in one sentence; empty while nothing did

    def __cinit__(self, str interface not None, *, snaplen=256, buffer_size=8 << 20, promiscuous=True,
                  direction="both", timestamp_type=None, filter=None, fanout=None):
        cdef native.LiveOptions options
        options.interface = os.fsencode(interface)
        options.snaplen = <int>whole_number("snaplen", snaplen, 1, MAX_SNAPLEN)
        options.buffer_octets = <int>whole_number("buffer_size", buffer_size, 1, MAX_INT)
        options.promiscuous = bool(promiscuous)
        options.direction = <native.CaptureDirection><int>choice(DIRECTION_VALUES, "direction", direction)
        options.timestamp_type = native_text(timestamp_type)
        options.filter = native_text(filter)
        options.fanout = fanout_value(fanout)
        self.problem = ""
        self._open(options)
        self.link_type = self._capture.get().link_type()
        self.stamped_by_host = self._capture.get().stamped_by_host()
        self.fanout_group = 0 if fanout is None else self._capture.get().fanout_group() + 1

    cdef int _open(self, const native.LiveOptions& options) except -1:
        cdef native.LiveRefusal refusal = native.LiveRefusal.none
        cdef string problem
        with nogil:
            self._capture = native.open_live_capture(options, refusal, problem)
        if self._capture.get() != NULL:
            return 0
        if refusal == native.LiveRefusal.bad_option:
            raise ValueError(text_of(problem))
        raise OSError(REFUSAL_NUMBERS.get(<int>refusal, errno.EIO), text_of(problem))

    def counters(self):
        """(received, dropped, interface_dropped): frames since the capture was opened.

        received == those delivered + dropped + those that still wait in the kernel's buffer. As of the end of the last
        call that did not end with a full batch.
        """
        return self._counters.received, self._counters.dropped, self._counters.interface_dropped

    def stop_receiving(self):
        """From now on the kernel refuses frames; those in its buffer can still be taken."""
        self._enter()
        try:
            with nogil:
                self._capture.get().stop_receiving()
            self._note()
        finally:
            self._busy = False

    def discard_waiting(self):
        """Throws away what is in the kernel's buffer, and counts from here on."""
        self._enter()
        try:
            with nogil:
                self._capture.get().discard_waiting()
            self._note()
        finally:
            self._busy = False

    def close(self):
        """Ends the capture; attributes and last counters remain. Raises RuntimeError while another thread uses it."""
        if self._capture.get() == NULL:
            return
        self._enter()
        try:
            self._note()
            self._capture.reset()
        finally:
            self._busy = False

    cdef int _enter(self) except -1:
        if self._busy:
            raise RuntimeError("this LiveCapture is in use by another thread")
        if self._capture.get() == NULL:
            raise ValueError("this LiveCapture is closed")
        self._busy = True
        return 0

    cdef int _note(self) except -1:
        """Copies, under the GIL, what other threads may ask for meanwhile."""
        cdef native.LiveCounters counters
        with nogil:
            counters = self._capture.get().counters()
        self._counters = counters
        self.problem = text_of(self._capture.get().problem())
        return 0


cdef string native_text(object text) except *:
    cdef string result
    if text is not None:
        result = <string>(<str?>text).encode()
    return result


cdef int fanout_value(object group) except? -1:
    if group is None:
        return native.kNoFanout
    if group == 0:
        return native.kNewGroup
    return <int>whole_number("fanout", group, 0, MAX_FANOUT_GROUP) - 1


@cython.final
cdef class FlowSaver:
    """Saves the frames of each flow to a capture file of its own in a folder. One LiveFeed brings it the frames.

    snaplen      for the files' headers
    memory       octets of frames held before they go to disk
    flow_octets  of one file; what comes beyond is not saved
    """

    cdef unique_ptr[native.FlowSaver] _saver
    cdef native.SaverCounters _counters
    cdef bint _taken
    cdef readonly str problem  # what went wrong last, in one sentence; empty while nothing did

    def __cinit__(self, str folder not None, *, snaplen, memory=8 << 20, flow_octets=64 << 20):
        cdef native.SaverOptions options
        options.folder = os.fsencode(folder)
        options.snaplen = <uint32_t>whole_number("snaplen", snaplen, 1, MAX_SNAPLEN)
        options.memory = <size_t>whole_number("memory", memory, 0, MAX_INT)
        options.flow_octets = whole_number("flow_octets", flow_octets, 0, <uint64_t>END_OF_TIME)
        self.problem = ""
        self._saver = native.make_flow_saver(options)

    @property
    def counters(self):
        """A dict: files, octets and packets (of completed files), and unsaved (packets of flows that are in no file).

        As of the end of the feed's last call; may be asked for by any thread.
        """
        return self._counters

    cdef int _note(self) except -1:
        """Copies, under the GIL, what other threads may ask for meanwhile."""
        self._counters = self._saver.get().counters()
        self.problem = text_of(self._saver.get().problem())
        return 0


# A record of pcapy-ng's next_batch().
cdef struct PackedPacket:
    uint32_t seconds
    uint32_t microseconds
    uint32_t offset
    uint32_t captured


cdef struct PackedPackets:
    const uint8_t* octets
    const uint8_t* packets
    size_t count
    size_t taken
    uint16_t link_type


cdef PackedPacket packed_packet(const PackedPackets& packed, size_t index) noexcept nogil:
    cdef PackedPacket packet
    memcpy(&packet, packed.packets + index * sizeof(PackedPacket), sizeof(PackedPacket))
    return packet


cdef int check_packed(const PackedPackets& packed, size_t size) except -1:
    cdef PackedPacket packet
    cdef size_t index
    for index in range(packed.count):
        packet = packed_packet(packed, index)
        if packet.offset > size or packet.captured > size - packet.offset:
            raise ValueError(f"packet {index} lies outside of the octets")
        if packet.microseconds >= MICROSECONDS:
            raise ValueError(f"packet {index} has no time: {packet.microseconds} microseconds")
    return 0


cdef int take_packed(native.LiveFeed& feed, PackedPackets& packed) except -1 nogil:
    """As many packets as the feed has room for."""
    cdef PackedPacket packet
    cdef native.Frame frame
    cdef size_t last = packed.taken + min(feed.room(), packed.count - packed.taken)
    while packed.taken < last:
        packet = packed_packet(packed, packed.taken)
        frame.data = packed.octets + packet.offset
        frame.time_ns = (<int64_t>packet.seconds * MICROSECONDS + packet.microseconds) * 1000
        frame.captured = frame.on_wire = packet.captured
        frame.link_type = packed.link_type
        feed.take(frame)
        packed.taken += 1
    return 0


@cython.final
@cython.no_gc_clear  # the native feed refers to engine and saver to its end
cdef class LiveFeed:
    """Carries frames as they come to an engine, and keeps the engine's clock going while none come.

    The engine's own idle clock is then a steady one: it goes on as if nobody had set the host's clock. The engine's
    methods may still be called, between two calls of this.

    stamped_by_host  whether frames carry the host's time; that of an adapter, or of a capture, is taken as it is
    saver            is given each flow's frames

    It may be used by one thread at a time. Raises ValueError if engine or saver have a LiveFeed already.
    """

    cdef unique_ptr[native.LiveFeed] _feed
    cdef unique_ptr[native.Replay] _replay
    cdef CaptureReader _reader
    cdef FlowEngine _engine
    cdef FlowSaver _saver
    cdef bint _stamped_by_host

    def __cinit__(self, FlowEngine engine not None, *, stamped_by_host=True, FlowSaver saver=None):
        cdef native.FlowSaver* native_saver = NULL
        if engine._fed or (saver is not None and saver._taken):
            raise ValueError("an engine, and a saver, have one LiveFeed")
        if saver is not None:
            native_saver = saver._saver.get()
            saver._taken = True
        self._engine = engine
        self._saver = saver
        self._stamped_by_host = stamped_by_host
        self._feed.reset(native.make_live_feed(deref(engine._engine), stamped_by_host, native_saver))
        engine._fed = True

    def __dealloc__(self):
        self._replay.reset()
        self._feed.reset()

    def run(self, LiveCapture capture not None, int milliseconds):
        """Takes packets from an interface until a batch is full or the time is over.

        Returns (FlowBatch or None, status): "batch" with a full batch; "waited", when the time is over; "gone" when the
        interface is; "failed": see capture.problem. But for "batch" the batch is what has been closed so far.
        Raises RuntimeError if another thread uses engine or capture.
        """
        cdef native.LiveStatus status
        self._engine._enter()
        try:
            capture._enter()
            try:
                with nogil:
                    status = capture._capture.get().run(
                        deref(self._feed), deref(self._engine._filling._records), milliseconds)
                if status == native.LiveStatus.batch_full:
                    return self._engine._next_full_batch(), "batch"
                capture._note()
                return self._closed_so_far(), LIVE_STATUS_NAMES[<int>status]
            finally:
                capture._busy = False
        finally:
            self._leave()

    def replay(self, CaptureReader reader not None, until_ns):
        """Takes packets from a capture, up to those with the stamp `until_ns` (ns since 1970); None: all.

        Returns (FlowBatch or None, status): "batch" with a full batch; "pause" without one, to look at signals; "due"
        without one, when no packet is due yet (the engine's advance() gives what has been closed so far); "end" with
        what has been, when there are no packets any more. Then reader.status tells how the capture ended.
        Raises ValueError as FlowEngine.run() does, and if this LiveFeed was made for frames that carry the host's time.
        """
        cdef native.ReplayStatus status
        cdef int64_t until = END_OF_TIME if until_ns is None else until_ns
        self._engine._enter()
        try:
            self._attach(reader)
            with nogil:
                status = self._replay.get().run(
                    deref(self._feed), deref(self._engine._filling._records), until, FRAME_BUDGET)
            reader._raise_interrupt()
            if status == native.ReplayStatus.batch_full:
                return self._engine._next_full_batch(), "batch"
            if status == native.ReplayStatus.end:
                self._detach()
                return self._closed_so_far(), "end"
            return None, "pause" if status == native.ReplayStatus.pause else "due"
        finally:
            self._leave()

    @property
    def next_time(self):
        """Stamp (ns since 1970) of the packet that replay() takes next; None before its first call and at the end."""
        if self._replay.get() == NULL or self._replay.get().next_time() == native.kNoTime:
            return None
        return self._replay.get().next_time()

    def feed_packed(self, bytes octets not None, bytes packets not None, link_type):
        """Takes packets as pcapy-ng's next_batch() gives them; link_type is a LINKTYPE_ number.

        packets  four native 32-bit numbers each: seconds since 1970, microseconds, offset in `octets`, octets captured;
                 that is their length on the wire too

        Returns full batches alone, so that a busy link makes no small ones; idle() and finish() give the rest.
        Raises ValueError, before any packet is taken, if one lies outside of the octets or has no time.
        """
        cdef PackedPackets packed
        if len(packets) % sizeof(PackedPacket) != 0:
            raise ValueError(f"packets: {len(packets)} octets are no whole number of records")
        packed.octets = <const uint8_t*>PyBytes_AsString(octets)
        packed.packets = <const uint8_t*>PyBytes_AsString(packets)
        packed.count = len(packets) // sizeof(PackedPacket)
        packed.taken = 0
        packed.link_type = <uint16_t>whole_number("link_type", link_type, 0, 0xFFFF)
        check_packed(packed, len(octets))
        self._engine._enter()
        try:
            self._feed.get().begin()
            self._process()
            while packed.taken < packed.count:
                with nogil:
                    take_packed(deref(self._feed), packed)
                self._process()
            closed, self._engine._closed = self._engine._closed, []
            return closed
        finally:
            self._leave()

    def idle(self):
        """Nothing waits to be taken: the engine's clock moves on with the host's. Returns the flows closed so far.

        It stays two GATHER_MILLISECONDS behind: for so long the kernel may keep packets that have come already.
        """
        cdef cpp_bool done = False
        self._engine._enter()
        try:
            self._feed.get().begin()
            self._process()
            while not done:
                with nogil:
                    done = self._feed.get().idle(deref(self._engine._filling._records))
                self._hand_over_unless(done)
            return self._engine._take_closed()
        finally:
            self._leave()

    def finish(self):
        """Closes every flow that is open, after the last packet. Call until the status is "end".

        Returns (FlowBatch or None, "batch" or "end") as FlowEngine.finish() does.
        """
        cdef cpp_bool done
        self._engine._enter()
        try:
            with nogil:
                done = self._feed.get().process(deref(self._engine._filling._records))
            if not (done and self._engine._flush()):
                return self._engine._next_full_batch(), "batch"
            return self._closed_so_far(), "end"
        finally:
            self._leave()

    cdef int _attach(self, CaptureReader reader) except -1:
        if reader is self._reader:
            return 0
        if self._stamped_by_host:
            raise ValueError("a capture has no times of this host; make the LiveFeed with stamped_by_host=False")
        if self._reader is not None:
            raise ValueError("another capture is still being read")
        if reader._taken:
            raise ValueError("this capture was read before")
        self._replay.reset(new native.Replay(deref(reader._reader), self._engine._filter.get()))
        self._reader = reader
        reader._taken = True
        return 0

    cdef void _detach(self) noexcept:
        self._replay.reset()
        self._reader = None

    cdef FlowBatch _closed_so_far(self):
        return self._engine._next_batch() if len(self._engine._filling) else None

    cdef int _process(self) except -1:
        """Brings what was taken to the flows."""
        cdef cpp_bool done = False
        while not done:
            with nogil:
                done = self._feed.get().process(deref(self._engine._filling._records))
            self._hand_over_unless(done)
        return 0

    cdef int _hand_over_unless(self, cpp_bool done) except -1:
        if not done:
            self._engine._closed.append(self._engine._next_full_batch())
        return 0

    cdef int _leave(self) except -1:
        self._engine._leave()
        if self._saver is not None:
            self._saver._note()
        return 0
