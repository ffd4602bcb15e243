"""Direct port of ptychography to CuPy, single precision. Times everything on the GPU, prints one JSON line a case.

What a competent user writes: whole batches at once, every array operation a call, transforms by cuFFT, patches gathered
by fancy indexing, object updates scattered with atomics (`cupyx.scatter_add`). The same numbers as
rephase's, with one probe mode and whole positions.
"""
import json
import time

import numpy as np


class Peer:
    """rPIE, ePIE, difference map and LSQ-ML over `xp`, one probe mode, whole positions."""

    def __init__(self, xp, patterns, positions, obj, probe, scatter):
        self.xp, self.scatter = xp, scatter
        self.real = probe.real.dtype
        self.A = xp.sqrt(xp.asarray(patterns, self.real))
        self.O, self.P = xp.asarray(obj), xp.asarray(probe)
        m, n = self.P.shape
        r, c = (np.asarray(positions)[:, a].astype(np.int64) for a in (0, 1))
        base = (r * self.O.shape[1] + c)[:, None, None]
        self.at = xp.asarray(base + np.arange(m)[:, None] * self.O.shape[1] + np.arange(n)[None, :])
        self.J = len(r)

    def patches(self, image, j):
        return image.ravel()[self.at[j]]

    def place(self, j, values, dtype=None):
        out = self.xp.zeros(self.O.size, values.dtype)
        self.scatter(out, self.at[j], values)
        return out.reshape(self.O.shape)

    def impose(self, psi, j):
        xp = self.xp
        Psi = xp.fft.fft2(psi, norm="ortho")
        a = xp.abs(Psi)
        Psi *= self.A[j] / xp.maximum(a, 1e-30)
        return xp.fft.ifft2(Psi, norm="ortho")

    def weighted(self, N, D, alpha):
        return N / ((1 - alpha) * D + alpha * D.max())

    def pie(self, order, alpha=0.1, step=1.0, batch=16):
        xp = self.xp
        for b in range(0, self.J, batch):
            j = order[b : b + batch]
            o, P = self.patches(self.O, j), self.P
            psi = P * o
            d = self.impose(psi, j) - psi
            p2 = xp.abs(P) ** 2
            NO = self.place(j, xp.conj(P) * d)
            DO = self.place(j, xp.broadcast_to(p2, d.shape))
            NP, DP = (xp.conj(o) * d).sum(0), (xp.abs(o) ** 2).sum(0)
            self.O = self.O + step * self.weighted(NO, DO, alpha)
            self.P = P + step * self.weighted(NP, DP, alpha)

    def pie_one(self, order, alpha=1.0, step=1.0):
        """One position at a time, as PtyLab's ePIE does it: views instead of indices."""
        xp, (m, n) = self.xp, self.P.shape
        W = self.O.shape[1]
        first = [divmod(int(v), W) for v in (self.at[:, 0, 0].get() if hasattr(self.at, "get") else self.at[:, 0, 0])]
        for j in order:
            r, c = first[int(j)]
            o, P = self.O[r : r + m, c : c + n].copy(), self.P
            psi = P * o
            d = self.impose(psi, int(j)) - psi
            self.O[r : r + m, c : c + n] = o + step * self.weighted(xp.conj(P) * d, xp.abs(P) ** 2, alpha)
            self.P = P + step * self.weighted(xp.conj(o) * d, xp.abs(o) ** 2, alpha)

    def dm(self, chunk=256, alpha=1e-3, beta=1.0):
        xp = self.xp
        runs = [slice(b, min(b + chunk, self.J)) for b in range(0, self.J, chunk)]
        if not hasattr(self, "waves"):
            self.waves = xp.empty(self.A.shape, self.P.dtype)
            for j in runs:
                self.waves[j] = self.P * self.patches(self.O, j)
        for j in runs:
            po = self.P * self.patches(self.O, j)
            self.waves[j] += beta * (self.impose(2 * po - self.waves[j], j) - po)
        N, D = xp.zeros(self.O.size, self.O.dtype), xp.zeros(self.O.size, self.real)
        p2 = xp.abs(self.P) ** 2
        for j in runs:
            po = self.P * self.patches(self.O, j)
            self.scatter(N, self.at[j], xp.conj(self.P) * (self.waves[j] - po))
            self.scatter(D, self.at[j], xp.broadcast_to(p2, po.shape))
        self.O = self.O + self.weighted(N, D, alpha).reshape(self.O.shape)
        N, D = xp.zeros_like(self.P), xp.zeros(self.P.shape, self.real)
        for j in runs:
            o = self.patches(self.O, j)
            N += (xp.conj(o) * (self.waves[j] - self.P * o)).sum(0)
            D += (xp.abs(o) ** 2).sum(0)
        self.P = self.P + self.weighted(N, D, alpha)

    def lsqml(self, order, batch=16, alpha=0.1, ridge=0.1, step=0.9):
        xp = self.xp
        p2 = xp.abs(self.P) ** 2
        W = xp.zeros(self.O.size, self.real)
        for b in range(0, self.J, 256):
            j = slice(b, min(b + 256, self.J))
            self.scatter(W, self.at[j], xp.broadcast_to(p2, self.at[j].shape))
        W = W.reshape(self.O.shape)
        for b in range(0, self.J, batch):
            j = order[b : b + batch]
            o, P = self.patches(self.O, j), self.P
            psi = P * o
            chi = self.impose(psi, j) - psi
            dO = self.weighted(self.place(j, xp.conj(P) * chi), W, alpha)
            dP = (xp.conj(o) * chi).mean(0)
            u, v = self.patches(dO, j) * P, dP * o
            s = lambda q: q.sum((-1, -2))
            A11, A22, A12 = s(xp.abs(u) ** 2), s(xp.abs(v) ** 2), s(u * xp.conj(v))
            b1, b2 = s((xp.conj(u) * chi).real), s((xp.conj(v) * chi).real)
            A11, A22 = A11 + ridge * A11.mean(), A22 + ridge * A22.mean()
            det = A11 * A22 - xp.abs(A12) ** 2
            so, sp = (A22 * b1 - A12.real * b2) / det, (A11 * b2 - A12.real * b1) / det
            self.O = self.O + step * xp.maximum(so, 0).mean() * dO
            self.P = P + step * xp.maximum(sp, 0).mean() * dP


