"""What trained networks need not compute: zeros, redundancy, and skipping it while running; half an hour.

Each pattern is trained on scikit-learn's digits. Prints its accuracy and how long that took; exact zeros after each
activation that can make them, and redundancy over channels and positions, mean and spread over inputs. Then networks
are trained to do with half of the channels, or positions, of each convolution's input, those with the most attention:
the accuracy that is left, multiply-accumulates saved, and the latency that really is, on each engine. At last the
networks of which no other is both more accurate and faster, over pattern, depth, width and engine.
FORMFUNC_PATTERNS takes some patterns only, FORMFUNC_BACKENDS other engines.
"""

from __future__ import annotations

import math
from statistics import fmean, stdev

import numpy as np
import pytest
from choices import choice
from laboratory import Laboratory, turn
from sweep import log_ratios, sweep_cases

from pytest_formfunc.cases import Case
from pytest_formfunc.forms.patterns import pattern_entry
from pytest_formfunc.forms.programs import ProgramSource
from pytest_formfunc.function.skipping import CHANNELS, POSITIONS, gather, macs_saved, mask, masks_while_training
from pytest_formfunc.function.training import CLASSES, SIDE, accuracy_of, load_digits, train
from pytest_formfunc.function.zeros import look_at
from pytest_formfunc.stats.servers import estimate_over_servers
from pytest_formfunc.units import format_estimate

PATTERNS = choice("FORMFUNC_PATTERNS")
BACKENDS = choice("FORMFUNC_BACKENDS", "native,openvino,onnxruntime")
DEPTH, WIDTH = 2, 32
FRONT = [(1, 32), (2, 32)]  # depth and width; of all patterns
LOOKED_AT = 40  # images whose zeros are counted
KEEP = 0.5
SKIPPED = ("plain", "residual", "bottleneck", "multi_branch")  # of those that can skip channels and positions


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory):
    one = Laboratory(tmp_path_factory.mktemp("sparsity"), servers=8)
    one.start()
    yield one
    one.close()


@pytest.fixture(scope="module")
def digits():
    import torch

    torch.set_num_threads(2)
    return load_digits()


def network(pattern, depth=DEPTH, width=WIDTH):
    import torch

    from pytest_formfunc.forms.network import PatternNetwork

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return PatternNetwork(pattern, depth, width, in_channels=1, classes=CLASSES)


@pytest.fixture(scope="module")
def trained(digits):
    """Return each pattern's network, trained."""
    return {name: train(network(name), digits) for name in PATTERNS}


def export(module, digits):
    import torch

    with torch.no_grad():
        return torch.export.export(module, (digits.test_images[:1],))


def case_of(laboratory, name, program):
    """Return a case of a program, so that engines run the trained weights."""
    import torch

    path = laboratory.scratch / f"{name}.pt2"
    torch.export.save(program, path)
    return Case(name, {"kind": "model", "name": name}, ProgramSource(str(path)), (1, 1, SIDE, SIDE), seed=0)


def spread(values):
    known = [one for one in values if not math.isnan(one)]
    return f"{fmean(known):.2f} (+- {stdev(known):.2f})" if len(known) > 1 else "-"


def test_zeros_and_redundancy_of_trained_weights(trained, digits, capsys):
    """Every activation that can make zeros makes some; each network learns more than to guess."""
    with capsys.disabled():
        print()
        for pattern, one in trained.items():
            print(f"{pattern}-d{DEPTH}-w{WIDTH}: accuracy {percent(one.accuracy)}, trained in {one.seconds:.1f} s")
            assert one.accuracy.low > 0.3, pattern
            seen = look_at(
                export(one.network, digits).module(), [(one[None],) for one in digits.test_images[:LOOKED_AT]]
            )
            assert seen, pattern
            for at in seen:
                channels, positions = spread(at.over_channels), spread(at.over_positions)
                print(f"    {at.layer}: zeros {spread(at.zeros)}, redundant channels {channels}, positions {positions}")
                assert 0 < fmean(at.zeros) < 1, (pattern, at.layer)


