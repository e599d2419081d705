/** A Keras file that is not imported: where, why, and what would help. */
export class KerasError extends Error {
  constructor(place: string, reason: string, fix: string) {
    super(`${place}: ${reason}; ${fix}`);
    this.name = 'KerasError';
  }
}
