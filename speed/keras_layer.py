"""The same training by the authors' approach, in turns with others.

A Keras layer with the formula and the regularisers of their package, and ``fit``, with
as many threads as TensorFlow takes. It runs in an environment of its own
(``requirements-keras.txt``). Takes the same job as ``plain.py``. Neither validation nor
metrics: only training is timed.
"""

import json
import os
import sys
from time import perf_counter, process_time
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

import keras
import numpy as np
import tensorflow as tf
import turns


class Spectral(keras.layers.Layer):
    """An affine map with the kernel (λ_in,j − λ_out,i) φ_ij, and λ_out fixed to 0.

    Parameters
    ----------
    units : int
        Number of destination nodes.
    activation : str
        What is applied to the result.
    base_regularizer, diag_regularizer : keras.Regularizer, optional
        Penalties of φ and of λ.
    """

    def __init__(
        self,
        units: int,
        activation: str,
        base_regularizer: keras.Regularizer | None = None,
        diag_regularizer: keras.Regularizer | None = None,
    ) -> None:
        super().__init__()
        self.units = units
        self.activation = keras.activations.get(activation)
        self.base_regularizer = base_regularizer
        self.diag_regularizer = diag_regularizer

    def build(self, input_shape: tuple[int | None, int]) -> None:
        """Make φ, λ_in, λ_out and the bias."""
        inputs = input_shape[-1]
        self.base = self.add_weight(
            shape=(inputs, self.units),
            initializer="glorot_uniform",
            regularizer=self.base_regularizer,
        )
        self.diag_start = self.add_weight(
            shape=(inputs, 1), initializer="ones", regularizer=self.diag_regularizer
        )
        self.diag_end = self.add_weight(
            shape=(1, self.units), initializer="zeros", trainable=False
        )
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Map ``(n, inputs)`` to ``(n, units)``."""
        kernel = tf.multiply(self.base, self.diag_start - self.diag_end)
        return self.activation(tf.matmul(inputs, kernel) + self.bias)


class Clock(keras.callbacks.Callback):
    """Time the epochs of a training after the first, which sets the data up.

    Parameters
    ----------
    seconds : float
        After how long to stop.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Start the clock or read it."""
        if epoch == 0:
            self.start = perf_counter(), process_time()
            return
        now = perf_counter(), process_time()
        seconds, processor = np.subtract(now, self.start).tolist()
        self.found = {"epochs": epoch, "seconds": seconds, "processor": processor}
        self.model.stop_training = seconds >= self.seconds


def make_model(
    inputs: int, description: dict[str, Any], penalty: dict[str, Any]
) -> keras.Sequential:
    """Return the network that an experiment describes."""
    regularisers = {
        "diag_regularizer": keras.regularizers.L2(penalty["eigenvalues"]),
        "base_regularizer": keras.regularizers.L2(penalty["eigenvectors"]),
    }
    model = keras.Sequential([keras.Input((inputs,))])
    for layer in [*description["hidden"], description["output"]]:
        model.add(Spectral(layer["units"], layer["activation"], **regularisers))
        regularisers = {}
        if layer.get("batch_norm"):
            model.add(keras.layers.BatchNormalization())
        if layer.get("dropout"):
            model.add(keras.layers.Dropout(layer["dropout"]))
    return model


def main() -> None:
    """Train until the driver has had enough."""
    job = json.loads(sys.argv[1])
    training = job["training"]
    with np.load(job["data"]) as arrays:
        x, y = (arrays[f"0/{name}_train"] for name in "xy")
    batch_size = training["batch_size"]
    n = job["examples"]
    model = make_model(x.shape[1], job["network"], job["regularisation"])
    losses = keras.losses
    model.compile(
        optimizer=keras.optimizers.Adam(training["learning_rate"]),
        loss=losses.SparseCategoricalCrossentropy(from_logits=True)
        if job["classes"]
        else losses.MeanAbsoluteError(),
    )

    # A call of fit in each round: one that is held up between two epochs for seconds
    # sleeps for seconds more when it may go on (seen with TensorFlow 2.21).
    def work(seconds: float) -> dict[str, Any]:
        clock = Clock(seconds)
        settings = {"batch_size": batch_size, "epochs": 10**9, "verbose": 0}
        model.fit(x[:n], y[:n], callbacks=[clock], **settings)
        return clock.found

    work(0)
    turns.answer(work, tensorflow=tf.__version__, keras=keras.__version__)


if __name__ == "__main__":
    main()
