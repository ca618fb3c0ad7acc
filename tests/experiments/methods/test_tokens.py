"""Trained tokens around the text, beside models that get them by hand."""

import pytest
import torch
from torch import nn

from adalora import ConfigError
from experiments.config import TokensConfig
from experiments.methods.families import FAMILIES
from experiments.methods.stacks import stacks
from experiments.methods.tokens import tokens
from tests.experiments.tiny_families import CLASSIFIERS, LAYERS, MODELS, WIDTH, WRITERS, made, text

P, N = 3, 2
ENCODERS = ("bert", "roberta", "deberta-v2")


def put(model, every_layer, prefix=P, infix=N):
    """Put tokens on whose values are drawn anew: those of a start are the model's own."""
    (held,) = tokens("t", every_layer=every_layer).put_on(model, TokensConfig(prefix, infix)).modules
    nn.init.normal_(held.values, std=0.5)
    return held


def stack_of(model):
    return FAMILIES[model.config.model_type].stack(model.base_model)


def around(model, held, row, more=()):
    """Return what a stack gets for one text, and more that follows: the tokens' and the words' embeddings."""
    embed, values = stack_of(model).get_input_embeddings(), held.values[0]
    behind = embed(torch.tensor(list(more), dtype=torch.long))
    return torch.cat([values[:P], embed(row), values[P:], behind])[None]


@pytest.mark.parametrize("name", [*ENCODERS, "bart"])
def test_an_encoder_says_of_the_text_what_it_says_with_embeddings_put_in_by_hand(name):
    model, bare = made(MODELS[name]), made(MODELS[name])
    held = put(model, every_layer=False)
    row = text(rows=1)
    with torch.no_grad():
        found = stack_of(model)(input_ids=row, output_hidden_states=True)
        hidden = stack_of(bare)(inputs_embeds=around(bare, held, row[0])).last_hidden_state
    torch.testing.assert_close(found.last_hidden_state, hidden[:, P:-N])
    torch.testing.assert_close(found.hidden_states[-1], hidden[:, P:-N])


@pytest.mark.parametrize("every_layer", [False, True])
@pytest.mark.parametrize("name", ENCODERS)
def test_heads_read_cls_and_padding_changes_nothing(name, every_layer):
    model = made(MODELS[name])
    held = put(model, every_layer)
    ids, mask = text(), torch.ones(2, 6, dtype=torch.long)
    ids[0, 4:] = mask[0, 4:] = 0
    with torch.no_grad():
        both = model(input_ids=ids, attention_mask=mask).logits
        alone = [model(input_ids=row[m == 1][None]).logits for row, m in zip(ids, mask, strict=True)]
    torch.testing.assert_close(both, torch.cat(alone))
    nn.init.zeros_(held.values)
    with torch.no_grad():
        assert not torch.allclose(model(input_ids=ids, attention_mask=mask).logits, both, atol=1e-3)


def test_the_pooler_reads_the_first_word_and_not_the_first_token():
    model, bare = made(MODELS["bert"]), made(MODELS["bert"])
    held = put(model, every_layer=False)
    row = text(rows=1)
    with torch.no_grad():
        found = model(input_ids=row, token_type_ids=torch.zeros_like(row)).logits
        hidden = bare.bert(inputs_embeds=around(bare, held, row[0])).last_hidden_state
        by_hand = bare.classifier(torch.tanh(bare.bert.pooler.dense(hidden[:, P])))
    torch.testing.assert_close(found, by_hand)


