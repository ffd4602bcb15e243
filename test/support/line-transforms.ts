/** Single transforms with the webgpu backend's kernels, without a session around them: one kernel to compile a length. */
import { columnKernel, type ColumnWork } from '../../backends/webgpu/columns.js';
import { Buffers } from '../../backends/webgpu/buffers.js';
import { Commands } from '../../backends/webgpu/commands.js';
import { Device } from '../../backends/webgpu/device.js';
import { layoutOf } from '../../backends/webgpu/layout.js';
import { factorsOf, planLine } from '../../backends/webgpu/plan.js';
import { Readback } from '../../backends/webgpu/readback.js';

export class LineTransforms {
  static async create(): Promise<LineTransforms> {
    return new LineTransforms(await Device.request());
  }

  private constructor(private readonly device: Device) {}

  /** Of interleaved numbers, unnormalised. */
  forward(line: Float32Array): Promise<Float32Array> {
    return this.#transform(line, { forward: true });
  }

  /** Forward and inverse in one kernel, divided by the length. */
  async thereAndBack(line: Float32Array): Promise<Float32Array> {
    const result = await this.#transform(line, { forward: true, inverse: true });
    return result.map((value) => (2 * value) / line.length);
  }

  async #transform(line: Float32Array, work: ColumnWork): Promise<Float32Array> {
    const length = line.length / 2;
    // Of an image of one column, which is stored whole.
    const layout = layoutOf([length, 1]);
    const factors = factorsOf(length);
    const plan = planLine(factors, this.device.lineLimits, 1, 1)!;
    const key = `${length} ${JSON.stringify(work)}`;
    const kernel = await this.device.pipelines.compile(key, () => columnKernel(layout, plan, work));
    const fail = (error: unknown) => {
      throw error;
    };
    const buffers = new Buffers(this.device, fail);
    const commands = new Commands(this.device, fail);
    const spectrum = buffers.allocate('line', 8 * layout.columnStride);
    this.device.gpu.queue.writeBuffer(spectrum, 0, Float32Array.from(line));
    const entries = [spectrum, this.device.table(factors, -1)].map((buffer, binding) => ({
      binding,
      resource: { buffer },
    }));
    const group = this.device.gpu.createBindGroup({ layout: kernel.layout, entries });
    commands.dispatch(kernel, group, 1, length);
    const readback = new Readback(this.device, buffers, commands);
    const result = await readback.read([{ buffer: spectrum, offset: 0, bytes: line.byteLength }]);
    buffers.freeAll();
    return result;
  }
}
