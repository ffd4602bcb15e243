/** Single transforms with the webgpu backend's kernels, without a session around them: one kernel to compile a length. */
import { Device } from '../../backends/webgpu/device/device.js';
import { SessionDevice } from '../../backends/webgpu/device/session-device.js';
import { realField } from '../../backends/webgpu/fields/real/index.js';
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
    const plan = planLine(factors, this.device.gpu.limits, 1, 1)!;
    const key = `${length} ${JSON.stringify(work)}`;
    const device = new SessionDevice(this.device);
    const kernel = device.compileNow(key, () => columnKernel(field, plan, work));
    const buffer = device.allocate('line', 8 * field.columnStride);
    device.upload(buffer, 0, Float32Array.from(line));
    const group = device.bindGroup(kernel, [{ buffer }, { buffer: device.table(factors, -1) }]);
    device.dispatch(kernel, group, 1, length);
    const result = await device.download({ buffer, offset: 0, bytes: line.byteLength });
    device.dispose();
    return result;
  }
}
