"""Several processes that run one case at once under DistributedDataParallel: each has its share of the batch.

All ranks do the same at the same time, so whatever decides how often something is done must be agreed on.
Their answer is put together from what each computed and held against one process with the whole batch.
"""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import timedelta

import torch
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from bench.devices.clock import Clock
from bench.record.case import Case
from bench.steps.subject import Fed, Subject, map_fed
from bench.steps.support import NOTHING_TO_DIFFERENTIATE, SkipError
from bench.steps.verify import Answer, list_tensors

BACKENDS = {"cpu": "gloo", "cuda": "nccl", "xpu": "xccl"}
"""What exchanges gradients between devices of a kind; torch names one for every other kind, if there is one."""

STEPS_OF_RANKS = ("forward", "backward", "train")


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """The ranks that this process is one of.

    Attributes:
        rank: which it is, from 0.
        ranks: how many there are.
        control: carries what is agreed on and what is verified, in the host's memory.
    """

    rank: int
    ranks: int
    control: distributed.ProcessGroup

    @classmethod
    def join(
        cls, device: torch.device, *, rank: int, ranks: int, address: str, port: int, timeout_seconds: float
    ) -> Team:
        """Meet the other ranks and return the team; ``RANK``, ``WORLD_SIZE`` and so on are set for the model's code.

        Raises:
            SkipError: if torch was built without what exchanges gradients on such devices.
        """
        if not distributed.is_available():
            raise SkipError("this torch was built without torch.distributed")
        where = {"MASTER_ADDR": address, "MASTER_PORT": port, "RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": ranks}
        os.environ.update({name: str(value) for name, value in where.items()})
        if address.startswith("127.") and sys.platform == "linux":
            os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # the host's own name need not lead anywhere
        backend = BACKENDS.get(device.type) or distributed.get_default_backend_for_device(device)
        if not distributed.is_backend_available(backend):
            raise SkipError(f"ranks on {device.type} exchange by {backend}, which this torch was built without")
        timeout = timedelta(seconds=timeout_seconds)
        distributed.init_process_group(backend, timeout=timeout)
        control = distributed.group.WORLD if backend == "gloo" else distributed.new_group(backend="gloo")
        assert isinstance(control, distributed.ProcessGroup), "it was made a moment ago, with this rank in it"
        return cls(rank=rank, ranks=ranks, control=control)

    def check(self, case: Case) -> None:
        """Do nothing if the ranks can run a case.

        Raises:
            SkipError: if they cannot.
        """
        if case.step not in STEPS_OF_RANKS:
            raise SkipError(f"{case.step} is not run by ranks: {', '.join(STEPS_OF_RANKS)} are")
        if case.batch % self.ranks:
            raise SkipError(f"a batch of {case.batch} cannot be shared evenly by {self.ranks} ranks")
        if case.threads is not None:
            raise SkipError(f"threads={case.threads}: a rank has as many threads as its share of the cores")

    def alone(self, case: Case) -> Case:
        """Return what one rank of a case computes, as a case of one process."""
        return replace(case, ranks="1", batch=case.batch // self.ranks)

    def share(self, feeds: tuple[Fed, Fed], batch: int) -> tuple[Fed, Fed]:
        """Return this rank's share of what a network is fed, twice: rows of everything.

        Raises:
            SkipError: if something in it does not have the batch in front.
        """
        if any(tensor.dim() == 0 or tensor.shape[0] != batch for tensor in list_tensors(feeds)):
            raise SkipError("what the network is fed does not have the batch in front, so ranks cannot share it")
        size = batch // self.ranks
        begin = self.rank * size
        first, second = (map_fed(lambda tensor: tensor[begin : begin + size], fed) for fed in feeds)
        return first, second

    def wrap(self, network: nn.Module, device: torch.device) -> DistributedDataParallel:
        """Return a network whose backward exchanges gradients with the other ranks.

        Raises:
            SkipError: if it has none to exchange.
        """
        if not any(parameter.requires_grad for parameter in network.parameters()):
            raise SkipError(NOTHING_TO_DIFFERENTIATE)
        return DistributedDataParallel(network, device_ids=None if device.type == "cpu" else [device])

    def check_training(self, network: nn.Module) -> None:
        """Do nothing if what ranks compute in training is what one process would.

        Raises:
            SkipError: if a layer normalises by its rank's share of the batch.
        """
        layers = [module for module in network.modules() if isinstance(module, _BatchNorm) and module.training]
        kinds = dict.fromkeys(type(layer).__name__ for layer in layers if not isinstance(layer, nn.SyncBatchNorm))
        if kinds:
            named = " and ".join(kinds)
            raise SkipError(f"{named} normalise by a rank's share of the batch, so no single process computes the same")

    def agree(self, value: float) -> float:
        """Return the largest value of all ranks."""
        agreed = torch.tensor(value, dtype=torch.float64, device="cpu")
        distributed.all_reduce(agreed, distributed.ReduceOp.MAX, group=self.control)
        return float(agreed)

    def meet(self) -> None:
        """Wait until every rank is here."""
        distributed.barrier(group=self.control)

    def together(self, read: Clock) -> Clock:
        """Return a clock, read in pairs, of which every pair begins when all ranks are there."""
        begun = False

        def read_together() -> float:
            nonlocal begun
            begun = not begun
            if begun:
                read()  # what this rank's device has queued is over before the others are waited for
                self.meet()
            return read()

        return read_together

    def collect(self, answer: Answer) -> Answer:
        """Return the answer of all ranks to the whole batch, given this rank's to its share.

        Outputs are put one behind the other and losses averaged; gradients and weights are this rank's own, which the
        exchange has made those of the whole.
        """
        loss = None if answer.loss is None else torch.stack(self._gather(answer.loss)).mean()
        return replace(answer, output=tuple(map(self._gather_rows, answer.output)), loss=loss)

    @staticmethod
    def local(subject: Subject) -> AbstractContextManager[None]:
        """Return a context inside which a subject's ranks exchange no gradients."""
        assert subject.exchanging is not None, "a rank's network was wrapped when it was built"
        own: AbstractContextManager[None] = subject.exchanging.no_sync()
        return own

    def _gather_rows(self, tensor: Tensor) -> Tensor:
        if not tensor.dim():
            raise SkipError("the network's output does not have the batch in front, so ranks' cannot be put together")
        return torch.cat(self._gather(tensor))

    def _gather(self, tensor: Tensor) -> list[Tensor]:
        parts = [torch.empty_like(tensor) for _ in range(self.ranks)]
        distributed.all_gather(parts, tensor.contiguous(), group=self.control)
        return parts
