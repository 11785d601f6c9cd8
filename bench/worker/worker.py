"""Holds one device and the cases that are ready to be timed on it, and times one slice when asked."""

from __future__ import annotations

import gc
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import Any

import torch

from bench.devices.backend import load, release_memory
from bench.devices.ceilings import ceilings
from bench.devices.clock import clock, clock_cost, slowed
from bench.devices.description import torch_facts
from bench.devices.events import EventClock, event_maker
from bench.devices.memory import allocated_bytes, peak_bytes
from bench.devices.nvidia import throttled
from bench.devices.yardstick import Yardstick
from bench.host.lifetime import limit_memory
from bench.host.steadiness import disturbance, no_gc
from bench.record.case import Case
from bench.steps.builtin import find_step
from bench.steps.compiling import CompileCounts, SilentEagerError, allow_variants
from bench.steps.counts import compiled_counts, eager_counts
from bench.steps.prepare import SETTLED_WITHIN, Prepared, compute_reference, prepare
from bench.steps.step import Step
from bench.steps.subject import Fed, Feed, build, find_feed, find_model, list_models
from bench.steps.support import try_case
from bench.steps.verify import Answer

Reply = dict[str, Any]


class Worker:
    """Holds one device and the cases that are ready to be timed on it.

    Args:
        device: its name.
        seed: of weights and random images.
        data_root: torchvision's root of the real images; None for random ones.
        left_out: names in `steady.MEASURES` that are switched off.
        memory_bytes: what this process may allocate; None for no limit of ours.
    """

    def __init__(
        self, *, device: str, seed: int, data_root: str | None, left_out: Collection[str], memory_bytes: int | None
    ) -> None:
        limit_memory(memory_bytes)
        self._device = load(device)
        self._clock = clock(self._device)
        self._clock_seconds = clock_cost(self._clock)
        self._make_event = event_maker(self._device)
        self._seed = seed
        self._data_root = None if data_root is None else Path(data_root)
        self._gc_off = "no-gc" not in left_out
        self._ready: dict[str, Prepared] = {}
        self._fed: dict[tuple[Feed, int], Fed] = {}
        self._right: dict[tuple[str, str, int], Answer] = {}
        self._yardstick: Yardstick | None = None

    def prepare(
        self, case: dict[str, Any], *, warm: bool, probe: bool, settled_within: float = SETTLED_WITHIN
    ) -> Reply:
        """Make a case ready; answer what that showed."""
        wanted = Case(**case)
        if wanted.compiled:
            allow_variants()
        if probe:
            try_case(wanted, self._device)
        fed = self._feed(wanted)
        key = (wanted.model, wanted.step, wanted.batch)
        if key not in self._right:
            self._right[key] = compute_reference(wanted, fed, seed=self._seed)
        ready = prepare(
            wanted,
            self._device,
            self._clock,
            self._clock_seconds,
            fed,
            self._right[key],
            seed=self._seed,
            warm=warm,
            counted=probe,
            settled_within=settled_within,
        )
        self._ready[wanted.id] = ready
        return asdict(ready.preparation)

    def probe(self, case: dict[str, Any]) -> Reply:
        """Try whether a case's dtype and compile mode work on this device at all."""
        try_case(Case(**case), self._device)
        return {}

    def counts(self, case: dict[str, Any]) -> Reply:
        """Answer the exact counts of a case, made for this and dropped again."""
        wanted = Case(**case)
        model, step_class = find_model(wanted.model), find_step(wanted.step)

        def step(*, compiled: bool) -> Step:
            fed = self._feed(wanted)
            return step_class(build(wanted, model, self._device, *fed, seed=self._seed, compiled=compiled), self._clock)

        held = allocated_bytes(self._device)
        eager = step(compiled=False)
        counts = eager_counts(eager)
        peak, _ = peak_bytes(self._device, eager.iterate, held)
        if peak is not None:
            counts["peak_bytes"] = peak
        if wanted.compiled:
            allow_variants()
            counts |= compiled_counts(step(compiled=True))
        return {"counts": counts}

    def slice(self, case_id: str, *, iterations: int, lead: int = 0, slowdown: float = 0.0, singles: int = 0) -> Reply:
        """Time one slice; answer its seconds per iteration and what disturbed it.

        Args:
            case_id: a case that is ready.
            iterations: how many.
            lead: iterations right before that are not timed, for a process that has just been suspended.
            slowdown: share of its time by which it is slowed on purpose, inside the clock reads.
            singles: iterations right after it that are each waited for, where slices are queued: their mean is the
                latency. Device events are recorded with the slice then.
        """
        step = self._ready[case_id].step
        step.clock = self._clock
        if lead:
            step.timed(lead)
        events = EventClock(self._clock, self._make_event) if singles and self._make_event else None
        if events:
            step.clock = events
        if slowdown:
            step.clock = slowed(self._clock, slowdown)
        graphs = CompileCounts.now().graphs
        with no_gc(enabled=self._gc_off):
            before = disturbance()
            started = monotonic()
            seconds = step.timed(iterations)
            counts = disturbance().since(before)
            lowered = throttled(self._device) if singles else ()
            step.clock = self._clock
            latency = sum(step.timed(1) for _ in range(singles)) / singles if singles else None
            wall = monotonic() - started
        if CompileCounts.now().graphs != graphs:
            raise SilentEagerError("torch.compile compiled again inside a timed slice")
        return {
            "seconds": seconds / iterations,
            "started": started,
            "wall_seconds": wall,
            "stolen_seconds": counts.stolen_seconds,
            "minor_faults": counts.minor_faults,
            "involuntary_switches": counts.involuntary_switches,
            "latency_seconds": latency,
            "event_seconds": events.seconds() / iterations if events else None,
            "throttled": lowered,
        }

    def yardstick(self) -> Reply:
        """Time the yardstick."""
        if self._yardstick is None:
            self._yardstick = Yardstick(self._device, self._clock)
        with no_gc(enabled=self._gc_off):
            return {"seconds": self._yardstick.read()}

    def ceilings(self, dtypes: list[str]) -> Reply:
        """Answer what the device does at best."""
        return {"ceilings": ceilings(self._device, self._clock, dtypes)}

    def drop(self) -> Reply:
        """Forget every case that is ready, its compiled code and its memory."""
        self._ready.clear()
        self._right.clear()
        if CompileCounts.now().graphs:
            torch.compiler.reset()
        gc.collect()
        release_memory(self._device)
        return {}

    def models(self) -> Reply:
        """Answer the models that this process can build."""
        return {"models": list_models()}

    def facts(self) -> Reply:
        """Answer what this process knows about torch and its device."""
        return {"facts": torch_facts(self._device)}

    def _feed(self, case: Case) -> Fed:
        """Return what a case is fed; variants, and models that are fed alike, share it."""
        feed = find_feed(find_model(case.model))
        key = (feed, case.batch)
        if key not in self._fed:
            self._fed[key] = feed(case.batch, self._seed, self._data_root)
        return self._fed[key]
