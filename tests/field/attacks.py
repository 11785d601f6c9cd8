"""Networks that a gate could be deceived by: what each changes against base, and what became of its time and answers.

Each change is a few lines, such as an accident or a trick would be.
They are made in a copy of the checkout; `tests.field.attack` measures them, `tests.field.judging` says what to think of
the answers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from textwrap import dedent, indent

Change = Callable[[Path], None]
"""Edits the files of a tree."""

NETWORK, REGISTRY = "models/mlp.py", "models/__init__.py"

FUTURE = "from __future__ import annotations\n"
FLATTEN = "        x = self.flatten(x)"
STACK = "logits: Tensor = self.linear_relu_stack(x)"
BUILD = "        return NeuralNetwork(hidden)\n"
WIDE_ENTRY = '    "mlp-wide": Model(\n'
"""Text of today's models before, at or after which changes are made; each stands there once."""

CLONES = "[x.clone() for _ in range(20)]"
"""Copies of the input that nobody needs: at batch 64 they cost a share of the forward that every gate must see."""


class Truth(StrEnum):
    """What really became of a case in head."""

    SLOWER = "slower"
    WRONG = "computes nothing, or something else"
    UNCHANGED = "unchanged"
    FASTER = "faster"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One changed network.

    Attributes:
        name: a word with hyphens.
        does: one sentence.
        head: the change that is compared.
        truth: what became of the cases, by model and step as in an id, ``mlp-forward``; cases that are not named may
            end in any way.
        base: a change of what is committed as base.
        committed: whether head is a second commit, so that the tree is clean.
        against: options that say what head is compared with.
        options: of pytest, over those that every attack has.
        environment: variables; ``{tree}`` stands for the copy of the checkout.
        clue: pattern that a remark or a problem which names the change contains, in any case of its letters.
        patience: so many times the budget of a plain attack is needed.
    """

    name: str
    does: str
    head: Change
    truth: Mapping[str, Truth]
    base: Change | None = None
    committed: bool = False
    against: tuple[str, ...] = ("--against", "HEAD")
    options: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    clue: str | None = None
    patience: float = 1.0


def replaced(path: str, old: str, new: str) -> Change:
    """Return the change that puts other text in the place of one that stands in the file exactly once."""

    def change(tree: Path) -> None:
        file = tree / path
        text = file.read_text(encoding="utf-8")
        if text.count(old) != 1:
            raise ValueError(f"{path}: {old!r} stands there {text.count(old)} times; once is needed")
        file.write_text(text.replace(old, new), encoding="utf-8")

    return change


def written(path: str, text: str) -> Change:
    """Return the change that writes a whole file."""

    def change(tree: Path) -> None:
        file = tree / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text), encoding="utf-8")

    return change


def appended(path: str, text: str) -> Change:
    """Return the change that adds lines to a file's end."""

    def change(tree: Path) -> None:
        with (tree / path).open("a", encoding="utf-8") as file:
            file.write(dedent(text))

    return change


def together(*changes: Change) -> Change:
    """Return the change that makes several, in order."""

    def change(tree: Path) -> None:
        for single in changes:
            single(tree)

    return change


def unchanged(_: Path) -> None:
    """Change nothing."""


IMPORTS = """
import gc
import sys
import threading
from itertools import count
from time import perf_counter, sleep

import torch

"""


def in_forward(lines: str, top: str = "") -> Change:
    """Return the change that puts lines before the first of the network's forward, and others above its class.

    Both may use what `IMPORTS` imports.
    """
    above = f"{FUTURE}{IMPORTS}{dedent(top)}\n"
    return together(
        replaced(NETWORK, FUTURE, above),
        replaced(NETWORK, FLATTEN, f"{indent(dedent(lines).strip(), ' ' * 8)}\n{FLATTEN}"),
    )


def in_neighbour(lines: str) -> Change:
    """Return the change that runs lines whenever `SMALL`, and no other model, is built."""
    body = indent(dedent(lines).strip(), " " * 12)
    return replaced(REGISTRY, BUILD, f"        if hidden == {SMALL_HIDDEN}:\n{body}\n{BUILD}")


SMALL_HIDDEN = 256

SMALL = replaced(
    REGISTRY,
    WIDE_ENTRY,
    f'    "mlp-small": Model(summary="the same with fewer hidden units", build=_mlp({SMALL_HIDDEN})),\n{WIDE_ENTRY}',
)
"""A second model that is quickly measured: what its build leaves behind must not fall on the first."""

