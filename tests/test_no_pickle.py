"""Nothing in the four packages runs what stands in a file: no pickle, no code, no YAML with objects."""

import ast
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModel

from adalora import DataError
from experiments.pretrained import from_pretrained
from tests.experiments import tiny

PACKAGES = ("adalora", "analysis", "experiments", "schedulers")
FILES = sorted(path for package in PACKAGES for path in Path(package).rglob("*.py"))
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}
CALLS = {"eval", "exec", "compile", "__import__"}
YAML = {"load", "load_all", "full_load", "unsafe_load", "unsafe_load_all", "full_load_all"}


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bert")
    tiny.save_bert(folder)
    return folder


def dangers(tree):
    """Yield what could run something that was read."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [one.name for one in node.names] + [getattr(node, "module", None) or ""]
            yield from (name for name in names if name.partition(".")[0] in MODULES)
            yield from (
                "from torch import load" for name in names if name == "load" and node.module == "torch"
            )
        if not isinstance(node, ast.Call):
            continue
        words = {word.arg: getattr(word.value, "value", "?") for word in node.keywords}
        name = ast.unparse(node.func)
        if name in CALLS:
            yield name
        if name == "torch.load" and words.get("weights_only") is not True:
            yield name
        if name.startswith("yaml.") and name.removeprefix("yaml.") in YAML:
            yield name
        if (
            words.get("allow_pickle", False) is not False
            or words.get("trust_remote_code", False) is not False
        ):
            yield ast.unparse(node)
        if name.endswith(("read_pickle", "from_pickle", "torch.jit.load", "torch.package.PackageImporter")):
            yield name


@pytest.mark.parametrize("path", FILES, ids=str)
def test_nothing_is_run(path):
    assert list(dangers(ast.parse(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    "code",
    ["import pickle", "from pickle import loads", "torch.load(x)", "torch.load(x, weights_only=False)", "yaml.load(x, L)",
     "eval(x)", "exec(x)", "np.load(x, allow_pickle=True)", "A.from_pretrained(x, trust_remote_code=True)"],
)  # fmt: skip
def test_the_look_finds_them(code):
    assert list(dangers(ast.parse(code)))


def test_every_model_is_asked_for_without_pickles():
    calls = [
        (path, node)
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".from_pretrained")
    ]
    # What reads a model that was just written here, an installed package, or a configuration alone.
    own = {"smollm2.py", "merging.py", "readers.py", "base_weights.py"}
    assert {path.name for path, _ in calls} <= own | {"pretrained.py"}


def test_a_model_of_pickled_weights_is_refused(bert, tmp_path):
    model = from_pretrained(AutoModel, str(bert))
    model.config.save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    assert from_pretrained(AutoConfig, str(tmp_path)).model_type == "bert"
    with pytest.raises(DataError, match=r"a folder without a whole model .*safetensors"):
        from_pretrained(AutoModel, str(tmp_path))


def test_code_that_comes_with_a_model_is_not_run(bert, tmp_path):
    model = from_pretrained(AutoModel, str(bert))
    model.config.auto_map = {"AutoConfig": "own.Own", "AutoModel": "own.Model"}
    model.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text((tmp_path / "config.json").read_text().replace('"bert"', '"own"'))
    (tmp_path / "own.py").write_text(
        f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Own: pass\nclass Model: pass\n"
    )
    with pytest.raises(DataError):
        from_pretrained(AutoModel, str(tmp_path))
    assert not (tmp_path / "ran").exists()
