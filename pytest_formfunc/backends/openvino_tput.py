"""OpenVINO for throughput: as many parallel requests as it recommends; a latency is the time per inference."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_formfunc.backends.openvino import OpenVinoEngine
from pytest_formfunc.errors import MeasurementError

if TYPE_CHECKING:
    from pytest_formfunc.backends.profiling import Profiler
    from pytest_formfunc.forms.sources import Source


class OpenVinoThroughputEngine(OpenVinoEngine):
    """One call starts every request of the queue on the same input and waits for all of them."""

    performance = "THROUGHPUT"

    def load(self, source: Source, artifact: Path) -> None:
        """Compile for several streams, and make a queue of as many requests as the compiled model recommends."""
        super().load(source, artifact)
        self.inferences = int(self._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        self._queue = self._openvino.AsyncInferQueue(self._compiled, self.inferences)

    def set_inputs(self, inputs: tuple[np.ndarray[Any, Any], ...]) -> None:
        """Choose the arrays that the next calls read, the same for all requests."""
        super().set_inputs(inputs)
        for request in self._queue:
            for index, array in enumerate(inputs):
                request.set_input_tensor(index, self._tensor(index, array))

    def call(self) -> Any:
        """Run every request of the queue once and wait for all outputs."""
        for _ in range(self.inferences):
            self._queue.start_async()
        self._queue.wait_all()

    def outputs(self) -> list[np.ndarray[Any, Any]]:
        """Run every request once and return copies of the last one's outputs."""
        self.call()
        return self._outputs_of(self._queue[self.inferences - 1])

    def profiler(self, program: Any) -> Profiler:
        """Refuse.

        Raises:
            MeasurementError: always; requests run side by side.
        """
        raise MeasurementError("it computes several batches side by side, whose layers share the cores")

    def settings(self) -> dict[str, Any]:
        """Return the settings that differ from the engine's defaults."""
        return {**super().settings(), "requests": self.inferences}
