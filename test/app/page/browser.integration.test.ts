import { mkdirSync } from "node:fs";
import path from "node:path";
import axe from "axe-core";
import type { BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type AppDatabase, startAppDatabase } from "../../support/app-database.ts";
import { API_TOKEN, type AppFiles, AppProcess, HEALTH_TOKEN } from "../../support/app-process.ts";
import { type ChromiumInContainer, startChromium } from "../../support/chromium.ts";
import { engineAvailable } from "../../support/postgres18.ts";

/** Kept after the run, to be looked at. */
const SCREENSHOTS = path.resolve(import.meta.dirname, "../../../.poolkit/screenshots");
/** Health names a cause within 5 s, and the page shows it one look later. */
const SHOWN_WITHIN_MS = 8000;
const PHONE = { viewport: { width: 375, height: 700 }, hasTouch: true, isMobile: true };

describe.skipIf(!(await engineAvailable()))("the page in a browser", () => {
  let database: AppDatabase;
  let app: AppProcess;
  let chromium: ChromiumInContainer;
  const opened: BrowserContext[] = [];
  const errors: string[] = [];

  beforeAll(async () => {
    mkdirSync(SCREENSHOTS, { recursive: true });
    [database, chromium] = await Promise.all([startAppDatabase(), startChromium()]);
    const files: AppFiles = {
      settings: { USE_ENHANCED_POOLING: "true", DATABASE_CONNECTION_LIMIT: "3" },
      databaseUrl: database.urls.database,
      monitorUrl: database.urls.monitor,
      consoleUrl: database.urls.console,
    };
    app = await AppProcess.start(files);
  });
  afterEach(async () => {
    for (const context of opened.splice(0)) await context.close();
    expect(errors.splice(0)).toEqual([]);
  });
  afterAll(async () => {
    await chromium?.stop();
    await app?.stop();
    await database?.stop();
  });

  /** A page of a person who has no session yet; what its console calls an error fails the test. */
  async function open(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await chromium.browser.newContext(options);
    opened.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(SHOWN_WITHIN_MS);
    page.on("pageerror", (error) => errors.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") errors.push(message.text());
    });
    await page.goto(`${app.url}/admin/database`);
    return page;
  }

  async function logIn(options: BrowserContextOptions = {}): Promise<Page> {
    const page = await open(options);
    await page.getByLabel("Health token").fill(HEALTH_TOKEN);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("heading", { name: "Verdict" }).waitFor();
    return page;
  }

  const screenshot = (page: Page, name: string) =>
    page.screenshot({ path: path.join(SCREENSHOTS, `${name}.png`), fullPage: true });

  /** What axe finds serious or critical. */
  async function barriers(page: Page): Promise<string[]> {
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate<axe.AxeResults>("axe.run()");
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  }

  const scrollsSideways = (page: Page) =>
    page.evaluate<boolean>("document.documentElement.scrollWidth > document.documentElement.clientWidth");

  it("shows a fault while it lasts, with cause and advice, and pass after it, without a reload", async () => {
    const page = await logIn();
    const verdict = page.locator("[data-live=headline]");
    await page.getByText("Pass: the database is usable.").waitFor();
    await page.getByText("· live").waitFor();
    await screenshot(page, "pass");
    await page.evaluate("globalThis.notReloaded = true");
    try {
      await database.pgbouncer.console("PAUSE");
      await verdict.getByText("pgbouncer_paused").waitFor();
      expect(await page.locator("main").getAttribute("data-status")).toBe("fail");
      expect(await page.locator("[data-live=detail]").innerText()).toContain("RESUME");
      expect(await page.title()).toContain("pgbouncer_paused");
      await screenshot(page, "fail");
      expect(await barriers(page)).toEqual([]);
    } finally {
      await database.pgbouncer.console("RESUME");
    }
    await page.getByText("Pass: the database is usable.").waitFor();
    expect(await page.evaluate("globalThis.notReloaded")).toBe(true);
  });

  it("updates its time, draws the lines and has the same figures as a table", async () => {
    const page = await logIn();
    const time = page.locator("[data-time]");
    const first = await time.innerText();
    await expect.poll(() => time.innerText(), { timeout: SHOWN_WITHIN_MS }).not.toBe(first);
    const charts = page.locator("figure[data-chart] canvas");
    await expect.poll(() => charts.count(), { timeout: SHOWN_WITHIN_MS }).toBe(3);
    await page.getByText("The same as a table").click();
    const rows = page.locator("[data-live=history] tbody tr");
    expect(await rows.count()).toBeGreaterThan(0);
    expect(await rows.first().innerText()).toMatch(/^\d\d:\d\d:\d\d\t\d+\t\d+\t\d+\t\d+/);
    const limits = page.locator("meter");
    expect(await limits.first().getAttribute("max")).toBe("3");
  });

  it("says that the connection is lost when the application stops, and that it is back", async () => {
    const page = await logIn();
    // As a status: else a screen reader would not say it.
    const connection = page.getByRole("status");
    await connection.getByText("· live").waitFor();
    await page.context().setOffline(true);
    app.child.kill("SIGSTOP");
    try {
      await connection.getByText("connection lost").waitFor({ timeout: 15_000 });
    } finally {
      app.child.kill("SIGCONT");
      await page.context().setOffline(false);
    }
    await connection.getByText("· live").waitFor({ timeout: 15_000 });
    errors.length = 0; // the browser calls a cut connection an error of the console, rightly
  });

  it.each([
    ["light", { colorScheme: "light" }],
    ["dark", { colorScheme: "dark" }],
    ["phone", PHONE],
  ] as const)("has no serious barrier and needs no scrolling sideways: %s", async (name, options) => {
    const login = await open(options);
    expect(await barriers(login)).toEqual([]);
    expect(await scrollsSideways(login)).toBe(false);
    await screenshot(login, `login-${name}`);
    await login.context().close();
    const page = await logIn(options);
    await page.locator("figure[data-chart] canvas").first().waitFor();
    expect(await barriers(page)).toEqual([]);
    expect(await scrollsSideways(page)).toBe(false);
    await screenshot(page, `page-${name}`);
  });

  it("is reached and left by the keyboard alone", async () => {
    const page = await open();
    // The field has the focus when the page is open.
    await expect.poll(() => page.evaluate("document.activeElement?.id")).toBe("token");
    await page.keyboard.type(HEALTH_TOKEN);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Verdict" }).waitFor();
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Skip to the verdict");
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Log out");
    await page.keyboard.press("Enter");
    await page.getByLabel("Health token").waitFor();
    await page.goto(`${app.url}/admin/database`);
    expect(new URL(page.url()).pathname).toBe("/admin/database/login");
  });

  it("shows everything as text and tables without JavaScript", async () => {
    const page = await logIn({ javaScriptEnabled: false });
    const text = await page.locator("main").innerText();
    expect(text).toContain("Pass: the database is usable.");
    expect(text).toContain("this page does not update itself without JavaScript");
    expect(text).toContain(" of 3");
    for (const name of ["PgBouncer's pools", "Effective settings"])
      expect(await page.getByRole("table", { name }).count()).toBe(1);
    await screenshot(page, "without-javascript");
  });

  it("is opened by the health token only, which no script can read", async () => {
    const page = await open();
    await page.getByLabel("Health token").fill(API_TOKEN);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("alert").getByText("This is not the health token.").waitFor();
    errors.length = 0; // the browser notes the 403 in its console
    await page.getByLabel("Health token").fill(HEALTH_TOKEN);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("heading", { name: "Verdict" }).waitFor();
    expect(await page.evaluate("document.cookie")).toBe("");
    expect(await page.content()).not.toContain(HEALTH_TOKEN);
  });
});
