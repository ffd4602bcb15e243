"""What the peers in Python share: a server for bench/peers.mjs. It prints one line when it is ready, and then reads lines
{"peer", "n", "iterations"} and answers each with {"ms"}, the milliseconds that so many iterations took."""
import json, sys, time
import numpy, scipy

def serve(peers):
    """`peers[name](n)` makes a peer of a size: `step`, which makes the next state of a state, and the first state."""
    print(json.dumps({"peers": list(peers), "versions": {
        "Python": sys.version.split()[0], "NumPy": numpy.__version__, "SciPy": scipy.__version__}}), flush=True)
    made, size = {}, None
    for line in sys.stdin:
        ask = json.loads(line)
        if ask["n"] != size:
            made, size = {}, ask["n"]
        if ask["peer"] not in made:
            made[ask["peer"]] = peers[ask["peer"]](size)
        step, state = made[ask["peer"]]
        began = time.perf_counter()
        for _ in range(ask["iterations"]):
            state = step(state)
        ms = 1e3 * (time.perf_counter() - began)
        made[ask["peer"]] = step, state
        print(json.dumps({"ms": ms}), flush=True)
