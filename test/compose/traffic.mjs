// Runs inside of the gateway's network, with Node and nothing else: requests of one client, counted. A `flood` is as
// fast as can be; a `person` reads pages in a browser, each with five assets.
import { setTimeout as sleep } from 'node:timers/promises';

const [client = '', count = '0', who = 'flood'] = process.argv.slice(2);
const BROWSER = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0';
/** @type {{ tiers: Record<string, number>, served: Record<string, number>, failed: number }} */
const sent = { tiers: {}, served: {}, failed: 0 };
for (let i = 0; i < Number(count); i++) {
  const page = i - (i % 6);
  const asset = who === 'person' && i !== page;
  if (who === 'person' && !asset) await sleep(1000);
  const answer = await fetch(`http://127.0.0.1:8080/echo/page/${asset ? `${page}/${i}.png` : i}`, {
    headers: {
      'X-Forwarded-For': client,
      ...(who === 'person' ? { 'User-Agent': BROWSER, Referer: `http://site/page/${page}` } : {}),
    },
  });
  await answer.arrayBuffer();
  if (!answer.ok) sent.failed++;
  const tier = answer.headers.get('x-tier') ?? 'none';
  const served = answer.headers.get('x-served-by') ?? 'nobody';
  sent.tiers[tier] = (sent.tiers[tier] ?? 0) + 1;
  sent.served[served] = (sent.served[served] ?? 0) + 1;
}
console.log(JSON.stringify(sent));
