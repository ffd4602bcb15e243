"""CPU peers of rPIE with batches of 16 positions: scipy.fft tuned by a careful user (complex64, one thread or all cores,
everything in place in arrays that are allocated once; transforms of four positions in one call, so that all arrays stay
in the cache). One iteration visits every position once."""
import os
import numpy as np, scipy.fft as sf
from serve import serve

POSITIONS, STEP, BATCH, CHUNK, ALPHA = 64, 12, 16, 4, np.float32(0.1)

def rpie(n, workers):
    rng = np.random.default_rng(0)
    side = int(np.sqrt(POSITIONS))
    places = [(STEP * (j // side), STEP * (j % side)) for j in range(POSITIONS)]
    size = n + STEP * (side - 1)
    y, x = np.mgrid[:n, :n] - n // 2
    probe = (100 * np.exp(-(x * x + y * y) / (n / 8) ** 2 * (1 - 1j))).astype(np.complex64)
    truth = np.exp(-1j * rng.random((size, size))).astype(np.complex64)
    roots = np.stack([np.abs(sf.fft2(probe * truth[r:r + n, c:c + n], norm="ortho")) for r, c in places]).astype(np.float32)
    obj = np.ones((size, size), np.complex64)
    waves, sizes = np.empty((CHUNK, n, n), np.complex64), np.empty((CHUNK, n, n), np.float32)
    product, squares, power = np.empty_like(probe), np.empty((n, n), np.float32), np.empty((n, n), np.float32)
    conjugate = np.empty_like(probe)
    to_object, object_weight = np.empty_like(obj), np.empty(obj.shape, np.float32)
    to_probe, probe_weight = np.empty_like(probe), np.empty((n, n), np.float32)

    def square(z, out):
        np.abs(z, out=out)
        np.multiply(out, out, out=out)

    def step(_):
        order = rng.permutation(POSITIONS)
        for first in range(0, POSITIONS, BATCH):
            for sums in (to_object, object_weight, to_probe, probe_weight):
                sums.fill(0)
            np.conj(probe, out=conjugate)
            square(probe, power)
            for begin in range(first, first + BATCH, CHUNK):
                chunk = order[begin:begin + CHUNK]
                parts = [(slice(r, r + n), slice(c, c + n)) for r, c in (places[j] for j in chunk)]
                for k, part in enumerate(parts):
                    np.multiply(obj[part], probe, out=waves[k])
                spectra = sf.fft2(waves, workers=workers, norm="ortho", overwrite_x=True)
                np.abs(spectra, out=sizes)
                np.maximum(sizes, 1e-30, out=sizes)
                for k, j in enumerate(chunk):
                    np.divide(roots[j], sizes[k], out=sizes[k])
                np.subtract(sizes, 1, out=sizes)
                np.multiply(spectra, sizes, out=spectra)
                differences = sf.ifft2(spectra, workers=workers, norm="ortho", overwrite_x=True)
                for difference, part in zip(differences, parts):
                    np.multiply(conjugate, difference, out=product)
                    to_object[part] += product
                    object_weight[part] += power
                    np.conj(obj[part], out=product)
                    np.multiply(product, difference, out=product)
                    np.add(to_probe, product, out=to_probe)
                    square(obj[part], squares)
                    np.add(probe_weight, squares, out=probe_weight)
            for numerator, weight, target in ((to_object, object_weight, obj), (to_probe, probe_weight, probe)):
                floor = ALPHA * weight.max()
                np.multiply(weight, 1 - ALPHA, out=weight)
                np.add(weight, floor, out=weight)
                np.divide(numerator, weight, out=numerator)
                np.add(target, numerator, out=target)
    return step, None

PEERS = {
    "scipy-rpie-c64-1t": lambda n: rpie(n, 1),
    "scipy-rpie-c64-all": lambda n: rpie(n, os.cpu_count()),
}

serve(PEERS)
