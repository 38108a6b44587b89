#!/usr/bin/env python3
"""Golden values of tf.image.resize for test_resize.c: tf_cases.py OUT (needs TensorFlow from PyPI; made with 2.15).

A record: six little-endian 32-bit numbers (w, h, channels, w2, h2, filter: 0 nearest, 1 bilinear, 2 area), the source bytes, the
resized values as 32-bit floats.
"""
import random
import struct
import sys

import numpy as np
import tensorflow as tf

METHODS = ["nearest", "bilinear", "area"]
SHAPES = [(7, 5, 1, 3, 3), (7, 5, 3, 12, 9), (13, 11, 1, 6, 11), (20, 9, 2, 7, 4), (1, 1, 1, 3, 2), (9, 9, 1, 9, 9), (31, 17, 3, 8, 8),
          (3, 40, 1, 5, 7)]

rng = random.Random(3)
with open(sys.argv[1], "wb") as out:
    for w, h, c, w2, h2 in SHAPES:
        pixels = bytes(rng.randrange(256) for _ in range(w * h * c))
        source = np.frombuffer(pixels, np.uint8).reshape(1, h, w, c).astype(np.float32)
        for number, method in enumerate(METHODS):
            got = tf.image.resize(source, (h2, w2), method=method, antialias=False).numpy()
            out.write(struct.pack("<6I", w, h, c, w2, h2, number) + pixels + got.astype("<f4").tobytes())
