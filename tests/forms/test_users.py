"""Models by the name that the user types: files, libraries, folders, factories with arguments; and invalid names."""

import os
import pickle
import sys
import zipfile

import pytest
import torch
from support.model_files import bert_folder, encoder_onnx, exported_program, one_node_onnx

from pytest_formfunc.errors import BadInput
from pytest_formfunc.forms.factories import FactorySource
from pytest_formfunc.forms.input_specs import format_call, image, parse_calls
from pytest_formfunc.forms.model_files import FileSource, file_source
from pytest_formfunc.forms.onnx_file import read_onnx
from pytest_formfunc.forms.programs import ProgramSource, check_program
from pytest_formfunc.forms.transformers_folder import TransformersSource, transformers_source
from pytest_formfunc.forms.users import parse_model, source_of, split_models
from pytest_formfunc.forms.zoos import ZOOS, ZooSource

IMAGE = image((1, 3, 32, 32))


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.engine("timm", "transformers")
def test_each_name_has_its_source(here):
    """The ending, or the part before the colon, decides."""
    encoder_onnx(here / "net.onnx")
    torch.export.save(exported_program(), here / "net.pt2")
    bert_folder(here / "tiny")
    names = split_models("nets:build(a=1, b='x,y'), net.onnx,net.pt2,timm:lcnet_050,hf:tiny")
    models = [parse_model(name) for name in names]
    sources = [source_of(one, parse_calls("1x8")[0], IMAGE, 0, False) for one in models]
    assert [type(one) for one in sources] == [FactorySource, FileSource, ProgramSource, ZooSource, TransformersSource]
    assert all(pickle.loads(pickle.dumps(one)) == one for one in sources)
    assert [one.has_torch_form for one in models] == [True, False, True, True, True]
    assert format_call(sources[1].call) == "input_ids=1x8:i64:random+attention_mask=1x8:i64:ones"


