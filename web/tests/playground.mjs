// Opens the playground in a headless Chromium, runs every saved query and prints what was seen as one JSON object.
// Usage: node web/tests/playground.mjs ADDRESS [SCREENSHOT.png]
import chromium from '@sparticuz/chromium';
import { chromium as playwright } from 'playwright-core';

const [address, screenshot] = process.argv.slice(2);
const own = new URL(address).host;
const seen = { foreignRequests: [], consoleErrors: [], examples: [] };

/** Whether a response answers this very query with these very variables. */
function isFor(response, query, variables) {
  if (!response.url().endsWith('/graphql')) return false;
  const asked = JSON.parse(response.request().postData() ?? '{}');
  return asked.query?.trim() === query.trim() && JSON.stringify(asked.variables ?? {}) === JSON.stringify(variables);
}

/** Waits until the result pane shows the beginning of the answer, and says how much it shows and whether it is that answer. */
async function shownOf(page, answer) {
  const expected = JSON.stringify(answer, null, 2).replace(/\s/g, '');
  let shown = '';
  for (let patience = 0; patience < 100; patience += 1) {
    shown = await page.evaluate(visibleText);
    if (shown.length > 50 && expected.startsWith(shown)) return { shownCharacters: shown.length, shownIsAnswer: true };
    await page.waitForTimeout(100);
  }
  return { shownCharacters: shown.length, shownIsAnswer: false, shown, expected: expected.slice(0, shown.length) };
}

/** The lines that the result editor has in view, from top to bottom, without white space. It draws no others. */
function visibleText() {
  const lines = [...document.querySelectorAll('.result-window .view-line')];
  const placed = lines.map((line) => [Number.parseFloat(line.style.top), line.textContent]);
  return placed.sort(([one], [other]) => one - other).map(([, text]) => text.replace(/\s/g, '')).join('');
}

const browser = await playwright.launch({ executablePath: await chromium.executablePath(), args: chromium.args, headless: true });
try {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (!['data:', 'blob:'].includes(url.protocol) && url.host !== own) seen.foreignRequests.push(request.url());
  });
  page.on('console', (message) => {
    if (message.type() === 'error') seen.consoleErrors.push(message.text());
  });
  page.on('pageerror', (error) => seen.consoleErrors.push(String(error)));
  await page.goto(address, { waitUntil: 'load', timeout: 60_000 });
  const buttons = page.getByTestId('example');
  await buttons.first().waitFor({ timeout: 60_000 });
  await page.locator('.graphiql-query-editor .monaco-editor').first().waitFor({ timeout: 60_000 });
  seen.introspected = await page.evaluate(async () => {
    const answer = await fetch('./graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: '{ __schema { queryType { name } } }' }),
    });
    return (await answer.json()).data.__schema.queryType.name;
  });
  const examples = await page.evaluate(async () => (await fetch('./playground/examples.json')).json());
  for (let index = 0; index < (await buttons.count()); index += 1) {
    const button = buttons.nth(index);
    const title = await button.locator('strong').innerText();
    const { query, variables } = examples.find((example) => example.title === title);
    const answered = page.waitForResponse((response) => isFor(response, query, variables), { timeout: 30_000 });
    await button.click();
    const answer = await (await answered).json();
    seen.examples.push({ title, answer, ...(await shownOf(page, answer)) });
  }
  if (screenshot) {
    await buttons.first().click();
    await page.waitForTimeout(2500);
    await page.screenshot({ path: screenshot });
  }
} finally {
  await browser.close();
}
process.stdout.write(JSON.stringify(seen));
