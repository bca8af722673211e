"""What this package adds to pytest-formfunc. It holds names only: importing it loads neither torch nor pytest."""

from pytest_formfunc.backends import BackendEntry
from pytest_formfunc.forms.architectures import ArchitectureEntry
from pytest_formfunc.forms.patterns import PatternEntry

PATTERNS = (PatternEntry("asymmetric", "formfunc_example.asymmetric:Asymmetric", width_multiple=1),)

ARCHITECTURES = (
    ArchitectureEntry(
        "mixer_small_16", "formfunc_example.mixer:MixerSmall16", params=18_528_264, macs=3_777.0, fixed=True
    ),
)

BACKENDS = (
    BackendEntry(
        name="torch-folded",
        target="formfunc_example.folded:FoldedEngine",
        distributions=("torch", "pytest-formfunc-example"),
        preload=("torch", "torch.fx.experimental.optimization"),
        summary="PyTorch eager, batch norms folded into convolutions, channels last",
    ),
)
