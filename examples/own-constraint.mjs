/**
 * An iteration put together from kernels, with a constraint of one's own: an upper limit on the object, which none of the
 * built-in rules knows. node examples/own-constraint.mjs
 */
import { createSession, simulate } from 'rephase';

const SIZE = 32;
const WHITE = 100;
const image = Float32Array.from({ length: SIZE * SIZE }, (_, at) => ((at * 7919) % 1009 < 300 ? WHITE : 10));
const { magnitudes, shape, support } = await simulate({ image, shape: [SIZE, SIZE] });

const session = await createSession({ magnitudes, shape, support }, { algorithm: 'gs', seed: 1 });
try {
  for (let iteration = 1; iteration <= 50; iteration++) {
    session.inverse();
    session.constrainObject();
    const object = await session.readObject();
    session.writeObject(object.map((value) => Math.min(value, WHITE)));
    session.forward();
    session.constrainFourier();
    if (iteration % 10 === 0) console.log(`iteration ${iteration}: residual ${(await session.residual()).toFixed(4)}`);
  }
} finally {
  session.dispose();
}
