"""What a pipeline looks like, what its nodes did, and how long that took."""

from .visualizer import Visualizer, show_graph

__all__ = ["Visualizer", "show_graph"]
