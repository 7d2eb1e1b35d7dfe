"""The script that many start from: two convolutions on MNIST in Keras. Run by benchmarks/digits.py.

python keras_digits.py mnist.npz SEED
"""

import sys

import keras
import numpy as np

path, seed = sys.argv[1], int(sys.argv[2])
keras.utils.set_random_seed(seed)
with np.load(path) as data:
    x_train, y_train, x_test, y_test = (data[name] for name in ("x_train", "y_train", "x_test", "y_test"))
x_train, x_test = (x[..., None].astype("float32") / 255 for x in (x_train, x_test))
model = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        keras.layers.Conv2D(32, 3, activation="relu"),
        keras.layers.MaxPooling2D(2),
        keras.layers.Conv2D(64, 3, activation="relu"),
        keras.layers.MaxPooling2D(2),
        keras.layers.Flatten(),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
assert model.count_params() == 34_826
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=32, epochs=5, verbose=0)
print("accuracy", model.evaluate(x_test, y_test, verbose=0)[1])
