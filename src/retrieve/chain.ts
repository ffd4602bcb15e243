/**
 * Chains of algorithms, such as `(hio:0.7*180+er*20)*5`: their text, the array that says the same, and the steps that a
 * session runs one after the other.
 */
import { InvalidArgumentError, gotTakes } from '../errors.js';
import {
  checkBeta,
  checkInteger,
  checkName,
  defaultBeta,
  hasBeta,
  rejectUnknownKeys,
  takesBeta,
} from '../problems/options.js';
import { ALGORITHMS, type Algorithm, type ChainLink } from '../types.js';

type Strength = number | readonly [from: number, to: number];

/** A `ChainLink` that is checked and has every default filled in. */
export type Link = { algorithm: Algorithm; beta: Strength; iterations: number } | { repeat: number; chain: Link[] };

/** Some iterations by one rule. */
export interface Step {
  algorithm: Algorithm;
  beta: number;
  iterations: number;
}

/** A linear change of β is made in at most this many steps: every rule costs a backend an upload, or a graph. */
const BETA_STEPS = 100;
const DEEPEST = 20;

/** Checks a chain and fills in the feedback strengths. A string is parsed; errors in it point at the character. */
export function checkChain(chain: string | readonly ChainLink[]): Link[] {
  const links = typeof chain === 'string' ? parse(chain) : checkLinks('chain', chain, 0);
  const total = iterationsOf(links);
  if (Number.isSafeInteger(total)) return links;
  throw new InvalidArgumentError('chain', gotTakes('chain', total, 'at most 2⁵³ − 1 iterations in all'));
}

/** Counts the iterations of a checked chain. */
export function iterationsOf(links: readonly Link[]): number {
  return links.reduce(
    (sum, link) => sum + ('chain' in link ? link.repeat * iterationsOf(link.chain) : link.iterations),
    0,
  );
}

/** The steps of a checked chain, one after the other. */
export function* stepsOf(links: readonly Link[]): Generator<Step, void> {
  for (const link of links) {
    if ('chain' in link) {
      for (let i = 0; i < link.repeat; i++) yield* stepsOf(link.chain);
    } else {
      yield* betaSteps(link.algorithm, link.beta, link.iterations);
    }
  }
}

/** Counts the steps of a checked chain. */
export function countSteps(links: readonly Link[]): number {
  const ofLink = (link: Link) => {
    if ('chain' in link) return link.repeat * countSteps(link.chain);
    const [from, to] = fromTo(link.beta);
    return from === to ? 1 : Math.min(link.iterations, BETA_STEPS);
  };
  return links.reduce((sum, link) => sum + ofLink(link), 0);
}

/** The steps of a checked chain that are left when so many iterations are done, and how much of each is. */
export function* stepsAfter(links: readonly Link[], iterations: number): Generator<Step & { done: number }, void> {
  let done = iterations;
  for (const link of links) {
    const whole = iterationsOf([link]);
    // Links and repeats that are done are counted, not walked through: there can be more of them than anybody waits for.
    if (done < whole && 'chain' in link) {
      const once = iterationsOf(link.chain);
      const first = (done - (done % once)) / once;
      for (let i = first; i < link.repeat; i++) yield* stepsAfter(link.chain, Math.max(0, done - i * once));
    } else if (done < whole) {
      let before = done;
      for (const step of stepsOf([link])) {
        if (before < step.iterations) yield { ...step, iterations: step.iterations - before, done: before };
        before = Math.max(0, before - step.iterations);
      }
    }
    done = Math.max(0, done - whole);
  }
}

/** The algorithms of a checked chain. */
export function algorithmsOf(links: readonly Link[]): Algorithm[] {
  return links.flatMap((link) => ('chain' in link ? algorithmsOf(link.chain) : [link.algorithm]));
}

/** The last step of a checked chain. */
export function lastStep(links: readonly Link[]): Step {
  const last = links[links.length - 1];
  if ('chain' in last) return lastStep(last.chain);
  const { algorithm, beta, iterations } = last;
  return { algorithm, beta: fromTo(beta)[1], iterations };
}

/** Writes a checked chain as text that `checkChain` reads. */
export function chainText(links: readonly Link[]): string {
  return links
    .map((link) => {
      if ('chain' in link) return `(${chainText(link.chain)})*${link.repeat}`;
      const { algorithm, beta, iterations } = link;
      const strength = hasBeta(algorithm) ? `:${typeof beta === 'number' ? beta : beta.join('..')}` : '';
      return `${algorithm}${strength}*${iterations}`;
    })
    .join('+');
}

function fromTo(beta: Strength): readonly [from: number, to: number] {
  return typeof beta === 'number' ? [beta, beta] : beta;
}

