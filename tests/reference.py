"""AdaLoRA written from the equations of the paper, slowly and without the package: the oracle of the tests."""

from fractions import Fraction
from math import floor

import torch
from torch import nn


class NaiveLayer(nn.Module):
    """h = (W₀ + s·P diag(λ) Q) x + b with the dense matrix formed; ``weight`` is d₁ × d₂."""

    def __init__(self, weight, bias, P, Q, s):
        super().__init__()
        self.W0, self.bias, self.s = weight.clone(), bias.clone(), s
        self.P, self.Q = nn.Parameter(P.clone()), nn.Parameter(Q.clone())
        self.lam = nn.Parameter(torch.zeros(P.shape[1], dtype=P.dtype))

    def forward(self, x):
        return x @ (self.W0 + self.s * self.P @ torch.diag(self.lam) @ self.Q).T + self.bias


def budget(t, b0, bT, T, ti, tf):
    if t <= ti:
        return b0
    if t > T - tf:
        return bT
    return floor(bT + (b0 - bT) * (1 - Fraction(t - ti, T - ti - tf)) ** 3)


class NaiveAdaLoRA:
    """The loop around the layers; ``step`` is one optimizer step."""

    def __init__(
        self,
        layers,
        T,
        ti,
        tf,
        dT,
        bT,
        gamma,
        form,
        score_at,
        scorer,
        beta1=0.85,
        beta2=0.85,
        of="all",
        hard=False,
        unit="rank",
    ):
        self.of, self.hard, self.unit = of, hard, unit
        self.layers, self.T, self.ti, self.tf, self.dT, self.bT = layers, T, ti, tf, dT, bT
        self.gamma, self.form, self.score_at, self.scorer = gamma, form, score_at, scorer
        self.beta1, self.beta2, self.t = beta1, beta2, 0
        self.b0 = sum(self.price(k) * len(layer.lam) for k, layer in enumerate(layers))
        self.weights = [w for layer in layers for w in (layer.P, layer.lam, layer.Q)]
        self.I, self.I_bar, self.U = ([torch.zeros_like(w) for w in self.weights] for _ in range(3))
        self.kept = {(k, i) for k, layer in enumerate(layers) for i in range(len(layer.lam))}

    def counted(self):
        """P and Qᵀ of each matrix: all columns, or those of the triplets that are left for good."""
        for k, layer in enumerate(self.layers):
            left = sorted(i for j, i in self.kept if j == k)
            gone = self.of == "kept" and (self.hard or self.t >= self.T - self.tf)
            yield layer.P[:, left] if gone else layer.P
            yield layer.Q[left].T if gone else layer.Q.T

    def penalty(self):
        grams = [F.T @ F for F in self.counted()]
        norms = [(((g - torch.eye(len(g), dtype=g.dtype)) ** 2).sum()) for g in grams]
        norms = [n for n in norms if n > 0] if self.form == "mean_norm" else norms
        return sum(norms) if self.form == "squared_sum" else sum(n.sqrt() for n in norms) / len(grams)

    def price(self, k):
        return sum(self.layers[k].W0.shape) + 1 if self.unit == "parameter" else 1

    def best(self, every, b):
        order, spent, kept = (
            sorted(every, key=lambda ki: (-self.score(*ki) / self.price(ki[0]), ki)),
            0,
            set(),
        )
        for one in order:
            spent += self.price(one[0])
            if spent > b:
                break
            kept.add(one)
        return kept

    def observe(self):
        for k, w in enumerate(self.weights):
            self.I[k] = (w * w.grad).abs().detach()
            self.I_bar[k] = self.beta1 * self.I_bar[k] + (1 - self.beta1) * self.I[k]
            self.U[k] = self.beta2 * self.U[k] + (1 - self.beta2) * (self.I[k] - self.I_bar[k]).abs()

    def score(self, k, i):
        if self.scorer == "magnitude":
            return self.layers[k].lam[i].abs().item()
        s = (
            self.I
            if self.scorer == "sensitivity"
            else [a * b for a, b in zip(self.I_bar, self.U, strict=True)]
        )
        P, lam, Q = s[3 * k : 3 * k + 3]
        return (lam[i] + P[:, i].mean() + Q[i, :].mean()).item()

    def step(self, loss, optimizer):
        optimizer.zero_grad()
        (loss + self.gamma * self.penalty()).backward()
        self.t += 1
        last = self.T - self.tf
        if self.score_at == "before_step" and self.t <= last:
            self.observe()
        optimizer.step()
        if self.score_at == "after_step" and self.t < last:
            self.observe()
        if self.ti < self.t <= last and (self.t % self.dT == 0 or self.t == last):
            b = budget(self.t, self.b0, self.bT, self.T, self.ti, self.tf)
            every = [(k, i) for k, layer in enumerate(self.layers) for i in range(len(layer.lam))]
            every = [one for one in every if one in self.kept or not self.hard]
            self.kept = self.best(every, b)
        elif self.t <= last and not self.hard:
            return
        for k, layer in enumerate(self.layers):
            for i in range(len(layer.lam)):
                if (k, i) not in self.kept:
                    layer.lam.data[i] = 0.0
