"""How long nodes took: for one run, for several, as a table and as a trace for Chrome."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from ..datacollection.table import as_text
from .time_profiler import Event, TimeProfiler

__all__ = ["PerformanceProfiler", "PipelineProfiler"]

TIMES = ("total_time", "init", "wait_data", "call_op", "output_data")
HEADERS = ["node", "ncalls", *(f"{name}(s)" for name in TIMES)]
EVENTS = ("init_in", "init_out", "queue_in", "queue_out", "process_in", "process_out")


def _between(begins: Sequence[float], ends: Sequence[float]) -> float:
    """Seconds from each beginning to its end, summed."""
    return round(sum(end - begin for begin, end in zip(begins, ends)), 6)


def _table(reports: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [[r["node"], r["ncalls"], *(r[name] for name in TIMES)] for r in reports.values()]
    return as_text({"headers": HEADERS, "data": rows}, grid=False)


class PipelineProfiler:
    """One run. `node_report`: uid -> node, ncalls and the TIMES in seconds."""

    def __init__(self, nodes: Mapping[str, Mapping[str, Any]], record: TimeProfiler):
        self.data = record.inputs
        self.time_in = self.time_out = 0.0
        self.node_tracer: dict[str, dict[str, Any]] = {
            uid: {
                "name": node["name"],
                "iter": node["iter_info"]["type"],
                **{event: [] for event in EVENTS},
            }
            for uid, node in nodes.items()
        }
        for line in record.time_record:
            uid, event, stamp = line.split("::")
            seconds = int(stamp) / 1e6
            if event == Event.pipe_in:
                self.time_in = seconds
            elif event == Event.pipe_out:
                self.time_out = seconds
            else:
                self.node_tracer[uid][event].append(seconds)
        self.node_report = {uid: self._report(t) for uid, t in self.node_tracer.items()}

    @staticmethod
    def _report(tracer: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "node": f"{tracer['name']}({tracer['iter']})",
            "ncalls": len(tracer["process_in"]),
            "total_time": _between(tracer["queue_in"], tracer["queue_out"]),
            "init": _between(tracer["init_in"], tracer["init_out"]),
            "wait_data": _between(tracer["queue_in"], tracer["process_in"]),
            "call_op": _between(tracer["process_in"], tracer["process_out"]),
            "output_data": _between(tracer["process_out"], tracer["queue_out"]),
        }

    @property
    def seconds(self) -> float:
        """From the call to the result."""
        return self.time_out - self.time_in

    def show(self) -> None:
        """Prints the input, the time, and a row a node."""
        print("Input:", self.data)
        print("Total time(s):", round(self.seconds, 6))
        print(_table(self.node_report))

    def dump(self, file_path: str | os.PathLike) -> None:
        """Writes a trace for chrome://tracing or Perfetto."""
        _write(self.gen_profiler_json(), file_path)

    def gen_profiler_json(self, num: int | None = None) -> list[dict[str, Any]]:
        """The trace's events; times in microseconds. `num` tells several runs apart."""
        run = "Pipeline" if num is None else f"Pipeline:{num}"
        begin, end = self.time_in * 1e6, self.time_out * 1e6
        whole = {"pid": run, "tid": run, "id": run, "name": run, "cat": "Running Pipeline"}
        events: list[dict[str, Any]] = [
            {"ph": "M", "pid": run, "tid": run, "name": "process_name", "args": {"name": run}},
            {**whole, "ph": "b", "ts": begin},
            {**whole, "ph": "e", "ts": end, "args": {"input": str(self.data)}},
        ]
        for uid, tracer in self.node_tracer.items():
            events += _node_events(run, uid, tracer)
        return events


def _node_events(run: str, uid: str, tracer: Mapping[str, Any]) -> list[dict[str, Any]]:
    thread = f"{tracer['name']}({tracer['iter']})"
    spans = [("init", "init_in", "init_out"), ("wait_data", "queue_in", "process_in")]
    spans += [("call_op", "process_in", "process_out"), ("output_data", "process_out", "queue_out")]
    events: list[dict[str, Any]] = []
    for name, first, last in spans:
        for begin, end in zip(tracer[first], tracer[last]):
            span = {"pid": run, "tid": thread, "id": uid, "name": name}
            events.append({**span, "ph": "B", "ts": begin * 1e6})
            events.append({**span, "ph": "E", "ts": end * 1e6})
    events.sort(key=lambda event: event["ts"])
    return events


class PerformanceProfiler:
    """Several runs. `timing`: seconds of all together, the mean, the longest, the shortest."""

    def __init__(self, time_profilers: Sequence[TimeProfiler], nodes: Mapping[str, Any]):
        if not time_profilers:
            raise ValueError("there is no run to report")
        self.pipes_profiler = [PipelineProfiler(nodes, record) for record in time_profilers]
        self.node_report: dict[str, dict[str, Any]] = {}
        for run in self.pipes_profiler:
            for uid, report in run.node_report.items():
                total = self.node_report.setdefault(
                    uid, {**report, **dict.fromkeys(("ncalls", *TIMES), 0)}
                )
                for name in ("ncalls", *TIMES):
                    total[name] = round(total[name] + report[name], 6)
        seconds = [run.seconds for run in self.pipes_profiler]
        whole = self.pipes_profiler[-1].time_out - self.pipes_profiler[0].time_in
        figures = (whole, sum(seconds) / len(seconds), max(seconds), min(seconds))
        self.timing = tuple(round(figure, 6) for figure in figures)

    def show(self) -> None:
        """Prints the times, and a row a node over all runs."""
        print("Total count:", len(self))
        for label, figure in zip(("Total", "Avg", "Max", "Min"), self.timing):
            print(f"{label} time(s):", figure)
        print(_table(self.node_report))

    def sort(self) -> list[PipelineProfiler]:
        """The runs, the shortest first."""
        return sorted(self.pipes_profiler, key=lambda run: run.seconds)

    def max(self) -> PipelineProfiler:
        """The longest run."""
        return self.sort()[-1]

    def __getitem__(self, item: Any) -> Any:
        return self.pipes_profiler[item]

    def __len__(self) -> int:
        return len(self.pipes_profiler)

    def dump(self, file_path: str | os.PathLike) -> None:
        """Writes a trace of all runs for chrome://tracing or Perfetto."""
        _write(self.gen_profiler_json(), file_path)

    def gen_profiler_json(self) -> list[dict[str, Any]]:
        runs = enumerate(self.pipes_profiler)
        return [event for number, run in runs for event in run.gen_profiler_json(number)]


def _write(events: list[dict[str, Any]], file_path: str | os.PathLike) -> None:
    with open(file_path, "w", encoding="utf-8") as file:
        json.dump(events, file)
    print(f"You can open chrome://tracing/ in your browser and load the file: {file_path}.")
