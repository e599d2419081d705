// Runs inside of the gateway's network, with Node and nothing else: requests of one client, counted.
const [client = '', count = '0'] = process.argv.slice(2);
/** @type {{ tiers: Record<string, number>, served: Record<string, number>, failed: number }} */
const sent = { tiers: {}, served: {}, failed: 0 };
for (let i = 0; i < Number(count); i++) {
  const answer = await fetch(`http://127.0.0.1:8080/echo/page/${i}`, {
    headers: { 'X-Forwarded-For': client },
  });
  await answer.arrayBuffer();
  if (!answer.ok) sent.failed++;
  const tier = answer.headers.get('x-tier') ?? 'none';
  const served = answer.headers.get('x-served-by') ?? 'nobody';
  sent.tiers[tier] = (sent.tiers[tier] ?? 0) + 1;
  sent.served[served] = (sent.served[served] ?? 0) + 1;
}
console.log(JSON.stringify(sent));
