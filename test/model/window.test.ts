import assert from 'node:assert/strict';
import test from 'node:test';
import { FEATURES, featuresOf, features } from '../../scorer/features.ts';
import { ALL_SIGNS } from '../../scorer/lease.ts';
import * as observed from '../../scorer/observations.ts';
import { addHits, addObserved, emptyTrack, hitsOf } from '../../scorer/window.ts';
import { prune, windowAt, type Track } from '../../scorer/window.ts';
import { HITS, BUSIEST, WIDTH, place, plusErrors, plusHits, plusSigns, signsIn, sumsAt, sumsOf } from '../../scorer/sums.ts';
import { seeded } from '../../scorer/random.ts';
import { toReported } from '../../scorer/reported.ts';
import { split } from '../../scorer/store/record.ts';

const page = { method: 'GET', target: '/', referer: '', userAgent: 'curl/8.0' };

function trackOf(seconds: number[]): Track {
  const track = emptyTrack();
  for (const second of seconds) {
    addHits(track, second, 1);
    addObserved(track, second, observed.observe(page));
  }
  return track;
}

test('a window holds exactly the hits of the last 60 seconds, in whatever order they were counted', () => {
  const random = seeded(3);
  for (let round = 0; round < 50; round++) {
    const seconds = Array.from({ length: 80 }, () => 1000 + Math.floor(random() * 150));
    const track = trackOf(seconds);
    const now = 1150 + Math.floor(random() * 70);
    const expected = seconds.filter((second) => second > now - 60).length;
    assert.equal(hitsOf(windowAt(track, now)), expected);
    prune(track, now);
    assert.equal(hitsOf(windowAt(track, now)), expected);
  }
});

test('counts are those of whole buckets inside the window, so never more than the hits', () => {
  const track = trackOf(Array.from({ length: 200 }, (_, i) => 1000 + i));
  for (let now = 1100; now < 1199; now++) {
    const window = windowAt(trackOf(Array.from({ length: now - 999 }, (_, i) => 1000 + i)), now);
    const counted = window.counts['pages_no_referer'] ?? 0;
    assert.ok(counted <= hitsOf(window) && counted >= hitsOf(window) - 5, `${counted} at ${now}`);
  }
  assert.equal(windowAt(track, 1300).hits.length, 0);
});

test('hits of a clock that stepped back are of this second', () => {
  assert.deepEqual(windowAt(trackOf([100, 103, 105]), 102).hits, [
    [0, 2],
    [2, 1],
  ]);
});

test('a request adds what config/observations.json says of it', () => {
  const post = { method: 'POST', target: 'http://host/a/b.CSS?x=/y.html', referer: '-', userAgent: undefined };
  const { counts } = observed.observe(post);
  assert.equal(counts['other_methods'], 1);
  assert.equal(counts['assets'], 1);
  assert.equal(counts['blind_posts'], 1);
  assert.equal(counts['no_user_agent'], 1);
  assert.equal(counts['pages_no_referer'], undefined);
  const signs = (added: observed.Added): string[] => observed.SIGNS.filter((name) => added.counts[name]);
  assert.ok(signs(observed.observe(post)).length > 0);
  const read = observed.observe({ ...page, referer: 'http://host/from', userAgent: 'Mozilla/5.0 (X11)' });
  assert.deepEqual(signs(read), []);
  assert.deepEqual(observed.observeEnd(page, 404).counts, { errors_4xx: 1 });
});

test('what is reported is read back as it was', () => {
  const added = { counts: { assets: 3, tools: 12 }, bitmaps: { paths: { hi: 0x80000001, lo: 0xff } } };
  const reported = observed.toReported(added);
  assert.equal(reported['paths'], '80000001000000ff');
  assert.deepEqual(split(toReported({ ip: '10.0.0.1', ...reported }, 0).added), added);
  assert.throws(() => observed.parseBitmap('xyz'), RangeError);
});

