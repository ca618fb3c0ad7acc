"""Small random models and batches, on which every test can train in milliseconds."""

import torch
from torch import nn
from transformers import BertConfig, BertForSequenceClassification, GPT2Config, GPT2LMHeadModel

VOCABULARY = 40


class MLP(nn.Module):
    """Two linear layers and a head, with the loss inside as transformers has it."""

    def __init__(self, d=6, hidden=8, classes=3):
        super().__init__()
        self.up = nn.Linear(d, hidden)
        self.down = nn.Linear(hidden, d)
        self.head = nn.Linear(d, classes)

    def forward(self, x, y=None):
        logits = self.head(self.down(torch.tanh(self.up(x))))
        return logits if y is None else nn.functional.cross_entropy(logits, y)


def mlp(**sizes):
    return MLP(**sizes).double()


def mlp_batches(steps, size=5, d=6, classes=3, seed=1):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        x = torch.randn(size, d, generator=generator, dtype=torch.float64)
        yield x, torch.randint(classes, (size,), generator=generator)


def bert(layers=2, labels=3):
    config = BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=16,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=32,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        num_labels=labels,
    )
    return BertForSequenceClassification(config)


def gpt2(layers=2):
    config = GPT2Config(
        vocab_size=VOCABULARY,
        n_positions=32,
        n_embd=16,
        n_layer=layers,
        n_head=2,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=0,
    )
    return GPT2LMHeadModel(config)


def bert_batches(steps, size=4, length=7, labels=3, seed=1):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        ids = torch.randint(VOCABULARY, (size, length), generator=generator)
        yield {"input_ids": ids, "labels": torch.randint(labels, (size,), generator=generator)}


def gpt2_batches(steps, size=4, length=7, seed=1):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        ids = torch.randint(VOCABULARY, (size, length), generator=generator)
        yield {"input_ids": ids, "labels": ids}
