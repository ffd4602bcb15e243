"""CPU peers of one iteration with a complex object, by scipy.fft tuned by a careful user: complex64, in place, arrays
allocated once, one thread or all cores. `gs` knows a support and magnitudes; a hologram is that of Leonardo et al., of spots,
where only their numbers are touched, or of an image."""
import os
import numpy as np, scipy.fft as sf
from serve import serve

def impose(field, magnitudes, sizes):
    np.abs(field, out=sizes)
    np.maximum(sizes, 1e-30, out=sizes)
    np.divide(magnitudes, sizes, out=sizes)
    np.multiply(field, sizes, out=field)

def gs(n, workers):
    rng = np.random.default_rng(0)
    support = np.zeros((n, n), np.float32)
    support[n // 4:3 * n // 4, n // 4:3 * n // 4] = 1
    magnitudes = np.abs(sf.fft2(support * np.exp(1j * rng.random((n, n))))).astype(np.float32)
    sizes = np.empty((n, n), np.float32)
    def step(spectrum):
        image = sf.ifft2(spectrum, workers=workers, overwrite_x=True)
        np.multiply(image, support, out=image)
        spectrum = sf.fft2(image, workers=workers, overwrite_x=True)
        impose(spectrum, magnitudes, sizes)
        return spectrum
    return step, (magnitudes * np.exp(2j * np.pi * rng.random((n, n)))).astype(np.complex64)

def hologram(n, workers, target):
    rng = np.random.default_rng(0)
    target, follow = target(n, rng)
    sizes, ones = np.empty((n, n), np.float32), np.ones((n, n), np.float32)
    def step(spectrum):
        image = sf.ifft2(spectrum, workers=workers, overwrite_x=True)
        impose(image, ones, sizes)
        spectrum = sf.fft2(image, workers=workers, overwrite_x=True)
        follow(spectrum)
        return spectrum
    return step, (target * np.exp(2j * np.pi * rng.random((n, n)))).astype(np.complex64)

def scaled(target, n):
    return target * np.float32(n * n / np.linalg.norm(target))

def spots(n, rng):
    target = np.zeros((n, n), np.float32)
    target[n // 8:n // 8 + 30:3, n // 8:n // 8 + 30:3] = 1
    target = scaled(target, n)
    at = np.flatnonzero(target)
    wanted = target.ravel()[at]
    weights = wanted.copy()
    def follow(spectrum):
        nonlocal weights
        present = spectrum.ravel()[at]
        sizes = np.maximum(np.abs(present), 1e-30)
        weights *= wanted / sizes
        weights *= n * n / np.linalg.norm(weights)
        spectrum.fill(0)
        spectrum.ravel()[at] = present * (weights / sizes)
    return target, follow

def image(n, rng):
    target = scaled(0.2 + rng.random((n, n), np.float32), n)
    weights = target.copy()
    sizes, raised = np.empty((n, n), np.float32), np.empty((n, n), np.float32)
    def follow(spectrum):
        np.abs(spectrum, out=sizes)
        np.maximum(sizes, 1e-30, out=sizes)
        np.divide(target, sizes, out=raised)
        np.multiply(weights, raised, out=weights)
        np.multiply(weights, n * n / np.linalg.norm(weights), out=weights)
        np.divide(weights, sizes, out=sizes)
        np.multiply(spectrum, sizes, out=spectrum)
    return target, follow

PEERS = {
    "scipy-c2c-c64-1t": lambda n: gs(n, 1),
    "scipy-c2c-c64-all": lambda n: gs(n, os.cpu_count()),
    "scipy-spots-c64-1t": lambda n: hologram(n, 1, spots),
    "scipy-image-c64-1t": lambda n: hologram(n, 1, image),
}

serve(PEERS)