BESIDE_SMALL = {"--model": "mlp,mlp-small"}

SPIN = """
def spin(seconds):
    end = perf_counter() + seconds
    while perf_counter() < end:
        pass
"""

SLOWER, WRONG, UNCHANGED, FASTER = Truth.SLOWER, Truth.WRONG, Truth.UNCHANGED, Truth.FASTER

STALLS = (
    Attack(
        name="stall-60ms",
        does="Spins for 60 ms in every 80th call, so that most slices hold none of it.",
        head=in_forward("if next(calls) % 80 == 0:\n    spin(0.06)", f"calls = count(1)\n{SPIN}"),
        truth={"mlp-forward": SLOWER},
    ),
    Attack(
        name="stall-30ms",
        does="Spins for 30 ms in every 40th call.",
        head=in_forward("if next(calls) % 40 == 0:\n    spin(0.03)", f"calls = count(1)\n{SPIN}"),
        truth={"mlp-forward": SLOWER},
    ),
    Attack(
        name="stall-by-sleep",
        does="Sleeps for 60 ms in every 80th call, which costs no processor time.",
        head=in_forward("if next(calls) % 80 == 0:\n    sleep(0.06)", "calls = count(1)"),
        truth={"mlp-forward": SLOWER},
    ),
)

LEAKS = (
    Attack(
        name="leaks-hook",
        does="Building mlp-wide registers a hook that costs 1 ms after every module of every network.",
        head=replaced(
            REGISTRY,
            BUILD,
            "        if hidden == 4096:\n"
            "            from time import sleep\n"
            "            from torch.nn.modules.module import register_module_forward_hook\n\n"
            "            register_module_forward_hook(lambda module, inputs, output: sleep(0.001))\n" + BUILD,
        ),
        truth={"mlp-forward": UNCHANGED, "mlp-wide-forward": SLOWER},
        options={"--model": "mlp,mlp-wide"},
        clue=r"hook",
        patience=3,
    ),
    Attack(
        name="leaks-dtype",
        does="Importing the network makes float64 the default dtype.",
        head=in_forward("", "torch.set_default_dtype(torch.float64)"),
        truth={"mlp-forward": UNCHANGED},
        clue=r"default.{0,3}dtype",
    ),
    Attack(
        name="leaks-threads",
        does="Building mlp-small leaves torch with one thread.",
        base=SMALL,
        head=in_neighbour("import torch\n\ntorch.set_num_threads(1)"),
        truth={"mlp-forward": UNCHANGED},
        options=BESIDE_SMALL,
        clue=r"thread",
        patience=1.5,
    ),
    Attack(
        name="leaks-grad-mode",
        does="Building mlp-small leaves gradients switched off, so that its own backward cannot work.",
        base=SMALL,
        head=in_neighbour("import torch\n\ntorch.set_grad_enabled(False)"),
        truth={"mlp-backward": UNCHANGED, "mlp-small-backward": WRONG},
        options={**BESIDE_SMALL, "--step": "backward"},
        clue=r"grad.{0,3}(mode|enabled)",
        patience=2,
    ),
    Attack(
        name="leaks-determinism",
        does="Building mlp-small leaves deterministic algorithms switched on.",
        base=SMALL,
        head=in_neighbour("import torch\n\ntorch.use_deterministic_algorithms(True)"),
        truth={"mlp-forward": UNCHANGED},
        options=BESIDE_SMALL,
        clue=r"deterministic",
        patience=1.5,
    ),
    Attack(
        name="leaks-precision",
        does="Building mlp-small leaves float32 products at medium precision.",
        base=SMALL,
        head=in_neighbour('import torch\n\ntorch.set_float32_matmul_precision("medium")'),
        truth={"mlp-forward": UNCHANGED},
        options=BESIDE_SMALL,
        clue=r"precision|matmul",
        patience=1.5,
    ),
    Attack(
        name="leaks-autocast",
        does="Building mlp-small leaves autocast to bfloat16 switched on, so that its own answers are coarse.",
        base=SMALL,
        head=in_neighbour('import torch\n\ntorch.autocast("cpu", torch.bfloat16).__enter__()'),
        truth={"mlp-forward": UNCHANGED, "mlp-small-forward": WRONG},
        options=BESIDE_SMALL,
        clue=r"autocast",
        patience=1.5,
    ),
    Attack(
        name="leaks-function-mode",
        does="Building mlp-small leaves a mode on the stack that spins for 0.1 ms at every function of torch.",
        base=SMALL,
        head=in_neighbour("""
            from time import perf_counter
            from torch.overrides import TorchFunctionMode

            class Watching(TorchFunctionMode):
                def __torch_function__(self, function, types, arguments=(), keywords=None):
                    end = perf_counter() + 1e-4
                    while perf_counter() < end:
                        pass
                    return function(*arguments, **(keywords or {}))

            Watching().__enter__()
            """),
        truth={"mlp-forward": UNCHANGED, "mlp-small-forward": SLOWER},
        options=BESIDE_SMALL,
        clue=r"function.?mode|Watching",
        patience=1.5,
    ),
    Attack(
        name="leaks-collector",
        does="Building mlp-small leaves Python's collector off and what it watched frozen.",
        base=SMALL,
        head=in_neighbour("import gc\n\ngc.disable()\ngc.freeze()"),
        truth={"mlp-forward": UNCHANGED, "mlp-small-forward": UNCHANGED},
        options=BESIDE_SMALL,
        clue=r"\bgc\b|collector",
        patience=1.5,
    ),
    Attack(
        name="leaks-profiler",
        does="Building mlp-small leaves a profile function that spins for 10 us at every call and return.",
        base=SMALL,
        head=in_neighbour("import sys\n\nsys.setprofile(lambda *_: all(True for _ in range(200)))"),
        truth={"mlp-forward": UNCHANGED, "mlp-small-forward": SLOWER},
        options=BESIDE_SMALL,
        clue=r"profile",
        patience=1.5,
    ),
    Attack(
        name="leaks-switch-interval",
        does="Building mlp-small leaves Python switching threads every microsecond.",
        base=SMALL,
        head=in_neighbour("import sys\n\nsys.setswitchinterval(1e-6)"),
        truth={"mlp-forward": UNCHANGED, "mlp-small-forward": UNCHANGED},
        options=BESIDE_SMALL,
        clue=r"switch.{0,2}interval",
        patience=1.5,
    ),
)

