"""Iterations of a hologram on CuPy, of spots and of an image, by Leonardo et al.: as people move NumPy code to a GPU, and tuned
by a careful user: one cuFFT plan, in place, one kernel after each transform that leaves the norm of the weights to the next
iteration, all in a CUDA graph. Prints JSON, microseconds an iteration. Arguments: sizes n of n x n images."""
import json
import statistics
import sys
import time

import cupy as cp
from cupyx.scipy.fftpack import get_fft_plan

ROUNDS = 7
# In a graph; `weights` come back to their first array.
ITERATIONS = 10

KERNELS = cp.RawModule(
    code=r"""
extern "C" {
// Light of size 1. Two pixels a thread. The first clears what `follow` adds to.
__global__ void light(float4* z, int pairs, double* power) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i == 0) *power = 0;
  if (i >= pairs) return;
  float4 v = z[i];
  const float a = v.x * v.x + v.y * v.y, b = v.z * v.z + v.w * v.w;
  const float f = a > 0 ? rsqrtf(a) : 0, g = b > 0 ? rsqrtf(b) : 0;
  z[i] = make_float4(a > 0 ? v.x * f : 1, v.y * f, b > 0 ? v.z * g : 1, v.w * g);
}
__device__ float followed(float2& c, float target, float weight, float gain) {
  const float square = c.x * c.x + c.y * c.y, inverse = square > 0 ? rsqrtf(square) : 0;
  const float next = square > 0 ? gain * weight * target * inverse : gain * weight;
  c = square > 0 ? make_float2(c.x * next * inverse, c.y * next * inverse) : make_float2(next, 0);
  return next;
}
__global__ void follow(float4* z, const float2* targets, float2* weights, int pairs, const double* last, double* power,
                       double energy) {
  const float gain = *last > 0 ? sqrt(energy / *last) : 1;
  float sum = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < pairs; i += gridDim.x * blockDim.x) {
    const float2 target = targets[i];
    if (target.x == 0 && target.y == 0) {
      z[i] = make_float4(0, 0, 0, 0);
      continue;
    }
    const float4 v = z[i];
    float2 weight = weights[i], a = make_float2(v.x, v.y), b = make_float2(v.z, v.w);
    weight.x = target.x > 0 ? followed(a, target.x, weight.x, gain) : (a = make_float2(0, 0), 0);
    weight.y = target.y > 0 ? followed(b, target.y, weight.y, gain) : (b = make_float2(0, 0), 0);
    weights[i] = weight;
    z[i] = make_float4(a.x, a.y, b.x, b.y);
    sum += weight.x * weight.x + weight.y * weight.y;
  }
  __shared__ float shares[8];
  for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_xor_sync(~0u, sum, offset);
  if (threadIdx.x % 32 == 0) shares[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x > 0) return;
  for (int w = 1; w < 8; w++) sum += shares[w];
  if (sum > 0) atomicAdd(power, (double)sum);
}
}"""
)


def spots(n):
    target = cp.zeros((n, n), cp.float32)
    target[n // 8 : n // 8 + 30 : 3, n // 8 : n // 8 + 30 : 3] = 1
    return target


def image(n):
    return 0.2 + cp.random.rand(n, n, dtype=cp.float32)


def scaled(target):
    return target * cp.float32(target.shape[0] ** 2) / cp.linalg.norm(target)


def random_phases(target):
    return (target * cp.exp(2j * cp.pi * cp.random.rand(*target.shape, dtype=cp.float32))).astype(cp.complex64)


def port(target):
    state = {"field": random_phases(target), "weights": target.copy()}
    lit = target > 0
    norm = cp.linalg.norm(target)

    def step():
        modulator = cp.exp(1j * cp.angle(cp.fft.ifft2(state["field"])))
        far = cp.fft.fft2(modulator)
        weights = cp.where(lit, state["weights"] * target / cp.abs(far), 0)
        weights *= norm / cp.linalg.norm(weights)
        state.update(field=weights * cp.exp(1j * cp.angle(far)), weights=weights)

    return step, lambda: state["field"]


class Tuned:
    def __init__(self, target, start):
        n = target.shape[0]
        self.pairs = n * n // 2
        self.light, self.follow = KERNELS.get_function("light"), KERNELS.get_function("follow")
        self.field, self.target, self.weights = start.copy(), target, target.copy()
        self.powers = [cp.zeros(1, cp.float64), cp.zeros(1, cp.float64)]
        self.energy = cp.float64(cp.sum(target.astype(cp.float64) ** 2))
        # Keeps what the graph refers to.
        self.plan = get_fft_plan(self.field, axes=(0, 1))
        self.stream = cp.cuda.Stream(non_blocking=True)
        cp.cuda.Device().synchronize()
        with self.stream:
            self.step(0)
            self.step(1)
            self.stream.begin_capture()
            for k in range(ITERATIONS):
                self.step(k)
            self.graph = self.stream.end_capture()
        self.wait()

    def step(self, k):
        last, power = self.powers[k % 2], self.powers[(k + 1) % 2]
        pairs = cp.int32(self.pairs)
        blocks = (self.pairs + 255) // 256
        few = min(blocks, 8 * cp.cuda.Device().attributes["MultiProcessorCount"])
        self.plan.fft(self.field, self.field, cp.cuda.cufft.CUFFT_INVERSE)
        self.light((blocks,), (256,), (self.field, pairs, power))
        self.plan.fft(self.field, self.field, cp.cuda.cufft.CUFFT_FORWARD)
        self.follow((few,), (256,), (self.field, self.target, self.weights, pairs, last, power, self.energy))

    def run(self):
        self.graph.launch(self.stream)

    def wait(self):
        self.stream.synchronize()


def check(target, graphs):
    """Both do the same, but for what rounding becomes in so many iterations: of an image, speckle makes much of it."""
    step, far = port(target)
    peer = Tuned(target, far())
    for _ in range(2 + graphs * ITERATIONS):
        step()
    for _ in range(graphs):
        peer.run()
    peer.wait()
    error = float(cp.linalg.norm(peer.field / cp.linalg.norm(peer.field) - far() / cp.linalg.norm(far())))
    assert error < 0.05, error


def timed(run, synchronize, iterations):
    rounds = []
    # The first round warms up.
    for _ in range(ROUNDS + 1):
        synchronize()
        began = time.perf_counter()
        run()
        synchronize()
        rounds.append((time.perf_counter() - began) * 1e6 / iterations)
    rounds = sorted(rounds[1:])
    return [round(time, 3) for time in (rounds[0], statistics.median(rounds), rounds[-1])]


def measure(n, make):
    target = scaled(make(n))
    check(target, 1 if make is spots else 0)
    step, far = port(target)
    peer = Tuned(target, far())
    graphs = 1000
    return {
        "rows": n,
        "algorithm": make.__name__,
        "tuned": timed(lambda: [peer.run() for _ in range(graphs)], peer.wait, graphs * ITERATIONS),
        "port": timed(lambda: [step() for _ in range(50)], cp.cuda.Device().synchronize, 50),
    }


if __name__ == "__main__":
    cases = [measure(n, make) for n in map(int, sys.argv[1:]) for make in (spots, image)]
    print(json.dumps({"version": cp.__version__, "cases": cases}))
