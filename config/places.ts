/** Finds the line of scoregate.yaml that a value or a key stands on. */
import { isMap, isScalar, isSeq, type Document, type LineCounter, type Node } from 'yaml';

export type Path = readonly (string | number)[];

/** `tiers[0].backends[1]`; the empty path is called `(file)`. */
export function pathText(path: Path): string {
  const parts = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`));
  return parts.length === 0 ? '(file)' : parts.join('').replace(/^\./, '');
}

/** A JSON pointer of Ajv as a path. Parts that are numbers are list positions: no key of ours is a number. */
export function pointerPath(pointer: string): Path {
  const parts = pointer.split('/').slice(1);
  return parts.map((part) =>
    /^\d+$/.test(part) ? Number(part) : part.replaceAll('~1', '/').replaceAll('~0', '~'),
  );
}

/** The line of the deepest part of the path that the file holds: of the key, where the last part is a key. */
export function lineOf(document: Document, lines: LineCounter, path: Path): number {
  let node: Node | null = document.contents as Node | null;
  let offset = node?.range?.[0] ?? 0;
  for (const part of path) {
    const next = step(node, part);
    if (!next) break;
    offset = next.offset;
    node = next.node;
  }
  return Math.max(1, lines.linePos(offset).line);
}

function step(node: Node | null, part: string | number): { node: Node | null; offset: number } | null {
  if (isMap(node)) {
    const pair = node.items.find((item) => isScalar(item.key) && item.key.value === part);
    if (!pair || !isScalar(pair.key)) return null;
    return { node: pair.value as Node | null, offset: pair.key.range?.[0] ?? 0 };
  }
  if (isSeq(node) && typeof part === 'number') {
    const item = node.items[part] as Node | undefined;
    return item ? { node: item, offset: item.range?.[0] ?? 0 } : null;
  }
  return null;
}