LAZINESS = (
    Attack(
        name="lazy-subclass",
        does="Answers with a kind of tensor whose values are computed when they are read.",
        head=in_forward(
            """
            lazy = x.new_empty(len(x), CLASSES).as_subclass(Lazy)
            lazy.compute = lambda: self.linear_relu_stack(self.flatten(x))
            return lazy
            """,
            """
            class Lazy(torch.Tensor):
                @classmethod
                def __torch_function__(cls, function, types, arguments=(), keywords=None):
                    read = [one.compute() if hasattr(one, "compute") else one for one in arguments]
                    with torch._C.DisableTorchFunctionSubclass():
                        return function(*read, **(keywords or {}))
            """,
        ),
        truth={"mlp-forward": WRONG},
        clue=r"Lazy|subclass",
    ),
    Attack(
        name="lazy-thread",
        does="Answers with memory that a thread fills in later.",
        head=in_forward(
            """
            later = x.new_empty(len(x), CLASSES)
            threading.Thread(target=fill, args=(self, x, later)).start()
            return later
            """,
            """
            def fill(network, x, later):
                with torch.inference_mode():
                    later.copy_(network.linear_relu_stack(network.flatten(x)))
            """,
        ),
        truth={"mlp-forward": WRONG},
        clue=r"thread",
    ),
    Attack(
        name="lazy-meta",
        does="Answers with a tensor that has a shape and no memory.",
        head=in_forward('return torch.empty(len(x), CLASSES, device="meta", dtype=x.dtype)'),
        truth={"mlp-forward": WRONG},
        clue=r"meta",
    ),
)


def remembered(key: str) -> Change:
    """Return the change that computes once for each value of `key`, an expression of ``x``."""
    return in_forward(
        f"""
        known, key = self.__dict__.setdefault("known", {{}}), {key}
        if key not in known:
            known[key] = self.linear_relu_stack(self.flatten(x))
        return known[key]
        """
    )


