"""Models, tokenizers and data sets that need no hub: small enough for every test, of the same layout as real ones."""

import json
from pathlib import Path

from tokenizers import Tokenizer, pre_tokenizers, processors
from tokenizers.models import WordLevel
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BertModel,
    DebertaV2Config,
    DebertaV2Model,
    GPT2Config,
    GPT2Model,
    PreTrainedTokenizerFast,
)

from experiments import packages
from experiments.config import RunConfig
from experiments.tasks.newsgroups import GROUPS

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = [
    *"abcdefghijklmnopqrstuvwxyz.?",
    "good",
    "bad",
    "film",
    "the",
    "who",
    "was",
    "noun",
    "answer",
    "here",
    "is",
]
VOCABULARY = [*SPECIAL, *WORDS]
HIDDEN, POSITIONS = 16, 64


def save_tokenizer(folder, vocabulary=VOCABULARY):
    ids = {word: i for i, word in enumerate(vocabulary)}
    backend = Tokenizer(WordLevel(ids, unk_token=SPECIAL[1]))
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    names = {f"{kind}_token": f"[{kind.upper()}]" for kind in ("pad", "unk", "cls", "sep", "mask")}
    PreTrainedTokenizerFast(tokenizer_object=backend, **names).save_pretrained(folder)


def save_bert(folder):
    config = BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=HIDDEN,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=POSITIONS,
    )
    BertModel(config).save_pretrained(folder)
    save_tokenizer(folder)


def save_deberta(folder):
    config = DebertaV2Config(
        vocab_size=len(VOCABULARY),
        hidden_size=HIDDEN,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=POSITIONS,
        relative_attention=True,
        pos_att_type=["p2c", "c2p"],
        position_buckets=8,
        share_att_key=True,
        norm_rel_ebd="layer_norm",
        position_biased_input=False,
        type_vocab_size=0,
    )
    DebertaV2Model(config).save_pretrained(folder)
    save_tokenizer(folder)


def save_bart(folder):
    config = BartConfig(
        vocab_size=len(VOCABULARY),
        d_model=HIDDEN,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=24,
        decoder_ffn_dim=24,
        max_position_embeddings=POSITIONS,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
        decoder_start_token_id=3,
        forced_eos_token_id=3,
    )
    BartForConditionalGeneration(config).save_pretrained(folder)
    save_tokenizer(folder)


def save_gpt2(folder, vocabulary=VOCABULARY):
    """Write a decoder whose tokenizer has no padding token."""
    ids = {"vocab_size": len(vocabulary), "bos_token_id": 2, "eos_token_id": 3}
    GPT2Model(GPT2Config(n_positions=POSITIONS, n_embd=HIDDEN, n_layer=2, n_head=2, **ids)).save_pretrained(
        folder
    )
    save_tokenizer(folder, vocabulary)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, pad_token=None, eos_token="[SEP]")  # noqa: S106
    tokenizer.save_pretrained(folder)


def write_split(folder, split, rows):
    """Write rows as one JSON object a line."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(row) for row in rows]
    (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def opinions(count, start=0):
    """Return sentences whose label is plain to see."""
    rows = []
    for i in range(start, start + count):
        word = "good" if i % 2 else "bad"
        rows.append({"text": f"the film was {word} {WORDS[i % 26]} .", "label": i % 2})
    return rows


def write_opinions(folder, train=32, held=10):
    write_split(folder, "train", opinions(train))
    return write_split(folder, "validation", opinions(held, start=7))


def config(model_folder, data_folder, output, **changes):
    """Return settings of a run that takes a second: a local model on a local data set of two classes."""
    settings = {
        "name": "tiny",
        "task": "hub:opinions",
        "model": str(model_folder),
        "output_dir": str(output),
        "adapter": {
            "recipe": "paper",
            "rank": 4,
            "target_modules": ["query", "key", "value", "dense"],
            "exclude_modules": ["pooler"],
            "train_modules": ["classifier"],
        },
        "allocation": {
            "recipe": "paper",
            "target_rank": 2,
            "warmup_steps": 2,
            "final_steps": 2,
            "interval": 1,
        },
        "training": {"max_steps": 8, "batch_size": 4, "log_every": 2},
        "data": {"path": str(data_folder), "max_length": 16},
        "evaluation": {"every": 4, "batch_size": 8},
    }
    return build(settings | changes)


def build(settings):
    """Return a `RunConfig` from nested plain data."""
    parts = {field.name: field.type for field in RunConfig.__dataclass_fields__.values()}
    return RunConfig(
        **{
            name: parts[name](**value) if isinstance(value, dict) else value
            for name, value in settings.items()
        }
    )


def write_newsgroups(root, train=40, test=10):
    """Write the two files of 20 Newsgroups below a root of packages; one message is in both, one comes twice."""
    path = Path(root) / packages.NEWSGROUPS.inside
    path.parent.mkdir(parents=True)
    for name, count in (("train", train), ("test", test)):
        groups = [GROUPS[i % len(GROUPS)] for i in range(count)]
        lines = [f"{group}\t{group.split('.')[-1]} {name} {i}" for i, group in enumerate(groups)]
        lines += ["sci.med\tmed in both", *lines[:1]]
        text = "\n".join(["Category\tText", "d\tstring", "class\t", "", *lines, ""])
        path.with_name(f"20newsgroups-{name}.tab").write_text(text, encoding="utf-8")
    return path
