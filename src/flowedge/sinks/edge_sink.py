"""Who takes edge lists."""

from typing import Protocol

from flowedge.edges import EdgeList


class EdgeSink(Protocol):
    """Takes the edge lists of windows, a window in one or more pieces. All calls come from one thread.

    Pieces of a window come one after the other, but those of other interfaces may come in between: (piece.iface,
    piece.seq) tells whose they are. A sink that raises gives up the window, and gets no more of it.
    """

    def add_piece(self, piece: EdgeList) -> None:
        """Takes a piece of a window that has not ended; `part` counts from 1, `parts` is 0. Raises SinkError."""

    def end_window(self, last: EdgeList) -> None:
        """Takes a window's last piece, perhaps without edges; `parts` is the number of its pieces. Only this one has
        `drop`. Raises SinkError."""

    def abandon(self) -> None:
        """The run ends before the present windows do: forgets their pieces. Raises SinkError."""

    def tick(self) -> None:
        """Called about once a second: what is due by the clock. Raises SinkError."""

    def reopen(self) -> None:
        """Ends what is open and begins anew: somebody moved the files. Raises SinkError."""

    def close(self) -> None:
        """Completes the output. Raises SinkError when it cannot."""
