/** The seeded starts in WGSL: Philox4x32-10 and the uniform numbers made of it, as in core/philox.hpp. */

/** `polar(m, u)`: m·exp(2πi·u). */
export const POLAR = `
// The built-in sine may be off by 2^-11: these are Taylor's sums over 1/8 of a revolution each way.
fn polar(m: f32, u: f32) -> vec2f {
  let quarter = floor(4.0 * u + 0.5);
  let a = (u - 0.25 * quarter) * 6.283185307179586;
  let s = a * a;
  let sine = a * (1.0 + s * (-1.0 / 6.0 + s * (1.0 / 120.0 + s * (-1.0 / 5040.0 + s / 362880.0))));
  let cosine = 1.0 + s * (-0.5 + s * (1.0 / 24.0 + s * (-1.0 / 720.0 + s * (1.0 / 40320.0 - s / 3628800.0))));
  switch (u32(i32(quarter)) & 3u) {
    case 0u: { return m * vec2f(cosine, sine); }
    case 1u: { return m * vec2f(-sine, cosine); }
    case 2u: { return m * vec2f(-cosine, -sine); }
    default: { return m * vec2f(sine, -cosine); }
  }
}`;

export const PHILOX = `
// WGSL has no 64-bit products.
fn high_product(a: u32, b: u32) -> u32 {
  let al = a & 0xffffu; let ah = a >> 16u; let bl = b & 0xffffu; let bh = b >> 16u;
  let middle = ah * bl + ((al * bl) >> 16u);
  let other = al * bh + (middle & 0xffffu);
  return ah * bh + (middle >> 16u) + (other >> 16u);
}
fn uniform_number(pixel: u32, start: u32, seed: vec2u) -> f32 {
  var c = vec4u(pixel / 4u, 0u, start, 0u);
  var k = seed;
  for (var round = 0; round < 10; round++) {
    c = vec4u(high_product(0xCD9E8D57u, c.z) ^ c.y ^ k.x, 0xCD9E8D57u * c.z,
              high_product(0xD2511F53u, c.x) ^ c.w ^ k.y, 0xD2511F53u * c.x);
    k += vec2u(0x9E3779B9u, 0xBB67AE85u);
  }
  return f32(c[pixel % 4u] >> 8u) * 0x1p-24f;
}
${POLAR}`;