@pytest.mark.parametrize("infix", [0, N])
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("every_layer", [False, True])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_decoder_that_classifies_reads_the_end_of_the_prompt(name, every_layer, side, infix):
    model = made(CLASSIFIERS[name])
    held = put(model, every_layer, infix=infix)
    ids, mask = text(), torch.ones(2, 6, dtype=torch.long)
    filled = slice(0, 2) if side == "left" else slice(4, 6)
    ids[0, filled] = mask[0, filled] = 0
    with torch.no_grad():
        both = model(input_ids=ids, attention_mask=mask).logits
        alone = [model(input_ids=row[m == 1][None]).logits for row, m in zip(ids, mask, strict=True)]
        torch.testing.assert_close(both, torch.cat(alone))
        if not every_layer and infix:
            bare = made(CLASSIFIERS[name])
            hidden = bare.base_model(inputs_embeds=around(bare, held, ids[1])).last_hidden_state
            torch.testing.assert_close(both[1], bare.score(hidden[0, -1]))


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("name", WRITERS)
def test_what_is_generated_is_what_a_loop_without_a_cache_writes(name, beams):
    model, bare = made(MODELS[name]), made(MODELS[name])
    held = put(model, every_layer=False)
    ids, mask = text(), torch.ones(2, 6, dtype=torch.long)
    ids[0, :2] = mask[0, :2] = 0
    settings = {"max_new_tokens": 6, "do_sample": False, "num_beams": beams, "eos_token_id": None}
    written = model.generate(input_ids=ids, attention_mask=mask, **settings)[:, 6:]
    for row, kept, found in zip(ids, mask, written.tolist(), strict=True):
        words = row[kept == 1]
        if beams > 1:  # the library's own search, on embeddings put in by hand
            embeds = around(bare, held, words)
            by_hand = bare.generate(
                inputs_embeds=embeds, attention_mask=embeds.new_ones(1, embeds.shape[1]).long(), **settings
            )[0].tolist()
        else:
            by_hand = []
            for _ in range(6):
                with torch.no_grad():
                    logits = bare(inputs_embeds=around(bare, held, words, by_hand)).logits
                by_hand.append(int(logits[0, -1].argmax()))
        assert found == by_hand


@pytest.mark.parametrize("name", WRITERS)
def test_activations_stay_trained_ones_while_text_is_generated(name):
    model = made(MODELS[name])
    put(model, every_layer=True, infix=0)
    row = text(rows=1)
    written = model.generate(input_ids=row, max_new_tokens=5, do_sample=False, eos_token_id=None)
    for end in range(6, 11):  # without an infix a text can be read again from its beginning
        with torch.no_grad():
            assert (
                model(input_ids=written[:, :end], use_cache=False).logits[0, -1].argmax() == written[0, end]
            )


@pytest.mark.parametrize("name", WRITERS)
def test_the_infix_stands_between_prompt_and_completion(name):
    model, bare = made(MODELS[name]), made(MODELS[name])
    held = put(model, every_layer=False)
    row = text(rows=1, length=7)[0]
    prompt, rest = row[:4], row[4:]
    ids, mask = row[None].repeat(2, 1), torch.ones(2, 7, dtype=torch.long)
    ids[1, 5:] = mask[1, 5:] = 0
    labels = ids.clone()
    labels[:, :4] = labels[1, 5:] = -100
    with torch.no_grad():
        found = model(input_ids=ids[:1], labels=labels[:1])
        embeds = around(bare, held, prompt, rest.tolist())
        told = torch.full(embeds.shape[:2], -100)
        told[0, -3:] = rest
        by_hand = bare(inputs_embeds=embeds, labels=told)
        padded = model(input_ids=ids, attention_mask=mask, labels=labels)
    torch.testing.assert_close(found.loss, by_hand.loss)
    torch.testing.assert_close(found.logits[0, 3:], by_hand.logits[0, P + 4 + N - 1 :])
    torch.testing.assert_close(padded.logits[1, :5], found.logits[0, :5])
    # The next text has no labels, and its prompt is all of it.
    with torch.no_grad():
        again = model(input_ids=row[None]).logits[0, -1]
        torch.testing.assert_close(again, bare(inputs_embeds=around(bare, held, row)).logits[0, -1])


def test_labels_that_leave_nothing_to_be_written_or_everything():
    model = made(MODELS["gpt2"])
    put(model, every_layer=True)
    row = text(rows=1)
    with torch.no_grad():
        plain = model(input_ids=row).logits
        torch.testing.assert_close(model(input_ids=row, labels=torch.full_like(row, -100)).logits, plain)
        assert model(input_ids=row, labels=row).logits.shape == plain.shape


