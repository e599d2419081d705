/**
 * model/ on disk: manifest.json says what the other files are, and everything is checked against it before
 * TensorFlow.js sees any of it.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Type, type Static, type TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { Calibration, problemOf } from './calibration.ts';
import { ALL_FEATURES, repeatedOf, unknownOf } from './features.ts';

const Sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' });
const strict = { additionalProperties: false };

export const Scaling = Type.Object(
  {
    transform: Type.Union([Type.Literal('log1p'), Type.Literal('none')]),
    mean: Type.Number(),
    scale: Type.Number({ exclusiveMinimum: 0 }),
  },
  strict,
);
export const Manifest = Type.Object(
  {
    format: Type.Literal(1),
    version: Type.String({ pattern: '^[0-9a-f]{12}$' }),
    features: Type.Array(Type.String(), { minItems: 1 }),
    scaling: Type.Array(Scaling, { minItems: 1 }),
    /** Without it what the network gives is the score. */
    calibration: Type.Optional(Calibration),
    thresholds: Type.Array(Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 })),
    data: Type.Record(Type.String(), Type.Unknown()),
    metrics: Type.Record(Type.String(), Type.Unknown()),
    seed: Type.Integer(),
    backend: Type.String(),
    files: Type.Object({ 'model.json': Sha256, 'weights.bin': Sha256, 'golden.json': Sha256 }, strict),
  },
  strict,
);
export const Golden = Type.Object(
  {
    inputs: Type.Array(Type.Array(Type.Number()), { minItems: 20 }),
    scores: Type.Array(Type.Number(), { minItems: 20 }),
  },
  strict,
);
const Topology = Type.Object({
  modelTopology: Type.Record(Type.String(), Type.Unknown()),
  weightsManifest: Type.Array(
    Type.Object({
      paths: Type.Array(Type.String()),
      weights: Type.Array(
        Type.Object({
          name: Type.String(),
          shape: Type.Array(Type.Integer({ minimum: 1 })),
          dtype: Type.Literal('float32'),
        }),
      ),
    }),
    { minItems: 1, maxItems: 1 },
  ),
});

export type Scaling = Static<typeof Scaling>;
export type Manifest = Static<typeof Manifest>;
export type Golden = Static<typeof Golden>;
export type Topology = Static<typeof Topology>;
export type ModelErrorCode =
  | 'MODEL_MISSING'
  | 'MODEL_MALFORMED'
  | 'MODEL_CHANGED'
  | 'MODEL_UNKNOWN_FEATURE'
  | 'MODEL_SHAPE'
  | 'MODEL_GOLDEN';

/** A model that is refused: which file, why, and what would help. */
export class ModelError extends Error {
  readonly code: ModelErrorCode;
  readonly file: string;
  readonly fix: string;
  constructor(code: ModelErrorCode, file: string, reason: string, fix: string) {
    super(`${file}: ${reason}; ${fix}`);
    this.name = 'ModelError';
    this.code = code;
    this.file = file;
    this.fix = fix;
  }
}

const RETRAIN = 'run "npm run train" to write the model again';

export const sha256 = (bytes: Uint8Array | string): string =>
  createHash('sha256').update(bytes).digest('hex');

/** The version of a model: what it computes and where its lines are, and nothing else, decides it. */
export function versionOf(
  modelJson: Uint8Array | string,
  weights: Uint8Array,
  {
    features,
    scaling,
    thresholds,
    calibration,
  }: Pick<Manifest, 'features' | 'scaling' | 'thresholds' | 'calibration'>,
): string {
  const lines = JSON.stringify([features, scaling, thresholds, ...(calibration ? [calibration] : [])]);
  return createHash('sha256').update(weights).update(modelJson).update(lines).digest('hex').slice(0, 12);
}

export interface ModelFiles {
  manifest: Manifest;
  golden: Golden;
  topology: Topology;
  weights: Uint8Array;
}

async function read(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : String(error);
    throw new ModelError('MODEL_MISSING', file, why, RETRAIN);
  }
}

/** "line 3, column 7" of a character, so that an editor finds it. */
function place(text: string, error: unknown): string {
  const at = /position (\d+)/.exec(String(error))?.[1];
  if (at === undefined) return '';
  const before = text.slice(0, Number(at)).split('\n');
  return ` at line ${before.length}, column ${(before[before.length - 1] ?? '').length + 1}`;
}

