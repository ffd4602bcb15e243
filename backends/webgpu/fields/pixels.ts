/** What the pixels of a row pass bind and become, whatever they are. */
import type { Resource } from '../wgsl/kernel.js';
import { hasCoefficients, type Pixel } from '../wgsl/rule.js';
import type { RowWork } from '../wgsl/work.js';

/** What pixels bind, beside the line itself. */
export function pixelResources(work: RowWork): Resource[] {
  const { inverse, rule, forward, support } = work;
  const resources: Resource[] = !inverse || !forward ? ['object'] : [];
  if (!rule) return resources;
  if (hasCoefficients(rule)) resources.push('coefficients');
  if (rule.readsIterate || rule.keepsIterate) resources.push('iterate');
  if (rule.reflects && resultOf(work) === 'both') resources.push('next');
  if (support) resources.push('support');
  if (rule.sized) resources.push('thresholds');
  if (rule.inTwoPlanes) resources.push('objectMagnitudes');
  return resources;
}

export function resultOf({ inverse, forward }: RowWork): Pixel['result'] {
  return forward ? 'next' : inverse ? 'iterate' : 'both';
}

/** What the rules' code needs once. */
export function pixelNames({ rule }: RowWork): string {
  return rule?.sized ? 'let threshold = thresholds[start].y;' : '';
}
