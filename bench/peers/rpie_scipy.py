"""CPU peers of rPIE with batches of 16 positions: scipy.fft tuned by a careful user (complex64, all transforms of a batch in
one call, one thread or all cores, everything else in place). One iteration visits every position once.

A server for bench/peers.mjs, as gs_numpy.py is: it reads lines {"peer", "n", "iterations"} and answers with {"ms"}."""
import json, os, sys, time
import numpy as np, scipy, scipy.fft as sf

POSITIONS, STEP, BATCH, ALPHA = 64, 12, 16, np.float32(0.1)

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
    state = {"obj": obj, "probe": probe}
    waves = np.empty((BATCH, n, n), np.complex64)
    patches = np.empty_like(waves)

    def weighted(numerator, weight):
        return numerator / ((1 - ALPHA) * weight + ALPHA * weight.max())

    def step():
        obj, probe = state["obj"], state["probe"]
        order = rng.permutation(POSITIONS)
        for first in range(0, POSITIONS, BATCH):
            batch = order[first:first + BATCH]
            for k, j in enumerate(batch):
                r, c = places[j]
                patches[k] = obj[r:r + n, c:c + n]
            np.multiply(patches, probe, out=waves)
            spectra = sf.fft2(waves, workers=workers, norm="ortho")
            sizes = np.abs(spectra)
            np.maximum(sizes, 1e-30, out=sizes)
            np.divide(roots[batch], sizes, out=sizes)
            sizes -= 1
            spectra *= sizes
            difference = sf.ifft2(spectra, workers=workers, norm="ortho", overwrite_x=True)
            to_probe = weighted(np.einsum("kij,kij->ij", patches.conj(), difference), np.einsum("kij,kij->ij", patches.real, patches.real) + np.einsum("kij,kij->ij", patches.imag, patches.imag))
            difference *= probe.conj()
            power = probe.real ** 2 + probe.imag ** 2
            numerator, weight = np.zeros_like(obj), np.zeros(obj.shape, np.float32)
            for k, j in enumerate(batch):
                r, c = places[j]
                numerator[r:r + n, c:c + n] += difference[k]
                weight[r:r + n, c:c + n] += power
            obj += weighted(numerator, weight)
            probe += to_probe
    return step

PEERS = {
    "scipy-rpie-c64-1t": lambda n: rpie(n, 1),
    "scipy-rpie-c64-all": lambda n: rpie(n, os.cpu_count()),
}

print(json.dumps({"peers": list(PEERS), "versions": {
    "Python": sys.version.split()[0], "NumPy": np.__version__, "SciPy": scipy.__version__}}), flush=True)
steps = {}
for line in sys.stdin:
    ask = json.loads(line)
    key = ask["peer"], ask["n"]
    if key not in steps:
        steps[key] = PEERS[ask["peer"]](ask["n"])
    began = time.perf_counter()
    for _ in range(ask["iterations"]):
        steps[key]()
    print(json.dumps({"ms": 1e3 * (time.perf_counter() - began)}), flush=True)
