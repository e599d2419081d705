"""Makes the models of this folder, and what Keras itself predicts with each, for test/model/keras.test.ts:

    python3.11 -m venv /tmp/keras2 && /tmp/keras2/bin/pip install tensorflow-cpu==2.15.1
    /tmp/keras2/bin/python make.py
    python3.11 -m venv /tmp/keras3 && /tmp/keras3/bin/pip install keras==3.10.0 numpy scipy h5py jax
    KERAS_BACKEND=numpy /tmp/keras3/bin/python make.py

Keras 2 and 3 write different files, so each writes its own. Run again, they give other last digits.
"""

import json
import os

import keras
import numpy as np
from keras import layers

random = np.random.default_rng(1)
keras.utils.set_random_seed(1)


def requests(n=100):
    """Requests in 60 seconds: none, few, and floods."""
    return np.concatenate([[0, 1, 2], np.round(np.exp(random.uniform(0, 7.5, n - 3)))]).reshape(n, 1)


def shares(hits):
    """A part of the requests each, as errors and signs are."""
    return np.round(hits * random.uniform(0, 1, hits.shape) ** 3)


def unsettle(model):
    """Gives every weight a value that would be missed: what a BatchNormalization starts with changes nothing."""
    for layer in model.layers:
        if isinstance(layer, layers.Normalization):
            continue  # has learned its own
        values = []
        for variable in layer.weights:
            shape = tuple(variable.shape)
            width = 1.5 / np.sqrt(shape[0])
            values.append(random.uniform(0.3, 2, shape) if "var" in variable.name else random.normal(0, width, shape))
        layer.set_weights(values)


def predict(model, rows, class_scores):
    """One score a row; several inputs get a column of the rows each, several classes are weighed."""
    columns = [rows[:, i : i + 1] for i in range(rows.shape[1])]
    given = columns if len(model.inputs) > 1 else rows
    return (model.predict(given, verbose=0) @ np.array(class_scores)).reshape(-1)


def keep(model, name, rows, class_scores=(1.0,)):
    """Saves a model with its predictions, which must not all be the same."""
    scores = predict(model, rows, class_scores)
    while scores.std() < 0.1:
        unsettle(model)
        scores = predict(model, rows, class_scores)
    model.save(name)
    with open(os.path.splitext(name)[0] + "_predictions.json", "w") as file:
        json.dump({"inputs": rows.tolist(), "scores": [float(score) for score in scores]}, file)
        file.write("\n")


def scoring_model():
    """One input, the requests of the last 60 s as they are: scores rise with them."""
    model = keras.Sequential(
        [
            layers.InputLayer(input_shape=(1,)),
            layers.Dense(16, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(8, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ],
        name="scoring_model",
    )
    rows = requests(2000)
    model.compile("adam", "mse")
    model.layers[0].set_weights([random.uniform(0, 0.02, (1, 16)), random.uniform(-1, 0, 16)])
    model.fit(rows, 1 / (1 + np.exp((100 - rows) / 40)), epochs=60, verbose=0)
    return model


def normalised():
    """Everything that is folded into the dense layers beside it, where it can stand."""
    rows = requests(500)
    rows = np.concatenate([rows, shares(rows), shares(rows)], axis=1)
    normalization = layers.Normalization()
    normalization.adapt(rows)
    model = keras.Sequential(
        [
            layers.InputLayer(input_shape=(3,)),
            normalization,
            layers.Flatten(),
            layers.BatchNormalization(),
            layers.Dense(12),
            layers.BatchNormalization(),
            layers.Activation("tanh"),
            layers.Dropout(0.4),
            layers.Rescaling(0.5, offset=-0.1),
            layers.Dense(8, activation="elu", use_bias=False),
            layers.BatchNormalization(scale=False),
            layers.LeakyReLU(alpha=0.2),
            layers.Dense(6, activation="leaky_relu"),
            layers.ReLU(max_value=4),
            layers.Dense(1),
            layers.Activation("sigmoid"),
        ]
    )
    unsettle(model)
    return model


def functional():
    """A chain in the functional style."""
    x = given = keras.Input(shape=(2,), name="window")
    normalization = layers.Normalization(mean=[200.0, 40.0], variance=[90000.0, 8100.0])
    x = normalization(x)
    x = layers.Dense(10, activation="selu", name="first")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Dense(5, activation="softplus", name="second")(x)
    model = keras.Model(given, layers.Dense(1, activation="sigmoid", name="score")(x))
    unsettle(model)
    return model


def named():
    """Keras 3: inputs by name, joined in another order, and its own idea of hard_sigmoid."""
    inputs = [keras.Input(shape=(1,), name=name) for name in ("requests", "errors", "bare")]
    normalization = layers.Normalization()
    normalization.adapt(three[:, [2, 0, 1]])
    x = normalization(layers.Concatenate()([inputs[2], inputs[0], inputs[1]]))
    x = layers.Dense(8, activation="silu")(x)
    x = layers.Rescaling(0.7)(x)
    x = layers.BatchNormalization()(x)
    x = layers.Dense(6, activation="leaky_relu")(x)
    x = layers.Dense(4, activation="hard_sigmoid")(x)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))
    unsettle(model)
    return model


def classes():
    """Keras 3 in HDF5: three classes, the best first."""
    model = keras.Sequential(
        [
            layers.Input(shape=(1,)),
            layers.Rescaling(1 / 100),
            layers.Dense(6, activation="tanh"),
            layers.Dense(3, activation="softmax"),
        ]
    )
    unsettle(model)
    return model


hits = requests()
three = np.concatenate([hits, shares(hits), shares(hits)], axis=1)
if keras.__version__.startswith("2."):
    keep(scoring_model(), "scoring_model.h5", hits)
    keep(normalised(), "normalised.h5", three)
    keep(functional(), "functional.keras", three[:, :2])
else:
    keep(named(), "named.keras", three)
    keep(classes(), "classes.h5", hits, (0.0, 0.5, 1.0))