function parse<T extends TSchema>(file: string, bytes: Buffer, schema: T): Static<T> {
  const text = bytes.toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ModelError('MODEL_MALFORMED', file, `is not JSON${place(text, error)}`, RETRAIN);
  }
  if (Value.Check(schema, value)) return value;
  const [first] = Value.Errors(schema, value);
  const where = first?.instancePath || 'the top level';
  throw new ModelError('MODEL_MALFORMED', file, `${where} ${first?.message ?? 'does not fit'}`, RETRAIN);
}

/**
 * Reads a model folder and checks all that can be checked without computing.
 * @throws ModelError
 */
export async function readModelFiles(dir: string): Promise<ModelFiles> {
  const at = (name: string): string => path.join(dir, name);
  const manifest = parse(at('manifest.json'), await read(at('manifest.json')), Manifest);
  checkManifest(manifest, at('manifest.json'));
  const [modelJson, weights, goldenJson] = (await Promise.all(
    (['model.json', 'weights.bin', 'golden.json'] as const).map(async (name) => {
      const bytes = await read(at(name));
      if (sha256(bytes) === manifest.files[name]) return bytes;
      const fix = 'restore the file, or run "npm run train"';
      throw new ModelError('MODEL_CHANGED', at(name), 'its sha256 is not the one in manifest.json', fix);
    }),
  )) as [Buffer, Buffer, Buffer];
  if (versionOf(modelJson, weights, manifest) !== manifest.version) {
    const reason = '/version is not that of model.json, weights.bin and the manifest';
    throw new ModelError('MODEL_CHANGED', at('manifest.json'), reason, RETRAIN);
  }
  const golden = parse(at('golden.json'), goldenJson, Golden);
  checkGolden(golden, manifest, at('golden.json'));
  const topology = parse(at('model.json'), modelJson, Topology);
  checkWeights(topology, weights, at('weights.bin'));
  return { manifest, golden, topology, weights };
}

function checkManifest(manifest: Manifest, file: string): void {
  const unknown = unknownOf(manifest.features);
  if (unknown !== undefined) {
    const fix = `use features that this version computes: ${ALL_FEATURES}`;
    throw new ModelError('MODEL_UNKNOWN_FEATURE', file, `"${unknown}" is not a feature`, fix);
  }
  const twice = repeatedOf(manifest.features);
  if (twice !== undefined)
    throw new ModelError('MODEL_SHAPE', file, `/features has "${twice}" twice`, 'name each once');
  if (manifest.scaling.length !== manifest.features.length) {
    const reason = `/scaling has ${manifest.scaling.length} entries for ${manifest.features.length} features`;
    throw new ModelError('MODEL_SHAPE', file, reason, 'give one entry per feature');
  }
  const problem = manifest.calibration === undefined ? null : problemOf(manifest.calibration);
  if (problem !== null) throw new ModelError('MODEL_MALFORMED', file, `/calibration: ${problem}`, RETRAIN);
  if (manifest.thresholds.some((t, i) => i > 0 && t <= (manifest.thresholds[i - 1] as number))) {
    const reason = `/thresholds ${JSON.stringify(manifest.thresholds)} do not rise`;
    throw new ModelError('MODEL_MALFORMED', file, reason, 'order them from the best tier to the worst');
  }
}

function checkGolden({ inputs, scores }: Golden, manifest: Manifest, file: string): void {
  const width = manifest.features.length;
  if (inputs.length !== scores.length || inputs.some((row) => row.length !== width)) {
    const reason = `its ${inputs.length} inputs and ${scores.length} scores do not fit ${width} features`;
    throw new ModelError('MODEL_SHAPE', file, reason, RETRAIN);
  }
}

function checkWeights(topology: Topology, weights: Uint8Array, file: string): void {
  const specs = topology.weightsManifest.flatMap((group) => group.weights);
  const bytes = specs.reduce((sum, { shape }) => sum + 4 * shape.reduce((a, b) => a * b, 1), 0);
  if (bytes !== weights.byteLength) {
    const reason = `has ${weights.byteLength} bytes, the shapes in model.json need ${bytes}`;
    throw new ModelError('MODEL_SHAPE', file, reason, RETRAIN);
  }
}