def test_commas_within_brackets_do_not_separate_models():
    """Commas in quoted strings within brackets do not either."""
    assert split_models("a:b(x=(1, 2), y=','), c:d") == ["a:b(x=(1, 2), y=',')", "c:d"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("nets", "model 'nets' is malformed: write package.module:function, a file (.onnx, .xml, .pt2), timm:NAME"),
        ("timm:", "model 'timm:' is malformed: write timm:NAME"),
        ("weights.pth", "reading a .pth file unpickles it, which runs code"),
        ("no.onnx", "model 'no.onnx': there is no such file"),
        ("hf:nowhere", "model 'hf:nowhere': there is no folder 'nowhere'; nothing is downloaded"),
        ("nets:build(3)", "factory 'nets:build(3)' is malformed: give its arguments by keyword, as Python literals"),
        ("nets:build(a=open('x'))", "as Python literals"),
        ("nets:build(a=1", "as Python literals"),
        ("nets:build(**{})", "as Python literals"),
        ("nets:a.b", "a factory is given as package.module:function, not 'nets:a.b'"),
    ],
)
def test_an_invalid_name_is_one_sentence(here, text, sentence):
    """The message says what to write instead; nothing is evaluated and nothing is unpickled."""
    with pytest.raises(BadInput) as refusal:
        parse_model(text)
    assert sentence in str(refusal.value)


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    """The error comes before anything is imported."""
    from importlib import metadata

    def version(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    with pytest.raises(
        BadInput, match=r"timm:lcnet_050 needs timm, which is not installed \(pip install \"pytest-form"
    ):
        parse_model("timm:lcnet_050")


@pytest.mark.parametrize(
    ("zoo", "name", "sentence"),
    [
        ("timm", "resnet5", "timm has no network 'resnet5': did you mean resnet50"),
        ("torchvision", "squeezenet", "torchvision has no network 'squeezenet': did you mean squeezenet1_"),
        ("pytorchcv", "mobilenet_w7", "pytorchcv has no network 'mobilenet_w7': did you mean mobilenet"),
    ],
)
@pytest.mark.engine("timm", "torchvision", "pytorchcv")
def test_an_unknown_network_has_near_matches(zoo, name, sentence):
    """The message suggests names as the library spells them."""
    with pytest.raises(BadInput) as refusal:
        ZooSource(zoo, name, IMAGE).build()
    assert sentence in str(refusal.value)


@pytest.mark.engine("torchvision")
def test_the_size_of_weights_is_found_without_making_them():
    """The module is made on torch's meta device, and the size is right."""
    source = ZooSource("torchvision", "squeezenet1_1", IMAGE)
    assert source.weigh() == 4 * 1_235_496
    assert ZOOS["torchvision"].distributions == ("torchvision",)


FACTORIES = """
import torch
from torch import nn

def build(width=1.0, name=""): return nn.Linear(int(8 * width), 1)
def two(): return nn.Linear(1, 1), nn.Linear(1, 1)
def needs(size): return nn.Linear(size, 1)
CONSTANT = 3
"""


def test_factories_take_keyword_arguments_and_say_what_is_wrong(here, monkeypatch):
    """Literals are passed on; each mistake has its own message."""
    (here / "formfunc_made.py").write_text(FACTORIES)
    monkeypatch.syspath_prepend(here)
    try:
        source = FactorySource("formfunc_made:build", parse_calls("2x4")[0], 0, "(width=0.5, name='x')")
        assert source.build().module.in_features == 4
        assert source.weigh() == 4 * 5
        for name, sentence in {
            "two": "formfunc_made:two must return one torch.nn.Module, not 2 things",
            "needs": "formfunc_made:needs raised TypeError: needs() missing 1 required positional argument: 'size'",
            "CONSTANT": "formfunc_made:CONSTANT is not a function but int",
        }.items():
            with pytest.raises(BadInput) as refusal:
                FactorySource(f"formfunc_made:{name}", IMAGE).build()
            assert str(refusal.value) == sentence
    finally:
        sys.modules.pop("formfunc_made", None)


def test_the_content_of_a_file_is_its_bytes_and_those_of_its_weights(here):
    """A change of the external data alone changes the model."""
    path = encoder_onnx(here / "net.onnx", external=True)
    call = parse_calls("1x8")[0]
    before = file_source(path, call, 0).content()
    assert before == file_source(path, call, 0).content()
    assert before != file_source(path, parse_calls("2x8")[0], 0).content()
    data = here / "net.onnx.data"
    assert file_source(path, call, 0).stored_bytes() == path.stat().st_size + data.stat().st_size
    data.write_bytes(data.read_bytes()[:-1] + b"!")
    assert before != file_source(path, call, 0).content()
    data.unlink()
    with pytest.raises(BadInput, match=r"keeps weights in net\.onnx\.data, which is not in its folder"):
        file_source(path, call, 0)


@pytest.mark.parametrize("location", ["../net.onnx.data", "/etc/hostname", "a/../../b", "..\\b", ""])
def test_weights_are_read_from_the_files_own_folder_only(here, location):
    """A file from elsewhere must not name others of this machine."""
    import onnx

    path = encoder_onnx(here / "net.onnx", external=True)
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
    onnx.save_model(model, path)
    with pytest.raises(BadInput, match=r"outside of its own folder, and only that is read"):
        read_onnx(path)


@pytest.mark.parametrize("content", [b"", b"hello there, this is no model", b"\x08\x07", bytes(100), os.urandom(999)])
def test_a_file_that_is_not_what_its_ending_says(here, content):
    """For ONNX, IR and program the message says so."""
    for name, sentence in {
        "a.onnx": "is not an ONNX model",
        "a.xml": "is not an OpenVINO model",
        "a.pt2": "is not an exported",
    }.items():
        (here / name).write_bytes(content)
        with pytest.raises(BadInput) as refusal:
            source_of(parse_model(name), None, IMAGE, 0, False)
        assert sentence in str(refusal.value)


def test_an_ir_without_its_weights_and_a_set_of_operators_that_is_too_new(here):
    """Both errors come before an engine reads the file."""
    (here / "a.xml").write_text("<net><layers/></net>")
    with pytest.raises(BadInput, match=r"keeps its weights in a\.bin, which is not in its folder"):
        file_source(here / "a.xml", (), 0)
    one_node_onnx(here / "b.onnx", "Relu", opset=99)
    with pytest.raises(BadInput, match="uses version 99 of ONNX's operators, newer than any known here"):
        read_onnx(here / "b.onnx")


def test_a_program_that_holds_pickles_is_not_read(here):
    """torch.export.load would unpickle them; earlier formats consist of pickles."""

    class Wide(torch.nn.Module):
        def forward(self, x):
            return x + 1

    torch.export.save(torch.export.export(Wide(), (torch.ones(2),)), here / "fine.pt2")
    check_program(here / "fine.pt2")
    pickled = b'{"config": {"x": {"path_name": "custom_obj_0", "use_pickle": true}}}'
    _changed(
        here / "fine.pt2", here / "bad.pt2",
        lambda name, content: pickled if name.endswith("model_constants_config.json") else content,
    )  # fmt: skip
    with pytest.raises(BadInput, match="holds pickled objects, and reading those runs code"):
        check_program(here / "bad.pt2")
    torch.save({"a": 1}, here / "state.pt2")
    with pytest.raises(BadInput, match="is not an exported program"):
        check_program(here / "state.pt2")


def _changed(source, target, change):
    """Write a program's file again, whole, with other content."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))


def test_a_program_that_is_damaged_is_not_loaded(here):
    """One byte of its weights: torch would load others."""
    torch.export.save(exported_program(), here / "net.pt2")
    content = bytearray((here / "net.pt2").read_bytes())
    with zipfile.ZipFile(here / "net.pt2") as archive:
        weight = next(one for one in archive.infolist() if one.filename.endswith("weights/weight_0"))
    content[weight.header_offset + 200 + weight.file_size // 2] ^= 1
    (here / "net.pt2").write_bytes(content)
    with pytest.raises(BadInput, match=r"is damaged, at .*weight_0 in it: write it with"):
        check_program(here / "net.pt2")


def test_why_a_program_does_not_load(here):
    """Its cause, which torch only prints."""
    torch.export.save(exported_program(), here / "net.pt2")
    _changed(
        here / "net.pt2", here / "other.pt2",
        lambda name, content: content.replace(b"aten.relu.default", b"mine.relu.default") if ".json" in name else content,
    )  # fmt: skip
    with pytest.raises(BadInput, match=r"its operator mine\.relu\.default is not registered here; give a function"):
        ProgramSource(str(here / "other.pt2")).check_loads()
    _changed(
        here / "net.pt2", here / "short.pt2",
        lambda name, content: content[:-4] if name.endswith("weights/weight_0") else content,
    )  # fmt: skip
    with pytest.raises(BadInput, match=r"does not load as an exported program: RuntimeError: .*storage"):
        ProgramSource(str(here / "short.pt2")).check_loads()


def test_a_program_has_the_inputs_that_it_was_exported_with(here):
    """Other sizes may be given instead, but not inputs that the program lacks."""
    torch.export.save(exported_program(), here / "net.pt2")
    source = ProgramSource(str(here / "net.pt2"))
    assert source.inputs(0).args[0].shape == (2, 3, 32, 32)
    assert not torch.equal(source.inputs(0).args[0], source.inputs(1).args[0])
    other = ProgramSource(str(here / "net.pt2"), parse_calls("5x3x32x32")[0])
    network = other.build()
    assert network.module(*network.inputs.args)["logits"].shape == (5, 4)
    torch.save(network.module.state_dict(), here / "state.pt")
    restored = other.restore(here / "state.pt")
    assert torch.equal(restored(*network.inputs.args)["logits"], network.module(*network.inputs.args)["logits"])
    with pytest.raises(BadInput, match=r"net\.pt2 has no input 'y'"):
        ProgramSource(str(here / "net.pt2"), parse_calls("y=5x3x32x32")[0]).build()


@pytest.mark.engine("transformers")
def test_a_folder_says_what_it_lacks(here):
    """A missing config, kind of model, size or file of weights each has its own message."""
    (here / "empty").mkdir()
    with pytest.raises(BadInput, match=r"has no config\.json: give a folder that save_pretrained wrote"):
        transformers_source(here / "empty", (), 0, False)
    with pytest.raises(BadInput, match="names no model_type"):
        transformers_source(bert_folder(here / "kindless", model_type=""), (), 0, False)
    folder = bert_folder(here / "tiny")
    with pytest.raises(BadInput, match=r"hf:tiny has inputs whose shape is open: input_ids \(batchxsequence, i64\)"):
        transformers_source(folder, (), 0, False)
    with pytest.raises(BadInput, match="has no weights as safetensors"):
        transformers_source(folder, parse_calls("1x8")[0], 0, True).build()
    with pytest.raises(BadInput, match="cannot be made: "):
        transformers_source(bert_folder(here / "odd", model_type="nonesuch"), parse_calls("1x8")[0], 0, False).build()
    network = transformers_source(folder, parse_calls("2x8")[0], 0, False).build()
    made = network.module(*network.inputs.args, **network.inputs.kwargs)
    assert made.last_hidden_state.shape == (2, 8, 32)
    image_folder = bert_folder(here / "vit", model_type="vit", image_size=32, num_channels=3)
    config = (image_folder / "config.json").read_text().replace('"vocab_size": 50, ', "")
    (image_folder / "config.json").write_text(config)
    call = transformers_source(image_folder, parse_calls("1x3x32x32")[0], 0, False).call
    assert format_call(call) == "pixel_values=1x3x32x32:f32:random"
