"""Covers on feature maps: evidence lies where a network made by hand sees what it goes by."""

import pytest

from lithoscope.serving.graph import ExportedGraph
from lithoscope.serving.occlusion import evidence
from lithoscope.serving.parity import torch_look

from helpers.seeing_colours import BLUE, CLASSES, RED, SIDE, corners, network


@pytest.mark.parametrize("views", [1, 8])
@pytest.mark.parametrize("pooling", ["average", "maximum", "texture"])
def test_evidence_lies_where_the_colour_of_a_class_is_whatever_the_pooling_and_the_views(
    pooling: str, views: int
) -> None:
    graph = ExportedGraph(network(pooling), views, temperature=1.0, side=SIDE).eval()
    seen = torch_look(graph, CLASSES, corners())
    for label, corner in ((RED, (0, 0)), (BLUE, (7, 7))):
        found = evidence(float(seen.before[label]), seen.after[:, label])
        row, column = corner
        assert found[row, column] == found.max() > 0.05
        assert found[7 - row, 7 - column] < 0, "what speaks for the other colour"
        assert abs(found[row, 7 - column]) < found.max() / 10, "black"
