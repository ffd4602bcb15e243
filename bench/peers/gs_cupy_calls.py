"""One Gerchberg-Saxton iteration as a Python user has it, one CuPy call after another: what submitting it costs this thread,
and what it takes until it is done. Microseconds an iteration, as JSON. Arguments: sizes n of n x n images."""
import json
import statistics
import sys
import time

import cupy as cp

ROUNDS = 7
# Few enough that no queue is full.
ITERATIONS = 20


def port(*shape):
    """The direct port of the NumPy code: complex transforms, angle and exponential."""
    m = cp.random.rand(*shape, dtype=cp.float32)

    def iteration(a):
        b = cp.real(cp.fft.ifft2(a))
        b[b < 0] = 0
        return m * cp.exp(1j * cp.angle(cp.fft.fft2(b)))

    return iteration, (m * cp.exp(2j * cp.pi * cp.random.rand(*shape))).astype(cp.complex64)


def tuned(n):
    """By a careful user: real transforms, and one kernel for each constraint."""
    m = cp.random.rand(n, n // 2 + 1).astype(cp.float32)
    impose = cp.ElementwiseKernel(
        "complex64 c, float32 m",
        "complex64 a",
        "float r = rsqrtf(c.real()*c.real()+c.imag()*c.imag()); a = isfinite(r) ? c*(m*r) : complex<float>(m,0);",
        "impose",
    )
    clip = cp.ElementwiseKernel("float32 b", "float32 o", "o = b < 0.f ? 0.f : b;", "clip")

    def iteration(a):
        return impose(cp.fft.rfft2(clip(cp.fft.irfft2(a, s=(n, n)))), m)

    return iteration, m.astype(cp.complex64)


def measure(iteration, a):
    rounds = []
    # The first round warms up.
    for _ in range(ROUNDS + 1):
        cp.cuda.Device().synchronize()
        began = time.perf_counter()
        for _ in range(ITERATIONS):
            a = iteration(a)
        submitted = time.perf_counter()
        cp.cuda.Device().synchronize()
        done = time.perf_counter()
        rounds.append([(until - began) * 1e6 / ITERATIONS for until in (done, submitted)])
    total, submit = map(statistics.median, zip(*rounds[1:]))
    return {"total": total, "submit": submit}


if __name__ == "__main__":
    rows = [{"n": n, "port": measure(*port(n, n)), "tuned": measure(*tuned(n))} for n in map(int, sys.argv[1:])]
    print(json.dumps({"version": cp.__version__, "rows": rows}))