MEMORIES = (
    Attack(
        name="memory-by-id",
        does="Remembers its answer by the identity of the input.",
        head=remembered("id(x)"),
        truth={"mlp-forward": WRONG},
    ),
    Attack(
        name="memory-by-version",
        does="Remembers its answer by the input's address and by how often it was written to.",
        head=remembered("(x.data_ptr(), 0 if x.is_inference() else x._version)"),
        truth={"mlp-forward": WRONG},
    ),
    Attack(
        name="memory-by-first-pixel",
        does="Remembers its answer by the first pixel of the input.",
        head=remembered("float(x[0, 0, 0, 0])"),
        truth={"mlp-forward": WRONG},
    ),
    Attack(
        name="every-other-call",
        does="Computes in every other call and gives the answer before in those between.",
        head=in_forward(
            """
            self.calls = getattr(self, "calls", 0) + 1
            if self.calls % 2:
                self.answer = self.linear_relu_stack(self.flatten(x))
            return self.answer
            """
        ),
        truth={"mlp-forward": WRONG},
    ),
)

LATE = (
    Attack(
        name="zeros-late",
        does="Answers zeros from the 120th call on.",
        head=in_forward("if next(calls) >= 120:\n    return x.new_zeros(len(x), CLASSES)", "calls = count(1)"),
        truth={"mlp-forward": WRONG},
    ),
    Attack(
        name="zeros-without-collector",
        does="Answers zeros while Python's collector is off, as it is while a slice is timed.",
        head=in_forward("if not gc.isenabled():\n    return x.new_zeros(len(x), CLASSES)"),
        truth={"mlp-forward": WRONG},
    ),
    Attack(
        name="zeros-in-inference",
        does="Answers zeros in inference mode from the 200th call on.",
        head=in_forward(
            "if torch.is_inference_mode_enabled() and next(calls) >= 200:\n    return x.new_zeros(len(x), CLASSES)",
            "calls = count(1)",
        ),
        truth={"mlp-forward": WRONG},
    ),
    Attack(
        name="answer-before",
        does="Gives the answer to the input before, and computes none for the last.",
        head=in_forward(
            """
            before = getattr(self, "answer", None)
            self.answer = self.linear_relu_stack(self.flatten(x))
            return self.answer if before is None else before
            """
        ),
        truth={"mlp-forward": WRONG},
    ),
    Attack(
        name="gradients-late",
        does="Has gradients of zero from the 100th backward on.",
        head=replaced(
            NETWORK,
            "        return logits\n",
            "        if logits.requires_grad:\n"
            "            logits.register_hook(lambda gradient: gradient * (next(backwards) < 100))\n"
            "        return logits\n\n\n"
            "from itertools import count\n\n"
            "backwards = count(1)\n",
        ),
        truth={"mlp-backward": WRONG},
        options={"--step": "backward"},
        patience=1.5,
    ),
    Attack(
        name="weights-stand-still",
        does="Drops its gradients from the 40th training step on, so that its weights no longer move.",
        head=replaced(
            NETWORK,
            "            nn.Linear(hidden, CLASSES),\n        )\n",
            "            nn.Linear(hidden, CLASSES),\n        )\n"
            "        from itertools import count\n\n"
            "        steps = count(1)\n\n"
            "        def drop(parameter: Tensor) -> None:\n"
            "            if next(steps) > 6 * 40:\n"
            "                parameter.grad = None\n\n"
            "        for parameter in self.parameters():\n"
            "            parameter.register_post_accumulate_grad_hook(drop)\n",
        ),
        truth={"mlp-train": WRONG},
        options={"--step": "train"},
        patience=1.5,
    ),
)

HELPING = in_forward("cost.pay(x)", 'import os\n\nsys.path.append(os.environ["FIELD_HELPING"])\nimport cost\n')
"""The network calls a function of a file that stands outside `models`."""

FREE = "def pay(x):\n    return x\n"
DEAR = f"def pay(x):\n    return {CLONES}\n"
GIVEN_BY_CONFIGURATION = in_forward(
    "[x.clone() for _ in range(clones)]",
    """
    import json
    from pathlib import Path

    configuration = Path(__file__).with_name("cfg.json")
    clones = json.loads(configuration.read_text())["clones"] if configuration.exists() else 20
    """,
)

