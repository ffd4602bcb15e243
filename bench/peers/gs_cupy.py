"""CuPy port of one Gerchberg-Saxton iteration, as people move NumPy code to a GPU: prints "n microseconds"."""
import cupy as cp

print("CuPy", cp.__version__, flush=True)

for n in (256, 512, 1024, 2048, 4096):
    m = cp.random.rand(n, n).astype(cp.float32)
    a = (m * cp.exp(2j * cp.pi * cp.random.rand(n, n))).astype(cp.complex64)

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
        for _ in range(20):
            a = iteration(a)
        end.record()
        end.synchronize()
        times.append(cp.cuda.get_elapsed_time(start, end) / 20 * 1000)
    print(n, f"{sorted(times)[2]:.1f}", flush=True)
