"""CuPy port of one Gerchberg-Saxton iteration, as people move NumPy code to a GPU. Prints "size microseconds" for each
argument: 512 or, for a batch, 512x64."""
import sys

import cupy as cp
from gs_cupy_calls import measure, port

print("CuPy", cp.__version__, flush=True)
for size in sys.argv[1:]:
    n, *batch = map(int, size.split("x"))
    print(size, f"{measure(*port(*batch, n, n))['total']:.1f}", flush=True)
