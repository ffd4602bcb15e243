/** Serves a folder of built pages to a browser on this machine. */
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { extname, join } from 'node:path';

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.png': 'image/png',
};

export async function serve(folder: string): Promise<{ address: string; close: () => void }> {
  const server = createServer(({ url = '' }, response) => {
    const path = join(folder, new URL(url, 'http://page').pathname.replace(/\/$/, '/index.html'));
    response.setHeader('content-type', TYPES[extname(path)] ?? 'text/plain');
    if (existsSync(path)) return void response.end(readFileSync(path));
    response.statusCode = 404;
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { address: `http://127.0.0.1:${port}/`, close: () => void server.close() };
}
