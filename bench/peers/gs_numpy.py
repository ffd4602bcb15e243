"""CPU peers of one Gerchberg-Saxton iteration: numpy as the reference implementation does it (complex128,
angle/exp), and scipy.fft tuned by a careful user (float32, rfft2, one thread or all cores)."""
import os
import numpy as np, scipy.fft as sf
from serve import serve

def problem(n):
    rng = np.random.default_rng(0)
    obj = np.zeros((n, n))
    obj[n//4:3*n//4, n//4:3*n//4] = rng.random((3*n//4 - n//4, 3*n//4 - n//4))
    M = np.abs(np.fft.fft2(obj))
    return M, M*np.exp(1j*rng.uniform(0, 2*np.pi, (n, n)))

def numpy_port(n):
    M, A = problem(n)
    def step(A):
        B = np.fft.ifft2(A).real.copy()
        B[B < 0] = 0
        return M*np.exp(1j*np.angle(np.fft.fft2(B)))
    return step, A

def scipy_tuned(n, workers):
    M, A = problem(n)
    M = M[:, :n//2+1].astype(np.float32).copy()
    def step(A):
        B = sf.irfft2(A, s=(n, n), workers=workers, overwrite_x=True)
        np.maximum(B, 0, out=B)
        C = sf.rfft2(B, workers=workers, overwrite_x=True)
        a = np.abs(C)
        np.maximum(a, 1e-30, out=a)
        C *= M/a
        return C
    return step, A[:, :n//2+1].astype(np.complex64)

PEERS = {
    "numpy-port-c128": numpy_port,
    "scipy-tuned-f32-1t": lambda n: scipy_tuned(n, 1),
    "scipy-tuned-f32-all": lambda n: scipy_tuned(n, os.cpu_count()),
}

serve(PEERS)
