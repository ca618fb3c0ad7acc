"""A run that is stopped and resumed is the run that was never stopped, bit for bit."""

import dataclasses
import itertools
from dataclasses import dataclass, field

import pytest
import torch
from torch import nn

import adalora
from adalora import AdaLoRAController, AdapterConfig, AllocationConfig

STEPS = 20
# Where a run of 20 steps with these phases is stopped, by what has just happened.
STOPS = {
    "the-first-step": 1,
    "before-the-decay": 4,
    "within-the-decay": 7,
    "a-budget-update": 8,
    "the-last-decision": 14,
    "after-shrinking": 17,
}
ALLOCATION = AllocationConfig(
    target_rank=2, total_steps=STEPS, warmup_steps=4, final_steps=6, interval=2, orthogonality=0.1
)


class Net(nn.Module):
    """Wide enough for blocks of 64 weights in 4 bits; dropout inside, as many models have it."""

    def __init__(self):
        super().__init__()
        self.up, self.down = nn.Linear(64, 64), nn.Linear(64, 64)
        self.drop, self.head = nn.Dropout(0.2), nn.Linear(64, 3)

    def forward(self, x):
        return self.head(self.drop(self.down(torch.tanh(self.up(x)))))


@dataclass(frozen=True)
class Case:
    name: str
    adapter: dict = field(default_factory=dict)
    allocation: dict = field(default_factory=dict)
    bits: str = ""
    dtype: torch.dtype = torch.float32
    optimizer: type = torch.optim.AdamW
    options: dict = field(default_factory=dict)


ADAPTERS = {
    "svd": Case("svd"),
    "dora": Case("dora", {"dora": True}),
    "4-bit": Case("4-bit", bits="nf4"),
    "4-bit-dora": Case("4-bit-dora", {"dora": True}, bits="nf4"),
    "pissa": Case("pissa", {"init": "pissa"}),
    "bfloat16": Case("bfloat16", dtype=torch.bfloat16),
}
SCORERS = ("sensitivity_uncertainty", "sensitivity", "magnitude")
PRUNES = ("soft", "hard")
# One of everything; the rest of the product is slow.
SAMPLE = [
    *ADAPTERS.values(),
    *(Case(scorer, allocation={"scorer": scorer}) for scorer in SCORERS[1:]),
    Case("hard", allocation={"prune": "hard"}),
    Case("not-compact", allocation={"compact": False}),
    Case("after-step", allocation={"score_at": "after_step"}),
    Case("in-parameters", allocation={"budget_unit": "parameter"}),
    Case("skip", allocation={"nonfinite": "skip"}),
    Case("fused", options={"fused": True}),
    Case("momentum", optimizer=torch.optim.SGD, options={"momentum": 0.9}),
]
PRODUCT = [
    dataclasses.replace(
        case,
        name=f"{name}-{scorer}-{prune}-{score_at}",
        allocation={"scorer": scorer, "prune": prune, "score_at": score_at},
    )
    for (name, case), scorer, prune, score_at in itertools.product(
        ADAPTERS.items(), SCORERS, PRUNES, ("before_step", "after_step")
    )
]


