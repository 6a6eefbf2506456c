// Opens the playground in a headless Chromium, runs every saved query and prints what was seen as one JSON object.
// Usage: node web/tests/playground.mjs ADDRESS [SCREENSHOT.png]
import chromium from '@sparticuz/chromium';
import { chromium as playwright } from 'playwright-core';

const [address, screenshot] = process.argv.slice(2);
const own = new URL(address).host;
const seen = { foreignRequests: [], consoleErrors: [], examples: [] };

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
  for (let index = 0; index < (await buttons.count()); index += 1) {
    const button = buttons.nth(index);
    const title = await button.locator('strong').innerText();
    const answered = page.waitForResponse(
      (response) => response.url().endsWith('/graphql') && !(response.request().postData() ?? '').includes('__schema'),
      { timeout: 30_000 },
    );
    await button.click();
    const answer = await (await answered).json();
    await page.locator('.result-window').getByText('"data"').first().waitFor({ timeout: 30_000 });
    const shown = await page.locator('.result-window').innerText();
    seen.examples.push({ title, answer, shownCharacters: shown.length });
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
