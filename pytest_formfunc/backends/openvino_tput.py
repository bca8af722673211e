"""OpenVINO for throughput: as many requests at once as it finds best; a latency is the time per inference."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_formfunc.backends.openvino import OpenVinoEngine

if TYPE_CHECKING:
    from pytest_formfunc.forms.sources import Source


class OpenVinoThroughputEngine(OpenVinoEngine):
    """One call starts every request of the queue on the same input and waits for all of them."""

    performance = "THROUGHPUT"

    def load(self, source: Source, artifact: Path) -> None:
        """Compile for several streams and make a queue of the number of requests that the compiled model asks for."""
        super().load(source, artifact)
        self.inferences = int(self._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        self._queue = self._openvino.AsyncInferQueue(self._compiled, self.inferences)

    def set_inputs(self, inputs: tuple[np.ndarray[Any, Any], ...]) -> None:
        """See `Engine.set_inputs`. All requests read the same arrays."""
        super().set_inputs(inputs)
        for request in self._queue:
            for index, array in enumerate(inputs):
                request.set_input_tensor(index, self._openvino.Tensor(array, shared_memory=True))

    def call(self) -> Any:
        """See `Engine.call`."""
        for _ in range(self.inferences):
            self._queue.start_async()
        self._queue.wait_all()

    def outputs(self) -> list[np.ndarray[Any, Any]]:
        """Return the outputs of the last request of the queue; see `Engine.outputs`."""
        self.call()
        request = self._queue[self.inferences - 1]
        return [np.array(request.get_output_tensor(index).data) for index in range(len(self._compiled.outputs))]

    def settings(self) -> dict[str, Any]:
        """See `Engine.settings`."""
        return {**super().settings(), "requests": self.inferences}
