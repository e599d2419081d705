/** What the model that ships says of a client's first requests. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { root } from '../../config/paths.ts';
import { features } from '../../scorer/features.ts';
import { noPages } from '../../scorer/form.ts';
import { loadModel } from '../../scorer/model.ts';
import { observeEnd, observeNext, type Request } from '../../scorer/observations.ts';
import { addHits, addObserved, emptyTrack, windowAt } from '../../scorer/window.ts';

const BROWSER =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36';
const SITE = 'https://site.example/from';
const model = await loadModel(join(root, 'model'));
after(() => model.close());
const [, slow] = model.thresholds as [number, number];

/** The score of a client's last request, one every `gap_s` seconds, all answered 200. */
async function scoreOf(requests: readonly Partial<Request>[], gap_s = 1): Promise<number> {
  const [track, pages] = [emptyTrack(), noPages()];
  const last = 1000 + gap_s * (requests.length - 1);
  requests.forEach((one, i) => {
    const request = { method: 'GET', target: '/', referer: SITE, userAgent: BROWSER, ...one };
    const second = 1000 + gap_s * i;
    addHits(track, second, 1);
    addObserved(track, second, observeNext(request, pages, second));
    if (second < last) addObserved(track, second, observeEnd(request, 200));
  });
  const scores = await model.score(features(windowAt(track, last), model.features), 1);
  return scores[0] as number;
}

test('in the first two requests no missing referer says anything of somebody who asks for pages', async () => {
  for (const requests of [
    [{ target: '/' }],
    [{ target: '/' }, { target: '/index.php' }],
    [{ target: '/login' }, { target: '/login', method: 'POST', userAgent: 'curl/8.5.0' }],
  ])
    assert.equal(
      await scoreOf(requests.map((one) => ({ ...one, referer: '' }))),
      await scoreOf(requests),
      JSON.stringify(requests),
    );
});

test('a tab left open may post to a gateway that does not know it', async () => {
  const beat = { method: 'POST', target: '/wp-admin/admin-ajax.php' };
  assert.ok((await scoreOf([beat])) < slow);
  assert.ok((await scoreOf([beat, beat, beat, beat], 15)) < slow);
});

test('a login out of nothing is in slow at once, and so is one that comes back in a second', async () => {
  const login = { method: 'POST', target: '/wp-login.php', referer: '' };
  assert.ok((await scoreOf([login])) >= slow);
  assert.ok((await scoreOf([{ target: '/wp-login.php' }, { ...login, referer: SITE }])) >= slow);
});

test('a browser that contradicts itself is in slow at once', async () => {
  const of = (version: string): string =>
    `Mozilla/5.0 (Windows NT 6.1; rv:40.0) Gecko/20100101 Firefox/${version}`;
  assert.ok((await scoreOf([{ userAgent: of('40.1') }])) >= slow);
  assert.ok((await scoreOf([{ userAgent: of('40.0') }])) < slow);
});

test('a browser that was led to a page by itself is in slow at once, unless it has asked for one before', async () => {
  const again = { target: '/a', referer: 'https://site.example/a' };
  assert.ok((await scoreOf([again])) >= slow);
  assert.ok((await scoreOf([{ target: '/a' }, again], 5)) < slow);
  assert.ok((await scoreOf([{ target: '/', referer: 'https://site.example/' }])) < slow);
});

test('somebody who reads, signs in and goes on reading is never in slow', async () => {
  const page = (target: string): Partial<Request>[] => [
    { target },
    ...['/a.css', '/b.js', '/c.png'].map((asset) => ({ target: asset })),
  ];
  const visit = [
    ...page('/'),
    ...page('/login'),
    { method: 'POST', target: '/login' },
    ...page('/account'),
    ...page('/news'),
  ];
  for (let n = 1; n <= visit.length; n++) assert.ok((await scoreOf(visit.slice(0, n))) < slow, `request ${n}`);
});
