// What the browser scripts share: Chromium from Debian, and a page that fails on what a customer
// should never see.
import { chromium } from "playwright-core";

const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

// Runs `script(page)` on a fresh browser at `url`; the process exits 1 with the reason when it
// fails, or when a page logged an error, broke the content policy or lacked a file.
export async function inBrowser(url, options, script) {
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS });
  const troubles = [];
  try {
    const context = await browser.newContext({ baseURL: url, ...options });
    context.setDefaultTimeout(15_000);
    const page = await context.newPage();
    page.on("console", (message) => {
      // A form that is refused comes back as 4xx, which Chromium calls a failed resource.
      const refused = /status of 4\d\d/.test(message.text());
      if (message.type() === "error" && !refused) troubles.push(`console: ${message.text()}`);
    });
    page.on("requestfailed", (request) => {
      // The next page was asked for while this one's icon was still on its way.
      if (request.failure()?.errorText !== "net::ERR_ABORTED") {
        troubles.push(`failed: ${request.url()}`);
      }
    });
    page.on("pageerror", (error) => troubles.push(`page: ${error.message}`));
    page.on("response", (response) => {
      if (response.status() >= 500) troubles.push(`${response.status()}: ${response.url()}`);
    });
    await script(page);
  } catch (error) {
    troubles.push(error.stack ?? String(error));
  } finally {
    await browser.close();
  }
  if (troubles.length > 0) {
    console.error(troubles.join("\n"));
    process.exit(1);
  }
}

export function expect(condition, what) {
  if (!condition) throw new Error(`expected: ${what}`);
}

export async function expectText(page, text) {
  await page.getByText(text).first().waitFor();
}
