"""Makes the vectors of this folder: complex objects by NumPy, in double precision, with nothing of rephase in it.

    python3 test/vectors/complex/make.py

Magnitudes are |fft2(object)|. Every run begins at fft2's spectrum magnitudes * exp(1j * start).
"""

import json
import pathlib

import numpy as np

FOLDER = pathlib.Path(__file__).parent
SHAPE = (20, 27)
BETA = 0.9


def hio(spectrum, magnitudes, support, iterations):
    """Fienup's hybrid input-output with a support alone."""
    x = None
    for _ in range(iterations):
        y = np.fft.ifft2(spectrum)
        x = np.where(support, y, (y if x is None else x) - BETA * y)
        spectrum = magnitudes * np.exp(1j * np.angle(np.fft.fft2(x)))
    return x


def raar(spectrum, magnitudes, support, iterations):
    """Luke's relaxed averaged alternating reflections, as operators."""
    y = np.fft.ifft2(spectrum)
    x = y
    for _ in range(iterations):
        reflected = 2 * y - x
        x = BETA / 2 * (2 * support * reflected - reflected + x) + (1 - BETA) * y
        y = np.fft.ifft2(magnitudes * np.exp(1j * np.angle(np.fft.fft2(x))))
    return x


def gerchberg_saxton(spectrum, magnitudes, sizes, iterations):
    """Magnitudes in both planes."""
    for _ in range(iterations):
        x = sizes * np.exp(1j * np.angle(np.fft.ifft2(spectrum)))
        spectrum = magnitudes * np.exp(1j * np.angle(np.fft.fft2(x)))
    return x


def pure_phase(spectrum, magnitudes, support, iterations):
    """Fienup's hybrid input-output for an object of size 1 on its support, and 0 elsewhere."""
    x = None
    for _ in range(iterations):
        y = np.fft.ifft2(spectrum)
        wanted = support * np.exp(1j * np.angle(y))
        x = (y if x is None else x) - BETA * (y - wanted)
        spectrum = magnitudes * np.exp(1j * np.angle(np.fft.fft2(x)))
    return x


def main():
    random = np.random.default_rng(11)
    rows, columns = np.indices(SHAPE)
    support = (rows < 11) & (columns < 13) & (rows + columns > 4)
    sizes = support * random.uniform(0.2, 1, SHAPE)
    phases = random.uniform(-2, 2, SHAPE)
    start = random.uniform(0, 2 * np.pi, SHAPE)
    inputs = {"support": support.astype(np.uint8), "sizes": sizes, "start": start}
    for name, array in inputs.items():
        np.save(FOLDER / f"{name}.npy", array)
    patterns = {}
    for name, object_ in {"object": sizes * np.exp(1j * phases), "phases": support * np.exp(1j * phases)}.items():
        patterns[name] = np.abs(np.fft.fft2(object_))
        np.save(FOLDER / f"{name}.magnitudes.npy", patterns[name])
    runs = []
    for function, algorithm, pattern, known in [
        (hio, "hio", "object", support),
        (raar, "raar", "object", support),
        (gerchberg_saxton, "gs", "object", sizes),
        (pure_phase, "hio", "phases", support),
    ]:
        for iterations in (1, 2, 10):
            magnitudes = patterns[pattern]
            result = function(magnitudes * np.exp(1j * start), magnitudes, known, iterations)
            file = f"{function.__name__}.after{iterations}.npy"
            np.save(FOLDER / file, result)
            runs.append(
                {"function": function.__name__, "algorithm": algorithm, "pattern": pattern, "iterations": iterations, "file": file}
            )
    index = {"shape": SHAPE, "beta": BETA, "numpy": np.__version__, "runs": runs}
    (FOLDER / "index.json").write_text(json.dumps(index, indent=1) + "\n")


main()