class Run:
    """A plain loop: model, optimizer, learning rates and controller, and what it has seen."""

    def __init__(self, case, folder=None):
        torch.manual_seed(3)
        model = Net().to(case.dtype)
        if case.bits:
            adalora.quantize_(model, case.bits, exclude_modules=["head"])
        settings = {"rank": 4, "target_modules": ["up", "down"], "train_modules": ["head"], "dropout": 0.1}
        adalora.inject(model, AdapterConfig(**settings | case.adapter))
        self.model = model
        self.controller = AdaLoRAController(model, dataclasses.replace(ALLOCATION, **case.allocation))
        if folder is not None:  # first of all, so that the optimizer's state meets parameters of its size
            adalora.load(model, folder, self.controller)
        weights = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = case.optimizer(weights, lr=5e-3, **case.options)
        self.rates = torch.optim.lr_scheduler.LinearLR(self.optimizer, 1.0, 0.1, STEPS)
        self.controller.attach(self.optimizer)
        self.seen = []
        if folder is not None:
            rest = torch.load(folder / "rest.pt")
            self.optimizer.load_state_dict(rest["optimizer"])
            self.rates.load_state_dict(rest["rates"])
            torch.set_rng_state(rest["generator"])

    def save(self, folder):
        """Save everything that a user has to: ours, and what torch has a state_dict for."""
        adalora.save(self.model, folder, self.controller)
        rest = {"optimizer": self.optimizer.state_dict(), "rates": self.rates.state_dict()}
        torch.save(rest | {"generator": torch.get_rng_state()}, folder / "rest.pt")

    def train(self, begin, end):
        for step in range(begin, end):
            generator = torch.Generator().manual_seed(step)
            x = torch.randn(8, 64, generator=generator).to(next(self.model.head.parameters()).dtype)
            y = torch.randint(3, (8,), generator=generator)
            loss = nn.functional.cross_entropy(self.model(x), y)
            loss.backward()
            self.optimizer.step()
            self.rates.step()
            self.optimizer.zero_grad()
            scores = {name: one.clone() for name, one in self.controller.scores().items()}
            self.seen.append((loss.item(), self.controller.penalty.item(), self.controller.ranks(), scores))


def assert_same(whole, resumed, stop):
    for number, (one, two) in enumerate(zip(whole.seen[stop:], resumed.seen, strict=True), start=stop):
        assert one[:3] == two[:3], f"step {number + 1}"
        torch.testing.assert_close(one[3], two[3], rtol=0, atol=0)
    assert whole.controller.history == resumed.controller.history
    first, second = (run.controller.state_dict() for run in (whole, resumed))
    torch.testing.assert_close(first.pop("tensors"), second.pop("tensors"), rtol=0, atol=0)
    assert first == second
    weights = [dict(run.model.named_parameters()) for run in (whole, resumed)]
    torch.testing.assert_close(*weights, rtol=0, atol=0)
    masks = [{n: b for n, b in run.model.named_buffers() if n.endswith("mask")} for run in (whole, resumed)]
    torch.testing.assert_close(*masks, rtol=0, atol=0)
    states = [run.optimizer.state_dict()["state"] for run in (whole, resumed)]
    torch.testing.assert_close(*states, rtol=0, atol=0)


def resume_at(case, stops, folder):
    """Train once, saving at each of the steps; resume from each, and compare with the run that went on."""
    whole = Run(case)
    begin = 0
    for stop in sorted(stops):
        whole.train(begin, stop)
        begin = stop
        whole.save(folder / str(stop))
    whole.train(begin, STEPS)
    assert whole.controller.budget == whole.controller.schedule.target
    for stop in stops:
        torch.manual_seed(1000 + stop)  # whatever the generator is elsewhere
        resumed = Run(case, folder / str(stop))
        resumed.train(stop, STEPS)
        assert_same(whole, resumed, stop)


@pytest.mark.parametrize("case", SAMPLE, ids=lambda case: case.name)
def test_a_plain_loop_goes_on_where_it_was(case, tmp_path):
    resume_at(case, STOPS.values(), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("case", PRODUCT, ids=lambda case: case.name)
def test_a_plain_loop_goes_on_from_every_step(case, tmp_path):
    resume_at(case, range(1, STEPS), tmp_path)


def test_it_has_shrunk_where_the_table_says_so():
    run = Run(SAMPLE[0])
    for stop in STOPS.values():
        run.train(run.controller.step, stop)
        shrunk = any(layer.update.lam.numel() < 4 for layer in adalora.adapters(run.model).values())
        assert shrunk == (stop >= STOPS["the-last-decision"])
        assert run.controller.schedule.is_update(stop) == (stop in (8, 14))
