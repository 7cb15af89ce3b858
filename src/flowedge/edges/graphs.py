"""Edge lists as graphs of other libraries."""

from collections.abc import Sequence
from typing import Any

from flowedge.edges.edge_list import ENDS, EdgeList
from flowedge.edges.optional_package import required

TIME_SUFFIX = "_ns"


def networkx_graph(edges: EdgeList) -> Any:
    """What EdgeList.to_networkx() gives."""
    networkx = required("networkx", "to_networkx()", "flowedge[graph]")
    graph = networkx.DiGraph() if edges.kind == "pair" else networkx.MultiDiGraph()
    graph.graph.update(edges.window())
    graph.add_nodes_from(edges.nodes_text())
    graph.add_edges_from((edge.pop("src"), edge.pop("dst"), edge) for edge in edges.to_dicts())
    return graph


def pyg_data(edges: EdgeList, columns: Sequence[str] | None, dtype: str) -> Any:
    """What EdgeList.to_pyg() gives."""
    geometric = required("torch_geometric.data", "to_pyg()", "flowedge[pyg]")
    torch = required("torch", "to_pyg()", "flowedge[pyg]")
    numpy = required("numpy", "to_pyg()", "flowedge[pyg]")
    arrays = edges.to_numpy()
    plain = [name for name, column in edges.columns.items() if column.offsets is None and name not in ENDS]
    names = [name for name in plain if not name.endswith(TIME_SUFFIX)] if columns is None else list(columns)
    attributes = numpy.empty((len(edges), len(names)), dtype)
    for number, name in enumerate(names):
        attributes[:, number] = arrays[name]
    return geometric.Data(
        edge_index=torch.from_numpy(numpy.stack([arrays[name] for name in ENDS]).astype(numpy.int64)),
        edge_attr=torch.from_numpy(attributes),
        num_nodes=len(edges.nodes),
        edge_attr_names=names,
        node_names=edges.nodes_text(),
        **{f"edge_{n}": torch.from_numpy(arrays[n].astype(numpy.int64)) for n in plain if n.endswith(TIME_SUFFIX)},
    )
