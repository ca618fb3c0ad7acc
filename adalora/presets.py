"""Three words for the modules of known model types that people adapt most."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .checks import one_of
from .errors import TargetError

WORDS: tuple[str, ...] = ("query-value", "attention", "feed-forward")


@dataclass(frozen=True)
class Preset:
    """Which modules of a model type the words name.

    Each field is a regular expression that must match whole components at the end of a module's name.
    A suffix alone could not say that BERT's ``output.dense`` is meant outside ``attention`` only, and a
    list of suffixes may hold none that a model lacks, as a T5 lacks either ``wi`` or ``wi_0``.

    Attributes:
        query_value: projections to queries and values, as in the LoRA paper. Where queries, keys and values
            come from one fused matrix it is that matrix.
        attention: all projections of self and cross attention, to the output too.
        feed_forward: the matrices between the attentions; in a mixture, those of all experts.
    """

    query_value: str
    attention: str
    feed_forward: str


_BERT = Preset(
    query_value="query|value",
    attention=r"query|key|value|(attention|crossattention)\.output\.dense",
    feed_forward=r"intermediate\.dense|layer\.\d+\.output\.dense",
)
_LLAMA = Preset("q_proj|v_proj", "q_proj|k_proj|v_proj|o_proj", "gate_proj|up_proj|down_proj")
# The experts of a layer lie in two fused parameters, each of which is adapted as if it were a module.
_EXPERTS = r"experts\.gate_up_proj|experts\.down_proj"
_MIXTURE = Preset(_LLAMA.query_value, _LLAMA.attention, _EXPERTS)
# BART's classification head has an out_proj too, so the name must say where.
_BART = Preset("q_proj|v_proj", r"q_proj|k_proj|v_proj|(self_attn|encoder_attn)\.out_proj", "fc1|fc2")

# Models of several parts give the modules of all parts; `exclude_modules` leaves a part out.
PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "bart": _BART,
        "bert": _BERT,
        "clip": _BART,
        "deberta-v2": Preset(
            query_value="query_proj|value_proj",
            # Some have projections of their own for positions.
            attention=r"(query|key|value|pos_query|pos_key)_proj|attention\.output\.dense",
            feed_forward=_BERT.feed_forward,
        ),
        "distilbert": Preset("q_lin|v_lin", "q_lin|k_lin|v_lin|out_lin", "lin1|lin2"),
        # The language model names its output projection o_proj, the vision tower out_proj.
        "gemma3": Preset(
            query_value="q_proj|v_proj",
            attention=r"q_proj|k_proj|v_proj|o_proj|self_attn\.out_proj",
            feed_forward="gate_proj|up_proj|down_proj|fc1|fc2",
        ),
        "gemma3_text": _LLAMA,
        # c_attn is queries, keys and values; in cross attention keys and values, beside q_attn.
        "gpt2": Preset(
            query_value="c_attn|q_attn",
            attention=r"c_attn|q_attn|(attn|crossattention)\.c_proj",
            feed_forward=r"mlp\.c_fc|mlp\.c_proj",
        ),
        # query_key_value is fused.
        "gpt_neox": Preset(
            query_value="query_key_value",
            attention=r"query_key_value|attention\.dense",
            feed_forward="dense_h_to_4h|dense_4h_to_h",
        ),
        "gpt_oss": _MIXTURE,
        "llama": _LLAMA,
        "mistral": _LLAMA,
        "mixtral": _MIXTURE,
        "opt": _BART,
        # qkv_proj is fused, and so is gate_up_proj.
        "phi3": Preset("qkv_proj", "qkv_proj|o_proj", "gate_up_proj|down_proj"),
        "qwen2": _LLAMA,
        "qwen3": _LLAMA,
        # Some layers may be plain ones.
        "qwen3_moe": Preset(
            query_value=_LLAMA.query_value,
            attention=_LLAMA.attention,
            feed_forward=f"{_EXPERTS}|{_LLAMA.feed_forward}",
        ),
        "roberta": _BERT,
        # Encoders of pictures, texts and boxes, the detector's encoder and decoder, and the attention of
        # masks to prompts. The heads that predict boxes, scores and masks are no feed-forward blocks.
        "sam3": Preset(
            query_value="q_proj|v_proj",
            attention=r"q_proj|k_proj|v_proj|o_proj|self_attn\.out_proj",
            feed_forward="fc1|fc2",
        ),
        "t5": Preset("q|v", "q|k|v|o", "wi|wi_0|wi_1|wo"),
        "vit": Preset("q_proj|v_proj", "q_proj|k_proj|v_proj|o_proj", "fc1|fc2"),
        "whisper": _BART,
    }
)


def preset(model_type: str, word: str) -> str:
    """Return the pattern of whole module names that ``word`` means in models of a type.

    Args:
        model_type: what the model's config calls its type, such as ``"bert"``.
        word: one of `WORDS`.

    Raises:
        ConfigError: ``word`` is none of the words.
        TargetError: the model type has no preset.
    """
    one_of("word", word, WORDS)
    if model_type not in PRESETS:
        raise TargetError(
            f"target_modules {word!r} has no meaning for model type {model_type!r}; allowed are models of "
            f"type {', '.join(PRESETS)}. Take 'all-linear' or the names of modules."
        )
    ends: str = getattr(PRESETS[model_type], word.replace("-", "_"))
    return rf"(.*\.)?({ends})"