@pytest.mark.parametrize("name", MODELS)
def test_every_layer_gets_the_trained_activations(name):
    model = made(MODELS[name])
    held = put(model, every_layer=True)
    assert held.values.numel() == LAYERS * WIDTH * (P + N)
    seen = []
    for layer in stacks(stack_of(model))[0]:
        layer.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    ids, mask = text(), torch.ones(2, 6, dtype=torch.long)
    ids[0, 4:] = mask[0, 4:] = 0
    model(input_ids=ids, attention_mask=mask)
    assert len(seen) == LAYERS
    for index in range(1, LAYERS):
        for row, end in enumerate((4, 6)):
            hidden = seen[index][row]
            found = torch.cat([hidden[:P], hidden[P + end : P + end + N]])
            assert torch.equal(found, held.values[index])
    model.zero_grad()
    model(input_ids=ids, attention_mask=mask).logits.square().sum().backward()
    assert (held.values.grad.abs().amax(dim=-1) > 0).all()


def by_hand(hidden, values, layers, run):
    """Run layers one by one, from the equations: trained activations in, what comes of the text goes on."""
    for index, layer in enumerate(layers):
        if index:
            hidden = torch.cat([values[index][None, :P], hidden[:, P:-N], values[index][None, P:]], dim=1)
        hidden = run(layer, hidden)
    return hidden


@pytest.mark.filterwarnings("ignore:.gradient_checkpointing_enable. is deprecated:FutureWarning")
@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
@pytest.mark.parametrize("name", ["bert", "llama"])
def test_layers_that_run_again_in_the_backward_pass_get_the_tokens_again(name):
    found = []
    for again in (False, True):
        model = made(CLASSIFIERS[name] if name in CLASSIFIERS else MODELS[name]).train()
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        torch.manual_seed(0)
        held = put(model, every_layer=True)
        if again:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        model(input_ids=text(), use_cache=False).logits.square().sum().backward()
        found.append(held.values.grad)
    assert found[0].abs().amax(dim=(1, 2)).min() > 0
    torch.testing.assert_close(found[1], found[0])


def test_prelayer_is_the_naive_loop_over_layers():
    row = text(rows=1)
    model, bare = made(MODELS["bert"]), made(MODELS["bert"])
    held = put(model, every_layer=True)
    with torch.no_grad():
        hidden = bare.bert.embeddings(inputs_embeds=around(bare, held, row[0]))
        hidden = by_hand(hidden, held.values, bare.bert.encoder.layer, lambda layer, h: layer(h))
        torch.testing.assert_close(model.bert(input_ids=row).last_hidden_state, hidden[:, P:-N])
    model, bare = made(MODELS["llama"]), made(MODELS["llama"])
    held = put(model, every_layer=True)
    with torch.no_grad():
        hidden = around(bare, held, row[0])
        turned = bare.model.rotary_emb(hidden, torch.arange(hidden.shape[1])[None])
        hidden = by_hand(
            hidden, held.values, bare.model.layers, lambda layer, h: layer(h, position_embeddings=turned)
        )
        last = bare.lm_head(bare.model.norm(hidden))[0, -1]
        torch.testing.assert_close(model(input_ids=row).logits[0, -1], last)


def test_an_encoder_with_a_decoder_generates():
    model, bare = made(MODELS["bart"]), made(MODELS["bart"])
    held = put(model, every_layer=False)
    row = text(rows=1)
    settings = {"max_new_tokens": 5, "num_beams": 2, "do_sample": False, "eos_token_id": None}
    with torch.no_grad():
        encoded = bare.model.encoder(inputs_embeds=around(bare, held, row[0]))
    encoded.last_hidden_state = encoded.last_hidden_state[:, P:-N]
    assert torch.equal(
        model.generate(input_ids=row, **settings), bare.generate(encoder_outputs=encoded, **settings)
    )


