"""CuPy port of one Gerchberg-Saxton iteration, as people move NumPy code to a GPU. Prints "size microseconds" for each
argument: 512 or, for a batch, 512x64."""
import sys

import cupy as cp

print("CuPy", cp.__version__, flush=True)

for name in sys.argv[1:]:
    n, _, batch = name.partition("x")
    shape = (int(batch or 1), int(n), int(n)) if batch else (int(n), int(n))
    turn = max(2, min(20, int(2e9 / (shape[-1] ** 2 * int(batch or 1)))))
    m = cp.random.rand(*shape, dtype=cp.float32)
    a = (m * cp.exp(2j * cp.pi * cp.random.rand(*shape))).astype(cp.complex64)

    def iteration(a):
        b = cp.real(cp.fft.ifft2(a))
        b[b < 0] = 0
        return m * cp.exp(1j * cp.angle(cp.fft.fft2(b)))

    for _ in range(5):
        a = iteration(a)
    times = []
    for _ in range(5):
        start, end = cp.cuda.Event(), cp.cuda.Event()
        start.record()
        for _ in range(turn):
            a = iteration(a)
        end.record()
        end.synchronize()
        times.append(cp.cuda.get_elapsed_time(start, end) / turn * 1000)
    print(name, f"{sorted(times)[2]:.1f}", flush=True)