def measure():
    import cupy as cp, cupyx
    rng = np.random.default_rng(0)
    def scatter(out, at, v):
        if out.dtype.kind == "c":  # scatter_add takes no complex numbers: two real ones
            flat = out.view(cp.float32)
            cupyx.scatter_add(flat, at * 2, cp.ascontiguousarray(v.real)); cupyx.scatter_add(flat, at * 2 + 1, cp.ascontiguousarray(v.imag))
        else:
            cupyx.scatter_add(out, at, v)
    name = cp.cuda.runtime.getDeviceProperties(0)["name"].decode()
    for n, J in ((128, 1024), (256, 1024), (512, 256)):
        side = int(np.ceil(np.sqrt(J)))
        step = n // 8
        pos = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"), -1).reshape(-1, 2)[:J] * step + rng.integers(0, 3, (J, 2))
        size = pos.max(0) + n + 2
        y, x = np.indices((n, n)) - n // 2
        probe = (np.exp(-(x**2 + y**2) / (2 * (n / 8) ** 2)) * np.exp(1j * (x**2 + y**2) * 40 / n**2)).astype(np.complex64)
        probe *= np.sqrt(1e6 / (np.abs(probe) ** 2).sum())
        obj = np.exp(1j * rng.standard_normal(size) * 0.3).astype(np.complex64)
        patterns = cp.asarray(rng.poisson(1e6 / n**2, (J, n, n)).astype(np.float32))  # speed does not depend on what is in them
        def timed(what, batch, call, repeat, count=J):
            p = Peer(cp, patterns, pos, np.ones_like(obj), probe, scatter)
            call(p); cp.cuda.Device().synchronize()
            times = []
            for _ in range(repeat):
                t = time.perf_counter(); call(p); cp.cuda.Device().synchronize(); times.append(time.perf_counter() - t)
            s = float(np.median(times))
            print(json.dumps(dict(gpu=name, version=cp.__version__, algorithm=what, batch=batch, n=n, positions=count, seconds=round(s, 6), patternsPerSecond=round(count / s))), flush=True)
        order = cp.asarray(rng.permutation(J)); host = rng.permutation(J)
        for b in (16, 64, 128, 256, 1024):
            if b <= J and b * n * n * 8 * 8 < 2**34:
                timed("rpie", b, lambda p: p.pie(order, batch=b), 5)
        for b in (16, 128):
            timed("lsqml", b, lambda p: p.lsqml(order, batch=b), 5)
        timed("dm", 256, lambda p: p.dm(), 5)
        if n <= 256:
            timed("epie", 1, lambda p: p.pie_one(host[:256]), 3, 256)


if __name__ == "__main__":
    measure()
