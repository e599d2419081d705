// Counts which node answered this tab's requests, and shows the shares. Counts live as long as the tab.
const KEY = 'scoregate-demo';
const MORE = 20;
const node = document.body.dataset['node'] ?? '';
const table = /** @type {HTMLElement} */ (document.querySelector('#counts tbody'));
const moreButton = /** @type {HTMLButtonElement} */ (document.querySelector('#more'));
const resetButton = /** @type {HTMLButtonElement} */ (document.querySelector('#reset'));
const said = /** @type {HTMLElement} */ (document.querySelector('#said'));

/** @returns {Map<string, number>} requests by node */
function read() {
  try {
    return new Map(JSON.parse(sessionStorage.getItem(KEY) ?? '[]'));
  } catch {
    return new Map(); // storage is off, or holds something else
  }
}

const counts = read();

/** @param {string} name */
function count(name) {
  counts.set(name, (counts.get(name) ?? 0) + 1);
  try {
    sessionStorage.setItem(KEY, JSON.stringify([...counts]));
  } catch {
    // then it counts until the next page
  }
}

/**
 * @param {string} name
 * @param {number} requests
 * @param {number} total
 */
function row(name, requests, total) {
  const head = document.createElement('th');
  head.scope = 'row';
  head.textContent = name;
  const number = document.createElement('td');
  number.textContent = String(requests);
  const bar = document.createElement('progress');
  bar.max = total;
  bar.value = requests;
  const percent = `${Math.round((100 * requests) / total)} %`;
  bar.setAttribute('aria-label', `Share of ${name}`);
  const share = document.createElement('td');
  share.append(bar, ` ${percent}`);
  const line = document.createElement('tr');
  line.append(head, number, share);
  return line;
}

function show() {
  const total = [...counts.values()].reduce((sum, one) => sum + one, 0);
  const rows = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
  table.replaceChildren(...rows.map(([name, requests]) => row(name, requests, total)));
}

async function more() {
  moreButton.disabled = true;
  let answered = 0;
  try {
    for (; answered < MORE; answered++) {
      const answer = await fetch('/who', { cache: 'no-store' });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      count((await answer.json()).served_by);
      show();
    }
    said.textContent = `${answered} requests were answered.`;
  } catch (error) {
    said.textContent = `${answered} of ${MORE} requests were answered, then: ${error}`;
  }
  moreButton.disabled = false;
}

moreButton.addEventListener('click', () => void more());
resetButton.addEventListener('click', () => {
  counts.clear();
  count(node);
  show();
  said.textContent = 'Counted anew, from this page on.';
});
count(node);
show();
/** @type {HTMLElement} */ (document.querySelector('#counts')).hidden = false;
