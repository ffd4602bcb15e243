"""One Gerchberg-Saxton iteration as a Python user has it, one CuPy call after another: what submitting it costs this thread,
what it takes until it is done, and what it takes by the device's events. Microseconds an iteration, as JSON.
Arguments: sizes n of n x n images."""
import json
import statistics
import sys
import time

import cupy as cp

TURNS = 7


def port(n):
    """The direct port of the NumPy code: complex transforms, angle and exponential."""
    m = cp.random.rand(n, n).astype(cp.float32)

    def iteration(a):
        b = cp.real(cp.fft.ifft2(a))
        b[b < 0] = 0
        return m * cp.exp(1j * cp.angle(cp.fft.fft2(b)))

    return iteration, (m * cp.exp(2j * cp.pi * cp.random.rand(n, n))).astype(cp.complex64)


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
    for _ in range(5):
        a = iteration(a)
    cp.cuda.Device().synchronize()
    rows = []
    # Few enough that no queue is full.
    count = 20
    for _ in range(TURNS):
        start, end = cp.cuda.Event(), cp.cuda.Event()
        began = time.perf_counter()
        start.record()
        for _ in range(count):
            a = iteration(a)
        end.record()
        submitted = time.perf_counter()
        end.synchronize()
        done = time.perf_counter()
        device = cp.cuda.get_elapsed_time(start, end) * 1000
        rows.append(((done - began) * 1e6 / count, (submitted - began) * 1e6 / count, device / count))
    return dict(zip(("total", "submit", "device"), (statistics.median(column) for column in zip(*rows))))


results = {"version": cp.__version__, "rows": []}
for n in map(int, sys.argv[1:]):
    results["rows"].append({"n": n, "port": measure(*port(n)), "tuned": measure(*tuned(n))})
print(json.dumps(results))