OUTSIDE = (
    Attack(
        name="helper-slower",
        does="A file beside models, found by an environment variable, copies the input twenty times.",
        base=together(HELPING, written("helping/cost.py", FREE)),
        head=written("helping/cost.py", DEAR),
        truth={"mlp-forward": SLOWER},
        environment={"FIELD_HELPING": "{tree}/helping"},
        against=("--against", "HEAD", "--against-tip"),
        clue=r"cost|helping",
    ),
    Attack(
        name="helper-on-pythonpath",
        does="A file on PYTHONPATH copies the input twenty times.",
        base=together(in_forward("cost.pay(x)", "import cost"), written("helping/cost.py", FREE)),
        head=written("helping/cost.py", DEAR),
        truth={"mlp-forward": SLOWER},
        environment={"PYTHONPATH": "{tree}/helping"},
        against=("--against", "HEAD", "--against-tip"),
        clue=r"cost|helping",
    ),
    Attack(
        name="helper-same",
        does="A file beside models, found by an environment variable, has a new comment.",
        base=together(HELPING, written("helping/cost.py", FREE)),
        head=written("helping/cost.py", f"# Nothing to pay.\n{FREE}"),
        truth={"mlp-forward": UNCHANGED},
        environment={"FIELD_HELPING": "{tree}/helping"},
        against=("--against", "HEAD", "--against-tip"),
        clue=r"cost|helping",
    ),
    Attack(
        name="data-file",
        does="A tracked file of data, models/cfg.json, asks for twenty copies of the input.",
        base=together(GIVEN_BY_CONFIGURATION, written("models/cfg.json", json.dumps({"clones": 0}))),
        head=written("models/cfg.json", json.dumps({"clones": 20})),
        truth={"mlp-forward": SLOWER},
        clue=r"cfg\.json",
    ),
    Attack(
        name="ignored-file",
        does="A generated file in models that git ignores makes the same commit slower on this disk.",
        base=together(GIVEN_BY_CONFIGURATION, appended(".gitignore", "\nmodels/cfg.json\n")),
        head=written("models/cfg.json", json.dumps({"clones": 60})),
        truth={"mlp-forward": SLOWER},
        committed=True,
        against=("--against", "HEAD", "--against-tip"),
        clue=r"cfg\.json",
    ),
    Attack(
        name="left-out-of-archives",
        does="Git's attributes leave models/cfg.json out of archives, and head has one more comment.",
        base=together(
            GIVEN_BY_CONFIGURATION,
            written("models/cfg.json", json.dumps({"clones": 0})),
            written(".gitattributes", "models/cfg.json export-ignore\n"),
        ),
        head=appended(NETWORK, "\n# Nothing follows.\n"),
        truth={"mlp-forward": UNCHANGED},
        clue=r"cfg\.json|export-ignore",
    ),
    Attack(
        name="package-named-out",
        does="The network imports twenty copies of the input from a package models/out.",
        head=together(
            in_forward("pay(x)", "from models.out.cost import pay"),
            written("models/out/__init__.py", ""),
            written("models/out/cost.py", DEAR),
        ),
        truth={"mlp-forward": SLOWER},
        clue=r"left (out|behind)|not copied|ignored",
    ),
    Attack(
        name="compared-with-itself",
        does="The slower network is committed, and the gate asked against that commit.",
        head=in_forward(CLONES),
        truth={"mlp-forward": SLOWER},
        committed=True,
        clue=r"against-tip|HEAD~1|same commit|itself, ",
    ),
)