test('distinct paths are estimated to about a fifth up to a hundred of them', () => {
  for (const different of [1, 10, 40, 100]) {
    const track = emptyTrack();
    for (let i = 0; i < different; i++) {
      addObserved(track, 100, observed.observe({ ...page, target: `/page/${i * 37}?${i}` }));
    }
    const estimate = windowAt(track, 100).distinct['paths'] ?? 0;
    assert.ok(Math.abs(estimate - different) <= 1 + different / 3, `${estimate} for ${different}`);
  }
});

test('more hits keep the mix; more errors and signs add to theirs; the window itself stays as it was', () => {
  const track = trackOf([90, 95, 100, 100]);
  addObserved(track, 100, { counts: { errors_4xx: 1 }, bitmaps: {} });
  const sums = sumsOf(windowAt(track, 100));
  const before = sums.slice();
  const at = (row: Float64Array, name: string): number => row[place(name)] as number;
  const posts = 1 << observed.SIGNS.indexOf('other_methods');
  const [hits, errors] = [plusHits(sums, 4, new Float64Array(WIDTH)), plusErrors(sums, 3, new Float64Array(WIDTH), 0)];
  const signs = plusSigns(sums, 3, new Float64Array(WIDTH), signsIn(sums) | posts);
  assert.ok(
    (featuresOf(hits, ['page_share'])[0] ?? 0) >= (featuresOf(sums, ['page_share'])[0] ?? 1),
    'the same mix of more requests says more surely what it says',
  );
  assert.deepEqual([hits[HITS], hits[BUSIEST], at(hits, 'errors_4xx')], [8, 6, 2]);
  assert.deepEqual([at(errors, 'errors_4xx'), at(errors, 'missing_paths')], [4, 3]);
  assert.deepEqual([at(signs, 'other_methods'), at(signs, 'tools'), at(signs, 'dot_paths')], [3, 7, 0]);
  assert.deepEqual(sums, before);
  assert.equal(plusHits(sumsOf(windowAt(emptyTrack(), 5)), 2, new Float64Array(WIDTH))[HITS], 2);
});

test('a script can be missing only where scripts are asked for', () => {
  const sums = sumsOf(windowAt(trackOf([100]), 100));
  const missing = (signs: number): number =>
    plusErrors(sums, 2, new Float64Array(WIDTH), signs)[place('missing_scripts')] as number;
  assert.deepEqual([missing(0), missing(1 << observed.SIGNS.indexOf('scripts'))], [0, 2]);
});

test('what is computed from a track is what is computed from its window', () => {
  const track = trackOf([50, 90, 95, 100, 100]);
  const added = { errors_4xx: 1, assets: 2, other_methods: 1, dot_paths: 2 };
  addObserved(track, 100, { counts: added, bitmaps: { paths: { hi: 7, lo: 1 } } });
  for (const now of [99, 100, 110, 151, 159, 170]) {
    assert.deepEqual(sumsAt(track, now), sumsOf(windowAt(track, now)), `seen from ${now}`);
  }
});

test('no feature goes against its direction when there is more of the same, more errors or more signs', () => {
  const track = trackOf([50, 90, 95, 100, 100]);
  addObserved(track, 100, {
    counts: { errors_4xx: 1, assets: 2, dot_paths: 1 },
    bitmaps: { missing_paths: { hi: 3, lo: 0 } },
  });
  const sums = sumsOf(windowAt(track, 100));
  const into = new Float64Array(WIDTH);
  for (const [name, { direction }] of Object.entries(FEATURES)) {
    for (const more of [plusHits, plusErrors, plusSigns]) {
      let before = featuresOf(sums, [name])[0] ?? 0;
      for (const n of [1, 2, 5, 100, 1024]) {
        const after = featuresOf(more(sums, n, into, ALL_SIGNS), [name])[0] ?? 0;
        assert.ok(direction * (after - before) >= -1e-9, `${name} after ${n}: ${before} to ${after}`);
        before = after;
      }
    }
  }
});

test('a feature that does not exist is an error by its name', () => {
  assert.throws(() => features(windowAt(emptyTrack(), 0), ['shoe_size']), /"shoe_size" is not a feature/);
});
