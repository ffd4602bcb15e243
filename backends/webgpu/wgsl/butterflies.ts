/**
 * Discrete Fourier transforms of a few numbers, written out as straight WGSL on named registers. Cooley and Tukey's rule
 * (Math. Comp. 19, 297, 1965) splits lengths down to 4 and the primes, whose sums pair each number with its mirror image.
 */

/** −1 is forward, exp(−2πi…); 1 is inverse. */
export type Sign = -1 | 1;

/** Statements that replace the registers by their transform, in natural order, unnormalised. */
export function butterfly(registers: readonly string[], sign: Sign): string {
  const writer = new Writer(sign);
  const results = writer.transform(registers);
  const assignments = registers.map((register, i) => `${register} = ${results[i]};`);
  return `{\n${writer.lines.join('\n')}\n${assignments.join(' ')}\n}`;
}

/** A WGSL literal; the compiler rounds it to f32 once. */
export function literal(value: number): string {
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

class Writer {
  readonly lines: string[] = [];
  readonly #sign: Sign;
  #count = 0;

  constructor(sign: Sign) {
    this.#sign = sign;
  }

  transform(x: readonly string[]): string[] {
    const radix = x.length;
    if (radix === 1) return [...x];
    if (radix === 2) return [this.#let(`${x[0]} + ${x[1]}`), this.#let(`${x[0]} - ${x[1]}`)];
    if (radix === 4) return this.#four(x);
    const factor = [4, 2, 3, 5, 7].find((f) => radix % f === 0 && radix > f);
    return factor === undefined ? this.#prime(x) : this.#composite(x, factor);
  }

  #four([a, b, c, d]: readonly string[]): string[] {
    const [p, q, r, s] = [`${a} + ${c}`, `${a} - ${c}`, `${b} + ${d}`, `${b} - ${d}`].map((e) => this.#let(e));
    const rotated = this.#timesI(s);
    return [`${p} + ${r}`, `${q} + ${rotated}`, `${p} - ${r}`, `${q} - ${rotated}`].map((e) => this.#let(e));
  }

  /** Index b·n₁ + n₂ in, k₁ + a·k₂ out. */
  #composite(x: readonly string[], a: number): string[] {
    const radix = x.length;
    const b = radix / a;
    const columns = Array.from({ length: b }, (_, n2) => {
      const column = this.transform(Array.from({ length: a }, (_, n1) => x[b * n1 + n2]));
      return column.map((value, k1) => this.#rotate(value, (n2 * k1) % radix, radix));
    });
    const out = new Array<string>(radix);
    for (let k1 = 0; k1 < a; k1++) {
      this.transform(columns.map((column) => column[k1])).forEach((value, k2) => (out[k1 + a * k2] = value));
    }
    return out;
  }

  #prime(x: readonly string[]): string[] {
    const radix = x.length;
    const half = (radix - 1) / 2;
    const sums = Array.from({ length: half }, (_, i) => this.#let(`${x[i + 1]} + ${x[radix - 1 - i]}`));
    const differences = Array.from({ length: half }, (_, i) => this.#let(`${x[i + 1]} - ${x[radix - 1 - i]}`));
    const out = new Array<string>(radix);
    out[0] = this.#let([x[0], ...sums].join(' + '));
    for (let k = 1; k <= half; k++) {
      const angle = (i: number) => (2 * Math.PI * (((i + 1) * k) % radix)) / radix;
      const even = this.#let([x[0], ...sums.map((s, i) => `${s} * ${constant(Math.cos(angle(i)))}`)].join(' + '));
      const odd = this.#let(differences.map((d, i) => `${d} * ${constant(Math.sin(angle(i)))}`).join(' + '));
      const rotated = this.#timesI(odd);
      out[k] = this.#let(`${even} + ${rotated}`);
      out[radix - k] = this.#let(`${even} - ${rotated}`);
    }
    return out;
  }

  /** value·exp(sign·2πi·k/n) */
  #rotate(value: string, k: number, n: number): string {
    if (k === 0) return value;
    if (4 * k === n) return this.#timesI(value);
    if (2 * k === n) return this.#let(`-${value}`);
    if (4 * k === 3 * n) return this.#let(`-${this.#timesI(value)}`);
    const angle = (this.#sign * 2 * Math.PI * k) / n;
    const [c, s] = [constant(Math.cos(angle)), constant(Math.sin(angle))];
    return this.#let(`${value} * ${c} + vec2f(-${value}.y, ${value}.x) * ${s}`);
  }

  /** value·i for the inverse, value·(−i) forward. */
  #timesI(value: string): string {
    return this.#let(this.#sign > 0 ? `vec2f(-${value}.y, ${value}.x)` : `vec2f(${value}.y, -${value}.x)`);
  }

  #let(expression: string): string {
    const name = `t${this.#count++}`;
    this.lines.push(`let ${name} = ${expression};`);
    return name;
  }
}

function constant(value: number): string {
  return value < 0 ? `(${literal(value)})` : literal(value);
}