MOVED = (
    Attack(
        name="slower-import",
        does="Importing the network takes two seconds longer; its forward is what it was.",
        head=in_forward("", "sleep(2)"),
        truth={"mlp-forward": UNCHANGED},
        patience=2,
    ),
    Attack(
        name="slower-first-call",
        does="The first call of a process takes half a second longer.",
        head=in_forward("if next(calls) == 1:\n    sleep(0.5)", "calls = count(1)"),
        truth={"mlp-forward": UNCHANGED},
    ),
    Attack(
        name="hook-of-a-layer",
        does="A hook of the first layer copies its input twenty times.",
        head=replaced(
            NETWORK,
            "            nn.Linear(hidden, CLASSES),\n        )\n",
            "            nn.Linear(hidden, CLASSES),\n        )\n"
            "        self.flatten.register_forward_hook(\n"
            "            lambda module, inputs, x: ([x.clone() for _ in range(20)], x)[1]\n"
            "        )\n",
        ),
        truth={"mlp-forward": SLOWER},
    ),
    Attack(
        name="slower-move",
        does="Moving the network to its device and dtype takes 0.3 s longer.",
        head=replaced(
            NETWORK,
            "    def forward(",
            "    def _apply(self, function, recurse=True):\n"
            "        from time import sleep\n\n"
            "        sleep(0.3)\n"
            "        return super()._apply(function, recurse)\n\n"
            "    def forward(",
        ),
        truth={"mlp-forward": UNCHANGED},
    ),
    Attack(
        name="spinning-thread",
        does="Importing the network starts a thread of Python that never rests.",
        head=in_forward("", "threading.Thread(target=lambda: all(True for _ in iter(int, 1)), daemon=True).start()"),
        truth={"mlp-forward": SLOWER},
        clue=r"thread",
        patience=2,
    ),
    Attack(
        name="burning-child",
        does="Importing the network starts a process that keeps a core busy as long as its parent lives.",
        head=in_forward(
            "",
            """
            import subprocess

            BURN = "import os; parent = os.getppid()\\nwhile os.getppid() == parent: pass"
            NOWHERE = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
            subprocess.Popen([sys.executable, "-c", BURN], **NOWHERE)
            """,
        ),
        truth={"mlp-forward": SLOWER},
        clue=r"child|process.{0,20}left|left.{0,20}process",
        patience=2,
    ),
    Attack(
        name="slower-backward",
        does="The backward spins for half a millisecond; the forward does not.",
        head=together(
            in_forward("", SPIN),
            replaced(
                NETWORK,
                "        return logits\n",
                "        if logits.requires_grad:\n"
                "            logits.register_hook(lambda _: spin(0.0005))\n"
                "        return logits\n",
            ),
        ),
        truth={"mlp-forward": UNCHANGED, "mlp-backward": SLOWER},
        options={"--step": "forward,backward"},
        patience=2,
    ),
)

LOOSENED = (
    Attack(
        name="loose-floor",
        does="The forward copies the input five times, and pyproject.toml says that 99 % do not count.",
        head=together(
            in_forward("[x.clone() for _ in range(5)]"),
            appended("pyproject.toml", '\n[tool.accelbench.floors]\n"mlp-forward-*" = 0.99\n'),
        ),
        truth={"mlp-forward": SLOWER},
        clue=r"0\.99|\b99(\.0*)? ?%",
    ),
    Attack(
        name="loose-tolerance",
        does="Half of the answers in float32 are zero, and the model allows itself errors of 0.9.",
        head=together(
            replaced(
                REGISTRY,
                "        build=_mlp(512),\n",
                "        build=_mlp(512),\n"
                '        tolerance=lambda roundoff, batch: {"output": 0.9, "loss": 0.9, "gradients": 0.9},\n',
            ),
            replaced(
                NETWORK,
                STACK,
                f"{STACK}\n"
                "        if x.dtype is torch.float32:\n"
                "            logits = logits * (torch.arange(CLASSES) % 2)",
            ),
            in_forward(""),
        ),
        truth={"mlp-forward": WRONG},
        clue=r"tolera",
    ),
)

HARMLESS = (
    Attack(
        name="identical",
        does="Nothing was changed.",
        head=unchanged,
        truth={"mlp-forward": UNCHANGED},
        committed=True,
        against=("--against", "HEAD", "--against-tip"),
    ),
    Attack(
        name="comment",
        does="The network has one more comment.",
        head=replaced(NETWORK, FLATTEN, f"        # Pixels in a row.\n{FLATTEN}"),
        truth={"mlp-forward": UNCHANGED},
    ),
    Attack(
        name="renamed",
        does="A variable of the forward has another name.",
        head=together(
            replaced(NETWORK, STACK, "answers: Tensor = self.linear_relu_stack(x)"),
            replaced(NETWORK, "        return logits\n", "        return answers\n"),
        ),
        truth={"mlp-forward": UNCHANGED},
    ),
    Attack(
        name="faster",
        does="Twenty copies of the input that base makes are gone.",
        base=in_forward(CLONES),
        head=replaced(NETWORK, CLONES, ""),
        truth={"mlp-forward": FASTER},
    ),
    Attack(
        name="slower",
        does="The forward copies the input twenty times.",
        head=in_forward(CLONES),
        truth={"mlp-forward": SLOWER},
    ),
)

ATTACKS = {
    attack.name: attack
    for attack in (*HARMLESS, *STALLS, *LEAKS, *LAZINESS, *MEMORIES, *LATE, *OUTSIDE, *MOVED, *LOOSENED)
}
"""Every attack by its name, the harmless first."""

SHORT = (
    "identical",
    "stall-30ms",
    "lazy-subclass",
    "lazy-meta",
    "memory-by-id",
    "zeros-without-collector",
    "data-file",
)
"""One of each kind that a few seconds can tell."""
