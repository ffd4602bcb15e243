/**
 * `--watch`: a small server on this machine that shows a run while it goes on, for one behind an ssh tunnel. It serves a
 * page, the newest image, and what happens as server-sent events, to addresses of this machine only.
 */
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { printable } from '../../errors.js';
import type { Progress } from '../../types.js';
import { usage } from '../exit.js';
import { watchPage } from './watch-page.js';

/** A page that is opened late gets the curve so far, of at most this many points. */
const MOST_POINTS = 2000;

export interface Watch {
  /** Where the page is. */
  address: string;
  progress: (progress: Progress) => void;
  /** A PNG of the image as it is now. */
  show: (png: Uint8Array) => void;
  /** Says that the run has ended, and closes. */
  end: () => Promise<void>;
}

/** Serves a run. Port 0 stands for any that is free. @throws UsageError where the port cannot be used */
export async function startWatch(port: number, title: string): Promise<Watch> {
  let points: (readonly [iteration: number, residual: number | null])[] = [];
  let every = 1;
  let reports = 0;
  let last = '';
  let picture: Uint8Array | undefined;
  const listeners = new Set<ServerResponse>();
  const tell = (event: string, data: string) => {
    for (const listener of listeners) listener.write(`event: ${event}\ndata: ${data}\n\n`);
  };
  const server = createServer((request, response) => {
    response.setHeader('cache-control', 'no-store');
    response.setHeader('x-content-type-options', 'nosniff');
    // A page of another site that has its name point to this machine must not read the image.
    if (!isLocal(request)) return answer(response, 403, 'text/plain', 'only for this machine');
    switch (new URL(request.url ?? '/', 'http://localhost').pathname) {
      case '/':
        return answer(response, 200, 'text/html; charset=utf-8', watchPage(printable(title)));
      case '/image.png':
        return picture ? answer(response, 200, 'image/png', picture) : answer(response, 404, 'text/plain', 'not yet');
      case '/events':
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(`event: points\ndata: ${JSON.stringify(points)}\n\n`);
        listeners.add(response);
        response.on('close', () => listeners.delete(response));
        if (last) tell('progress', last);
        if (picture) tell('image', '');
        return;
      default:
        return answer(response, 404, 'text/plain', 'nothing is here');
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', ({ code = '' }: NodeJS.ErrnoException) => {
      const why = code === 'EADDRINUSE' ? 'is in use' : `cannot be opened (${code})`;
      reject(usage('--watch', `port ${port}, which ${why}`, 'a free port, or 0 for any'));
    });
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    progress: ({ residual, ...progress }) => {
      const known = Number.isFinite(residual) ? residual : null;
      if (reports % every === 0) points.push([progress.iteration, known]);
      reports += 1;
      if (points.length > MOST_POINTS) {
        points = points.filter((_, i) => i % 2 === 0);
        every *= 2;
      }
      last = JSON.stringify({ ...progress, residual: known });
      tell('progress', last);
    },
    show: (png) => {
      picture = png;
      tell('image', '');
    },
    end: () =>
      new Promise((resolve) => {
        tell('end', '');
        for (const listener of listeners) listener.end();
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
  };
}

function isLocal({ headers }: IncomingMessage): boolean {
  return /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(headers.host ?? '');
}

function answer(response: ServerResponse, status: number, type: string, content: string | Uint8Array): void {
  response.writeHead(status, { 'content-type': type, connection: 'close' });
  response.end(content);
}