function* betaSteps(algorithm: Algorithm, beta: Strength, iterations: number): Generator<Step, void> {
  const [from, to] = fromTo(beta);
  if (from === to) {
    yield { algorithm, beta: from, iterations };
    return;
  }
  const steps = Math.min(iterations, BETA_STEPS);
  for (let i = 0; i < steps; i++) {
    const [first, end] = [i, i + 1].map((k) => Math.floor((k * iterations) / steps));
    const share = steps === 1 ? 0 : i / (steps - 1);
    yield { algorithm, beta: from * (1 - share) + to * share, iterations: end - first };
  }
}

function checkLinks(argument: string, links: readonly ChainLink[], depth: number): Link[] {
  const isList: boolean = Array.isArray(links);
  if (!isList || links.length === 0 || depth > DEEPEST) {
    const takes = `text such as 'hio:0.7*180+er*20', or an array of 1 or more links, at most ${DEEPEST} deep`;
    throw new InvalidArgumentError('chain', gotTakes(argument, links, takes));
  }
  return links.map((link, i) => {
    const name = `${argument}[${i}]`;
    if (typeof link === 'object' && link !== null && 'chain' in link) {
      rejectUnknownKeys(name, link, ['repeat', 'chain']);
      const { repeat = 1, chain } = link;
      checkInteger(`${name}.repeat`, repeat, 1);
      return { repeat, chain: checkLinks(`${name}.chain`, chain, depth + 1) };
    }
    rejectUnknownKeys(name, link, ['algorithm', 'beta', 'iterations']);
    const { algorithm, beta, iterations } = link;
    checkName(`${name}.algorithm`, algorithm, ALGORITHMS);
    checkInteger(`${name}.iterations`, iterations, 1);
    return { algorithm, beta: checkStrength(`${name}.beta`, algorithm, beta), iterations };
  });
}

function checkStrength(argument: string, algorithm: Algorithm, beta: unknown): Strength {
  if (beta === undefined) return defaultBeta(algorithm);
  if (!Array.isArray(beta)) return checkBeta(argument, beta as number, algorithm);
  const [from, to] = beta as [number, number];
  if (beta.length === 2) return [checkBeta(argument, from, algorithm), checkBeta(argument, to, algorithm)];
  throw new InvalidArgumentError(argument, gotTakes(argument, beta, 'a number above 0, or two of them: [from, to]'));
}

/**
 * chain = part { '+' part }
 * part  = name [ ':' β [ '..' β ] ] '*' iterations  |  '(' chain ')' [ '*' repeats ]
 */
function parse(text: string): Link[] {
  let at = 0;
  const links = chain(0);
  if (at < text.length) fail("'+', or the end");
  return links;

  function chain(depth: number): Link[] {
    if (depth > DEEPEST) fail(`parentheses at most ${DEEPEST} deep`);
    const links = [part(depth)];
    while (accept('+')) links.push(part(depth));
    return links;
  }

  function part(depth: number): Link {
    if (accept('(')) {
      const inner = chain(depth + 1);
      if (!accept(')')) fail("'+' or ')'");
      return { repeat: accept('*') ? whole('how often to repeat') : 1, chain: inner };
    }
    skipSpace();
    const [name] = /^[a-z-]*/i.exec(text.slice(at))!;
    const algorithm = ALGORITHMS.find((known) => known === name);
    if (!algorithm) fail(`an algorithm (${ALGORITHMS.join(', ')}) or '('`);
    at += name.length;
    const beta = accept(':') ? strength(algorithm) : defaultBeta(algorithm);
    if (!accept('*')) fail("'*' and a number of iterations");
    return { algorithm, beta, iterations: whole('a number of iterations') };
  }

  function strength(algorithm: Algorithm): Strength {
    const from = number(algorithm);
    return accept('..') ? [from, number(algorithm)] : from;
  }

  function number(algorithm: Algorithm): number {
    skipSpace();
    const [digits] = /^(\d+(\.\d+)?|\.\d+)?(e[+-]?\d+)?/i.exec(text.slice(at))!;
    const value = Number(digits);
    if (digits === '' || !(value > 0 && value < Infinity)) fail('a feedback strength above 0');
    if (!takesBeta(algorithm, value)) fail(`'*' and a number of iterations: ${algorithm} has no feedback strength`);
    at += digits.length;
    return value;
  }

  function whole(what: string): number {
    skipSpace();
    const [digits] = /^\d*/.exec(text.slice(at))!;
    const value = Number(digits);
    if (!(digits !== '' && value >= 1 && Number.isSafeInteger(value))) fail(`${what}, from 1 to 2⁵³ − 1`);
    at += digits.length;
    return value;
  }

  function accept(symbol: string): boolean {
    skipSpace();
    if (!text.startsWith(symbol, at)) return false;
    at += symbol.length;
    return true;
  }

  function skipSpace(): void {
    while (/\s/.test(text[at] ?? '')) at += 1;
  }

  function fail(takes: string): never {
    skipSpace();
    const where = `chain at character ${at + 1}`;
    const ends = `${where}: ends here; takes ${takes}`;
    throw new InvalidArgumentError('chain', at < text.length ? gotTakes(where, text.slice(at), takes) : ends);
  }
}
