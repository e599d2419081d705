/** Generation, pins and kept changes as values: what happens to them, apart from where they are kept. */
import { CHANGES_KEPT, type Change, type ChangeState } from './store.ts';

export const newState = (generation: number): ChangeState => ({
  generation,
  complete: generation,
  pins: new Map(),
  kept: [],
});

/** @returns a new state whose generation is above the old one, and at least `floor` */
export function applyChanges(state: ChangeState, changes: readonly Change[], floor: number): ChangeState {
  const generation = Math.max(state.generation + 1, floor);
  const pins = new Map(state.pins);
  for (const change of changes) {
    if (!('pin' in change)) continue;
    if (change.pin === null) pins.delete(change.ip);
    else pins.set(change.ip, change.pin);
  }
  const kept = [...state.kept, ...changes.map((change) => ({ generation, change }))];
  let complete = state.complete;
  if (kept.length > CHANGES_KEPT) {
    const gone = kept.splice(0, kept.length - CHANGES_KEPT);
    complete = gone[gone.length - 1]?.generation ?? complete;
  }
  return { generation, complete, pins, kept };
}

/**
 * What a gateway that holds generation `held` has missed.
 * @returns the changes since, in order; all pins now in force if it holds none, or one too old to say
 */
export function changesAfter(state: ChangeState, held: number): Change[] {
  if (held === state.generation) return [];
  if (held < state.complete || held > state.generation) {
    return [...state.pins].map(([ip, pin]) => ({ ip, pin }));
  }
  return state.kept.filter(({ generation }) => generation > held).map(({ change }) => change);
}
