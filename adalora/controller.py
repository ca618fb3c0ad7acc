"""AdaLoRA's control loop: penalty, scores and allocation around an optimizer's step."""

import dataclasses
import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed import ProcessGroup
from torch.distributed.fsdp import FSDPModule
from torch.optim import Optimizer

from . import hooks
from .allocation import UNITS, Allocation, Decision, require_finite, top_triplets
from .config import AllocationConfig
from .controller_state import (
    Average,
    check_tensors,
    differences,
    name_averages,
    read_state,
    resumed,
    tensor_names,
)
from .errors import StateError
from .guard import Guard
from .history import History
from .measurement import Measurement
from .peers import agreed
from .pruning import hold_, kept, living, prune_
from .release import Release
from .scorers import make_scorer
from .shards import settle
from .steered import budget_schedule, svd_updates, triplet_prices
from .wrappers import require_shaped_model, require_shaped_optimizer


class AdaLoRAController:
    """Adds the penalty's gradient, scores triplets and prunes them, step by step.

    `attach` is all that a training loop needs. The order in one step is: gradients → penalty's gradient →
    scores → optimizer update → pruning. The loss is never touched, so an evaluation loss is the task's alone.
    Source: Zhang et al. 2023, arXiv 2303.10512, algorithm 1.

    Args:
        model: a model with SVD updates, see `adalora.inject`.
        config: how rank is allocated; ``total_steps`` must be set.
        name: name of the adapter to control.
        group: the processes that train this model together, whose budget updates the first of them decides;
            None for all that there are. One that trains a model for itself names a group of one.

    Attributes:
        name: name of the adapter.
        config: as given.
        group: as given.
        schedule: the budget curve b(t), in triplets or parameters as ``config.budget_unit`` says.
        step: optimizer steps taken so far.
        penalty: γ·R at the latest step, a scalar tensor; zero before the first.
        history: the state before training and every budget update since, a sequence of `Allocation`.
        decision: scores and choice of the latest budget update, of all triplets that there were; None before
            the first, and behind a resume.

    Raises:
        ConfigError: ``total_steps`` is missing, ``target_rank`` is above the initial average, the scorer is
            unknown, or the model has no SVD update of that name.
        StateError: DeepSpeed or the first FSDP keeps the parameters flattened.
    """

    def __init__(
        self,
        model: nn.Module,
        config: AllocationConfig,
        name: str = "default",
        *,
        group: ProcessGroup | None = None,
    ) -> None:
        require_shaped_model(model)
        self.name = name
        self.group = group
        self._model = model
        self._updates = svd_updates(model, name)
        self._in_order = list(self._updates.values())
        self.config = config
        self.schedule = budget_schedule(config, self._in_order)
        scorer = make_scorer(config.scorer, config.beta1, config.beta2)
        self._measurement = Measurement(self._in_order, scorer)
        self._release = Release(model, name, self._in_order, self._measurement, config, group=group)
        self.step = 0
        self.penalty = torch.zeros(())
        full = {module: update.lam.numel() for module, update in self._updates.items()}
        self.history = History(Allocation(0, self.schedule.initial, None, full))
        self._hooks: ExitStack | None = None
        self._optimizer: Optimizer | None = None
        self._sharding: list[FSDPModule] | None = None  # not known yet
        self._guard = Guard(model, config.nonfinite)
        self._counts = False  # whether the step under way does: only where it began here
        self.decision: Decision | None = None

    # The loop

    def attach(self, optimizer: Optimizer) -> None:
        """Let the optimizer's own step hooks do everything from now on.

        Works with gradient accumulation, clipping, closures, GradScaler and wrapped optimizers.

        Raises:
            StateError: attached already, another controller steers this adapter on the same optimizer, the
                adapter is frozen, the optimizer lacks some of its parameters, or DeepSpeed or the first FSDP
                keeps them flattened.
        """
        if self._hooks is not None:
            raise StateError("the controller is attached already; call detach() first.")
        require_shaped_model(self._model)
        require_shaped_optimizer(optimizer)
        optimizer = hooks.unwrap(optimizer)
        self._settle()
        hooks.require_parameters(optimizer, self._named_weights())
        self._hooks = hooks.register(optimizer, self._weights(), self.before_step, self.after_step)
        self._optimizer = optimizer
        # A library may shard model and optimizer between here and the first step.
        self._sharding = None

    def detach(self) -> None:
        """Remove the hooks; the optimizer is as it was before `attach`.

        What is pruned is zero from here on, also when training stops between two budget updates. Tensors that
        could not shrink while several processes trained shrink now, unless a wrapper still holds the model;
        `adalora.compact_` does it when the wrapper is gone.
        """
        if self._hooks is not None:
            self._hooks.close()
            self._hooks = None
            self._settle()
            hold_(self._in_order)
            if self._for_good:
                self._release.at_the_end(self._optimizer, self.history[-1].ranks)
            self._optimizer = None

    @torch.no_grad()
    def before_step(self, optimizer: Optimizer | None = None) -> None:
        """Count the step, add the penalty's gradient, and score; call it between backward and the update.

        Args:
            optimizer: read for what a GradScaler leaves on a fused optimizer; a step that overflowed changes
                nothing here, and neither does one while `adalora.set_adapter` lets another adapter train.
                All that it holds is watched for gradients that are not finite; without it, the adapter alone.

        Raises:
            StateError: a gradient is not finite, with ``nonfinite="raise"``; nothing has changed.
        """
        self._counts = False
        if hooks.overflowed(optimizer) or self._rests():
            return
        self._settle()
        if self._guard.leaves_out(optimizer, self._named_weights(), self.step + 1):
            return
        self._tell_of_the_end()  # with warnings as errors it raises, and nothing has changed
        self._counts = True
        if self.step == 0:  # a new run starts with all triplets, whatever an earlier one has pruned
            for update in self._in_order:
                update.mask.fill_(True)
            self._measurement.refit()  # the model is on its device by now
        self._follow()
        self.step += 1
        scale, config, gamma = hooks.grad_scale(optimizer), self.config, self.config.orthogonality
        scores = config.score_at == "before_step" and self.step <= self._last_decision
        scores_behind = config.score_at == "after_step" and self.step < self._last_decision
        if scores or gamma > 0:
            self._measurement.take_weights()
        if gamma > 0:
            self.penalty = self._measurement.add_penalty_gradient(gamma, config.orthogonality_form, scale)
        if scores or scores_behind:  # a fused optimizer divides them in place, in which a float16 vanishes
            self._measurement.take_gradients(scale)
        if scores:
            self._measurement.observe()

    @torch.no_grad()
    def after_step(self, optimizer: Optimizer | None = None) -> None:
        """Prune where a budget update is due; call it behind the optimizer's update, before zero_grad.

        Args:
            optimizer: see `before_step`.

        Raises:
            StateError: a budget update is due and a score is NaN or infinite; no triplet is pruned.
        """
        if not self._counts:
            hooks.end_step(optimizer)
            return
        if self.config.score_at == "after_step" and self.step < self._last_decision:
            self._measurement.take_weights()
            self._measurement.observe()
        if self.schedule.is_update(self.step):
            self._allocate()
            if self._for_good:
                self._release.while_training(optimizer, self.history[-1].ranks)
        elif self._for_good:
            hold_(self._in_order)

    def _tell_of_the_end(self) -> None:
        if self.step == self.schedule.total_steps:
            warnings.warn(
                f"training outruns total_steps = {self.schedule.total_steps}; the budget stays at its target "
                f"of {self.schedule.target} {UNITS[self.config.budget_unit]}. Set total_steps to the steps "
                f"you train for.",
                stacklevel=3,
            )

    def _rests(self) -> bool:
        """Tell whether another adapter trains in place of this one, whose steps do not count then."""
        return not any(update.lam.requires_grad for update in self._in_order)

    # What can be asked

    @property
    def skipped(self) -> int:
        """Steps left out so far with ``nonfinite="skip"``; they are not in ``step``."""
        return self._guard.skipped

    @property
    def budget(self) -> int:
        """b(t) at the latest budget update: the triplets alive over all matrices, or what they may cost."""
        return self.history[-1].budget

    @property
    def nbytes(self) -> int:
        """Bytes of the tensors that the controller keeps beside the model, on the device of the updates."""
        latest = () if self.decision is None else (self.decision.flat_scores, self.decision.flat_alive)
        return self._measurement.nbytes + sum(tensor.nbytes for tensor in latest)

    def ranks(self) -> dict[str, int]:
        """Return the triplets that the latest budget update kept in each matrix, by module name."""
        return dict(zip(self._updates, kept(self._in_order), strict=True))

    @torch.no_grad()
    def scores(self) -> dict[str, Tensor]:
        """Return S of each triplet, shaped like λ, by module name; at first that of the start.

        Where the model is sharded, all processes have to ask at once.
        """
        self._fit()
        self._settle()
        found = dict(zip(self._updates, self._measurement.scores(), strict=True))
        self._sharding = None  # a library may still shard the model before the first step
        return found

    # Saving

    def state_dict(self) -> dict[str, Any]:
        """Return everything that a resumed run needs beside model and optimizer.

        Returns:
            ``step``, ``skipped``, ``history`` and ``config`` as plain data; ``tensors`` by name, not copied.
        """
        self._fit()
        return {
            "step": self.step,
            "skipped": self.skipped,
            "config": dataclasses.asdict(self.config),
            "history": self.history.as_json(),
            "tensors": {one.name: one.tensor for one in self._averages()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up a run where `state_dict` left it.

        Raises:
            CheckpointError: the state is of another scorer or of other matrices, or it is damaged.
                Nothing changes.
        """
        self.prepare_state(state)()

    def prepare_state(
        self, state: dict[str, Any], triplets: Mapping[str, int] | None = None
    ) -> Callable[[], None]:
        """Check what `load_state_dict` would load; return a function that loads it and cannot fail.

        Settings that differ from the saved ones are warned about, since the run will not be the one that it
        would have been.

        Args:
            state: what `state_dict` returned.
            triplets: how many triplets the tensors of each module will hold when the function is called; None
                for as many as now.

        Raises:
            CheckpointError: see `load_state_dict`.
        """
        saved = read_state(state, self.config)
        self._fit()
        check_tensors(self._averages(), saved.tensors, triplets or {})
        schedule = resumed(self.schedule, saved)
        differing = differences(saved.config, self.config)
        if differing:
            warnings.warn(f"the run is taken up with other settings: {', '.join(differing)}.", stacklevel=3)

        def take_up() -> None:
            self.step, self._guard.skipped = saved.step, saved.skipped
            self.history, self.schedule = saved.history, schedule
            self._measurement.refit()
            self._sharding = None
            for one in self._averages():
                one.tensor.copy_(saved.tensors[one.name])
            if self._for_good:
                self._release.count()

        return take_up

    # Inside

    @property
    def _last_decision(self) -> int:
        """T − t_f, the step at which the pattern is decided for good."""
        return self.schedule.total_steps - self.schedule.final_steps

    @property
    def _for_good(self) -> bool:
        """Whether what is pruned by now cannot come back."""
        return self.step > 0 and (self.config.prune == "hard" or self.step >= self._last_decision)

    def _weights(self) -> list[Tensor]:
        return [weight for u in self._in_order for weight in (u.P, u.lam, u.Q)]

    def _named_weights(self) -> list[tuple[str, Tensor]]:
        return list(zip(tensor_names(self._updates), self._weights(), strict=True))

    def _averages(self) -> list[Average]:
        return list(name_averages(self._measurement.averages(), list(self._updates)))

    def _fit(self) -> None:
        """Follow a model that has moved before the first step."""
        if self.step == 0 and not self._measurement.fits:
            self._measurement.refit()

    def _settle(self) -> None:
        """Let the parameters of a sharded model be the shards that the optimizer holds."""
        if self._sharding is None or self.step == 0:
            self._sharding = settle(self._model)
            self._measurement.find_parameters()
        for module in self._sharding:
            module.reshard()

    def _follow(self) -> None:
        """Notice that somebody else has shrunk the tensors."""
        if [update.lam.shape[-1] for update in self._in_order] == self._measurement.layout.ranks:
            return
        if not self._for_good:
            raise StateError(
                f"the tensors have shrunk at step {self.step}, while pruned triplets could still come back; "
                f"allowed: compact_ from step {self._last_decision} on, or prune='hard', which shrinks them."
            )
        self._measurement.refit()
        self._release.count()

    def _allocate(self) -> None:
        budget = self.schedule.budget(self.step)
        scores = seen = agreed(self._measurement.triplets(), self.group)
        if self.config.prune == "hard":
            scores = scores.masked_fill(~living(self._in_order), -torch.inf)
        prices = triplet_prices(self.config, self._in_order)
        alive, values = top_triplets(scores, budget, prices if prices is None else prices.to(scores.device))
        require_finite(values, self.step)
        prune_(self._in_order, alive)
        shapes = {module: update.mask.shape for module, update in self._updates.items()}
        self.decision = Decision(self.step, seen, alive, shapes)
        threshold = values[-1].item() if values.numel() > 0 else None
        self.history.append(Allocation(self.step, budget, threshold, self.ranks()))
