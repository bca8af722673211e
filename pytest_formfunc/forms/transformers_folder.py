"""A transformers model in a local folder, ``hf:FOLDER``: its ``config.json`` says what it is. Nothing is downloaded."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_formfunc.errors import BadInput, one_line
from pytest_formfunc.forms.input_specs import Call, format_call
from pytest_formfunc.forms.known_inputs import KnownInput, complete_call
from pytest_formfunc.forms.made import MadeSource
from pytest_formfunc.forms.modules import digest_of
from pytest_formfunc.forms.zoos import check_installed
from pytest_formfunc.json_reading import parse_json
from pytest_formfunc.paths import is_file

if TYPE_CHECKING:
    from torch import nn

    from pytest_formfunc.forms.built import Network

PRELOAD = ("pytest_formfunc.forms.transformers_folder:import_transformers", "transformers.models.auto.modeling_auto")
_MOST_PIXELS = 2**20
_WEIGHTS = ("*.safetensors",)


def import_transformers() -> Any:
    """Import transformers, and before it torchvision if that is installed, because transformers imports it.

    Raises:
        ImportError: it is not installed.
    """
    from pytest_formfunc.forms.torchvision_import import import_torchvision

    with contextlib.suppress(ImportError):
        import_torchvision()
    import transformers

    return transformers


def read_config(folder: Path) -> dict[str, Any]:
    """Read a folder's ``config.json``.

    Raises:
        BadInput: there is none, or it does not name a kind of model.
    """
    path = folder / "config.json"
    if not is_file(path):
        raise BadInput(f"hf:{folder} has no config.json: give a folder that save_pretrained wrote")
    try:
        config = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise BadInput(f"{path} is not JSON") from None
    if not isinstance(config, dict) or not config.get("model_type"):
        raise BadInput(f"{path} is not a transformers config: it names no model_type")
    return config


def config_inputs(config: dict[str, Any]) -> list[KnownInput]:
    """Return the inputs that a config implies: pixels of an image, or tokens and an attention mask.

    The list is empty where the config does not imply them; the user then has to name the inputs.

    Raises:
        BadInput: its size of an image is none.
    """
    vision = config.get("vision_config")
    if "vocab_size" in config and not vision:
        tokens = KnownInput("input_ids", ("batch", "sequence"), "i64")
        mask = KnownInput("attention_mask", ("batch", "sequence"), "i64")
        if config.get("is_encoder_decoder"):
            return [tokens, mask, KnownInput("decoder_input_ids", ("batch", "decoder_sequence"), "i64")]
        return [tokens, mask]
    size, channels = config.get("image_size"), config.get("num_channels", 3)
    if size and "vocab_size" not in config:
        sizes = size if isinstance(size, list) else [size, size]
        if len(sizes) != 2 or not all(type(one) is int and 0 < one < _MOST_PIXELS for one in (*sizes, channels)):
            raise BadInput(f"hf: the config's image_size {size!r} or num_channels {channels!r} is no size of an image")
        return [KnownInput("pixel_values", ("batch", channels, *sizes), "f32")]
    return []


@dataclass(frozen=True)
class TransformersSource(MadeSource):
    """A transformers model by its folder.

    Attributes:
        path: absolute path of the folder.
        call: all inputs, named.
        seed: seed of random weights and of inputs.
        pretrained: whether to read the folder's weights; otherwise they are drawn at random as the config specifies.
    """

    path: str
    call: Call
    seed: int = 0
    pretrained: bool = False

    def describe(self) -> str:
        """Name the form in a few letters, for folders and messages."""
        return f"hf.{Path(self.path).name}"

    def content(self) -> str:
        """Return a string that changes with the config, the library's version, the call and the weights if used."""
        import importlib.metadata

        folder = Path(self.path)
        files = [folder / "config.json", *(_weight_files(folder) if self.pretrained else ())]
        try:
            version = importlib.metadata.version("transformers")
        except importlib.metadata.PackageNotFoundError:
            version = ""
        return f"hf|{version}|{digest_of(*files)}|{format_call(self.call)}|{self.seed}|{self.pretrained}"

    def build(self) -> Network:
        """Make the network, in evaluation mode, with an example of its inputs.

        Raises:
            BadInput: the library is missing, does not know the model, or cannot make it.
        """
        from pytest_formfunc.forms.built import Network

        return Network(self.inputs(self.seed), self.inputs, self.make(self.pretrained))

    def stored_bytes(self) -> int | None:
        """Return the bytes of the folder's weights if they are used, else None."""
        return sum(path.stat().st_size for path in _weight_files(Path(self.path))) if self.pretrained else None

    def make(self, trained: bool) -> nn.Module:
        """Make the model that the config names, in float32; code in the folder is never run."""
        what = f"hf:{self.path}"
        config_json = read_config(Path(self.path))
        check_installed(("transformers",), "transformers", what)
        if trained and not _weight_files(Path(self.path)):
            raise BadInput(f"{what} has no weights as safetensors: leave --formfunc-pretrained out, or convert them")
        import torch

        transformers = import_transformers()
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        named = [name for name in config_json.get("architectures") or () if hasattr(transformers, name)]
        try:
            config = transformers.AutoConfig.from_pretrained(self.path, local_files_only=True)
            if hasattr(config, "use_cache"):
                config.use_cache = False  # calls are independent, and a cache is not a tensor
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.seed)
                kind = getattr(transformers, named[0]) if named else transformers.AutoModel
                if trained:
                    made = kind.from_pretrained(
                        self.path, config=config, local_files_only=True, use_safetensors=True, dtype=torch.float32
                    )
                elif named:
                    made = kind(config).float()
                else:
                    made = kind.from_config(config, dtype=torch.float32)
        except Exception as error:  # the library's code may raise anything
            raise BadInput(f"{what} cannot be made: {one_line(error)}") from error
        module: nn.Module = made.eval()
        return module


def _weight_files(folder: Path) -> list[Path]:
    return sorted(path for pattern in _WEIGHTS for path in folder.glob(pattern))


def transformers_source(folder: Path, given: Call, seed: int, pretrained: bool) -> TransformersSource:
    """Return the source of a folder; what the config implies completes the user's inputs.

    Raises:
        BadInput: there is no config, or a size is missing.
    """
    known = config_inputs(read_config(folder))
    what = f"hf:{folder.name}"
    if not known and not (given and all(one.name for one in given)):
        raise BadInput(
            f"{what} has a config that does not say which inputs it takes: name them, as in "
            "--formfunc-input pixel_values=1x3x224x224+input_ids=1x16:i64"
        )
    extra = tuple(one.completed() for one in given if one.name and one.name not in {other.name for other in known})
    rest = tuple(one for one in given if one.completed() not in extra)
    return TransformersSource(
        str(folder), (*complete_call(known, rest, what), *extra) if known else extra, seed, pretrained
    )