@pytest.mark.parametrize("name", MODELS)
def test_a_start_is_what_the_model_itself_makes_of_words(name):
    model = made(MODELS[name])
    on = tokens("t", every_layer=True).put_on(model, TokensConfig(P, 0))
    (held,) = on.modules
    assert held.values.shape == (LAYERS, P, WIDTH)
    words = stack_of(model).get_input_embeddings()(torch.arange(model.config.vocab_size))
    assert (held.values[0][:, None] == words).all(dim=-1).any(dim=1).all()
    names = set(model.state_dict())
    on.take_off()
    assert len(names - set(model.state_dict())) == 1


def test_a_text_without_room_is_refused():
    model = made(MODELS["roberta"])
    put(model, every_layer=False)
    with torch.no_grad():
        model(input_ids=text(length=63 - P - N))
        with pytest.raises(
            ConfigError, match=r"infix is 5, and a text has 59 tokens, but the model has 63 positions"
        ):
            model(input_ids=text(length=64 - P - N))


def test_what_is_written_past_the_last_position_is_refused():
    model = made(MODELS["gpt2"])
    put(model, every_layer=False)
    settings = {"do_sample": False, "eos_token_id": None}
    ids, mask = text(length=54), torch.ones(2, 54, dtype=torch.long)
    ids[:, :2] = mask[:, :2] = 0  # takes no positions
    model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=8, **settings)
    with pytest.raises(ConfigError, match="a text has 60 tokens, but the model has 64 positions"):
        model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=9, **settings)


def test_more_tokens_than_positions_are_refused():
    model = made(MODELS["gpt2"])
    with pytest.raises(ConfigError, match="infix is 64, but the model has 64 positions; allowed: fewer"):
        put(model, every_layer=False, prefix=60, infix=4)
    assert not any("trained_tokens" in name for name in model.state_dict())


def test_a_mask_of_another_shape_is_refused():
    model = made(MODELS["llama"])
    put(model, every_layer=False)
    with pytest.raises(ConfigError, match="attention_mask has another shape than rows × columns"):
        model(input_ids=text(), attention_mask=torch.ones(2, 1, 6, 6))


@pytest.mark.parametrize("name", ["bert", "llama"])
def test_a_tuple_says_what_a_dictionary_says(name):
    model = made(MODELS[name])
    put(model, every_layer=True)
    stack, given = stack_of(model), {"input_ids": text(), "output_hidden_states": True}
    with torch.no_grad():
        found, members = stack(**given), stack(**given, return_dict=False)
    assert members[0].equal(found.last_hidden_state)
    (states,) = [one for one in members if isinstance(one, tuple)]
    assert [state.shape for state in states] == [state.shape for state in found.hidden_states]
    assert all(one.equal(other) for one, other in zip(states, found.hidden_states, strict=True))


def test_copies_in_threads_are_refused():
    model = made(MODELS["bert"])
    put(model, every_layer=False)
    copy = stack_of(model)._replicate_for_data_parallel()
    with pytest.raises(
        ConfigError, match=r"cannot be used under nn.DataParallel, .*; allowed: a process a GPU"
    ):
        copy(input_ids=text())


def test_layers_of_another_width_than_the_words_are_refused():
    from transformers import OPTConfig, OPTForCausalLM

    config = {
        "vocab_size": 40,
        "hidden_size": 16,
        "word_embed_proj_dim": 8,
        "ffn_dim": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    model = OPTForCausalLM(OPTConfig(**config))
    with pytest.raises(ConfigError, match="embeds into 8 numbers and its layers have 16"):
        put(model, every_layer=True)
    put(model, every_layer=False)


@pytest.mark.parametrize("settings", [{"prefix": -1}, {"infix": -1}, {"prefix": 0, "infix": 0}])
def test_bad_settings_are_refused(settings):
    with pytest.raises(ConfigError, match=r"tokens.prefix|tokens.infix"):
        TokensConfig(**settings)