def test_skipping_while_running(laboratory, trained, digits, capsys):
    """What is left out of the program is what its accuracy was found without; latency is what it is."""
    with capsys.disabled():
        print()
        for pattern in [name for name in SKIPPED if name in trained]:
            for axis in (CHANNELS, POSITIONS):
                untouched = export(trained[pattern].network, digits)
                masked, gathered = untouched.module(), untouched.module()
                if not mask(masked, axis, KEEP):
                    print(f"{pattern}, {axis}: no convolution can skip any")
                    continue
                without = accuracy_of(masked, digits, 1)
                net = network(pattern)
                hooks = [*masks_while_training(net, axis, KEEP)]
                adapted = train(net, digits)
                for hook in hooks:
                    hook.remove()
                program = export(net, digits)
                checked = program.module()
                mask(checked, axis, KEEP)
                assert accuracy_of(checked, digits, 1).value == pytest.approx(adapted.accuracy.value, abs=0.01)
                gathered = program.module()
                places = gather(gathered, axis, KEEP)
                saved, whole = macs_saved(program.module(), axis, KEEP)
                print(
                    f"{pattern}, half of the {axis} of {places} convolutions: {saved / whole:.0%} fewer "
                    f"multiply-accumulates; accuracy {percent(trained[pattern].accuracy)} with everything, "
                    f"{percent(without)} without half, {percent(adapted.accuracy)} trained for that"
                )
                pair = [
                    case_of(laboratory, f"{pattern}-{axis}-{title}", one)
                    for title, one in (("whole", program), ("skips", export(gathered, digits)))
                ]
                for backend in BACKENDS:
                    rounds = sweep_cases(laboratory, pair, backend)
                    gain = estimate_over_servers(log_ratios(rounds, 0, 1), range(len(rounds)), None)
                    saves = "saves time" if gain.low > 1 else "saves none" if gain.high < 1 else "is not surely faster"
                    print(f"    {backend}: {format_estimate(gain)} as fast, so it {saves}")


def test_front_of_accuracy_and_latency(laboratory, trained, digits, capsys):
    """Over pattern, depth, width and engine: printed are those that no other one beats in both."""
    points = []
    for depth, width in FRONT:
        for pattern in [name for name in PATTERNS if width % pattern_entry(name).width_multiple == 0]:
            known = (depth, width) == (DEPTH, WIDTH)
            one = trained[pattern] if known else train(network(pattern, depth, width), digits)
            title = f"{pattern}-d{depth}-w{width}"
            case = case_of(laboratory, title, export(one.network, digits))
            for backend, seconds in latencies(laboratory, case).items():
                points.append((one.accuracy, seconds, f"{title} on {backend}"))
    best, front = -1.0, []
    for accuracy, seconds, title in sorted(points, key=lambda point: (point[1], -point[0].value)):
        if accuracy.value > best:
            best = accuracy.value
            front.append((accuracy, seconds, title))
    with capsys.disabled():
        print(f"\nof {len(points)} networks on engines, no other is both faster and more accurate than")
        for accuracy, seconds, title in front:
            print(f"    {title}: {percent(accuracy)} in {1e6 * seconds:.0f} us")
    assert best == max(accuracy.value for accuracy, *_ in points)


def latencies(laboratory, case):
    """Return the median seconds of a call on each engine over three launches, in turn; memory is kept."""
    prepared = laboratory.prepare(case, tuple(dict.fromkeys(("native", *BACKENDS))))
    seconds = {backend: [] for backend in BACKENDS}
    for launch in range(3):
        for backend, found in seconds.items():
            with laboratory.worker(case, prepared, backend, launch, keep_memory=True) as one:
                found.append(turn(*one))
    return {backend: float(np.median(found)) for backend, found in seconds.items()}


def percent(accuracy):
    return f"{accuracy.value:.1%} ({accuracy.low:.1%} to {accuracy.high:.1%})"
