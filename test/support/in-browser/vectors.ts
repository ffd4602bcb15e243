/** The same files, from the server. */
export async function readVector(name: string): Promise<Uint8Array> {
  const response = await fetch(`/vectors/${name}`);
  return new Uint8Array(await response.arrayBuffer());
}
