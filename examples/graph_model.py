"""Feeds a graph model window by window: python examples/graph_model.py mqtt://localhost"""

import sys

import numpy

import flowedge

with flowedge.subscribe(sys.argv[1]) as subscription:
    for window in subscription:
        if isinstance(window, flowedge.Gap):
            print(f"{window.node}: windows {window.first} to {window.last} are missing")
            continue
        columns = window.to_numpy()
        edge_index = numpy.stack([columns.pop("src"), columns.pop("dst")]).astype(numpy.int64)
        edge_attr = numpy.stack([column for column in columns.values() if column.dtype != object], axis=1)
        # with PyTorch Geometric instead: data = window.to_pyg(); model(data.edge_index, data.edge_attr)
        degrees = numpy.bincount(edge_index.ravel(), minlength=len(window.nodes))
        busiest = window.nodes_text()[degrees.argmax()] if len(window) else "nobody"
        print(
            f"{window.node} window {window.seq}: edge_index {edge_index.shape}, edge_attr {edge_attr.shape}, {busiest}"
        )
