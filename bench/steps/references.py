"""What is right: the answers of a case's network in float64, eager, on the CPU, to two feeds one after the other.

They are the same for every device, dtype and compile mode. Those of a large network take seconds, so a run computes
them once and its launches read them from its scratch folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor, nn

from bench.devices.backend import first_line
from bench.devices.clock import Clock
from bench.devices.dtypes import TORCH_DTYPES
from bench.record.case import Case
from bench.steps.find_step import find_step
from bench.steps.recheck import without_dropout
from bench.steps.standard import FINE_ROUNDOFF, MORE_PERTURBED, PERTURBATION, PERTURBED, Draw, Errors
from bench.steps.step import References
from bench.steps.stored import Place, read_answers, write_answers
from bench.steps.subject import Definition, Fed, Subject, build, build_reference
from bench.steps.support import SkipError
from bench.steps.verify import Answer, exact

SLOW_SECONDS = 10.0
"""A network of which one call takes longer in float32 is held against that, since float64 takes several times it."""

WORTH_STORING_SECONDS = 0.2
"""Whatever is computed faster is computed again: reading it takes as long."""

FALLBACK = "float32"

OTHER_WEIGHTS = "its weights differ from process to process: its factory does not follow torch's seed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """The right answers of a case, and what a reader must know of them.

    Attributes:
        answers: to both feeds.
        remarks: each a sentence without its full stop.
    """

    answers: References
    remarks: tuple[str, ...] = ()


def find_references(
    case: Case, model: Definition, feeds: tuple[Fed, Fed], *, seed: int, first: bool, folder: Path | None
) -> Right:
    """Return the right answers of a case, stored ones if this run has them.

    Args:
        case: whose answers.
        model: its model's definition.
        feeds: what the network is fed, twice.
        seed: of the weights.
        first: whether the answer to the first feed is asked for, too.
        folder: where a run keeps them; None to compute them.
    """
    if model.is_perceptron:
        return Right(answers=compute_references(case, model, feeds, seed=seed, first=first))
    twin = build_reference(case, model, feeds, seed=seed, dtype=FALLBACK)
    place = None if folder is None else Place.of(case, twin.network, feeds, seed=seed, folder=folder)
    if place is not None and (stored := read_answers(place.path)) is not None:
        answers, remarks = stored
        return Right(answers=answers, remarks=remarks)
    begin = perf_counter()
    right = _compute(case, model, feeds, twin, seed)
    if place is None:
        return right
    if perf_counter() - begin > WORTH_STORING_SECONDS:
        write_answers(place.path, right.answers, right.remarks)
    return replace(right, remarks=(*right.remarks, OTHER_WEIGHTS)) if place.others else right


def _compute(case: Case, model: Definition, feeds: tuple[Fed, Fed], twin: Subject, seed: int) -> Right:
    """Return the right answers in float64; in float32, saying why, where that is too slow or cannot be.

    Args:
        case: whose answers.
        model: its model's definition.
        feeds: what the network is fed, twice.
        twin: the case's subject in float32 on the CPU; it is called once.
        seed: of the weights.
    """
    begin = perf_counter()
    with torch.no_grad():
        twin.call(twin.inputs)
    if (seconds := perf_counter() - begin) > SLOW_SECONDS:
        why = f"one call takes {seconds:.0f} s"
    else:
        try:
            return Right(answers=compute_references(case, model, feeds, seed=seed))
        except SkipError:  # in no dtype can it be done
            raise
        except Exception as error:  # noqa: BLE001  whatever a network cannot do in float64
            why = f"it cannot compute in float64: {first_line(error)}"
    answers = compute_references(case, model, feeds, seed=seed, dtype=FALLBACK)
    return Right(answers=answers, remarks=(f"it is held against {FALLBACK} in place of float64, since {why}",))


def compute_references(
    case: Case,
    model: Definition,
    feeds: tuple[Fed, Fed],
    *,
    seed: int,
    first: bool = True,
    dtype: str = "float64",
) -> References:
    """Return the right answers of a case.

    The two answers come from two networks with inputs of their own, both alive: one that remembers an answer would
    give it again.

    Args:
        case: whose answers.
        model: its model's definition.
        feeds: what the network is fed, twice.
        seed: of the weights.
        first: whether the answer to the first feed is asked for, too.
        dtype: in which they are computed.
    """
    step, (first_feed, second_feed) = find_step(case.step), feeds
    goes_on = build_reference(case, model, (second_feed, first_feed), seed=seed, dtype=dtype)
    goes_on.network.train(step.trains)
    moves = step.moves_weights or next(goes_on.network.buffers(), None) is not None
    answer = None
    if first or (moves and not step.starts_over):
        begun = build_reference(case, model, (first_feed, second_feed), seed=seed, dtype=dtype)
        begun.network.train(step.trains)
        with without_dropout(begun.network):
            answer = step.reference(begun)
    if answer is not None and not step.starts_over:
        with torch.no_grad():
            for name, parameter in goes_on.network.named_parameters():
                if answer.weights is not None:
                    parameter.copy_(answer.weights[name])
            for name, buffer in goes_on.network.named_buffers():
                buffer.copy_(answer.buffers[name])
    with without_dropout(goes_on.network):
        return References(first=answer, last=step.reference_after(goes_on))


def draw_eager(
    case: Case,
    model: Definition,
    device: torch.device,
    clock: Clock,
    feeds: tuple[Fed, Fed],
    right: References,
    *,
    seed: int,
    more: bool = False,
) -> list[Draw]:
    """Return how far rounding moves this network: what eager is off in the case's dtype on its device.

    Of a fine dtype there are several draws; see `standard`.

    Args:
        case: in whose dtype.
        model: its model's definition.
        device: where.
        clock: is not read.
        feeds: what the network is fed, twice.
        right: what is right.
        seed: of the weights.
        more: whether further draws of a fine dtype are asked for, and not those that are always made.
    """
    fine = TORCH_DTYPES[case.dtype].roundoff < FINE_ROUNDOFF
    if more:
        numbers = range(1 + PERTURBED, 1 + PERTURBED + MORE_PERTURBED) if fine else range(0)
    else:
        numbers = range(1 + PERTURBED if fine else 1)
    draws = []
    for number in numbers:
        mine = answer_eager(case, model, device, clock, feeds, seed=seed, draw=number)
        both = mine.first is not None and right.first is not None
        first = Errors.of(mine.first, right.first) if both else None  # type: ignore[arg-type]
        draws.append(Draw(first=first, last=Errors.of(mine.last, right.last)))
    return draws


def answer_eager(
    case: Case, model: Definition, device: torch.device, clock: Clock, feeds: tuple[Fed, Fed], *, seed: int, draw: int
) -> References:
    """Return what eager answers to both feeds, in one draw.

    Args:
        case: in whose dtype.
        model: its model's definition.
        device: where.
        clock: is not read.
        feeds: what the network is fed, twice.
        seed: of the weights.
        draw: which; 0 leaves the weights as they are, any other moves them by a few roundoffs.
    """
    subject = build(case, model, device, feeds, seed=seed, compiled=False)
    moved = _perturb(subject.network, PERTURBATION * TORCH_DTYPES[case.dtype].roundoff, draw) if draw else {}
    step = find_step(case.step)(subject, clock)
    with without_dropout(step.subject.network):
        first = step.answer(*step.iterate())
        step.swap()
        last = step.answer(*step.iterate())
    return References(first=_move_back(first, moved), last=_move_back(last, moved))


def _perturb(network: nn.Module, share: float, draw: int) -> dict[str, Tensor]:
    """Move each weight up or down by a share of itself; return by how much, by name, as float64 on the CPU."""
    generator = torch.Generator("cpu").manual_seed(draw)
    moved = {}
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            before = exact(parameter)
            if not parameter.is_floating_point():
                continue
            signs = torch.randint(2, parameter.shape, generator=generator, device="cpu", dtype=torch.int8) * 2 - 1
            parameter.mul_(1 + share * signs.to(device=parameter.device, dtype=parameter.dtype))
            moved[name] = exact(parameter) - before
    return moved


def _move_back(answer: Answer, moved: Mapping[str, Tensor]) -> Answer:
    """Return an answer whose weights are off by what its gradients are, and not by what they were moved."""
    if answer.weights is None or not moved:
        return answer
    return replace(answer, weights={name: weight - moved.get(name, 0.0) for name, weight in answer.weights.items()})
