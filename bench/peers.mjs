/**
 * The rivals, each set in a process of its own (see peers/), so that their garbage collectors and compilers are not
 * ours. A process does something only while it is asked to.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** @param {string} name */
const path = (name) => fileURLToPath(new URL(`peers/${name}`, import.meta.url));

/** Peers of one `gs` iteration, of a real or a complex object, and of one iteration of a scan. */
const SETS = /** @type {const} */ ({
  iterations: [
    ['NumPy and SciPy', 'python3', [path('gs_numpy.py')]],
    ['fft.js and ndarray-fft', process.execPath, [path('gs_js.mjs')]],
  ],
  complex: [['NumPy and SciPy', 'python3', [path('complex_scipy.py')]]],
  scans: [['NumPy and SciPy', 'python3', [path('rpie_scipy.py')]]],
});

/** Starts the sets that can run here; says of the others why not. @param {keyof typeof SETS} part */
export async function startPeers(part) {
  const sets = [];
  const skipped = [];
  for (const [name, program, args] of SETS[part]) {
    try {
      sets.push(await startSet(program, [...args]));
    } catch (error) {
      skipped.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return {
    skipped,
    versions: Object.assign({}, ...sets.map((set) => set.versions)),
    /**
     * The peers that can do n × n.
     * @param {number} n
     * @returns {import('./measure.mjs').Competitor[]}
     */
    competitors: (n) =>
      sets.flatMap((set) =>
        set.peers
          .filter((peer) => peer !== 'fft.js-port' || Number.isInteger(Math.log2(n)))
          .map((peer) => ({ name: peer, run: (iterations) => set.ask({ peer, n, iterations }) })),
      ),
    stop: () => sets.forEach((set) => set.stop()),
  };
}

/**
 * @param {string} program
 * @param {string[]} args
 */
async function startSet(program, args) {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (text) => (complaint += text));
  const failed = new Promise((_, reject) => {
    child.on('error', (error) => reject(new Error(`${program} cannot be started (${error.message})`)));
    child.on('close', () => reject(new Error(complaint.trim().split('\n').at(-1) || `${program} ended`)));
  });
  failed.catch(() => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    const line = await Promise.race([lines.next(), failed]);
    // Its output ends a moment before the reason is known.
    return line.done ? failed : JSON.parse(line.value);
  };
  const { peers, versions } = await answer();
  return {
    /** @type {string[]} */
    peers,
    /** @type {Record<string, string>} */
    versions,
    /** @param {{ peer: string, n: number, iterations: number }} question @returns {Promise<number>} */
    ask: async (question) => {
      child.stdin.write(`${JSON.stringify(question)}\n`);
      return (await answer()).ms;
    },
    stop: () => child.stdin.end(),
  };
}

/**
 * The result of a peer that runs by itself; undefined where it cannot, and `skipped` then says why.
 * @template T
 * @param {string} name
 * @param {string[]} skipped
 * @param {() => T} run
 */
export function runPeer(name, skipped, run) {
  try {
    return run();
  } catch (error) {
    const { stderr, message } = /** @type {{ stderr?: string, message: string }} */ (error);
    skipped.push(`${name}: ${(stderr || message).toString().trim().split('\n').at(-1)}`);
    return undefined;
  }
}
