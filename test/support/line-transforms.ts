/** Single transforms with the webgpu backend's kernels, without a session around them: one kernel to compile a length. */
import { Buffers } from '../../backends/webgpu/device/buffers.js';
import { Commands } from '../../backends/webgpu/device/commands.js';
import { Device } from '../../backends/webgpu/device/device.js';
import { Transfers } from '../../backends/webgpu/device/transfers.js';
import { realField } from '../../backends/webgpu/fields/real/layout.js';
import { columnKernel } from '../../backends/webgpu/wgsl/columns.js';
import { factorsOf, planLine } from '../../backends/webgpu/wgsl/plan.js';
import type { ColumnWork } from '../../backends/webgpu/wgsl/work.js';

export class LineTransforms {
  static async create(): Promise<LineTransforms> {
    return new LineTransforms(await Device.request());
  }

  private constructor(private readonly device: Device) {}

  /** Transforms interleaved numbers, unnormalised. */
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
    // An image of one column is stored whole.
    const field = realField([length, 1]);
    const factors = factorsOf(length);
    const plan = planLine(factors, this.device.lineLimits, 1, 1)!;
    const key = `${length} ${JSON.stringify(work)}`;
    const kernel = await this.device.pipelines.compile(key, () => columnKernel(field, plan, work));
    const fail = (error: unknown) => {
      throw error;
    };
    const buffers = new Buffers(this.device, fail);
    const commands = new Commands(this.device, fail);
    const spectrum = buffers.allocate('line', 8 * field.columnStride);
    this.device.gpu.queue.writeBuffer(spectrum, 0, Float32Array.from(line));
    const entries = [spectrum, this.device.table(factors, -1)].map((buffer, binding) => ({
      binding,
      resource: { buffer },
    }));
    const group = this.device.gpu.createBindGroup({ layout: kernel.layout, entries });
    commands.dispatch(kernel, group, 1, length);
    const transfers = new Transfers(this.device, buffers, commands, fail);
    const result = await transfers.download([{ buffer: spectrum, offset: 0, bytes: line.byteLength }]);
    buffers.freeAll();
    return result;
  }
}
