"""Edge lists: the flows of one window as a graph, its nodes once and its edges as columns that index them."""

from flowedge.edges.column import Column
from flowedge.edges.edge_list import KINDS, EdgeList, Gap, Node
from flowedge.edges.joining import joined

__all__ = ["KINDS", "Column", "EdgeList", "Gap", "Node", "joined"]
